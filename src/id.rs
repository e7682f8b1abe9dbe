//! The names that things go by: an issue, a list, a reader, a place in an issue.
//!
//! Words of the house: no I/O, no clock, no randomness.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The number of an issue: its identity, sent once and only once. At least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IssueNumber(u32);

impl IssueNumber {
    /// A number from 1 to 4,294,967,295; `None` for anything else.
    pub fn new(number: i64) -> Option<Self> {
        u32::try_from(number).ok().filter(|number| *number > 0).map(Self)
    }

    /// The number itself.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for IssueNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for IssueNumber {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().ok().and_then(Self::new).ok_or_else(|| IdError::IssueNumber(text.to_owned()))
    }
}

/// The number of a link within an issue, counted from 1 in the order of the HTML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(pub u16);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a list: that of its file in `subscribers/`, without `.csv`.
///
/// One to 64 characters of `a-z`, `0-9`, `-`, `_` and `.`, the first a letter or digit, so that it can name a file anywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ListName(String);

impl ListName {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ListName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if starts && text.len() <= 64 && text.chars().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::ListName(text.to_owned()))
        }
    }
}

impl TryFrom<String> for ListName {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<ListName> for String {
    fn from(name: ListName) -> Self {
        name.0
    }
}

impl fmt::Display for ListName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A reader's row in the store. Never leaves the machine: in URLs a [`Reference`] stands for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubscriberId(pub i64);

/// 64 random bits that stand for a reader in tokens; says nothing about the address.
///
/// The zero reference stands for all readers together (aggregate tracking) and is never a reader's own.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reference(pub u64);

impl Reference {
    /// What stands in a token that all readers share.
    pub const EVERYONE: Self = Self(0);

    /// A new reader's, of these random bytes; never everyone's.
    pub fn random(mut fill: impl FnMut(&mut [u8])) -> Self {
        loop {
            let mut bytes = [0; 8];
            fill(&mut bytes);
            let reference = Self(u64::from_le_bytes(bytes));
            if reference != Self::EVERYONE {
                return reference;
            }
        }
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reference(…)")
    }
}

/// What was wrong with a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a number of an issue.
    #[error("`{0}` is no issue number; it is a whole number from 1 on")]
    IssueNumber(String),
    /// Not the name of a list.
    #[error("`{0}` is no list name; use lower-case letters, digits, `-`, `_` and `.`, as in `readers`")]
    ListName(String),
}
