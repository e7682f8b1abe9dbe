//! What cron calls, as often as it likes: goes on with what was interrupted or deferred, and starts what is due.
//!
//! Nothing due, or another sender at work: it does nothing. What one issue lacks keeps no other from its readers.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use tracing::{debug, warn};

use crate::app::{App, Wrong};
use crate::compose;
use crate::diagnostic::Source;
use crate::draft::Draft;
use crate::id::IssueNumber;
use crate::schedule::{self, Turn};
use crate::send::{self, Options, Run, Sender, Sent};
use crate::store::StoreError;
use crate::track;
use crate::workspace::Unreadable;

mod approved;
mod fault;
mod notify;
mod said;

pub use fault::{Fault, Finding};

/// Under this name the store keeps until when the schedule was looked at.
const LOOKED_AT: &str = "schedule";

/// What a dispatch did.
#[derive(Debug, Default)]
pub struct Dispatched {
    /// Issues that were worked on, in their order.
    pub sent: Vec<Done>,
    /// What should have been and was not; said this once.
    pub said: Vec<String>,
    /// What was wrong with single issues; said again until it is mended.
    pub faults: Vec<Fault>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// An issue that was worked on.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Done(pub Sent);

struct Dispatch<'a> {
    app: &'a App,
    sender: Sender,
    options: &'a Options,
    outcome: Dispatched,
    /// Times of the schedule whose issue is on its way, or of which enough is said.
    accounted: BTreeSet<Timestamp>,
    /// Under what `notify` knows of faults that there are.
    told: BTreeSet<String>,
}

/// Does whatever is due.
///
/// # Errors
/// Mistakes in newsletter.toml or skipped.toml, or a store that is away. What is wrong with one issue is among the faults.
pub async fn dispatch(app: &App, options: &Options) -> anyhow::Result<Dispatched> {
    app.smtp()?;
    let skipped = app.workspace.skipped()?;
    let sender = match Sender::take_alone(app).await {
        Ok(sender) => sender,
        Err(error) if is_busy(&error) => return Ok(Dispatched::default()),
        Err(error) => return Err(error),
    };
    let outcome = Dispatched::default();
    let began = app.now();
    let mut dispatch =
        Dispatch { app, sender, options, outcome, accounted: BTreeSet::new(), told: BTreeSet::new() };
    dispatch.forget().await?;
    Box::pin(dispatch.go_on()).await?;
    Box::pin(dispatch.start()).await?;
    // Cut short, it cannot tell what would have been started.
    if !dispatch.is_stopped() {
        dispatch.look_back(&skipped).await?;
        dispatch.sender.store.forget_notices(fault::TOLD, &dispatch.told).await?;
    }
    let Dispatch { sender, mut outcome, .. } = dispatch;
    match notify::notify(app, &sender.store, began).await {
        Ok(notes) => outcome.notes.extend(notes),
        Err(error) => outcome.notes.push(format!("`notify` could not be told: {error:#}")),
    }
    Ok(outcome)
}

fn is_busy(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::SenderAtWork { .. }))
}

