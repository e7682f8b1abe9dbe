//! The SMTP client: connections to a relay, one envelope and one message at a time, as few turns as the relay allows (RFC 5321).
//!
//! Where PIPELINING is offered, a message costs one turn: its last octets, the final dot and the next envelope go
//! out in one write, and the replies come back together. Where CHUNKING is offered too and wanted, several messages are on
//! the way at once, and far-away relays are kept busy. Every step ends within its timeout, and every error says by
//! its shape what may be done about the message: try again, give up, or leave it in doubt.
//!
//! lettre gives the words of AUTH. All else is ours: lettre's transactions need five turns a message,
//! lose the connection with a refused recipient, let a bare LF through and keep what came in clear behind STARTTLS.

mod auth;
mod capabilities;
mod connection;
mod content;
mod error;
mod parameters;
mod reply;
mod stuffing;
#[cfg(test)]
mod tests;
mod tls;
mod transaction;
mod window;
mod wire;

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use crate::mailbox::EmailAddress;
pub use capabilities::Capabilities;
pub use connection::Connection;
pub use content::Content;
pub use error::{Failure, SmtpError, Step};
pub use tls::{Tls, Trust};
pub use transaction::Ready;

/// A relay: where it is, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Relay {
    /// A host name or an address; the certificate must be for it.
    pub host: String,
    /// Most often 587 (STARTTLS), 465 (implicit TLS) or 25.
    pub port: u16,
    /// Whether and when TLS begins.
    pub tls: Tls,
    /// Who we are to it; said under TLS only.
    pub credentials: Option<Credentials>,
    /// What EHLO says: this host's full name. A host that has none says the address that it speaks from (RFC 5321 4.1.1.1 and 4.1.3).
    pub client_name: Option<String>,
    /// Whether several messages may be on the way where CHUNKING is offered: faster far away, and more in doubt when the line breaks.
    pub chunking: bool,
    /// How long each step may take.
    pub timeouts: Timeouts,
}

/// A user, and a password or a token.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password, or an access token of OAuth 2.
    pub password: SecretString,
    /// Whether it is a token, to be said by XOAUTH2 alone.
    pub is_token: bool,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// How long a step may take, from its beginning to its end: a trickle of octets wins nobody more (RFC 5321 4.5.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name lookup; TCP has as long again, and so has TLS.
    pub connect: Duration,
    /// A command and its reply, the greeting too.
    pub reply: Duration,
    /// Writing a message.
    pub body: Duration,
    /// The reply to the final dot. A short one makes doubt where there need be none.
    pub end_of_data: Duration,
    /// Leaving.
    pub quit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            reply: Duration::from_mins(5),
            body: Duration::from_mins(10),
            end_of_data: Duration::from_mins(10),
            quit: Duration::from_secs(5),
        }
    }
}

/// Who writes to whom: one recipient a message, since each reader has their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The return path.
    pub from: EmailAddress,
    /// The recipient.
    pub to: EmailAddress,
    /// What bounces say of it to relays that offer DSN (RFC 3461): an opaque name of at most 64 characters, that no other message has.
    pub id: Option<String>,
    /// Whether the message has addresses beyond ASCII besides these two.
    pub smtputf8: bool,
    /// Octets of the message, for relays that offer SIZE (RFC 1870); `None` if it is not written yet.
    pub size: Option<u64>,
}

impl Envelope {
    /// Whether the relay must offer SMTPUTF8 for it (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        self.smtputf8 || self.from.needs_smtputf8() || self.to.needs_smtputf8()
    }
}
