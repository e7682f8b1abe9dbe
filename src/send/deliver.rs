//! Delivering what is queued: several connections, each with one message on its way and the next one ready.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

use super::journal::Journal;
use super::pace::Pace;
use super::{Options, Progress, line};
use crate::app::{Clock, random};
use crate::delivery::{Attempt, Lease, Outcome, RetryPolicy, SenderId, SmtpReply};
use crate::id::IssueNumber;
use crate::message::Edition;
use crate::smtp::{Relay, SmtpError};
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
    pub(super) relay: Relay,
    pub(super) journal: Journal,
    pub(super) pace: Pace,
    pub(super) policy: RetryPolicy,
    pub(super) clock: Clock,
    pub(super) options: Options,
    pub(super) connections: u16,
    pub(super) sender: SenderId,
    pub(super) leases: Mutex<VecDeque<Leased>>,
    pub(super) settled: AtomicU64,
    pub(super) total: u64,
    /// Why the relay cannot be used, once a connection gave it up.
    pub(super) away: OnceLock<SmtpError>,
}

/// Why a run ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nothing is left to try, or not soon.
    Finished,
    /// Asked to stop.
    Stopped,
    /// The relay takes nothing, for this reason.
    RelayAway(SmtpError),
}

impl Shared {
    /// Delivers until nothing can be tried for a while.
    pub(super) async fn run(self: &Arc<Self>) -> anyhow::Result<Ended> {
        loop {
            self.round().await?;
            if self.is_stopped() {
                return Ok(Ended::Stopped);
            }
            if let Some(error) = self.away.get() {
                return Ok(Ended::RelayAway(error.clone()));
            }
            let Some(at) = self.store.next_attempt(self.issue).await? else { return Ok(Ended::Finished) };
            let wait = at.duration_since(self.now()).max(SignedDuration::ZERO);
            if wait > self.options.patience {
                return Ok(Ended::Finished);
            }
            self.sleep(wait.unsigned_abs()).await;
            self.store.requeue_due(self.issue, self.now()).await?;
        }
    }

    /// Every connection works until there is nothing to lease.
    async fn round(self: &Arc<Self>) -> anyhow::Result<()> {
        let mut lines = JoinSet::new();
        for _ in 0..self.connections {
            lines.spawn(line::work(Arc::clone(self)));
        }
        let mut outcome = Ok(());
        while let Some(ended) = lines.join_next().await {
            if let Err(error) = ended? {
                outcome = Err(error);
            }
        }
        self.leases.lock().await.clear();
        outcome
    }

    /// The next reader to write to; `None`: nobody is left, or the run is to stop.
    pub(super) async fn next(&self) -> anyhow::Result<Option<Leased>> {
        if self.is_stopped() || self.away.get().is_some() {
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

    /// The relay takes nothing: no connection begins anything new.
    pub(super) fn give_up(&self, error: SmtpError) {
        // The first reason stands.
        let _ = self.away.set(error);
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.options.stop.borrow()
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Waits, but no longer than until the run is to stop.
    pub(super) async fn sleep(&self, time: Duration) {
        let mut stop: watch::Receiver<bool> = self.options.stop.clone();
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            // Where nobody can ask any more, the time alone counts.
            Ok(_) = stop.wait_for(|stop| *stop) => {}
        }
    }
}
