//! The newsletter as the stages see it: who it is and what it promises, without how it is sent.
//!
//! First of the stages: pure values, made by `config` from newsletter.toml.

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Located, Source};
use crate::id::ListName;
use crate::mailbox::{EmailAddress, Mailbox};

/// What newsletter.toml says about the newsletter itself.
#[derive(Debug, Clone)]
pub struct Newsletter {
    /// Its file, for diagnostics.
    pub source: Source,
    /// Its name, as in "Quiet Pager".
    pub name: String,
    /// A line under the name.
    pub tagline: Option<String>,
    /// BCP 47, as in `en` or `de-AT`.
    pub language: String,
    /// In which the editor's times are meant.
    pub time_zone: jiff::tz::TimeZone,
    /// Who sends.
    pub from: Mailbox,
    /// Where answers go, if elsewhere.
    pub reply_to: Option<Mailbox>,
    /// The domain of the envelope's sender, if not that of `from`.
    pub return_path: Option<String>,
    /// Where `mailto:` unsubscribes go, if anywhere.
    pub unsubscribe_mailbox: Option<EmailAddress>,
    /// Tera: the subject of an issue that has none of its own.
    pub subject: Located<String>,
    /// The list that an issue goes to unless it names another.
    pub list: ListName,
    /// RFC 2919: ASCII, stable, as in `weekly.example.com`.
    pub list_id: String,
    /// Public address of the readers' side.
    pub base_url: BaseUrl,
    /// What the law wants in every message.
    pub postal_address: String,
    /// What is counted, unless a reader chose less.
    pub tracking: TrackingPolicy,
    /// Whose articles get a disclosure by themselves.
    pub affiliations: Vec<Affiliation>,
    /// Findings that are known and accepted.
    pub silenced: Vec<Silence>,
}

/// `https://mail.example.com`, without the last slash; http only on loopback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BaseUrl(pub String);

/// How closely something is counted, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tracking {
    /// Not at all: plain links, no pixel.
    None,
    /// Clicks, never people: one token for all readers.
    Aggregate,
    /// Per reader.
    Individual,
}

/// What the newsletter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackingPolicy {
    /// Clicks on links; individual by default.
    pub clicks: Tracking,
    /// Opens, unreliable as they are; none by default.
    pub opens: Tracking,
}

impl TrackingPolicy {
    /// What holds for a reader who may have chosen: never more than the newsletter's, never more than the reader's.
    #[must_use]
    pub fn for_reader(self, choice: Option<Tracking>) -> Self {
        choice.map_or(self, |choice| Self { clicks: self.clicks.min(choice), opens: self.opens.min(choice) })
    }
}

impl Default for TrackingPolicy {
    fn default() -> Self {
        Self { clicks: Tracking::Individual, opens: Tracking::None }
    }
}

/// Somebody the newsletter is tied to: articles of theirs say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affiliation {
    /// As the publication is written in a byline; letter case aside.
    pub name: String,
    /// Domains of theirs, as A-labels; subdomains count.
    pub domains: Vec<String>,
    /// The line under the byline.
    pub disclosure: String,
}

/// A finding that the editor has seen and accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// The diagnostic's kind.
    pub finding: String,
    /// Why it is accepted.
    pub reason: String,
}
