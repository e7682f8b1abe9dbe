//! Sending an issue: to everyone on the list, once.
//!
//! `prepare` reads, freezes nothing and asks nobody; `Run::go` freezes, queues the audience in one step and delivers.
//! What an interrupted run left is taken up by the next.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::app::relay::Route;
use crate::app::{App, Later, random};
use crate::delivery::{Counts, RetryPolicy, SenderId};
use crate::diagnostic::Diagnostics;
use crate::inbox::Inbox;
use crate::message::dkim::Signer;
use crate::message::{Edition, FrozenIssue};
use crate::store::{self, IssueState, SenderLock, Store, StoredIssue};
use crate::token::Keys;

mod audience;
mod belief;
mod brake;
mod comebacks;
mod cooling;
mod deliver;
mod destination;
mod hashing;
mod journal;
mod line;
mod log;
mod pace;
mod pool;
mod queue;
mod quota;
mod refusals;
mod resend;
pub mod review;
mod sent;
mod shared;
mod start;
pub mod test_copy;

use brake::Brake;
use comebacks::Comebacks;
use cooling::Cooling;
pub(crate) use cooling::pause;
use deliver::Ended;
use hashing::Hashing;
use journal::Journal;
use pace::Pace;
use pool::Pool;
use queue::Queue;
pub(crate) use resend::Resend;
pub use sent::{Ending, Sent};
use sent::{ending, readers};
use shared::{Lacking, Shared};
pub use start::prepare;
pub(crate) use start::{Sender, begin, resume};

/// How a run is to go.
#[derive(Clone)]
pub struct Options {
    /// The run ends when nothing can be tried for longer than this.
    pub patience: SignedDuration,
    /// Turns true when no new message is to be begun.
    pub stop: watch::Receiver<bool>,
    /// Told now and then how far it is.
    pub progress: Arc<dyn Fn(Progress) + Send + Sync>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Readers with an outcome of this run.
    pub settled: u64,
    /// Readers this run set out to write to.
    pub total: u64,
}

/// A run, ready to go: everything was read and built once, nothing has been changed but the list.
pub struct Run {
    app: App,
    store: Arc<Store>,
    /// Held until the run ends.
    lock: Arc<SenderLock>,
    keys: Arc<Keys>,
    signer: Arc<Signer>,
    frozen: FrozenIssue,
    /// For an issue that is not frozen yet.
    digest: Option<String>,
    /// The time of the schedule that it is for.
    slot: Option<Timestamp>,
    /// Whether others were at work on it already.
    joins: bool,
    findings: Diagnostics,
    notes: Vec<String>,
    counts: Counts,
    readers: u64,
}

impl Run {
    /// What the editor should look at.
    pub fn findings(&self) -> &Diagnostics {
        &self.findings
    }

    /// What the editor should know before it starts.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether anybody is left to write to.
    pub fn is_left_to_do(&self) -> bool {
        self.digest.is_some() || self.readers > 0
    }

    /// Whether anybody can be tried now.
    ///
    /// # Errors
    /// A database's error.
    pub(crate) async fn is_due(&self) -> anyhow::Result<bool> {
        let next = self.next_attempt().await?;
        Ok(self.digest.is_some() || self.counts.waiting > 0 || next.is_some_and(|at| at <= self.app.now()))
    }

    /// What a person is asked before it starts.
    pub fn question(&self) -> String {
        format!(
            "send issue {} to {} through {}?",
            self.frozen.number(),
            readers(self.readers),
            self.app.relay_name()
        )
    }

    /// Freezes and queues what is not yet, and delivers until nothing can be tried.
    ///
    /// # Errors
    /// [`Later`] where the store is away; others where it failed for good.
    pub async fn go(mut self, options: Options) -> anyhow::Result<Sent> {
        if !self.is_left_to_do() {
            let is_whole = self.counts.refused + self.counts.in_doubt == 0;
            let ending = match self.state().await? {
                IssueState::Cancelled => Ending::Cancelled,
                _ if is_whole => Ending::NothingToDo,
                _ => Ending::Incomplete,
            };
            let counts = self.counts;
            return self.sent(ending, counts, 0).await;
        }
        // What is wrong with the relays' configuration is found before anything is queued.
        let (inbox, routes) = Box::pin(self.open_relays(&options)).await?;
        let number = self.frozen.number();
        if let Some(digest) = self.digest.take() {
            self.queue(digest).await?;
        }
        info!(issue = %number, list = %self.frozen.list, readers = self.readers, relay = self.app.relay_name(), trial = self.app.is_trial(), "run begins");
        let pool = Pool::new(routes, &self.store, self.app.config.pace.window);
        let ended = Box::pin(self.deliver(pool.clone(), options)).await;
        if let Err(error) = pool.give_back().await {
            warn!(error = %error, "what was booked of a quota and not needed stays counted until its time has passed");
        }
        if let Some(inbox) = inbox {
            inbox.stop().await;
        }
        let (ended, accepted_now, lacking) = ended?;
        let counts = self.store.counts(number).await?;
        let troubles = pool.troubles();
        let relay_said = (!troubles.is_empty()).then(|| troubles.join("; "));
        let held_until = match ended {
            Ended::Finished { held_until } => held_until,
            Ended::Stopped | Ended::RelayAway { .. } => None,
        };
        let ending = ending(&ended, &counts, self.state().await?);
        let sent = self.sent(ending, counts, accepted_now).await?;
        let next_attempt = sent.next_attempt.into_iter().chain(held_until).min();
        let Counts { accepted, deferred, refused, in_doubt, waiting, .. } = sent.counts;
        info!(issue = %number, ending = ?sent.ending, accepted_now = sent.accepted_now, accepted, deferred, refused, in_doubt, waiting, "run ends");
        Ok(Sent { lacking, next_attempt, held_until, relay_said, ..sent })
    }

