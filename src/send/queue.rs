//! The readers in hand: leased from the store in batches, each limited destination in a lane of its own, so that those who have to
//! wait for their turn hold nobody else up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Quick, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::futures::Notified;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::cooling::Cooling;
use super::destination::{Claim, Destination, Full, LineId};
use crate::delivery::{DomainPace, SenderId};
use crate::id::{IssueNumber, SubscriberId};
use crate::store::{Domains, Leased, Share, Store, StoreError};

/// How many readers one lease takes.
const LEASE: u16 = 256;
/// A lane whose pace is slow takes no more than it can serve in this time.
const HORIZON: Duration = Duration::from_mins(5);

/// All readers of a run that are in hand, and what is asked of the store for more.
pub(super) struct Queue {
    store: Arc<Store>,
    issue: IssueNumber,
    by: SenderId,
    lanes: Mutex<Vec<Lane>>,
    freed: Arc<Notify>,
    /// The first moment for which nobody stays.
    later: Quick<Option<Instant>>,
    /// Whether anybody was leased in this round.
    took: AtomicBool,
}

/// The readers of one limited domain, or of all others.
struct Lane {
    /// `None`: the others'.
    destination: Option<Arc<Destination>>,
    domains: Domains,
    batch: u16,
    readers: VecDeque<Leased>,
    /// Those after them, who are being leased while the readers are written to.
    coming: Option<JoinHandle<Result<Vec<Leased>, StoreError>>>,
    /// The last reader that was leased: who comes back into the queue behind them waits for another round.
    after: Option<SubscriberId>,
    /// Whether there is none left after them.
    dry: bool,
}

/// Who is next for a connection.
pub(super) enum Next {
    /// This one.
    Reader(Box<Leased>, Option<Claim>),
    /// All that are left have to wait for their destinations.
    Wait(Full),
    /// Nobody.
    Nobody,
}

impl Queue {
    /// An issue's queue, for a sender.
    pub(super) fn new(
        store: Arc<Store>,
        issue: IssueNumber,
        by: SenderId,
        limits: &BTreeMap<String, DomainPace>,
    ) -> Self {
        let freed = Arc::new(Notify::new());
        let limited = limits.iter().filter(|(_, pace)| pace.rate.is_some() || pace.connections.is_some());
        let destinations: Vec<_> = limited
            .map(|(domain, pace)| Arc::new(Destination::new(domain, *pace, Arc::clone(&freed))))
            .collect();
        let others = Domains::AllBut(destinations.iter().map(|one| one.domain.clone()).collect());
        let mut lanes: Vec<Lane> = destinations.into_iter().map(Lane::of).collect();
        lanes.push(Lane::new(None, others, LEASE));
        Self {
            store,
            issue,
            by,
            lanes: Mutex::new(lanes),
            freed,
            later: Quick::default(),
            took: AtomicBool::default(),
        }
    }

    /// The next reader for a connection, if there is one that may be written to now. A domain that `cooling` leaves alone has no pace
    /// to keep: its readers are put off.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn next(
        &self,
        line: LineId,
        cooling: &Cooling,
        now: Timestamp,
    ) -> Result<Next, StoreError> {
        let mut lanes = self.lanes.lock().await;
        // Without limits whoever comes back is leased again behind the last, if need be; with them the queue is gone through once a round.
        let once = lanes.len() > 1;
        let mut waits = None;
        for lane in lanes.iter_mut() {
            if lane.readers.is_empty() && !lane.dry {
                self.refill(lane, once, now).await?;
            }
            let Some(reader) = lane.readers.front() else { continue };
            let is_postponed = cooling.is_on(reader.recipient.address.domain(), now);
            let claim = match &lane.destination {
                Some(destination) if !is_postponed => match destination.claim(line, Instant::now()) {
                    Ok(claim) => Some(claim),
                    Err(full) => {
                        waits = Some(waits.map_or(full, |others| full.or(others)));
                        continue;
                    }
                },
                Some(_) | None => None,
            };
            if let Some(reader) = lane.readers.pop_front() {
                if lane.readers.len() < usize::from(lane.batch / 2) && !lane.dry && lane.coming.is_none() {
                    lane.coming = Some(tokio::spawn(self.lease(lane, now)));
                }
                return Ok(Next::Reader(Box::new(reader), claim));
            }
        }
        Ok(waits.map_or(Next::Nobody, Next::Wait))
    }

    async fn refill(&self, lane: &mut Lane, once: bool, now: Timestamp) -> Result<(), StoreError> {
        let mut leased = match lane.coming.take() {
            // Whom a lease that broke down holds, the round's end puts back.
            Some(coming) => coming.await.unwrap_or_else(|_| Ok(Vec::new()))?,
            None => self.lease(lane, now).await?,
        };
        if once {
            lane.dry = leased.len() < usize::from(lane.batch);
        } else if leased.is_empty() {
            if lane.after.take().is_some() {
                // Who came back meanwhile stands before the last.
                leased = self.lease(lane, now).await?;
            }
            lane.dry = leased.is_empty();
        }
        self.took.fetch_or(!leased.is_empty(), Ordering::Relaxed);
        lane.after = leased.last().map(|last| last.recipient.id).or(lane.after);
        lane.readers.extend(leased);
        Ok(())
    }

    /// The next of a lane's readers.
    fn lease(
        &self,
        lane: &Lane,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Leased>, StoreError>> + use<> {
        let (store, issue, domains) = (Arc::clone(&self.store), self.issue, lane.domains.clone());
        let (by, after, limit) = (self.by, lane.after, lane.batch);
        async move { store.lease(issue, by, Share { of: &domains, after, limit }, now).await }
    }

    /// Ready as soon as a connection has done with a message after this call.
    pub(super) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Remembers that nobody stays until this moment.
    pub(super) fn put_off(&self, until: Instant) {
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        *later = Some(later.map_or(until, |first| first.min(until)));
    }

    /// Forgets whom it has in hand, and starts the next round at the front. Answers whether anybody was leased in this one.
    pub(super) async fn clear(&self) -> bool {
        for lane in self.lanes.lock().await.iter_mut() {
            if let Some(coming) = lane.coming.take() {
                // Only when it is through does nobody come into these hands any more.
                let _leased = coming.await;
            }
            lane.readers.clear();
            (lane.after, lane.dry) = (None, false);
        }
        self.took.swap(false, Ordering::Relaxed)
    }

    /// How long to wait for the first of those for whom nobody stayed.
    pub(super) fn later(&self) -> Option<Duration> {
        let later = self.later.lock().unwrap_or_else(PoisonError::into_inner).take();
        later.map(|at| at.saturating_duration_since(Instant::now()))
    }
}

impl Lane {
    fn of(destination: Arc<Destination>) -> Self {
        let most = destination.takes_in(HORIZON).unwrap_or(u128::from(LEASE));
        let batch = u16::try_from(most).unwrap_or(LEASE).clamp(1, LEASE);
        let domains = Domains::Only(destination.domain.clone());
        Self::new(Some(destination), domains, batch)
    }

    fn new(destination: Option<Arc<Destination>>, domains: Domains, batch: u16) -> Self {
        let readers = VecDeque::new();
        Self { destination, domains, batch, readers, coming: None, after: None, dry: false }
    }
}
