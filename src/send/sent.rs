//! What came of a run: how it ended, its counts, and the words for both.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::deliver::Ended;
use crate::delivery::{Cause, Counts, Refusal};
use crate::id::{IssueNumber, ListName};
use crate::store::IssueState;

/// What a run did.
#[derive(Debug, Clone, Serialize)]
pub struct Sent {
    /// Which issue.
    pub issue: IssueNumber,
    /// Its list.
    pub list: ListName,
    /// Whether it went to the built-in inbox.
    pub trial: bool,
    /// How the run ended.
    pub ending: Ending,
    /// The store's counts.
    #[serde(flatten)]
    pub counts: Counts,
    /// Who was refused, by the codes of what was said; the most frequent first.
    pub refusals: Vec<Refusal>,
    /// Readers to whom no message could be written in this run, since the list does not say of them what the issue uses, by that field.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lacking: BTreeMap<String, usize>,
    /// Messages that were accepted in this run.
    pub accepted_now: u64,
    /// When something can be tried again.
    pub next_attempt: Option<Timestamp>,
    /// Until when a relay's quota or a domain's pace holds back those not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
    /// Why the relay took nothing; where there are several, one that is away and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay_said: Option<String>,
    /// Where a trial's messages are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbox: Option<PathBuf>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Everyone has it.
    Done,
    /// Everyone had it already.
    NothingToDo,
    /// Finished, with some refused or in doubt.
    Incomplete,
    /// Some are to be tried again later.
    Deferred,
    /// It was asked to stop.
    Stopped,
    /// The issue is paused.
    Paused,
    /// The issue was cancelled.
    Cancelled,
    /// The relay could not be reached, or broke off again and again.
    RelayAway,
    /// The relay takes nothing from us; trying again will not help.
    RelayRefuses,
}

pub(super) fn ending(ended: &Ended, counts: &Counts, state: IssueState) -> Ending {
    match ended {
        _ if state == IssueState::Cancelled => Ending::Cancelled,
        Ended::Stopped if state == IssueState::Paused => Ending::Paused,
        Ended::Stopped => Ending::Stopped,
        Ended::RelayAway { for_good: true } => Ending::RelayRefuses,
        Ended::RelayAway { for_good: false } => Ending::RelayAway,
        Ended::Finished { .. } if counts.deferred + counts.waiting > 0 => Ending::Deferred,
        Ended::Finished { .. } if counts.refused + counts.in_doubt > 0 => Ending::Incomplete,
        Ended::Finished { .. } => Ending::Done,
    }
}

/// "1 reader", "12 readers".
pub(super) fn readers(count: u64) -> String {
    format!("{count} reader{}", if count == 1 { "" } else { "s" })
}

impl Sent {
    /// What the operator has to mend: refusals that are no reader's fault, and readers of whom the list says too little.
    pub fn alarms(&self) -> impl Iterator<Item = String> {
        let policy = self.refusals.iter().filter(|refusal| refusal.cause == Cause::Policy);
        let (issue, trial) = (self.issue, if self.trial { "trial: " } else { "" });
        let policy = policy
            .map(move |refusal| format!("{refusal}; then `pressroom deliveries {issue} --resend ADDRESS…`"));
        policy.chain(self.lacks()).map(move |alarm| format!("{trial}issue {issue}: {alarm}"))
    }

    fn lacks(&self) -> impl Iterator<Item = String> {
        self.lacking.iter().map(|(field, count)| {
            let (readers, issue) = (readers(*count as u64), self.issue);
            format!(
                "not sent to {readers}: the list gives no `{field}`, which the issue uses; fill the column in, and the next attempt \
                 brings it (`pressroom deliveries {issue} --missed` names them)"
            )
        })
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trial = if self.trial { "trial: " } else { "" };
        let Counts { queued, waiting, accepted, deferred, refused, in_doubt, skipped } = self.counts;
        writeln!(f, "{trial}issue {}: {} accepted in this run", self.issue, self.accepted_now)?;
        writeln!(
            f,
            "{trial}of {}: {accepted} accepted, {deferred} deferred, {refused} refused, {in_doubt} in doubt, {waiting} not tried; \
             {skipped} skipped",
            readers(queued)
        )?;
        for line in self.refusals.iter().map(ToString::to_string).chain(self.lacks()) {
            writeln!(f, "{trial}{line}")?;
        }
        let next = self.next_attempt.map_or_else(|| "later".to_owned(), |at| format!("from {at:.0} on"));
        let relay_said = self.relay_said.as_deref().unwrap_or_default();
        if !relay_said.is_empty() && !matches!(self.ending, Ending::RelayAway | Ending::RelayRefuses) {
            writeln!(f, "{trial}a relay takes nothing: {relay_said}; the others carried on")?;
        }
        if let Some(until) = self.held_until {
            writeln!(f, "{trial}the relay's quota or a domain's pace allows no more until {until:.0}")?;
        }
        match self.ending {
            Ending::Done | Ending::Incomplete => {}
            Ending::RelayRefuses => writeln!(
                f,
                "{trial}the relay takes nothing from us: {relay_said}; mend that, then run the same command to go on"
            )?,
            Ending::NothingToDo => writeln!(f, "{trial}nothing was left to do")?,
            Ending::Paused => writeln!(
                f,
                "{trial}paused; `pressroom resume {}`, then the same command, to go on",
                self.issue
            )?,
            Ending::Cancelled => writeln!(f, "{trial}cancelled; whoever was left is skipped, for good")?,
            Ending::Stopped => writeln!(f, "{trial}stopped; run the same command to go on")?,
            Ending::RelayAway => writeln!(
                f,
                "{trial}the relay takes nothing: {relay_said}; run the same command later to go on"
            )?,
            Ending::Deferred => writeln!(f, "{trial}run the same command {next}, or with --wait, to go on")?,
        }
        match &self.inbox {
            Some(inbox) => writeln!(
                f,
                "{trial}nothing left this machine; the messages are in {}",
                inbox.join("new").display()
            ),
            None => Ok(()),
        }
    }
}
