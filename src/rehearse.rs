//! The rehearsal: the run as it is, to everyone on the list, against the built-in inbox on a relay's bad days.
//!
//! Its store is thrown away, its tokens are specimens, and nothing leaves the machine. The clock goes ahead to the next attempt
//! instead of waiting for it, as if cron had called again and again. In the end what the store says is held against what the
//! inbox has: who was lost, who got it twice.

mod comparison;
mod said;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::time::Instant;

use crate::app::scratch::{Purpose, Scratch};
use crate::app::{App, Clock, Later};
use crate::compose;
use crate::config::{Config, Smtp};
use crate::delivery::forecast::{Forecast, Limits, RelayLimits, forecast};
use crate::delivery::{Counts, InDoubt};
use crate::diagnostic::Diagnostics;
use crate::id::{IssueNumber, ListName};
use crate::inbox::{Fault, Faults, Inbox, Keep, Options, Plan};
use crate::mailbox::EmailAddress;
use crate::send::{self, Ending, Sender, Sent};
use crate::store::Store;

pub use comparison::{Comparison, compare};

/// Readers read from the store at once.
const PAGE: u32 = 1000;
/// So far the clock goes ahead at least, in milliseconds: more than the first wait, so that who was deferred early and who late come back together.
const STRIDE: i64 = 40_000;
/// More runs than any list needs: who is asked to come later is given up after days of the clock.
const RUNS: u32 = 200;

/// What a rehearsal came to.
#[derive(Debug, Serialize)]
pub struct Rehearsal {
    /// Which issue.
    pub issue: IssueNumber,
    /// Its list.
    pub list: ListName,
    /// The number that has the same faults befall the same readers again.
    pub seed: u32,
    /// The throw-away store's counts.
    #[serde(flatten)]
    pub counts: Counts,
    /// What the inbox has against that.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// How often each fault befell somebody.
    pub faults: BTreeMap<Fault, u64>,
    /// How many runs it took.
    pub runs: u32,
    /// How far the clock had to go ahead for those who were asked to come later, in seconds.
    pub retried_for: i64,
    /// Messages a second, of the first run.
    pub rate: u32,
    /// How long the true run takes, at that rate where no limit is lower.
    pub forecast: Forecast,
    /// Whether those in doubt were written to again.
    pub resends: bool,
    /// How many warnings there are.
    pub warnings: usize,
    /// What else there is to know.
    pub notes: Vec<String>,
    /// The warnings, with their places.
    #[serde(skip)]
    pub findings: Diagnostics,
}

impl Rehearsal {
    /// Whether nobody was lost, and nobody got it twice who was not to risk that.
    pub fn is_sound(&self) -> bool {
        self.comparison.lost == 0 && (self.comparison.doubled == 0 || self.resends)
    }
}

/// Rehearses a draft with the faults that a seed has. Of the options the patience is the rehearsal's own.
///
/// # Errors
/// As [`send::prepare`]; [`Later`] where it was stopped.
pub async fn rehearse(
    app: &App,
    draft: &str,
    seed: u32,
    options: &send::Options,
) -> anyhow::Result<Rehearsal> {
    app.smtp()?;
    let prepared = compose::prepare(&app.workspace, &app.config, draft)?;
    let (number, list) = (prepared.issue.number, prepared.issue.list.clone());
    let scratch = Scratch::make(&app.workspace, number, Purpose::Rehearsal)?;
    app.scratch_store(&scratch.store()).await?.close().await?;
    let faults = Faults::new(Plan::usual(seed.into()));
    let inbox = Inbox::start(
        (Ipv4Addr::LOCALHOST, 0).into(),
        Options { keep: Keep::Count, script: Some(faults.script()), chunking: app.config.pace.chunking },
    )
    .await?;
    let ahead = Arc::new(AtomicI64::new(0));
    let stand_in = app.for_rehearsal(scratch.store(), inbox.addr(), running_ahead(app, &ahead));

    let sender = Sender::take(&stand_in).await?;
    let run = Box::pin(send::begin(&stand_in, &sender, prepared)).await?;
    let (findings, notes) = (run.findings().clone(), run.notes().to_vec());
    let domains = cast(&sender.store, &list, &faults, app.now()).await?;
    let options = send::Options { patience: SignedDuration::ZERO, ..options.clone() };
    let began = Instant::now();
    let first = Box::pin(run.go(options.clone())).await?;
    let took = began.elapsed();
    let (ended, runs) =
        Rounds { app: &stand_in, sender: &sender, ahead: &ahead, options }.go(first.clone()).await?;

    let comparison = compare(&sender.store, number, &inbox).await?;
    inbox.stop().await;
    let rate = per_second(first.accepted_now, took);
    Ok(Rehearsal {
        issue: number,
        list,
        seed,
        counts: ended.counts,
        comparison,
        faults: faults.dealt(),
        runs,
        retried_for: ahead.load(Ordering::Relaxed) / 1000,
        rate,
        forecast: forecast(&domains, &limits(&app.config, rate)),
        resends: app.config.in_doubt == InDoubt::Resend,
        warnings: findings.0.len(),
        notes,
        findings,
    })
}

