//! Looking back at an issue: what became of it, and where its links lead.
//!
//! A journey: the store is read in one direction, reader by reader; `report` counts. What it holds does not grow with the readers.

pub mod links;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::app::App;
use crate::brake;
use crate::delivery::{Counts, Refusal, SkipReason};
use crate::event::Rules;
use crate::id::IssueNumber;
use crate::message::FrozenIssue;
use crate::newsletter::{Tracking, TrackingPolicy};
use crate::report::{About, Accepted, Counted, Leavers, Opens, Past, Report, Tally};
use crate::store::{Activity, Alike, LinkChange, Reached, Store, StoreError, StoredIssue};

/// Issues that stand beside the one asked for.
const BEFORE: u32 = 10;
/// Readers read from the store at once.
const PAGE: u32 = 512;
/// Pages that wait to be counted.
const AHEAD: usize = 4;
/// How many read at once, each its share of the readers.
const SHARES: i64 = 2;

/// What became of an issue, as the store has it now.
///
/// # Errors
/// [`crate::app::Wrong`] for an issue that was never sent; the store's.
pub async fn report(app: &App, number: IssueNumber) -> anyhow::Result<Report> {
    let store = Arc::new(app.store().await?);
    let rules = Rules::built_in()?;
    brake::in_order(app, &store, number).await?;
    let issue = Looked::at(app, &store, number).await?;
    let counting = Box::pin(issue.counted(app, &store, &rules));
    let ((counts, refusals, skipped), of, counted) =
        tokio::try_join!(Box::pin(fared(&store, number)), issue.countable(&store), counting)?;
    let mut counted = counted.of(of.clicks_of, of.opens_of);
    for LinkChange { place, url, .. } in store.link_changes(number).await? {
        counted.mended(place, url);
    }
    let tracking = issue.frozen.tracking;
    let opens = (tracking.opens != Tracking::None).then_some(Opens {
        reliable: false,
        of: of.opens_of,
        count: counted.opens,
    });
    Ok(Report {
        about: About {
            issue: number,
            newsletter: issue.frozen.newsletter.clone(),
            trial: app.is_trial(),
            sent_at: issue.sent_at,
            counted_at: app.now(),
            time_zone: app.config.newsletter.time_zone.clone(),
            deleted_until: issue.deleted_until(app),
            tracking,
            rules: rules.version,
        },
        counts,
        refusals,
        skipped_by_reason: skipped,
        clicks_of: of.clicks_of,
        clicks: counted.clicks,
        parts: counted.parts,
        opens,
        leavers: Leavers::of(store.departures(number).await?),
        times: counted.times,
        before: Box::pin(before(app, &store, &issue.frozen, &rules)).await?,
    })
}

/// How an issue's messages fared.
async fn fared(
    store: &Store,
    number: IssueNumber,
) -> anyhow::Result<(Counts, Vec<Refusal>, BTreeMap<SkipReason, u64>)> {
    let counts = store.counts(number).await?;
    // Each walks through all of the issue's records.
    let refusals = if counts.refused > 0 { store.refusals(number).await? } else { Vec::new() };
    let skipped = if counts.skipped > 0 { store.skipped(number).await? } else { BTreeMap::new() };
    Ok((counts, refusals, skipped))
}

/// The issues of the same list before one.
async fn before(
    app: &App,
    store: &Arc<Store>,
    issue: &FrozenIssue,
    rules: &Rules,
) -> anyhow::Result<Vec<Past>> {
    let mut before = Vec::new();
    for number in store.issues_before(issue.number(), &issue.list, BEFORE).await? {
        let issue = Looked::at(app, store, number).await?;
        let counting = async {
            // What is left of one compares with nothing.
            match issue.deleted_until(app) {
                None => Ok(Some(issue.counted(app, store, rules).await?)),
                Some(_) => Ok(None),
            }
        };
        let (Countable { accepted, clicks_of, opens_of }, counted) =
            tokio::try_join!(issue.countable(store), counting)?;
        let clicks = counted.map(|counted| counted.of(clicks_of, opens_of).clicks);
        let leavers = Leavers::of(store.departures(number).await?);
        before.push(Past::new(number, accepted, clicks_of, clicks.as_ref(), &leavers));
    }
    Ok(before)
}

