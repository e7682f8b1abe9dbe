//! newsletter.toml, read once, made into the small values that the stages take.
//!
//! First of the world: what it says about sending is kept here, what it says about the newsletter itself becomes a
//! [`Newsletter`]. Nothing is looked up: a password is named by where it is kept.

mod confidential;
mod parse;
mod serve;
mod smtp;
mod store;
mod time;
mod who;

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::delivery::{DomainPace, InDoubt, Rate};
use crate::mailbox::EmailAddress;
use crate::newsletter::Newsletter;
use crate::schedule::{Timetable, WeeklyTime};
pub use serve::{Network, Serve};

/// All of newsletter.toml.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the stages know of it.
    pub newsletter: Newsletter,
    /// When issues are due that do not say so themselves, in the newsletter's time zone: from Monday on, none twice.
    pub schedule: Vec<WeeklyTime>,
    /// Whether dispatch sends only what was approved.
    pub require_review: bool,
    /// How late dispatch may start an issue.
    pub max_late: Duration,
    /// Who is told what dispatch did.
    pub notify: Option<EmailAddress>,
    /// How to send; without it nothing can be sent.
    pub smtp: Option<Smtp>,
    /// How fast to send.
    pub pace: Pace,
    /// What to do about readers whose message may have arrived.
    pub in_doubt: InDoubt,
    /// How long after its first attempt a deferred message is given up.
    pub give_up_after: Duration,
    /// The signatures, in order: no two under one domain and selector.
    pub dkim: Vec<DkimKey>,
    /// Where the store is.
    pub store: StoreUrl,
    /// The readers' side.
    pub serve: Serve,
    /// How long clicks and opens are kept.
    pub keep_events: Duration,
}

impl Config {
    /// When issues are due.
    pub fn timetable(&self) -> Timetable<'_> {
        Timetable { times: &self.schedule, zone: &self.newsletter.time_zone }
    }
}

/// Where messages are handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Smtp {
    /// To the built-in inbox: a trial, nothing leaves the machine.
    Inbox,
    /// To these; at least one.
    Relays(Vec<Relay>),
}

/// A server that takes messages for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Its name as A-labels, or its IP address without brackets.
    pub host: String,
    /// Where it listens: unless said otherwise 465 for TLS, else 587.
    pub port: u16,
    /// How the line is protected.
    pub security: Security,
    /// By what name it knows us.
    pub login: Option<Login>,
    /// Its share of the connections, against the other relays weights.
    pub weight: NonZeroU32,
    /// Its own rate, within the overall one.
    pub rate: Option<Rate>,
    /// Its quota.
    pub window: Option<Rate>,
}

impl Relay {
    /// Whether it is on this machine.
    pub fn is_loopback(&self) -> bool {
        who::is_loopback(&self.host)
    }
}

/// How the line to a relay is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// `smtps://`: TLS before the first word (RFC 8314).
    Tls,
    /// `smtp://`: STARTTLS, and nothing goes on without it (RFC 3207).
    StartTls,
    /// `smtp://` on loopback without a user: in the clear.
    Clear,
}

/// A user and where their password is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// Where to find the password, or the token.
    pub password: PasswordSource,
    /// Whether it is an access token of OAuth 2: `;AUTH=XOAUTH2` behind the user.
    pub is_token: bool,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

/// Where a password is kept; never the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// The first line of a file; relative to the folder.
    File(PathBuf),
    /// A variable of the environment.
    Env(String),
    /// What a command of the shell prints first.
    Command(String),
}

/// How to send, all relays together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Connections at once.
    pub connections: NonZeroU16,
    /// Messages a second or a minute.
    pub rate: Option<Rate>,
    /// The quota, kept across restarts.
    pub window: Option<Rate>,
    /// Whether BDAT is used where it is offered (RFC 3030).
    pub chunking: bool,
    /// What this host calls itself; else the name that it has.
    pub client_name: Option<String>,
    /// Slower for some destinations, by domain as A-labels.
    pub domains: BTreeMap<String, DomainPace>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            connections: smtp::SEVERAL,
            rate: None,
            window: None,
            chunking: false,
            client_name: None,
            domains: BTreeMap::new(),
        }
    }
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimKey {
    /// `d=`, as A-labels.
    pub domain: String,
    /// `s=`.
    pub selector: String,
    /// The private key; relative to the folder.
    pub key_file: PathBuf,
}

/// Where the store is.
#[derive(Debug, Clone)]
pub enum StoreUrl {
    /// A file; relative to the folder.
    Sqlite(PathBuf),
    /// `postgres://…`, which may hold a password.
    Postgres(SecretString),
}

impl Default for StoreUrl {
    fn default() -> Self {
        Self::Sqlite(PathBuf::from("pressroom.db"))
    }
}

#[cfg(test)]
mod tests;
