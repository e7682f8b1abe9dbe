//! What an inbox has seen, in all and, if asked to, reader by reader.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::mailbox::EmailAddress;

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
pub(super) struct Tally {
    connections: AtomicU64,
    messages: AtomicU64,
    recipients: AtomicU64,
    octets: AtomicU64,
    /// Copies by the recipient's key, where somebody asked for them: they take memory for each reader.
    copies: Option<Mutex<HashMap<String, u32>>>,
}

impl Tally {
    /// One that also counts reader by reader.
    pub(super) fn by_reader() -> Self {
        Self { copies: Some(Mutex::default()), ..Self::default() }
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn took(&self, recipients: &[EmailAddress], octets: u64) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.recipients.fetch_add(recipients.len() as u64, Ordering::Relaxed);
        self.octets.fetch_add(octets, Ordering::Relaxed);
        if let Some(copies) = &self.copies {
            let mut copies = copies.lock().unwrap_or_else(PoisonError::into_inner);
            for recipient in recipients {
                *copies.entry(recipient.key()).or_default() += 1;
            }
        }
    }

    pub(super) fn copies(&self, reader: &EmailAddress) -> u32 {
        let Some(copies) = &self.copies else { return 0 };
        let copies = copies.lock().unwrap_or_else(PoisonError::into_inner);
        copies.get(&reader.key()).copied().unwrap_or_default()
    }

    pub(super) fn read(&self) -> Counts {
        Counts {
            connections: self.connections.load(Ordering::Relaxed),
            messages: self.messages.load(Ordering::Relaxed),
            recipients: self.recipients.load(Ordering::Relaxed),
            octets: self.octets.load(Ordering::Relaxed),
        }
    }
}
