//! The built-in SMTP server: for trials, rehearsals, tests and benchmarks. It listens on loopback and relays nothing.
//!
//! It takes messages as RFC 5321 has them, with PIPELINING, 8BITMIME, SMTPUTF8, SIZE, ENHANCEDSTATUSCODES and, if asked to, CHUNKING; it is
//! strict where leniency would hide a fault of the sender: lines end with CRLF, only CRLF.CRLF ends a message, and
//! a bare CR, a bare LF or a NUL in one is refused with 554.

mod body;
mod command;
mod fault;
mod maildir;
mod script;
mod serve;
mod session;
mod tally;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use fault::{Fault, Faults, Plan};
use maildir::Maildir;
pub use script::{Action, Envelope, Script, Stage};
pub use tally::Counts;
use tally::Tally;

use crate::mailbox::EmailAddress;

/// What becomes of the messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// A file for each recipient in `new/` of a Maildir, made if it is absent: `Return-Path:` and `Delivered-To:`
    /// with the envelope's addresses, then the message, byte for byte as it was sent.
    Maildir(PathBuf),
    /// They are counted and forgotten.
    Discard,
    /// They are counted for each recipient, and forgotten.
    Count,
}

/// How an inbox behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// What becomes of the messages.
    pub keep: Keep,
    /// A say in its replies.
    pub script: Option<Script>,
    /// Whether it offers CHUNKING (RFC 3030).
    pub chunking: bool,
}

impl From<Keep> for Options {
    fn from(keep: Keep) -> Self {
        Self { keep, script: None, chunking: false }
    }
}

/// A running inbox; it ends when dropped.
#[derive(Debug)]
pub struct Inbox {
    addr: SocketAddr,
    tally: Arc<Tally>,
    acceptor: JoinHandle<()>,
}

impl Inbox {
    /// Listens on `addr`; port 0 chooses a free one.
    ///
    /// # Errors
    /// An address beyond loopback, a port in use, a Maildir that cannot be made.
    pub async fn start(addr: SocketAddr, options: impl Into<Options>) -> io::Result<Self> {
        if !addr.ip().is_loopback() {
            let reason =
                format!("the inbox listens on loopback only, and {} is not; use 127.0.0.1", addr.ip());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let Options { keep, script, chunking } = options.into();
        let tally = if keep == Keep::Count { Tally::by_reader() } else { Tally::default() };
        let maildir = match keep {
            Keep::Maildir(path) => Some(Maildir::open(path)?),
            Keep::Discard | Keep::Count => None,
        };
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let tally = Arc::new(tally);
        let house = Arc::new(serve::House { maildir, script, chunking, tally: Arc::clone(&tally) });
        Ok(Self { addr, tally, acceptor: tokio::spawn(serve::accept(listener, house)) })
    }

    /// As [`Inbox::start`], with a say in its replies.
    pub async fn scripted(addr: SocketAddr, keep: Keep, script: Script) -> io::Result<Self> {
        Self::start(addr, Options { script: Some(script), ..keep.into() }).await
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it has seen so far.
    pub fn counts(&self) -> Counts {
        self.tally.read()
    }

    /// How many copies of anything a reader has got, letter case aside; 0 unless that is counted ([`Keep::Count`]).
    pub fn copies(&self, reader: &EmailAddress) -> u32 {
        self.tally.copies(reader)
    }

    /// Closes the port and every connection.
    pub async fn stop(mut self) -> Counts {
        self.acceptor.abort();
        // Aborted is what it was told to be.
        let _aborted = (&mut self.acceptor).await;
        self.tally.read()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}