/// An issue as it was frozen, and what is known of its sending.
struct Looked {
    frozen: FrozenIssue,
    queued_at: Timestamp,
    sent_at: Timestamp,
    /// Until when events were deleted once, of whichever issue.
    purged_until: Option<Timestamp>,
}

/// Whom an issue reached, by what may be counted of them.
struct Countable {
    accepted: u64,
    clicks_of: Accepted,
    opens_of: Accepted,
}

impl Looked {
    async fn at(app: &App, store: &Store, number: IssueNumber) -> anyhow::Result<Self> {
        let issue = stored(app, store, number).await?;
        let (queued_at, frozen) = (issue.queued_at, issue.thaw()?);
        let sent_at = store.first_attempt_at(number).await?.unwrap_or(queued_at);
        let purged_until = store.purged_until().await?;
        Ok(Self { frozen, queued_at, sent_at, purged_until })
    }

    async fn countable(&self, store: &Store) -> anyhow::Result<Countable> {
        let TrackingPolicy { clicks, opens } = self.frozen.tracking;
        let Reached { accepted, choice } = store.reached(self.frozen.number(), &self.frozen.list).await?;
        let under = |policy| Accepted::under(policy, &choice);
        Ok(Countable { accepted, clicks_of: under(clicks), opens_of: under(opens) })
    }

    /// Until when clicks and opens are not kept any more, if any of this issue may be from before that; whether `dispatch` has deleted
    /// them yet or not, and also where it did under a shorter time than now.
    fn deleted_until(&self, app: &App) -> Option<Timestamp> {
        let TrackingPolicy { clicks, opens } = self.frozen.tracking;
        let until = (app.now() - app.config.keep_events).max(self.purged_until.unwrap_or(Timestamp::MIN));
        (clicks.max(opens) > Tracking::None && self.queued_at < until).then_some(until)
    }

    /// Judges and counts all events.
    async fn counted(&self, app: &App, store: &Arc<Store>, rules: &Rules) -> anyhow::Result<Counted> {
        let links = &self.frozen.rendered.links;
        let deleted_until = self.deleted_until(app);
        let from = deleted_until.unwrap_or(Timestamp::MIN);
        let number = self.frozen.number();
        let mut tally = Tally::new(links, self.sent_at, rules, app.now());
        let (sender, mut pages) = mpsc::channel(AHEAD);
        let mut reading = JoinSet::new();
        for share in shares(store.active_readers(number).await?) {
            reading.spawn(read(store.clone(), (number, from), share, sender.clone()));
        }
        drop(sender);
        for Alike { event, robot, times } in store.nobodys_events(number, self.sent_at, from).await? {
            tally.nobodys(&event, robot, times);
        }
        while let Some(page) = pages.recv().await {
            for Activity { events, .. } in &page {
                tally.reader(events);
            }
        }
        while let Some(ended) = reading.join_next().await {
            ended??;
        }
        let counted = tally.finish();
        Ok(if deleted_until.is_some() { counted.rest() } else { counted })
    }
}

/// Readers in as many parts as are read at once.
fn shares(readers: Option<RangeInclusive<i64>>) -> Vec<RangeInclusive<i64>> {
    let Some((first, last)) = readers.map(RangeInclusive::into_inner) else { return Vec::new() };
    let share = (last - first) / SHARES + 1;
    (0..SHARES).map(|n| first + n * share..=(first + (n + 1) * share - 1).min(last)).collect()
}

/// Reads readers' events from a time on page by page while others are counted.
async fn read(
    store: Arc<Store>,
    (issue, from): (IssueNumber, Timestamp),
    readers: RangeInclusive<i64>,
    pages: mpsc::Sender<Vec<Activity>>,
) -> Result<(), StoreError> {
    let (mut first, end) = readers.into_inner();
    loop {
        let page = store.activities(issue, &(first..=end), from, PAGE).await?;
        let Some(last) = page.iter().map(|read| read.subscriber.0).max() else { return Ok(()) };
        first = last + 1;
        if pages.send(page).await.is_err() {
            return Ok(());
        }
    }
}

/// An issue that was queued.
///
/// # Errors
/// [`crate::app::Wrong`] where it never was; the store's.
async fn stored(app: &App, store: &Store, number: IssueNumber) -> anyhow::Result<StoredIssue> {
    brake::queued(app, store, number).await?;
    store.issue(number).await?.with_context(|| format!("issue {number} is gone from the store"))
}
