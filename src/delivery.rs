//! What became of one message to one reader, and what to do next about it.
//!
//! A stage: the replies of relays become [`Outcome`]s here; `send` acts on them and `store` keeps them.

pub mod forecast;
mod refusal;

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::SubscriberId;
pub use refusal::{Cause, Refusal};

/// So many messages in so much time, as in `14/s` or `5000/h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages.
    pub messages: NonZeroU32,
    /// More than nothing: a second, a minute, an hour or a day.
    pub per: Duration,
}

impl Rate {
    /// Messages a second.
    pub fn per_second(self) -> f64 {
        f64::from(self.messages.get()) / self.per.as_secs_f64()
    }
}

/// How fast to send to one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DomainPace {
    /// Connections at once.
    pub connections: Option<NonZeroU16>,
    /// Messages a time.
    pub rate: Option<Rate>,
}

/// What a relay said: the code, the enhanced code where there was one (RFC 3463), the words.
///
/// Where the connection broke before anything was said, one of our own with 451.
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

/// Who holds a lease: a process that sends, one issue after the other. Random, so that no two share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SenderId(pub i64);

/// Where one message to one reader stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// Waits for a sender.
    Queued,
    /// A sender has it in hand, as long as that one lives; nothing has left yet.
    Leased {
        /// Who.
        by: SenderId,
    },
    /// The message may be on the wire.
    Sending {
        /// Who.
        by: SenderId,
        /// Since when.
        since: Timestamp,
    },
    /// The relay took it.
    Accepted(SmtpReply),
    /// The relay said later.
    Deferred {
        /// In these words.
        reply: SmtpReply,
        /// When it is tried again.
        retry_at: Timestamp,
    },
    /// The relay said no, or later for too long.
    Refused(SmtpReply),
    /// Sent, perhaps: no reply was recorded.
    InDoubt {
        /// Since when.
        since: Timestamp,
    },
    /// On the list, and not to be written to.
    Skipped {
        /// Why.
        reason: SkipReason,
    },
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
    /// They left, or were taken off the list, while the issue was going out.
    LeftDuringRun,
    /// The issue was cancelled.
    Cancelled,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsubscribed => "they left",
            Self::Paused => "they are away",
            Self::Suppressed => "mail to them bounces, or they complained",
            Self::LeftDuringRun => "they left, or their list let them go, while the issue was going out",
            Self::Cancelled => "the issue was cancelled",
        })
    }
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

/// A sender is about to hand a message over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    /// To whom.
    pub subscriber: SubscriberId,
    /// Who holds the lease.
    pub by: SenderId,
    /// What the message's Date says, if this is the first attempt.
    pub date: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// For whom.
    pub subscriber: SubscriberId,
    /// Who held the lease.
    pub by: SenderId,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The relay took it.
    Accepted(SmtpReply),
    /// Again at that time.
    Deferred {
        /// What was said.
        reply: SmtpReply,
        /// When.
        retry_at: Timestamp,
    },
    /// Not tried, since the destination asked others to wait: at that time.
    Postponed {
        /// What it said to them.
        reply: SmtpReply,
        /// When.
        retry_at: Timestamp,
        /// Since when they wait to be tried.
        since: Timestamp,
    },
    /// Never again.
    Refused(SmtpReply),
    /// Never again, and not tried: for too long their destination has asked others to wait, in these words.
    GivenUp(SmtpReply),
    /// The end of the data may have gone out, and no answer came.
    InDoubt,
    /// Nothing of the message went out, and it is nobody's fault: back into the queue, no attempt counted.
    PutBack,
}

/// One attempt among those for one reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1, this one included.
    pub number: u32,
    /// When the first one was, or was due.
    pub first: Timestamp,
    /// When this one ended.
    pub at: Timestamp,
}

/// How long a reader's message is tried, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// From the first attempt on, or from when it was first put off, or an operator had it sent again; `[send] give_up_after`.
    pub give_up_after: SignedDuration,
}

