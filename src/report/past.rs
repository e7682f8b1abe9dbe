//! An issue beside the one that a report is about.

use serde::Serialize;

use super::tally::Counted;
use super::{Accepted, Leavers};
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
    /// Readers, counted one by one, who clicked.
    pub people: u64,
    /// People's clicks, those that are nobody's too.
    pub clicks: u64,
    /// Who left by its links.
    pub left: u64,
}

impl Past {
    /// From what was counted of it.
    pub(crate) fn new(
        issue: IssueNumber,
        accepted: u64,
        clicks_of: Accepted,
        counted: &Counted,
        leavers: &Leavers,
    ) -> Self {
        let clicks = &counted.clicks;
        Self {
            issue,
            accepted,
            clicks_of,
            people: clicks.readers.people,
            clicks: clicks.requests.people + clicks.nobodys.people,
            left: leavers.left,
        }
    }
}
