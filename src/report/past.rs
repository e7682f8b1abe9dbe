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
    /// Readers, counted one by one, who clicked; `None` where that may be deleted.
    pub people: Option<u64>,
    /// People's clicks, and those that are nobody's and not known to be robots'; `None` where they may be deleted.
    pub clicks: Option<u64>,
    /// Who left by its links.
    pub left: u64,
}

impl Past {
    /// From what was counted of it.
    pub(crate) fn new(
        issue: IssueNumber,
        accepted: u64,
        clicks_of: Accepted,
        clicks: &Count,
        leavers: &Leavers,
    ) -> Self {
        let clicks = Some(clicks).filter(|clicks| !clicks.is_deleted);
        Self {
            issue,
            accepted,
            clicks_of,
            people: clicks.map(|clicks| clicks.readers.people),
            clicks: clicks.map(|clicks| clicks.requests.people + clicks.nobodys.not_robots()),
            left: leavers.left,
        }
    }
}
