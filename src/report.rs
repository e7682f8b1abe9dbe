//! What became of an issue: how its messages fared, who clicked what, who left; and the same for a sponsor's eyes.
//!
//! A stage: `reporting` reads the store, [`Tally`] counts what readers did, and a [`Report`] is drawn as text, HTML, CSV or JSON. Three rules:
//! people, robots and what cannot be told stand apart; every class of tracking has its own denominator (individual: people; aggregate:
//! clicks, never people; none: no claim); and what the numbers leave out stands beside them.

mod count;
mod csv;
mod forms;
mod page;
mod past;
mod sponsor;
mod tally;
#[cfg(test)]
mod tests;
mod text;
mod whole;
mod words;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::delivery::{Counts, Refusal, SkipReason};
use crate::id::{IssueNumber, Place};
use crate::newsletter::{Tracking, TrackingPolicy};
use crate::render::Part;
use crate::subscriber::{Departure, Way};
pub use count::{Count, Kept, Readers, Requests};
pub use forms::{Forms, HtmlError};
pub use past::Past;
pub use sponsor::{Placed, SponsorReport};
pub use tally::Tally;
pub(crate) use tally::{Counted, DAYS, HOURS};
use words::harmless;

/// An issue and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Which issue, sent and counted when.
    #[serde(flatten)]
    pub about: About,
    /// The store's counts.
    #[serde(flatten)]
    pub counts: Counts,
    /// The refused by the reply's codes, the most frequent first.
    pub refusals: Vec<Refusal>,
    /// The skipped by reason.
    pub skipped_by_reason: BTreeMap<SkipReason, u64>,
    /// Whose clicks can be counted at all.
    pub clicks_of: Accepted,
    /// All clicks.
    pub clicks: Count,
    /// The clicks by the parts of the issue, in its order.
    pub parts: Vec<PartCount>,
    /// Opens; `None` where they are not counted.
    pub opens: Option<Opens>,
    /// Who left by this issue's links.
    pub leavers: Leavers,
    /// Clicks over time; `None` where they may be deleted.
    pub times: Option<Times>,
    /// The issues before it, the latest first.
    pub before: Vec<Past>,
}

/// Which issue a report is about, and how it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// The issue.
    pub issue: IssueNumber,
    /// The newsletter's name.
    pub newsletter: String,
    /// Whether it went to the built-in inbox.
    pub trial: bool,
    /// When its first message was tried, or its readers were queued.
    pub sent_at: Timestamp,
    /// When it was counted.
    pub counted_at: Timestamp,
    /// In which dates are written for people.
    #[serde(skip)]
    pub time_zone: TimeZone,
    /// Until when clicks and opens are deleted by `[retention]`, where the issue was queued before that: what is said is of later ones
    /// alone, and nothing where none is left.
    pub deleted_until: Option<Timestamp>,
    /// What the newsletter counted when the issue was frozen.
    pub tracking: TrackingPolicy,
    /// The version of the rules by which people and robots are told apart.
    pub rules: u32,
}

/// Readers who have the issue, or may (in doubt), by what may be counted of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Accepted {
    /// One by one: of them people can be counted.
    pub individual: u64,
    /// All together: clicks, never people.
    pub aggregate: u64,
    /// Not at all.
    pub none: u64,
}

impl Accepted {
    /// By readers' choices, under what the newsletter counts: never more than that.
    pub fn under(policy: Tracking, choices: &BTreeMap<Tracking, u64>) -> Self {
        let mut accepted = Self::default();
        for (choice, readers) in choices {
            *match policy.min(*choice) {
                Tracking::Individual => &mut accepted.individual,
                Tracking::Aggregate => &mut accepted.aggregate,
                Tracking::None => &mut accepted.none,
            } += readers;
        }
        accepted
    }
}

/// A part of the issue and its links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartCount {
    /// Which.
    pub part: Part,
    /// Whatever was done with any link of it: a person counts once.
    #[serde(flatten)]
    pub count: Count,
    /// Its links.
    pub places: Vec<PlaceCount>,
}

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceCount {
    /// Its number.
    pub place: Place,
    /// Its words.
    pub words: String,
    /// Where it leads.
    pub url: String,
    /// Where it led before it was mended, the latest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// What was done with it.
    #[serde(flatten)]
    pub count: Count,
}

/// Opens. They prove little: proxies fetch ahead, and pictures may be off (requirement 22).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opens {
    /// Always false, for whoever reads the numbers alone.
    pub reliable: bool,
    /// Of whom they can be counted.
    pub of: Accepted,
    /// What was counted.
    #[serde(flatten)]
    pub count: Count,
}

/// Who left by an issue's links.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Leavers {
    /// All who are still gone.
    pub left: u64,
    /// The same by way.
    pub by_way: BTreeMap<Way, u64>,
    /// Who took it back.
    pub came_back: u64,
    /// Why, in readers' own words.
    pub reasons: Vec<String>,
}

impl Leavers {
    /// Counts departures.
    pub fn of(departures: Vec<Departure>) -> Self {
        let mut leavers = Self::default();
        for departure in departures {
            if departure.undone_at.is_some() {
                leavers.came_back += 1;
                continue;
            }
            leavers.left += 1;
            *leavers.by_way.entry(departure.leaving.way).or_default() += 1;
            leavers.reasons.extend(departure.reason.as_deref().map(harmless));
        }
        leavers.reasons.sort();
        leavers
    }
}

/// Clicks over time since the issue was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Times {
    /// Of the first two days, hour by hour.
    pub hours: Vec<Moment>,
    /// Of the first four weeks, in days of 24 hours.
    pub days: Vec<Moment>,
    /// After that.
    pub later: Moment,
}

/// Clicks of one hour or day, those that are nobody's too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Moment {
    /// People's.
    pub people: u64,
    /// Of which it cannot be told.
    pub unknown: u64,
    /// Robots'.
    pub robots: u64,
}

impl Moment {
    /// All of them.
    pub fn all(self) -> u64 {
        self.people + self.unknown + self.robots
    }
}
