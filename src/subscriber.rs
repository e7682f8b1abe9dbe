//! Readers: who is on a list, what they chose, and how a list file is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{Reference, SubscriberId};
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

/// One line of a list file, read.
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
