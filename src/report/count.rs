//! What was done with something, counted.

use std::collections::BTreeMap;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::Accepted;
use crate::event::{RobotRule, UnknownRule};

/// How much is left of what was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kept {
    /// All.
    #[default]
    All,
    /// What came after the rest was deleted: so many did at least, and what is the most cannot be said.
    Rest,
    /// Nothing: whatever there was may be deleted. Nothing is to be said of it, and in JSON all of it is null.
    Nothing,
}

/// What was done with a link, a part or a whole issue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Count {
    /// How much of it there still is.
    pub kept: Kept,
    /// Readers who are counted one by one.
    pub readers: Readers,
    /// As many of them as can be people at most: those of whom it cannot be told are, and those whom nothing proves a robot; and each
    /// request that is nobody's and not a robot's is another's, whose browser objected.
    pub people_at_most: u64,
    /// Their requests.
    pub requests: Requests,
    /// Requests that are counted for nobody: of readers who are counted together, and of browsers that object (GPC, DNT). Of none it can be
    /// told that it is a person's.
    pub nobodys: Requests,
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kept = self.told();
        let mut count = serializer.serialize_struct("Count", 4)?;
        count.serialize_field("readers", &kept.map(|kept| kept.readers))?;
        count.serialize_field("people_at_most", &self.most())?;
        count.serialize_field("requests", &kept.map(|kept| &kept.requests))?;
        count.serialize_field("nobodys", &kept.map(|kept| &kept.nobodys))?;
        count.end()
    }
}

impl Count {
    /// What is to be said of it: nothing where it may be deleted.
    pub(super) fn told(&self) -> Option<&Self> {
        (self.kept != Kept::Nothing).then_some(self)
    }

    /// As many people as it can be at most, where that can be said.
    pub(super) fn most(&self) -> Option<u64> {
        (self.kept == Kept::All).then_some(self.people_at_most)
    }

    /// Whatever came before a time is deleted.
    pub(super) fn forget_earlier(&mut self) {
        let is_empty = *self == Self::default();
        self.kept = if is_empty { Kept::Nothing } else { Kept::Rest };
    }

    /// Says how many people it can be at most, of those who are counted one by one.
    pub(super) fn bound(&mut self, of: Accepted) {
        let readers = self.readers.people_at_most();
        let others = of.individual.saturating_sub(readers);
        self.people_at_most = readers + self.nobodys.not_robots().min(others);
    }
}

/// Readers by the best that is known of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Readers {
    /// At least one of their requests was a person's.
    pub people: u64,
    /// None surely was, and of at least one it cannot be told.
    pub perhaps: u64,
    /// Robots alone asked in their name, as far as the rules tell.
    pub robots: u64,
    /// Of these, whoever was set aside for time or company, which proves none ([`RobotRule::proves`]).
    pub unproven: u64,
}

impl Readers {
    /// All of whom nothing proves that robots alone asked in their name.
    pub fn people_at_most(self) -> u64 {
        self.people + self.perhaps + self.unproven
    }
}

/// Requests, told apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Requests {
    /// People's.
    pub people: u64,
    /// Of which it cannot be told, by why.
    pub unknown: BTreeMap<UnknownRule, u64>,
    /// Robots', by what gave them away.
    pub robots: BTreeMap<RobotRule, u64>,
}

impl Requests {
    /// Of which it cannot be told.
    pub fn all_unknown(&self) -> u64 {
        self.unknown.values().sum()
    }

    /// All that are not known to be robots'.
    pub fn not_robots(&self) -> u64 {
        self.people + self.all_unknown()
    }

    /// Robots'.
    pub fn all_robots(&self) -> u64 {
        self.robots.values().sum()
    }
}