impl RetryPolicy {
    /// The wait after the first attempt: short, so that a greylisted reader is served while `send` still runs.
    const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);
    /// No wait is longer than this, jitter apart.
    const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(4);

    /// What a refusal means for a message. `jitter` is random.
    pub fn outcome(self, reply: SmtpReply, attempt: Attempt, jitter: u8) -> Outcome {
        match self.retry_at(attempt, jitter).filter(|_| reply.is_transient()) {
            Some(retry_at) => Outcome::Deferred { reply, retry_at },
            None => Outcome::Refused(reply),
        }
    }

    /// When to try again: each wait is three times the last, and up to a quarter longer by `jitter`, so that those
    /// who were deferred together do not come back together. The last try is at the limit; `None` after that.
    pub fn retry_at(self, attempt: Attempt, jitter: u8) -> Option<Timestamp> {
        let growth = 3_i32.saturating_pow(attempt.number.saturating_sub(1));
        let wait = Self::FIRST_WAIT.saturating_mul(growth).min(Self::LONGEST_WAIT);
        let retry_at = attempt.at.checked_add(wait + wait * i32::from(jitter) / 1024).ok()?;
        let last = self.last(attempt.first);
        (attempt.at < last).then(|| retry_at.min(last))
    }

    /// What becomes of one who waits since `due` and is not tried, for their destination asks others to wait until then.
    pub fn put_off(self, (reply, until): (SmtpReply, Timestamp), due: Timestamp, now: Timestamp) -> Outcome {
        let last = self.last(due);
        if now >= last {
            return Outcome::GivenUp(reply);
        }
        Outcome::Postponed { reply, retry_at: until.min(last), since: due }
    }

    /// Whether a time that somebody waits for has come.
    pub fn has_come(at: Timestamp, now: Timestamp) -> bool {
        at <= now || at > Self::farthest(now)
    }

    /// Nobody is made to wait until after this: a later time was written by a clock that ran ahead, and has come.
    pub fn farthest(now: Timestamp) -> Timestamp {
        let wait = Self::LONGEST_WAIT + Self::LONGEST_WAIT / 4;
        now.checked_add(wait).unwrap_or(Timestamp::MAX)
    }

    fn last(self, first: Timestamp) -> Timestamp {
        first.checked_add(self.give_up_after).unwrap_or(Timestamp::MAX)
    }

    /// When a reader in doubt is sent it again; `None` once it was tried for long enough. It is reckoned anew each time it is asked for,
    /// and always the same.
    pub fn resend_at(self, reader: SubscriberId, in_doubt: Attempt) -> Option<Timestamp> {
        let [jitter, ..] = reader.0.wrapping_mul(167).wrapping_add(in_doubt.number.into()).to_le_bytes();
        self.retry_at(in_doubt, jitter)
    }
}

/// The store's counts of one issue: every reader queued is in exactly one of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// All that were queued, the skipped apart.
    pub queued: u64,
    /// Not tried yet, or about to be tried.
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

#[cfg(test)]
mod tests {
    use super::*;

    const DAYS: RetryPolicy = RetryPolicy { give_up_after: SignedDuration::from_hours(72) };
    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn reply(code: u16) -> SmtpReply {
        SmtpReply { code, enhanced: None, text: "so it is".to_owned() }
    }

    fn attempt(number: u32, at: Timestamp) -> Attempt {
        Attempt { number, first: START, at }
    }

    #[test]
    fn a_relays_no_is_for_good_and_its_later_is_not() {
        let outcome = |code| DAYS.outcome(reply(code), attempt(1, START), 0);
        assert_eq!(outcome(550), Outcome::Refused(reply(550)));
        let retry_at = START + SignedDuration::from_secs(30);
        assert_eq!(outcome(451), Outcome::Deferred { reply: reply(451), retry_at });
    }

    #[test]
    fn the_waits_grow_and_come_to_an_end() {
        let mut now = START;
        let mut waits = Vec::new();
        for number in 1.. {
            let Some(next) = DAYS.retry_at(attempt(number, now), 255) else { break };
            waits.push(next.duration_since(now).as_secs());
            assert!(!RetryPolicy::has_come(next, now), "not for too long: {waits:?}");
            now = next;
        }
        assert_eq!(waits[..4], [37, 112, 337, 1011]);
        assert_eq!(now, START + DAYS.give_up_after, "the last one is made at the limit");
        let last = waits.pop();
        assert!(waits.is_sorted() && waits.len() > 15 && last < waits.last().copied(), "{waits:?}");
        let minutes = RetryPolicy { give_up_after: SignedDuration::from_mins(2) };
        assert_eq!(
            minutes.retry_at(attempt(2, START + SignedDuration::from_secs(32)), 0),
            Some(START + SignedDuration::from_mins(2))
        );
        let late = attempt(99, START + DAYS.give_up_after);
        assert_eq!(DAYS.outcome(reply(451), late, 0), Outcome::Refused(reply(451)));
    }
}