    async fn next_attempt(&self) -> anyhow::Result<Option<Timestamp>> {
        Ok(Resend::of(&self.app.config)?
            .next_attempt(&self.store, self.frozen.number(), self.app.now())
            .await?)
    }

    /// A signal ends the wait for them.
    async fn open_relays(&self, options: &Options) -> anyhow::Result<(Option<Inbox>, Vec<Route>)> {
        self.app.clone().stopped_by(options.stop.clone()).open_relays().await
    }

    async fn state(&self) -> anyhow::Result<IssueState> {
        Ok(self.store.state(self.frozen.number()).await?.unwrap_or(IssueState::Running))
    }

    /// Where another machine has queued it meanwhile, what that one froze is sent.
    async fn queue(&mut self, digest: String) -> anyhow::Result<()> {
        let issue = StoredIssue {
            number: self.frozen.number(),
            list: self.frozen.list.clone(),
            frozen: serde_json::to_string(&self.frozen)?,
            digest,
            queued_at: self.app.now(),
            slot: self.slot,
            state: IssueState::Running,
        };
        match self.store.queue(&issue).await? {
            None => {
                info!(issue = %issue.number, list = %issue.list, readers = self.readers, digest = issue.digest, "audience queued");
            }
            Some(issue) => self.frozen = issue.thaw()?,
        }
        Ok(())
    }

    /// Answers how it ended, how many were accepted, and of how many the list does not say what the issue uses.
    async fn deliver(
        &self,
        pool: Pool,
        options: Options,
    ) -> anyhow::Result<(Ended, u64, BTreeMap<String, usize>)> {
        let number = self.frozen.number();
        let sender = self.lock.id();
        let (journal, writer) = Journal::start(Arc::clone(&self.store), number, Arc::clone(&self.app.clock));
        let resend = Resend::of(&self.app.config)?;
        let brake = Brake::new(Arc::clone(&self.store), number, options.stop.clone());
        let shared = Arc::new(Shared {
            store: Arc::clone(&self.store),
            issue: number,
            edition: Edition::new(&self.frozen),
            keys: Arc::clone(&self.keys),
            signer: Arc::clone(&self.signer),
            hashing: Hashing::default(),
            pool,
            journal,
            pace: Mutex::new(Pace::new(self.app.config.pace.rate)),
            cooling: Cooling::new(self.app.config.pace.connections.get()),
            comebacks: Comebacks::default(),
            policy: RetryPolicy { give_up_after: self.app.config.give_up_after.try_into()? },
            clock: Arc::clone(&self.app.clock),
            connections: self.app.config.pace.connections.get(),
            queue: Queue::new(Arc::clone(&self.store), number, sender, &self.app.config.pace.domains),
            sender,
            resend,
            settled: 0.into(),
            accepted: 0.into(),
            lacking: Lacking::default(),
            total: self.readers,
            options: Options { stop: brake.held(), ..options },
        });
        let ended = brake.drive(&shared).await;
        let (bounced, accepted) = (shared.pool.bounced(), shared.accepted.load(Ordering::Relaxed));
        let lacking = shared.lacking.by_field();
        drop(shared);
        // The writer's own error is the cause; a sender only noticed.
        writer.await?.map_err(|error| {
            let name = store::name(&self.app.workspace.store(&self.app.config));
            Later(format!("{name}: {error:#}; nothing that it does not know of has left"))
        })?;
        self.store.suppress_bounced(&bounced, self.app.now()).await?;
        self.store.recover(number, self.app.now()).await?;
        resend.finish(&self.store, number).await?;
        Ok((ended?, accepted, lacking))
    }

    async fn sent(&self, ending: Ending, counts: Counts, accepted_now: u64) -> anyhow::Result<Sent> {
        let next_attempt = self.next_attempt().await?;
        let ending = match ending {
            // Of those in doubt some are sent it again.
            Ending::Incomplete if next_attempt.is_some() => Ending::Deferred,
            other => other,
        };
        Ok(Sent {
            relay_said: None,
            lacking: BTreeMap::new(),
            held_until: None,
            issue: self.frozen.number(),
            list: self.frozen.list.clone(),
            trial: self.app.is_trial(),
            ending,
            counts,
            refusals: self.store.refusals(self.frozen.number()).await?,
            accepted_now,
            next_attempt,
            inbox: self.app.is_trial().then(|| self.app.workspace.inbox_dir()),
        })
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("issue", &self.frozen.number()).finish_non_exhaustive()
    }
}

/// A name for a sender's leases that no other has.
pub(crate) fn sender_id() -> SenderId {
    let mut bytes = [0; 8];
    random(&mut bytes);
    SenderId(i64::from_ne_bytes(bytes))
}
