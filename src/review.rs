//! Looking back at an issue: what became of it, and where its links lead.
//!
//! A journey: the store is read in one direction, reader by reader; `report` counts. What it holds does not grow with the readers.

pub mod links;

use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::app::App;
use crate::brake;
use crate::event::Rules;
use crate::id::IssueNumber;
use crate::message::FrozenIssue;
use crate::newsletter::Tracking;
use crate::report::{About, Accepted, Counted, Leavers, Opens, Past, Report, Tally};
use crate::store::{AcceptedBy, Activity, Store, StoreError, StoredIssue};

/// Issues that stand beside the one asked for.
const BEFORE: u32 = 10;
/// Readers read from the store at once.
const PAGE: u32 = 4096;
/// Pages that wait to be counted.
const AHEAD: usize = 2;

/// What became of an issue, as the store has it now.
///
/// # Errors
/// [`crate::app::Wrong`] for an issue that was never sent; the store's.
pub async fn report(app: &App, number: IssueNumber) -> anyhow::Result<Report> {
    let store = Arc::new(app.store().await?);
    let rules = Rules::built_in()?;
    let issue = Looked::at(&store, number).await?;
    let counted = issue.counted(&store, &rules, app.now()).await?;
    let tracking = issue.frozen.tracking;
    let opens = (tracking.opens != Tracking::None).then(|| Opens {
        reliable: false,
        of: Accepted::under(tracking.opens, &issue.accepted.choice),
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
            tracking,
            rules: rules.version,
        },
        counts: store.counts(number).await?,
        refusals: store.refusals(number).await?,
        skipped_by_reason: store.skipped(number).await?,
        clicks_of: issue.clicks_of(),
        clicks: counted.clicks,
        parts: counted.parts,
        opens,
        leavers: Leavers::of(store.departures(number).await?),
        times: counted.times,
        before: before(&store, &issue.frozen, &rules, app.now()).await?,
    })
}

/// The issues of the same list before one.
async fn before(
    store: &Arc<Store>,
    issue: &FrozenIssue,
    rules: &Rules,
    now: Timestamp,
) -> anyhow::Result<Vec<Past>> {
    let mut before = Vec::new();
    for number in store.issues_before(issue.number(), &issue.list, BEFORE).await? {
        let issue = Looked::at(store, number).await?;
        let counted = issue.counted(store, rules, now).await?;
        let accepted = issue.accepted.choice.values().sum();
        let leavers = Leavers::of(store.departures(number).await?);
        before.push(Past::new(number, accepted, issue.clicks_of(), &counted, &leavers));
    }
    Ok(before)
}

/// An issue as it was frozen, and what is known of its sending.
struct Looked {
    frozen: FrozenIssue,
    accepted: AcceptedBy,
    sent_at: Timestamp,
}

impl Looked {
    async fn at(store: &Store, number: IssueNumber) -> anyhow::Result<Self> {
        let StoredIssue { list, queued_at, frozen, .. } = stored(store, number).await?;
        let frozen = thawed(&frozen)?;
        let accepted = store.accepted_by_choice(number, &list).await?;
        let sent_at = accepted.first_attempt_at.unwrap_or(queued_at);
        Ok(Self { frozen, accepted, sent_at })
    }

    fn clicks_of(&self) -> Accepted {
        Accepted::under(self.frozen.tracking.clicks, &self.accepted.choice)
    }

    /// Judges and counts all events.
    async fn counted(&self, store: &Arc<Store>, rules: &Rules, now: Timestamp) -> anyhow::Result<Counted> {
        let number = self.frozen.number();
        let mut tally = Tally::new(&self.frozen.rendered.links, self.sent_at, rules, now);
        for alike in store.nobodys_events(number, self.sent_at).await? {
            tally.nobodys(&alike.event, alike.times);
        }
        let (sender, mut pages) = mpsc::channel(AHEAD);
        let reading = tokio::spawn(read(store.clone(), number, sender));
        while let Some(page) = pages.recv().await {
            for Activity { events, .. } in &page {
                tally.reader(events);
            }
        }
        reading.await??;
        Ok(tally.finish())
    }
}

/// Reads readers' events page by page while others are counted.
async fn read(
    store: Arc<Store>,
    issue: IssueNumber,
    pages: mpsc::Sender<Vec<Activity>>,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = store.activities(issue, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.subscriber);
        if pages.send(page).await.is_err() {
            return Ok(());
        }
    }
}

/// An issue that was queued.
///
/// # Errors
/// [`crate::app::Wrong`] where it never was; the store's.
async fn stored(store: &Store, number: IssueNumber) -> anyhow::Result<StoredIssue> {
    brake::queued(store, number).await?;
    store.issue(number).await?.with_context(|| format!("issue {number} is gone from the store"))
}

fn thawed(frozen: &str) -> anyhow::Result<FrozenIssue> {
    serde_json::from_str(frozen)
        .context("the frozen issue cannot be read; was it written by a newer pressroom?")
}
