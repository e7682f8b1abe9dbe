//! What all connections of one run share: the readers still to be written to, what messages are made of, and the brake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::comebacks::Comebacks;
use super::cooling::Cooling;
use super::destination::{Claim, Full, LineId};
use super::hashing::Hashing;
use super::journal::{Asked, Journal, JournalGone};
use super::pace::Pace;
use super::pool::{Pool, Standing};
use super::queue::{Next, Queue};
use super::resend::Resend;
use super::{Options, Progress};
use crate::app::{Clock, random};
use crate::delivery::{Attempt, Intent, Outcome, RetryPolicy, SenderId, SmtpReply};
use crate::id::{IssueNumber, SubscriberId};
use crate::message::Edition;
use crate::message::dkim::Signer;
use crate::store::{Domains, Leased, Store, StoreError};
use crate::token::Keys;

/// For so long a connection waits for a destination whatever the run's patience.
const MOMENT: Duration = Duration::from_secs(5);

/// What all connections of one run share.
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) issue: IssueNumber,
    pub(super) edition: Edition,
    pub(super) keys: Arc<Keys>,
    pub(super) signer: Arc<Signer>,
    pub(super) hashing: Hashing,
    pub(super) pool: Pool,
    pub(super) journal: Journal,
    pub(super) pace: Mutex<Pace>,
    pub(super) cooling: Cooling,
    pub(super) comebacks: Comebacks,
    pub(super) policy: RetryPolicy,
    pub(super) clock: Clock,
    pub(super) options: Options,
    pub(super) connections: u16,
    pub(super) sender: SenderId,
    /// What to do about readers who may have been served.
    pub(super) resend: Resend,
    pub(super) queue: Queue,
    pub(super) settled: AtomicU64,
    /// Of this run alone: other machines may be at work.
    pub(super) accepted: AtomicU64,
    pub(super) total: u64,
    pub(super) lacking: Lacking,
}

/// Readers of whom the list does not say what the issue uses, by the field.
#[derive(Default)]
pub(super) struct Lacking(Mutex<BTreeMap<String, BTreeSet<SubscriberId>>>);

impl Lacking {
    pub(super) fn add(&self, reader: SubscriberId, field: String) {
        let mut lacking = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lacking.entry(field).or_default().insert(reader);
    }

    /// How many they are.
    pub(super) fn by_field(&self) -> BTreeMap<String, usize> {
        let lacking = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lacking.iter().map(|(field, readers)| (field.clone(), readers.len())).collect()
    }
}

impl Shared {
    /// The next reader to write to, with their claim to a destination that has limits; `None`: nobody is left or the run is to stop,
    /// or all that are left have to wait and there is no patience for that.
    pub(super) async fn next(
        &self,
        line: LineId,
        patience: Option<Duration>,
    ) -> anyhow::Result<Option<(Leased, Option<Claim>)>> {
        loop {
            if self.is_stopped() || self.pool.standing(self.now()) == Standing::Away {
                return Ok(None);
            }
            let freed = self.queue.freed();
            let full = match self.queue.next(line, &self.cooling, self.now()).await? {
                Next::Reader(leased, claim) => return Ok(Some((*leased, claim))),
                Next::Nobody => return Ok(None),
                Next::Wait(full) => full,
            };
            let Some(patience) = patience else { return Ok(None) };
            match full {
                Full::Until(at) if at.saturating_duration_since(Instant::now()) > patience => {
                    self.queue.put_off(at);
                    return Ok(None);
                }
                Full::Until(at) => {
                    let either = async {
                        tokio::select! { () = sleep_until(at) => {}, () = freed => {} }
                    };
                    self.unless_stopped(either).await;
                }
                Full::InUse => drop(self.unless_stopped(freed).await),
            }
        }
    }

    /// Has the journal record that a message to this reader is about to go.
    pub(super) async fn ask(&self, leased: &Leased, date: Timestamp) -> Result<Asked, JournalGone> {
        let intent = Intent { subscriber: leased.recipient.id, by: self.sender, date };
        self.journal.ask(intent).await
    }

    /// How long a connection waits for a destination.
    pub(super) fn patience(&self) -> Duration {
        self.options.patience.unsigned_abs().max(MOMENT)
    }

    /// Takes over what senders that died left, on this machine or another. Answers whether any other is at work.
    pub(super) async fn recover(&self) -> Result<bool, StoreError> {
        Ok(self.store.recover(self.issue, self.now()).await?.at_work)
    }

    /// Whether anybody waits whose address is at another domain than this.
    pub(super) async fn is_left_elsewhere(&self, domain: &str) -> Result<bool, StoreError> {
        self.store.is_left(self.issue, &Domains::AllBut(vec![domain.to_owned()])).await
    }

    /// One more has an outcome.
    pub(super) fn count(&self, outcome: &Outcome) {
        if matches!(outcome, Outcome::Accepted(_)) {
            self.accepted.fetch_add(1, Ordering::Relaxed);
        }
        self.progress();
    }

    /// One more is done with.
    pub(super) fn progress(&self) {
        let settled = self.settled.fetch_add(1, Ordering::Relaxed) + 1;
        (self.options.progress)(Progress { settled, total: self.total });
    }

    /// What a reply means for a reader.
    pub(super) fn judge(&self, reply: SmtpReply, leased: &Leased, first: Timestamp) -> Outcome {
        let mut jitter = [0];
        random(&mut jitter);
        self.policy.outcome(reply, self.attempt(leased, first), jitter[0])
    }

    /// What becomes of a reader whose destination is left alone for a while.
    pub(super) fn put_off(&self, pause: (SmtpReply, Timestamp), leased: &Leased) -> Outcome {
        let now = self.now();
        self.policy.put_off(pause, leased.due_since().unwrap_or(now), now)
    }

    /// Whether a reader has been tried for long enough.
    pub(super) fn is_last(&self, leased: &Leased, first: Timestamp) -> bool {
        self.policy.retry_at(self.attempt(leased, first), 0).is_none()
    }

    fn attempt(&self, leased: &Leased, first: Timestamp) -> Attempt {
        Attempt { number: leased.attempts + 1, first: leased.due_since().unwrap_or(first), at: self.now() }
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
