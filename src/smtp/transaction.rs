//! One message: its envelope, its body, and with the body the next envelope (RFC 5321 3.3, 2920).

use std::io::Write;

use super::connection::{Connection, State};
use super::error::{SmtpError, Step};
use super::reply::Reply;
use super::stuffing::stuff;
use super::wire::Lost;
use super::{Capabilities, Content, Envelope, parameters};
use crate::delivery::SmtpReply;
use crate::message::Octets;

/// The relay waits for a message's body. To change one's mind now takes a new connection: RFC 5321 knows no other way out of DATA.
#[derive(Debug)]
#[must_use = "the relay waits for the body"]
pub struct Ready {
    /// Whether octets beyond ASCII were announced.
    eight_bit: bool,
}

impl Connection {
    /// Announces a message: MAIL, RCPT and DATA, in one turn where PIPELINING is offered.
    ///
    /// # Errors
    /// A refused envelope leaves the connection usable. Nothing is ever in doubt here.
    pub async fn envelope(&mut self, envelope: &Envelope) -> Result<Ready, SmtpError> {
        if !self.is_usable() || !self.on_the_way.is_empty() {
            // In the middle of DATA a command would be taken for the message, and replies to what went before for replies to it.
            return self.lose(Lost::Closed.at(Step::Mail));
        }
        self.admit(envelope)?;
        if self.capabilities.pipelining {
            self.write_envelope(envelope);
            self.send(Step::Mail).await?;
        }
        self.converse(envelope).await
    }

