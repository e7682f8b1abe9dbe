//! A say in the inbox's replies, for tests and rehearsals.

use std::sync::Arc;
use std::time::Duration;

use crate::mailbox::EmailAddress;

/// Who writes to whom, as far as MAIL and RCPT have said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// The return path; `None` for the empty one of bounces.
    pub from: Option<EmailAddress>,
    /// The recipients accepted so far; at [`Stage::Recipient`] the last is the one in question.
    pub to: Vec<EmailAddress>,
}

/// Where in a transaction the inbox is about to reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// To MAIL.
    Mail,
    /// To RCPT.
    Recipient,
    /// To DATA, or to a chunk that is not the last.
    Data,
    /// To nothing: the message is on its way in. Asked once a message; only [`Action::Cut`] counts, which closes after some of it.
    Within,
    /// To the final dot or the last chunk; the message is not kept yet, and a negative reply sees that it never is.
    Body,
    /// To the same; the message is kept, whatever the sender comes to hear.
    Kept,
}

/// What the inbox does instead of its own reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Says this, CRLF excepted, as in `550 5.1.1 no such user`; it acts by the first digit, and closes after 421.
    Reply(String),
    /// Its own reply, so much later; at [`Stage::Body`], where it has none, this is as nothing.
    Late(Duration),
    /// Closes the connection without a word to this; earlier replies go out.
    Cut,
    /// Says nothing to this and whatever follows, and keeps the connection open.
    Stall,
}

type Rule = dyn Fn(&Envelope, Stage) -> Option<Action> + Send + Sync;

/// Asked before each reply of a transaction; `None` leaves the inbox to itself.
#[derive(Clone)]
pub struct Script(Arc<Rule>);

impl Script {
    /// A script that does as `rule` says.
    pub fn new(rule: impl Fn(&Envelope, Stage) -> Option<Action> + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }

    pub(super) fn action(&self, envelope: &Envelope, stage: Stage) -> Option<Action> {
        (self.0)(envelope, stage)
    }
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script(…)")
    }
}
