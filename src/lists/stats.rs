//! A list in numbers.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::id::ListName;
use crate::newsletter::Tracking;
use crate::store::{Group, Store, StoreError, Turnover};
use crate::subscriber::{Format, Origin, SubscriptionStatus};

/// A list in numbers. Origin, tracking and format are those of the subscribed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatsOutcome {
    /// Which list.
    pub list: ListName,
    /// By status.
    pub status: BTreeMap<&'static str, u64>,
    /// Subscribed, but nobody writes to them any more.
    pub suppressed: u64,
    /// Subscribed, but they have a pause.
    pub paused: u64,
    /// How they came.
    pub origin: BTreeMap<&'static str, u64>,
    /// What they let be counted.
    pub tracking: BTreeMap<&'static str, u64>,
    /// In which form.
    pub format: BTreeMap<&'static str, u64>,
    /// Who came and who left, a month each, the first one first.
    pub months: Vec<Month>,
}

/// A month of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Month {
    /// As `2026-11`, UTC.
    pub month: String,
    /// Came to the list.
    pub joined: u64,
    /// Left it.
    pub left: u64,
}

/// Counts a list's readers.
///
/// # Errors
/// The store's.
pub async fn stats(store: &Store, list: &ListName, now: Timestamp) -> Result<StatsOutcome, StoreError> {
    let (suppressed, paused) = store.held_back(list, now).await?;
    let mut stats = StatsOutcome {
        list: list.clone(),
        status: BTreeMap::new(),
        suppressed,
        paused,
        origin: BTreeMap::new(),
        tracking: BTreeMap::new(),
        format: BTreeMap::new(),
        months: Vec::new(),
    };
    for group in store.groups(list).await? {
        stats.add(group);
    }
    let month = |(day, turnover): (Date, Turnover)| Month {
        month: day.strftime("%Y-%m").to_string(),
        joined: turnover.joined,
        left: turnover.left,
    };
    stats.months = store.turnover(list).await?.into_iter().map(month).collect();
    Ok(stats)
}

impl StatsOutcome {
    fn add(&mut self, group: Group) {
        let status = match group.status {
            SubscriptionStatus::Subscribed => "subscribed",
            SubscriptionStatus::Left => "left",
            SubscriptionStatus::Gone => "gone from the file",
        };
        *self.status.entry(status).or_default() += group.readers;
        if group.status != SubscriptionStatus::Subscribed {
            return;
        }
        let origin = match group.origin {
            Origin::File => "file",
            Origin::Page => "page",
            Origin::Command => "command",
        };
        let tracking = match group.tracking {
            None => "as the newsletter has it",
            Some(Tracking::None) => "none",
            Some(Tracking::Aggregate) => "aggregate",
            Some(Tracking::Individual) => "individual",
        };
        let format = match group.format {
            Format::Html => "html",
            Format::Text => "text",
        };
        *self.origin.entry(origin).or_default() += group.readers;
        *self.tracking.entry(tracking).or_default() += group.readers;
        *self.format.entry(format).or_default() += group.readers;
    }
}

impl fmt::Display for StatsOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "list {}", self.list)?;
        for (what, counts) in [
            ("status", &self.status),
            ("came by", &self.origin),
            ("tracking", &self.tracking),
            ("format", &self.format),
        ] {
            let said: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
            if !said.is_empty() {
                write!(f, "\n  {what}: {}", said.join(", "))?;
            }
        }
        for (count, word) in [(self.suppressed, "suppressed"), (self.paused, "with a pause")] {
            if count > 0 {
                write!(f, "\n  of the subscribed {count} {word}")?;
            }
        }
        if !self.months.is_empty() {
            write!(f, "\n  {:<9}{:>9}{:>9}", "month", "joined", "left")?;
        }
        for Month { month, joined, left } in &self.months {
            write!(f, "\n  {month:<9}{joined:>9}{left:>9}")?;
        }
        Ok(())
    }
}
