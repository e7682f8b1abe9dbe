//! The built-in SMTP server: for trials, rehearsals, tests and benchmarks. It listens on loopback and relays nothing.
//!
//! It takes messages as RFC 5321 has them, with PIPELINING, 8BITMIME, SMTPUTF8, SIZE, ENHANCEDSTATUSCODES and, if asked to, CHUNKING; it is
//! strict where leniency would hide a fault of the sender: lines end with CRLF, only CRLF.CRLF ends a message, and
//! a bare CR, a bare LF or a NUL in one is refused with 554.

mod body;
mod command;
mod maildir;
mod script;
mod serve;
mod session;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use maildir::Maildir;
pub use script::{Action, Envelope, Script, Stage};

/// What becomes of the messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// A file for each recipient in `new/` of a Maildir, made if it is absent: `Return-Path:` and `Delivered-To:`
    /// with the envelope's addresses, then the message, byte for byte as it was sent.
    Maildir(PathBuf),
    /// They are counted and forgotten.
    Discard,
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
        Self::open(addr, options.into()).await
    }

    /// As [`Inbox::start`], with a say in its replies.
    pub async fn scripted(addr: SocketAddr, keep: Keep, script: Script) -> io::Result<Self> {
        Self::open(addr, Options { script: Some(script), ..keep.into() }).await
    }

    async fn open(addr: SocketAddr, options: Options) -> io::Result<Self> {
        if !addr.ip().is_loopback() {
            let reason =
                format!("the inbox listens on loopback only, and {} is not; use 127.0.0.1", addr.ip());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let Options { keep, script, chunking } = options;
        let maildir = match keep {
            Keep::Maildir(path) => Some(Maildir::open(path)?),
            Keep::Discard => None,
        };
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let tally = Arc::new(Tally::default());
        let house = Arc::new(serve::House { maildir, script, chunking, tally: Arc::clone(&tally) });
        Ok(Self { addr, tally, acceptor: tokio::spawn(serve::accept(listener, house)) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it has seen so far.
    pub fn counts(&self) -> Counts {
        self.tally.read()
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

/// What an inbox has seen since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Messages taken, whatever the number of their recipients.
    pub messages: u64,
    /// Recipients of messages taken.
    pub recipients: u64,
    /// Octets of messages taken, as they were on the wire.
    pub octets: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages, {} octets, over {} connections", self.messages, self.octets, self.connections)
    }
}

/// [`Counts`] in the making.
#[derive(Debug, Default)]
struct Tally {
    connections: AtomicU64,
    messages: AtomicU64,
    recipients: AtomicU64,
    octets: AtomicU64,
}

impl Tally {
    fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    fn took(&self, recipients: usize, octets: u64) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.recipients.fetch_add(recipients as u64, Ordering::Relaxed);
        self.octets.fetch_add(octets, Ordering::Relaxed);
    }

    fn read(&self) -> Counts {
        Counts {
            connections: self.connections.load(Ordering::Relaxed),
            messages: self.messages.load(Ordering::Relaxed),
            recipients: self.recipients.load(Ordering::Relaxed),
            octets: self.octets.load(Ordering::Relaxed),
        }
    }
}
