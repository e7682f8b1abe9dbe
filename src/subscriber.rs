//! Readers: who is on a list, what they chose, and how a list file is read.

pub mod guard;
pub mod list;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{IssueNumber, ListName, Reference, SubscriberId};
use crate::mailbox::EmailAddress;
use crate::newsletter::Tracking;

/// In which form a reader takes mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// HTML with a text alternative.
    #[default]
    Html,
    /// Text alone.
    Text,
}

/// Who somebody is, as a list's file has it, or whoever adds them by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where mail goes.
    pub address: EmailAddress,
    /// A name fit for a header.
    pub name: Option<String>,
    /// What the reader lets be counted; `None`: the newsletter's.
    pub tracking: Option<Tracking>,
    /// In which form; `None`: HTML.
    pub format: Option<Format>,
    /// Any other column that is not empty, by its header.
    pub attributes: BTreeMap<String, String>,
}

/// A reader as a message needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Their row in the store.
    pub id: SubscriberId,
    /// What stands for them in tokens.
    pub reference: Reference,
    /// Where mail goes.
    pub address: EmailAddress,
    /// A name fit for a header.
    pub name: Option<String>,
    /// Since when they read.
    pub since: jiff::civil::Date,
    /// What they let be counted; `None`: the newsletter's.
    pub tracking: Option<Tracking>,
    /// In which form.
    pub format: Format,
    /// Other columns of the list, for `reader.FIELD`.
    pub attributes: BTreeMap<String, String>,
}

/// Whether a list's mail goes to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubscriptionStatus {
    /// It does.
    Subscribed,
    /// They left: no import brings them back.
    Left,
    /// They came from the list's file and are gone from it; they are back as soon as the file has them again.
    Gone,
}

/// How a reader came to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// By the list's file.
    File,
    /// By the form on a page.
    Page,
    /// By `subscribers add`.
    Command,
}

/// A reader comes to a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joining {
    /// How.
    pub origin: Origin,
    /// When.
    pub at: Timestamp,
    /// What they agreed to, where it was their own doing.
    pub consent: Option<Consent>,
}

/// What a person chose for themselves; outranks the file. `None`: not chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Choices {
    /// The name to be greeted by.
    pub name: Option<String>,
    /// What may be counted.
    pub tracking: Option<Tracking>,
    /// In which form.
    pub format: Option<Format>,
    /// No mail before this.
    pub paused_until: Option<Timestamp>,
}

/// What a person agreed to when they joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consent {
    /// When; where it was asked back, when they confirmed it.
    pub at: Timestamp,
    /// When they asked for it, where that is another time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// On which page, or how else.
    pub from: Option<String>,
    /// What they read there.
    pub wording: Option<String>,
}

/// A reader on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subscription {
    /// Which list.
    pub list: ListName,
    /// Whether mail goes to them.
    pub status: SubscriptionStatus,
    /// Since when they are on it.
    pub since: Timestamp,
    /// When they left, if they did.
    pub left_at: Option<Timestamp>,
    /// How they came to it.
    pub origin: Origin,
    /// The file's name for them.
    pub name: Option<String>,
    /// The file's word on what may be counted.
    pub tracking: Option<Tracking>,
    /// The file's word on the form.
    pub format: Option<Format>,
    /// Other columns of the file.
    pub attributes: BTreeMap<String, String>,
    /// What they chose themselves.
    pub choices: Choices,
    /// What they agreed to.
    pub consent: Option<Consent>,
}

/// How somebody left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// By their mail program's own button (RFC 8058).
    OneClick,
    /// By the button on a page.
    Page,
    /// By mail.
    Mail,
    /// By `subscribers unsubscribe`.
    Command,
    /// As a file said that was imported.
    File,
}

/// Somebody leaves a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaving {
    /// When.
    pub at: Timestamp,
    /// By the link of which issue, if by one.
    pub issue: Option<IssueNumber>,
    /// How.
    pub way: Way,
}

/// Somebody left a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// When and how.
    pub leaving: Leaving,
    /// Why, if they said so.
    pub reason: Option<String>,
    /// When they took it back, if they did.
    pub undone_at: Option<Timestamp>,
}

/// Why nobody writes to an address any more, on whatever list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuppressionReason {
    /// Mail to it bounces for good.
    Bounced,
    /// They complained to their provider.
    Complained,
    /// They asked to be erased.
    Erased,
    /// A do-not-mail list has them.
    DoNotMail,
}

/// An address that nobody writes to any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// Why.
    pub reason: SuppressionReason,
    /// Since when.
    pub at: Timestamp,
    /// What was said then, addresses masked.
    pub detail: Option<String>,
}
