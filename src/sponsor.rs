//! Sponsors, their messages and bookings: who is on for this number.

mod parse;

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::diagnostic::{Located, Source};
use crate::id::IssueNumber;
use crate::markdown::Prose;

/// All of sponsors.toml.
#[derive(Debug, Clone)]
pub struct Sponsors {
    /// The file, for diagnostics.
    pub source: Source,
    /// In the order of the file; ids are unique, no two bookings share number and placement.
    pub sponsors: Vec<Sponsor>,
}

/// A sponsor and what they have to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sponsor {
    /// By which drafts name it.
    pub id: Located<String>,
    /// "A message from our sponsor, NAME:"
    pub name: String,
    /// Where the call to action leads, as written: http or https.
    pub url: String,
    /// The message.
    pub message: Prose,
    /// The link's words.
    pub call_to_action: Option<String>,
    /// A picture.
    pub logo: Option<Logo>,
    /// When they are on.
    pub bookings: Vec<Located<Booking>>,
}

impl Sponsor {
    /// The host of their URL, for disclosures.
    pub fn domain(&self) -> Option<String> {
        Url::parse(&self.url).ok()?.host_str().map(str::to_owned)
    }
}

/// A sponsor's picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// https.
    pub url: String,
    /// What it shows; not empty.
    pub alt: String,
    /// Pixels, 1 to 560.
    pub width: u16,
}

/// A run of issues, inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booking {
    /// The first issue.
    pub first: IssueNumber,
    /// The last issue.
    pub last: IssueNumber,
    /// Where.
    pub placement: Placement,
}

impl Booking {
    /// Whether it holds for this number.
    pub fn covers(&self, number: IssueNumber) -> bool {
        (self.first..=self.last).contains(&number)
    }
}

/// Where a sponsor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// Above everything.
    Top,
    /// After half of the articles.
    Middle,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Top => "top",
            Self::Middle => "middle",
        })
    }
}
