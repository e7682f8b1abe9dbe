//! What went wrong, by what may be done about it.

use std::fmt;

use crate::delivery::SmtpReply;

/// Why a message was not accepted, or why there is no connection. The shape is the decision (requirements 26 to 28).
///
/// From [`Connection::open`](super::Connection::open) it speaks of the relay and of no reader: a permanent one is
/// for the operator to mend, and refuses nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmtpError {
    /// Another time may do; the relay has not got the message.
    #[error("{0}; it may be tried again")]
    Transient(Failure),
    /// It would be the same another time; the relay has not got the message.
    #[error("{0}")]
    Permanent(Failure),
    /// The final dot may have gone out, and no reply came.
    #[error("{0}; the message may have arrived")]
    InDoubt(Failure),
}

/// Where a conversation failed, and with which words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was being said.
    pub step: Step,
    /// To be kept per recipient: the relay's own reply or, where it gave none, ours, with the codes of RFC 3463 for the case.
    pub reply: SmtpReply,
    /// Whether the reply is the relay's own.
    pub said_by_relay: bool,
    /// Whether nothing came of this within its time, on a line that held.
    pub timed_out: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SmtpReply { code, enhanced, text } = &self.reply;
        if !self.said_by_relay {
            return write!(f, "{} failed: {text}", self.step);
        }
        write!(f, "the relay answered {} with {code}", self.step)?;
        enhanced.iter().try_for_each(|enhanced| write!(f, " {enhanced}"))?;
        write!(f, " {text}")
    }
}

/// A step of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Name lookup and TCP.
    Connect,
    /// The relay's first words.
    Greeting,
    /// EHLO or HELO.
    Hello,
    /// STARTTLS, and the handshake of TLS.
    Tls,
    /// AUTH.
    Authentication,
    /// RSET, after a refused envelope.
    Reset,
    /// MAIL.
    Mail,
    /// RCPT.
    Recipient,
    /// DATA.
    Data,
    /// The message and its final dot.
    Body,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "the connection",
            Self::Greeting => "the greeting",
            Self::Hello => "EHLO",
            Self::Tls => "TLS",
            Self::Authentication => "AUTH",
            Self::Reset => "RSET",
            Self::Mail => "MAIL FROM",
            Self::Recipient => "RCPT TO",
            Self::Data => "DATA",
            Self::Body => "the end of the message",
        })
    }
}

impl SmtpError {
    /// Where and why.
    pub fn failure(&self) -> &Failure {
        match self {
            Self::Transient(failure) | Self::Permanent(failure) | Self::InDoubt(failure) => failure,
        }
    }

    /// The relay said no, or what makes no sense here: only 5xx is for good, and not even that where the message had no part in it.
    pub(super) fn refused(step: Step, reply: SmtpReply) -> Self {
        if reply.code < 400 {
            let SmtpReply { code, text, .. } = reply;
            return Self::transient(step, "4.5.0", format!("{code} {text} is no answer to that").trim_end());
        }
        let permanent = (500..600).contains(&reply.code) && step != Step::Reset;
        let failure = Failure { step, reply, said_by_relay: true, timed_out: false };
        if permanent { Self::Permanent(failure) } else { Self::Transient(failure) }
    }

    /// It failed on our side or on the way there.
    pub(super) fn transient(step: Step, enhanced: &str, text: impl Into<String>) -> Self {
        Self::Transient(Failure::ours(step, 451, enhanced, text.into()))
    }

    /// Nothing came of it in time.
    pub(super) fn silent(step: Step, enhanced: &str, text: String) -> Self {
        Self::Transient(Failure { timed_out: true, ..Failure::ours(step, 451, enhanced, text) })
    }

    /// We know that it cannot work.
    pub(super) fn permanent(step: Step, code: u16, enhanced: &str, text: impl Into<String>) -> Self {
        Self::Permanent(Failure::ours(step, code, enhanced, text.into()))
    }

    /// Nobody knows.
    pub(super) fn in_doubt(enhanced: &str, text: impl Into<String>) -> Self {
        Self::InDoubt(Failure::ours(Step::Body, 451, enhanced, text.into()))
    }
}

impl Failure {
    /// Whether the relay will not have our sender; the size of a message is said at the same place, and is not meant.
    pub fn is_about_sender(&self) -> bool {
        self.step == Step::Mail && self.said_by_relay && self.reply.code != 552
    }

    /// Whether it is said of the recipient's mailbox, as that it is full (RFC 3463, 3.3).
    pub fn is_about_mailbox(&self) -> bool {
        self.reply.enhanced.as_deref().is_some_and(|code| code.starts_with("5.2."))
    }

    /// Whether we know that the relay takes no message of this size: others are as large.
    pub fn is_about_size(&self) -> bool {
        self.reply.code == 552 && !self.said_by_relay
    }

    /// Whether the relay closed before it heard of a reader.
    pub fn is_about_relay(&self) -> bool {
        self.reply.code == 421 && !matches!(self.step, Step::Recipient | Step::Data | Step::Body)
    }

    /// Whether the relay as a whole has no room or no strength for the moment, whoever reads (RFC 3463, 3.4; RFC 5321, 4.2.3). Of a recipient
    /// it may be said of their own system alone.
    pub fn is_about_system(&self) -> bool {
        let is_of_system = self.reply.enhanced.as_deref().is_some_and(|code| code.starts_with("4.3."));
        match self.step {
            Step::Mail => is_of_system || self.reply.code == 452,
            Step::Data | Step::Body => is_of_system,
            _ => false,
        }
    }

    /// Whether the relay fell silent over a reader: of an envelope that went out in one piece it may hold all replies back until the last.
    pub fn is_silence_over_reader(&self) -> bool {
        self.timed_out && matches!(self.step, Step::Mail | Step::Recipient | Step::Data | Step::Body)
    }

    fn ours(step: Step, code: u16, enhanced: &str, text: String) -> Self {
        Self {
            step,
            reply: SmtpReply { code, enhanced: Some(enhanced.to_owned()), text },
            said_by_relay: false,
            timed_out: false,
        }
    }
}