    /// Hands over the message that was announced and, in the same write where PIPELINING is offered, the `next` envelope.
    ///
    /// The message has CRLF line ends only; dots are stuffed here. Answers as soon as the relay has said yes to the message: it may take
    /// its time over the next envelope, which [`Connection::answer`] hears of.
    ///
    /// # Errors
    /// Why there is no yes. What follows a yes cannot put it in doubt again.
    pub async fn body<'m>(
        &mut self,
        ready: Ready,
        message: impl Into<Content<'m>>,
        next: Option<&Envelope>,
    ) -> Result<SmtpReply, SmtpError> {
        let next = next.filter(|next| self.capabilities.pipelining && self.admit(next).is_ok());
        self.hand_over(&ready, message.into(), next).await
    }

    /// What the relay makes of the envelope that was given with the last body.
    ///
    /// # Errors
    /// As [`Connection::envelope`]; where the connection was lost before its turn, a transient one.
    pub async fn answer(&mut self, next: &Envelope) -> Result<Ready, SmtpError> {
        self.admit(next)?;
        self.converse(next).await
    }

    /// Refuses what this relay is known not to take, without asking it (requirements 11 and 34).
    pub(super) fn admit(&self, envelope: &Envelope) -> Result<(), SmtpError> {
        let offered = &self.capabilities;
        if envelope.needs_smtputf8() && !(offered.smtputf8 && offered.eight_bit_mime) {
            let text = "the address goes beyond ASCII, and the relay offers no SMTPUTF8";
            return Err(SmtpError::permanent(Step::Recipient, 553, "5.6.7", text));
        }
        match (envelope.size, offered.size) {
            (Some(size), Some(limit)) if size > limit => {
                let text = format!("the message has {size} octets, and the relay takes {limit}");
                Err(SmtpError::permanent(Step::Mail, 552, "5.3.4", text))
            }
            _ => Ok(()),
        }
    }

    /// The commands of an envelope, in their order.
    fn steps(&self) -> &'static [Step] {
        match self.state {
            State::Refused => &[Step::Reset, Step::Mail, Step::Recipient, Step::Data],
            State::Idle | State::Announced | State::Data | State::Lost => {
                &[Step::Mail, Step::Recipient, Step::Data]
            }
        }
    }

    fn write_envelope(&mut self, envelope: &Envelope) {
        for step in self.steps() {
            self.write_command(*step, envelope);
        }
    }

    pub(super) fn write_command(&mut self, step: Step, envelope: &Envelope) {
        let Capabilities { size: limit, dsn, .. } = self.capabilities;
        let size = envelope.size.filter(|_| limit.is_some());
        let out = self.wire.output();
        // Writing to memory cannot fail.
        let _written = match step {
            Step::Mail => parameters::write_mail(out, envelope, size, dsn),
            Step::Recipient => parameters::write_recipient(out, envelope, dsn),
            Step::Data => write!(out, "DATA\r\n"),
            Step::Reset => write!(out, "RSET\r\n"),
            Step::Connect | Step::Greeting | Step::Hello | Step::Tls | Step::Authentication | Step::Body => {
                Ok(())
            }
        };
    }

    /// Hears what the relay makes of an envelope: it went out already where PIPELINING is offered, else a command at a time.
    async fn converse(&mut self, envelope: &Envelope) -> Result<Ready, SmtpError> {
        let mut refusals = Refusals::default();
        for step in self.steps() {
            if !self.capabilities.pipelining {
                if refusals.first.is_some() {
                    break;
                }
                self.write_command(*step, envelope);
                self.send(*step).await?;
            }
            let reply = match self.reply(*step).await {
                Ok(reply) => reply,
                // Some relays hang up once they have refused.
                Err(error) => return Err(refusals.first.unwrap_or(error)),
            };
            match (step, reply.code) {
                (Step::Data, 354) => self.state = State::Data,
                (Step::Reset | Step::Mail | Step::Recipient, 200..=299) => {}
                (Step::Mail | Step::Recipient | Step::Data, 400..=599) => refusals.add(*step, reply),
                _ => return self.lose(SmtpError::refused(*step, reply.into())),
            }
        }
        match refusals.first.take() {
            None => Ok(Ready { eight_bit: envelope.needs_smtputf8() }),
            Some(error) => self.recover(error, refusals.nobody).await,
        }
    }

    /// After a refusal: the next envelope begins with RSET. DATA may have been accepted nevertheless; then a lone dot
    /// ends a message to nobody (RFC 2920 3.1), and one to somebody is not even begun.
    async fn recover(&mut self, error: SmtpError, nobody: bool) -> Result<Ready, SmtpError> {
        if self.state == State::Data {
            if !nobody {
                return self.lose(error);
            }
            self.wire.output().extend_from_slice(b".\r\n");
            if self.send(Step::Data).await.is_err() || self.reply(Step::Data).await.is_err() {
                return Err(error);
            }
        }
        self.state = State::Refused;
        Err(error)
    }

    async fn hand_over(
        &mut self,
        ready: &Ready,
        Content { top, message, octets }: Content<'_>,
        next: Option<&Envelope>,
    ) -> Result<SmtpReply, SmtpError> {
        if self.state != State::Data {
            return Err(Lost::Closed.at(Step::Body));
        }
        if let Some(flaw) = flaw(octets, ready.eight_bit) {
            return self.lose(SmtpError::permanent(Step::Body, 554, "5.6.0", flaw));
        }
        // A message that needs no stuffing goes out from where it is.
        let (mut at, mut as_it_is) = (top.len(), message);
        if octets.dots || !message.ends_with(b"\r\n") {
            stuff(top, self.wire.output());
            stuff(message, self.wire.output());
            (at, as_it_is) = (0, &[]);
        } else {
            self.wire.output().extend_from_slice(top);
        }
        let dot = self.wire.output().len() + as_it_is.len();
        self.wire.output().extend_from_slice(b".\r\n");
        self.state = State::Idle;
        if let Some(envelope) = next {
            self.write_envelope(envelope);
            self.state = State::Announced;
        }
        let sent = self.wire.send_with(at, as_it_is, self.timeouts.body).await;
        let patience = if sent.is_ok() { self.timeouts.end_of_data } else { self.timeouts.quit };
        let heard = self.wire.reply(patience).await;
        if sent.is_err() {
            self.state = State::Lost;
        }
        self.settle(heard.map_err(|lost| sent.err().unwrap_or(lost)), self.wire.sent() > dot)
    }

    /// What a reply to the final dot means, or its absence; `gone` is whether that dot may have gone out.
    fn settle(&mut self, heard: Result<Reply, Lost>, gone: bool) -> Result<SmtpReply, SmtpError> {
        let lost = match heard {
            // A greeting or a good-bye is an answer to something else, of a relay that lost its place (RFC 5321 4.2.3).
            Ok(reply) if (200..300).contains(&reply.code) && ![220, 221].contains(&reply.code) && gone => {
                return Ok(reply.into());
            }
            Ok(reply) if reply.code >= 400 => {
                if reply.code == 421 {
                    self.state = State::Lost;
                }
                return Err(SmtpError::refused(Step::Body, reply.into()));
            }
            Ok(_) => Lost::OutOfTurn,
            Err(lost) => lost,
        };
        let (enhanced, text) = lost.case();
        self.lose(if gone { SmtpError::in_doubt(enhanced, text) } else { lost.at(Step::Body) })
    }
}

/// What of an envelope was refused.
#[derive(Default)]
struct Refusals {
    /// The reason that counts; what follows is only its echo.
    first: Option<SmtpError>,
    /// Whether the recipient was among it.
    nobody: bool,
}

impl Refusals {
    fn add(&mut self, step: Step, reply: Reply) {
        self.nobody |= step == Step::Recipient;
        self.first.get_or_insert_with(|| SmtpError::refused(step, reply.into()));
    }
}

/// Why a message may not go over the wire, if it may not (requirements 1, 6 and 33).
pub(super) fn flaw(octets: Octets, eight_bit: bool) -> Option<&'static str> {
    if octets.broken {
        Some("the message holds a bare CR, a bare LF or a NUL")
    } else if octets.eight_bit && !eight_bit {
        Some("the message goes beyond ASCII, and the relay was not told")
    } else {
        None
    }
}
