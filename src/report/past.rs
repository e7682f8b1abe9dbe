//! An issue beside the one that a report is about.

use serde::Serialize;

use super::{Accepted, Count, Leavers};
use crate::id::IssueNumber;

/// What is told of an earlier issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Past {
    /// Which.
    pub issue: IssueNumber,
    /// Messages that were accepted.
    pub accepted: u64,
    /// Of whom clicks can be counted.
    pub clicks_of: Accepted,
    /// Readers, counted one by one, who clicked; `None` where some may be deleted: what is left compares with nothing.
    pub people: Option<u64>,
    /// Their clicks, as far as they are people's.
    pub clicks: Option<u64>,
    /// Clicks that are nobody's and not known to be robots'.
    pub nobodys: Option<u64>,
    /// Who left by its links.
    pub left: u64,
}

impl Past {
    /// From what was counted of it, where all of that is kept.
    pub(crate) fn new(
        issue: IssueNumber,
        accepted: u64,
        clicks_of: Accepted,
        clicks: Option<&Count>,
        leavers: &Leavers,
    ) -> Self {
        Self {
            issue,
            accepted,
            clicks_of,
            people: clicks.map(|clicks| clicks.readers.people),
            clicks: clicks.map(|clicks| clicks.requests.people),
            nobodys: clicks.map(|clicks| clicks.nobodys.not_robots()),
            left: leavers.left,
        }
    }
}
