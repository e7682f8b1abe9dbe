//! What all connections of one run share: the readers still to be written to, what messages are made of, and the brake.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::cooling::Cooling;
use super::journal::Journal;
use super::pace::Pace;
use super::pool::Pool;
use super::{Options, Progress};
use crate::app::{Clock, random};
use crate::delivery::{Attempt, Lease, Outcome, RetryPolicy, SenderId, SmtpReply};
use crate::id::IssueNumber;
use crate::message::Edition;
use crate::message::dkim::Signer;
use crate::store::{Leased, Store};
use crate::token::Keys;

/// How many readers one lease takes.
const LEASE: u16 = 500;
/// A lease outlives any message; the sender lock, not this, tells who is dead.
const LEASE_LASTS: SignedDuration = SignedDuration::from_mins(30);

/// What all connections of one run share.
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) issue: IssueNumber,
    pub(super) edition: Edition,
    pub(super) keys: Arc<Keys>,
    pub(super) signer: Arc<Signer>,
    pub(super) pool: Pool,
    pub(super) journal: Journal,
    pub(super) pace: Pace,
    pub(super) cooling: Cooling,
    pub(super) policy: RetryPolicy,
    pub(super) clock: Clock,
    pub(super) options: Options,
    pub(super) connections: u16,
    pub(super) sender: SenderId,
    pub(super) leases: Mutex<VecDeque<Leased>>,
    pub(super) settled: AtomicU64,
    pub(super) total: u64,
}

impl Shared {
    /// The next reader to write to; `None`: nobody is left, or the run is to stop.
    pub(super) async fn next(&self) -> anyhow::Result<Option<Leased>> {
        if self.is_stopped() || self.pool.is_away() {
            return Ok(None);
        }
        let mut leases = self.leases.lock().await;
        if leases.is_empty() {
            let now = self.now();
            let lease = Lease { by: self.sender, until: now + LEASE_LASTS };
            leases.extend(self.store.lease(self.issue, lease, LEASE, now).await?);
        }
        Ok(leases.pop_front())
    }

    /// One more has an outcome.
    pub(super) fn count(&self) {
        let settled = self.settled.fetch_add(1, Ordering::Relaxed) + 1;
        (self.options.progress)(Progress { settled, total: self.total });
    }

    /// What a reply means for a reader.
    pub(super) fn judge(&self, reply: SmtpReply, leased: &Leased, first: Timestamp) -> Outcome {
        let mut jitter = [0];
        random(&mut jitter);
        self.policy.outcome(reply, Attempt { number: leased.attempts + 1, first, at: self.now() }, jitter[0])
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.options.stop.borrow()
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Waits, but no longer than until the run is to stop.
    pub(super) async fn sleep(&self, time: Duration) {
        self.unless_stopped(tokio::time::sleep(time)).await;
    }

    /// What `work` comes to; `None` where the run is to stop before.
    pub(super) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut stop = self.options.stop.clone();
        tokio::select! {
            done = work => Some(done),
            // Where nobody can ask any more, the work alone counts.
            Ok(_) = stop.wait_for(|stop| *stop) => None,
        }
    }
}
