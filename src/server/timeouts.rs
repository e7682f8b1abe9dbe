//! How long clients may take.

use std::time::Duration;

/// Each keeps a slow client out of everybody's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a request's head, and idle before it.
    pub head: Duration,
    /// Until an answer is ready, its request's body included.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { head: Duration::from_secs(20), answer: Duration::from_secs(10) }
    }
}
