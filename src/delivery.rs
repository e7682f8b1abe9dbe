//! What became of one message to one reader.

use serde::{Deserialize, Serialize};

/// What a relay said: the code, the enhanced code where there was one (RFC 3463), the words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpReply {
    /// Three digits, as in 250.
    pub code: u16,
    /// As in `2.0.0`.
    pub enhanced: Option<String>,
    /// The words, lines joined by a space, control characters taken out, at most 500 characters.
    pub text: String,
}

impl SmtpReply {
    /// 2xx and 3xx.
    pub fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// 4xx: another time may do.
    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }
}

/// Why a reader on the list gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// They left.
    Unsubscribed,
    /// They are away until a date.
    Paused,
    /// Mail to them bounces, or they complained.
    Suppressed,
    /// They left while the issue was going out.
    LeftDuringRun,
    /// The issue was cancelled.
    Cancelled,
}

/// What to do about a reader whose message may have arrived: nothing, or risk a second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InDoubt {
    /// Leave it, and say so.
    #[default]
    Skip,
    /// Send again, under the same Message-ID.
    Resend,
}

/// The store's counts of one issue: every reader queued is in exactly one of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// All that were queued, the skipped apart.
    pub queued: u64,
    /// Not tried yet.
    pub waiting: u64,
    /// The relay said yes.
    pub accepted: u64,
    /// The relay said later.
    pub deferred: u64,
    /// The relay said no.
    pub refused: u64,
    /// Sent, perhaps: no reply was recorded.
    pub in_doubt: u64,
    /// On the list, and not to be written to.
    pub skipped: u64,
}
