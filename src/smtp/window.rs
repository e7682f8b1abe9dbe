//! Several messages on the way at once, each in one piece with its envelope (RFC 3030, 2920).
//!
//! The relay reads the octets of a chunk whatever it thinks of the envelope before it: so nothing waits for a reply,
//! and each message stands for itself, with a RSET before it that ends what the relay may have refused of the last.

use std::io::Write;

use super::connection::{Connection, OnTheWay, State};
use super::error::{SmtpError, Step};
use super::reply::Reply;
use super::transaction::flaw;
use super::wire::Lost;
use super::{Content, Envelope};
use crate::delivery::SmtpReply;

/// How many messages are on the way over one connection at most: each of them is in doubt when it breaks.
const WINDOW: usize = 4;

/// What is said for one message, and answered in turn.
const STEPS: [Step; 4] = [Step::Reset, Step::Mail, Step::Recipient, Step::Body];

impl Connection {
    /// How many messages may be on the way at once by [`Connection::launch`]: none where the relay does not offer it, or is not to be asked for it.
    pub fn window(&self) -> usize {
        let Self { capabilities, chunking, .. } = self;
        if *chunking && capabilities.chunking && capabilities.pipelining { WINDOW } else { 0 }
    }

    /// Hands over a message with its envelope and waits for no word: [`Connection::landed`] brings those, in this order.
    ///
    /// # Errors
    /// What this relay is known not to take, and what must not go out: the connection stays as it was. Where the line
    /// breaks, the message's own verdict says so.
    pub async fn launch<'m>(
        &mut self,
        envelope: &Envelope,
        message: impl Into<Content<'m>>,
    ) -> Result<(), SmtpError> {
        let content = message.into();
        let Content { top, message, octets } = content;
        self.admit(envelope)?;
        if let Some(flaw) = flaw(octets, envelope.needs_smtputf8()) {
            return Err(SmtpError::permanent(Step::Body, 554, "5.6.0", flaw));
        }
        if !self.is_usable() {
            return Err(Lost::Closed.at(Step::Mail));
        }
        for step in [Step::Reset, Step::Mail, Step::Recipient] {
            self.write_command(step, envelope);
        }
        let out = self.wire.output();
        // Writing to memory cannot fail.
        let _written = write!(out, "BDAT {} LAST\r\n", content.len());
        out.extend_from_slice(top);
        let at = out.len();
        let length = at + message.len();
        self.state = State::Idle;
        let sent = if self.on_the_way.is_empty() {
            self.wire.send_with(at, message, self.timeouts.body).await
        } else {
            self.wire.send_on(at, message, self.timeouts.body).await
        };
        if sent.is_err() {
            self.state = State::Lost;
        }
        self.on_the_way.push_back(OnTheWay { gone: self.wire.sent() == length });
        Ok(())
    }

    /// The verdict on the message that has been on the way for longest.
    pub async fn landed(&mut self) -> Result<SmtpReply, SmtpError> {
        let Some(OnTheWay { gone }) = self.on_the_way.pop_front() else {
            return self.lose(Lost::OutOfTurn.at(Step::Body));
        };
        let mut refusal = None;
        for step in STEPS {
            let Some(reply) = self.hear(step).await else { return self.vanished(refusal, gone) };
            match (step, reply.code) {
                (Step::Body, 200..=299) if refusal.is_none() && gone => return Ok(reply.into()),
                (Step::Reset | Step::Mail | Step::Recipient, 200..=299) => {}
                // A message to nobody, taken.
                (Step::Body, 200..=299) if refusal.is_some() => {}
                (_, 400..=599) => {
                    if reply.code == 421 {
                        (self.state, self.closing) = (State::Lost, true);
                    }
                    refusal.get_or_insert_with(|| SmtpError::refused(step, reply.into()));
                }
                _ => {
                    self.lost.get_or_insert(Lost::OutOfTurn);
                    return self.vanished(refusal, gone);
                }
            }
        }
        self.vanished(refusal, gone)
    }

    /// The next reply; on a broken line for as long as leaving takes: perhaps the relay said more before it broke.
    async fn hear(&mut self, step: Step) -> Option<Reply> {
        let patience = match (self.state, step) {
            (State::Lost, _) => self.timeouts.quit,
            (_, Step::Body) => self.timeouts.end_of_data,
            _ => self.timeouts.reply,
        };
        if self.lost.is_none() {
            match self.wire.reply(patience).await {
                Ok(reply) => return Some(reply),
                Err(lost) => self.lost = Some(lost),
            }
        }
        None
    }

    /// A message was refused, or no verdict came. Who said 421 and closed has looked at nothing that came behind it.
    fn vanished(&mut self, refusal: Option<SmtpError>, gone: bool) -> Result<SmtpReply, SmtpError> {
        if self.lost.is_some() {
            self.state = State::Lost;
        }
        let lost = self.lost.as_ref().unwrap_or(&Lost::OutOfTurn);
        let unread = self.closing && matches!(lost, Lost::Closed);
        let (enhanced, text) = lost.case();
        Err(match refusal {
            Some(refusal) => refusal,
            None if gone && !unread => SmtpError::in_doubt(enhanced, text),
            None => lost.at(Step::Body),
        })
    }
}