/// A clock that is so many milliseconds ahead of the true one.
fn running_ahead(app: &App, ahead: &Arc<AtomicI64>) -> Clock {
    let (clock, ahead) = (Arc::clone(&app.clock), Arc::clone(ahead));
    Arc::new(move || clock() + SignedDuration::from_millis(ahead.load(Ordering::Relaxed)))
}

/// The runs after the first.
struct Rounds<'a> {
    app: &'a App,
    sender: &'a Sender,
    ahead: &'a AtomicI64,
    options: send::Options,
}

impl Rounds<'_> {
    /// Runs until nobody is left; answers with the last run's outcome, and how many runs there were.
    async fn go(&self, first: Sent) -> anyhow::Result<(Sent, u32)> {
        let (mut last, mut runs) = (first, 1);
        loop {
            if *self.options.stop.borrow() {
                return Err(Later("the rehearsal was stopped; it leaves nothing behind".to_owned()).into());
            }
            let is_left = last.counts.waiting + last.counts.deferred > 0 || last.next_attempt.is_some();
            let resumes = match last.ending {
                Ending::Deferred | Ending::RelayAway | Ending::RelayRefuses => is_left && runs < RUNS,
                Ending::Done
                | Ending::NothingToDo
                | Ending::Incomplete
                | Ending::Stopped
                | Ending::Paused
                | Ending::Cancelled => false,
            };
            let queued = self.sender.store.issue(last.issue).await?.filter(|_| resumes);
            let Some(queued) = queued else { return Ok((last, runs)) };
            self.pass_time(last.next_attempt);
            last = send::resume(self.app, self.sender, queued).await?.go(self.options.clone()).await?;
            runs += 1;
        }
    }

    /// Lets the time pass until the next attempt, and a third more: those who were deferred together come back a little apart.
    fn pass_time(&self, next: Option<Timestamp>) {
        let wait = next.map_or(0, |next| next.duration_since(self.app.now()).as_millis());
        let wait = i64::try_from(wait).unwrap_or_default();
        self.ahead.fetch_add((wait + wait / 3).max(STRIDE), Ordering::Relaxed);
    }
}

/// Counts a list's readers by domain, and gives each fault one of them, so that a short list meets them all.
async fn cast(
    store: &Store,
    list: &ListName,
    faults: &Faults,
    now: Timestamp,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut domains = BTreeMap::new();
    let mut chosen: BTreeMap<u64, EmailAddress> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = store.recipients(list, after, PAGE, now).await?;
        if page.is_empty() {
            break;
        }
        for recipient in page {
            after = Some(recipient.id);
            *domains.entry(recipient.address.domain().to_owned()).or_default() += 1;
            chosen.insert(faults.lot(&recipient.address), recipient.address);
            if chosen.len() > Fault::ALL.len() {
                chosen.pop_last();
            }
        }
    }
    for (fault, reader) in Fault::ALL.into_iter().zip(chosen.values()) {
        faults.surely(fault, reader);
    }
    Ok(domains)
}

fn per_second(messages: u64, took: Duration) -> u32 {
    let milliseconds = took.as_millis().max(1);
    u32::try_from(u128::from(messages) * 1000 / milliseconds).unwrap_or(u32::MAX).max(1)
}

/// What newsletter.toml allows, and what this machine managed with nothing to wait for.
fn limits(config: &Config, rate: u32) -> Limits {
    let connections = config.pace.connections.get();
    let relays = match &config.smtp {
        Some(Smtp::Relays(relays)) => relays.as_slice(),
        Some(Smtp::Inbox) | None => &[],
    };
    let relays = relays.iter().map(|relay| RelayLimits {
        weight: relay.weight.get(),
        rate: relay.rate,
        window: relay.window,
    });
    let mut relays: Vec<RelayLimits> = relays.collect();
    if relays.is_empty() {
        relays.push(RelayLimits { weight: 1, rate: None, window: None });
    }
    Limits {
        by_connection: f64::from(rate) / f64::from(connections),
        connections,
        rate: config.pace.rate,
        window: config.pace.window,
        relays,
        domains: config.pace.domains.clone(),
    }
}