impl Dispatch<'_> {
    /// Clicks and opens are kept as long as `[retention]` has it.
    async fn forget(&mut self) -> anyhow::Result<()> {
        let (app, now) = (self.app, self.app.now());
        let forgotten = track::forget(&self.sender.store, app.config.keep_events, now).await?;
        if let Some(last) = forgotten.leapt_from {
            let (mark, now, last) = (app.mark(), app.local(now), app.local(last));
            let note = format!(
                "{mark}it is {now}, and the last look for what is to be forgotten was on {last}; see whether the clock is right: no clicks and \
                 opens are deleted for a day"
            );
            self.remark(vec![note]).await?;
        }
        Ok(())
    }

    /// Takes up what was interrupted, and whom the relay had asked to come later.
    async fn go_on(&mut self) -> anyhow::Result<()> {
        for number in self.sender.store.unfinished().await? {
            if let Err(error) = self.resume(number).await {
                self.find(Fault { issue: Some(number), draft: None, error }).await?;
            }
        }
        Ok(())
    }

    async fn resume(&mut self, number: IssueNumber) -> anyhow::Result<()> {
        let Some(queued) = self.sender.store.issue(number).await? else { return Ok(()) };
        if self.is_stopped() {
            return Ok(());
        }
        let run = send::resume(self.app, &self.sender, queued).await?;
        if run.is_due().await? {
            let run = run.heed_list().await?;
            let notes = run.notes().to_vec();
            if self.work_on(run).await? {
                self.remark(notes).await?;
            }
        } else {
            send::Resend::of(&self.app.config)?.finish(&self.sender.store, number).await?;
        }
        Ok(())
    }

    /// Starts what is ready and due.
    async fn start(&mut self) -> anyhow::Result<()> {
        let (drafts, unreadable) = self.app.workspace.drafts();
        for Unreadable { number, name, why } in unreadable {
            self.find(Fault { issue: number, draft: Some(name), error: why.into() }).await?;
        }
        for (number, source) in drafts {
            if self.is_stopped() || self.sender.store.state(number).await?.is_some() {
                continue;
            }
            let (claims_ready, name) = (claims_ready(&source), source.name().to_owned());
            let fault = match Draft::parse(source) {
                Ok(draft) => self.consider(&draft).await.err(),
                Err(mistakes) if claims_ready => Some(mistakes.into()),
                // Still being written.
                Err(_) => None,
            };
            if let Some(error) = fault {
                self.find(Fault { issue: Some(number), draft: Some(name), error }).await?;
            }
        }
        Ok(())
    }

    /// What is wrong is said each time, but to `notify` once as long as it lasts.
    async fn find(&mut self, fault: Fault) -> Result<(), StoreError> {
        let subject = fault.subject();
        if self.app.config.notify.is_some() {
            if self.sender.store.noted(&subject).await?.is_none() {
                let text = format!("{}{fault}", self.app.mark());
                self.tell(None, &text, Some(&subject)).await?;
            }
            self.told.insert(subject);
        }
        self.outcome.faults.push(fault);
        Ok(())
    }

    /// What becomes of a draft at its time. One that is not ready waits for a time of its own, and not for the schedule's.
    async fn consider(&mut self, draft: &Draft) -> anyhow::Result<()> {
        let Draft { date, send_at, ready, .. } = draft;
        let (number, config) = (draft.number.value, &self.app.config);
        if !ready && send_at.is_none() {
            return Ok(());
        }
        let Some(due) = config.timetable().due(*date, send_at.as_ref()) else {
            return if *ready { Err(timeless(draft).into()) } else { Ok(()) };
        };
        let slot = config.timetable().slot_of(*date, send_at.as_ref());
        let highest = self.sender.store.highest_issue().await?;
        let turn = schedule::turn(number, due, self.app.now(), config.max_late, highest);
        debug!(issue = %number, %due, ready, ?turn, "draft has a time");
        let (was_due, at) = (self.app.local(due), due.as_millisecond());
        let (subject, text) = match turn {
            Turn::NotYet => {
                self.accounted.extend(slot);
                return Ok(());
            }
            Turn::TooLate | Turn::Behind(_) if !ready => return Ok(()),
            Turn::Due if *ready => {
                // What keeps it from its readers is said as its fault.
                self.accounted.extend(slot);
                return self.send(draft).await;
            }
            Turn::Due => (
                "unready",
                format!(
                    "issue {number} was due on {was_due} and its draft is not ready; write `ready = true`, or move its `send_at`"
                ),
            ),
            Turn::TooLate => (
                "left",
                format!(
                    "issue {number} was due on {was_due}, longer ago than `max_late`; only `pressroom send {number}` sends it"
                ),
            ),
            Turn::Behind(highest) => (
                "left",
                format!(
                    "issue {number} comes before issue {highest}, which was sent; only `pressroom send {number}` sends it"
                ),
            ),
        };
        self.accounted.extend(slot);
        Ok(self.say(&format!("{subject} {number} {at}"), text).await?)
    }

    async fn send(&mut self, draft: &Draft) -> anyhow::Result<()> {
        let prepared = compose::prepare(&self.app.workspace, &self.app.config, draft.source.name())?;
        approved::check(self.app, &prepared)?;
        let run = Box::pin(send::begin(self.app, &self.sender, prepared)).await?;
        let notes = run.notes().to_vec();
        self.work_on(run).await?;
        // Said once, also where a quota lets nothing go yet.
        Ok(self.remark(notes).await?)
    }

    /// Answers whether there is anything new to tell: every few minutes of a quota's hour there is not.
    async fn work_on(&mut self, run: Run) -> anyhow::Result<bool> {
        let sent = run.go(self.options.clone()).await?;
        if sent.held_until.is_some() && sent.accepted_now == 0 {
            return Ok(false);
        }
        let (issue, alarms, done) = (sent.issue, sent.alarms().collect(), Done(sent));
        self.tell(Some(issue), &done.to_string(), None).await?;
        self.outcome.sent.push(done);
        self.remark(alarms).await?;
        Ok(true)
    }

    async fn remark(&mut self, notes: Vec<String>) -> Result<(), StoreError> {
        for note in &notes {
            self.tell(None, note, None).await?;
        }
        self.outcome.notes.extend(notes);
        Ok(())
    }

    /// Says which times of the schedule have passed without an issue, since it was last looked at; the first time, as far back as an issue
    /// could still start.
    async fn look_back(&mut self, skipped: &[Date]) -> anyhow::Result<()> {
        let (now, timetable) = (self.app.now(), self.app.config.timetable());
        let since = match self.noted(LOOKED_AT).await? {
            Some(since) => since,
            None => now.checked_sub(self.app.config.max_late).unwrap_or(now),
        };
        self.accounted.extend(skipped.iter().filter_map(|date| timetable.slot(*date)));
        for slot in timetable.passed(since, now) {
            if !self.accounted.contains(&slot) && !self.sender.store.is_slot_taken(slot).await? {
                let text = format!(
                    "no issue was started for {}; finish its draft and write `ready = true`, or declare the week off in skipped.toml",
                    self.app.local(slot)
                );
                self.say(&format!("missed {}", slot.as_millisecond()), text).await?;
            }
        }
        Ok(self.sender.store.note(LOOKED_AT, now).await?)
    }

    /// Says something once for ever.
    async fn say(&mut self, subject: &str, text: String) -> Result<(), StoreError> {
        if self.noted(subject).await?.is_none() {
            warn!("{text}");
            let text = format!("{}{text}", self.app.mark());
            self.tell(None, &text, Some(subject)).await?;
            self.outcome.said.push(text);
        }
        Ok(())
    }

    /// What was noted while the clock ran ahead was noted of times that had not come.
    async fn noted(&self, subject: &str) -> Result<Option<Timestamp>, StoreError> {
        let now = self.app.now();
        Ok(self.sender.store.noted(subject).await?.filter(|at| *at <= now))
    }

    /// Keeps a line for `notify`, if there is such a one; what it is about is noted in the same step.
    async fn tell(
        &self,
        issue: Option<IssueNumber>,
        text: &str,
        noted: Option<&str>,
    ) -> Result<(), StoreError> {
        let (store, now) = (&self.sender.store, self.app.now());
        match (&self.app.config.notify, noted) {
            (Some(_), _) => store.notify((issue, text), noted, now).await,
            (None, Some(subject)) => store.note(subject, now).await,
            (None, None) => Ok(()),
        }
    }

    fn is_stopped(&self) -> bool {
        *self.options.stop.borrow()
    }
}

fn timeless(draft: &Draft) -> Wrong {
    let (number, name) = (draft.number.value, draft.source.name());
    Wrong(format!(
        "issue {number} is ready but has no time; write `send_at` in {name}, or `schedule` in newsletter.toml"
    ))
}

/// Whether a draft with mistakes means to be sent, as far as one can tell: half-written ones are nobody's business.
fn claims_ready(source: &Source) -> bool {
    source.text().lines().any(|line| line.trim_start().starts_with("ready") && line.contains("true"))
}
