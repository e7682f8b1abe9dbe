//! Holding an issue that is on its way, letting it go on, giving it up: a sender at work sees it within a second.

use std::fmt;

use serde::Serialize;

use crate::app::{App, Wrong};
use crate::delivery::Counts;
use crate::id::IssueNumber;
use crate::send;
use crate::store::{IssueState, Store, StoreError};

/// What an operator asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    /// No new message until it is resumed.
    Pause,
    /// Go on.
    Resume,
    /// Never go on: whoever is left is skipped.
    Cancel,
}

/// How an issue stands now.
#[derive(Debug, Clone, Serialize)]
pub struct Braked {
    /// Which.
    pub issue: IssueNumber,
    /// Whether it is a trial.
    pub trial: bool,
    /// Its state.
    pub state: IssueState,
    /// Whether this changed anything.
    pub changed: bool,
    /// Whether a sender has it in hand.
    pub at_work: bool,
    /// The store's counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Does what is asked for, if the issue is in a state for it.
///
/// # Errors
/// [`Wrong`] for an issue that was never queued, is finished, or was cancelled before; the store's, where it cannot be told who is at work.
pub async fn pull(app: &App, issue: IssueNumber, pull: Pull) -> anyhow::Result<Braked> {
    let store = app.store().await?;
    let before = queued(app, &store, issue).await?;
    if let Some(refusal) = refusal(issue, before, pull) {
        return Err(Wrong(refusal).into());
    }
    let changed = match pull {
        Pull::Pause => store.pause(issue).await?,
        Pull::Resume => store.resume(issue).await?,
        Pull::Cancel => store.cancel(issue, app.now()).await?,
    };
    let at_work = tidy(app, &store, issue).await?;
    let (state, counts) = (queued(app, &store, issue).await?, store.counts(issue).await?);
    Ok(Braked { issue, trial: app.is_trial(), state, changed, at_work, counts })
}

/// The state of an issue that was queued.
///
/// # Errors
/// [`Wrong`] where it never was.
pub(crate) async fn queued(app: &App, store: &Store, issue: IssueNumber) -> anyhow::Result<IssueState> {
    let never = || {
        let (drafts, unreadable) = app.workspace.drafts();
        let mut numbers = drafts
            .iter()
            .map(|(number, _)| *number)
            .chain(unreadable.iter().filter_map(|draft| draft.number));
        let remedy = if numbers.any(|number| number == issue) {
            format!("; `pressroom send {issue}` does it")
        } else {
            ", and no draft has that number".to_owned()
        };
        Wrong(format!("issue {issue} was never sent{remedy}"))
    };
    Ok(store.state(issue).await?.ok_or_else(never)?)
}

/// The same, once what a dead sender left of an issue is in order, so that it is told as it is. Where a sender is at work it stays
/// as it stands; where the store cannot be written too, and that is said.
///
/// # Errors
/// As [`queued`].
pub(crate) async fn in_order(app: &App, store: &Store, issue: IssueNumber) -> anyhow::Result<IssueState> {
    match queued(app, store, issue).await? {
        IssueState::Finished => return Ok(IssueState::Finished),
        // Whom a sender was writing to as it was cancelled, that one may have left behind.
        IssueState::Cancelled | IssueState::Running | IssueState::Paused => {}
    }
    if let Err(error) = tidy(app, store, issue).await {
        app.tell(&format!(
            "whom a sender that died may have left in doubt is not told apart for now: {error:#}"
        ));
    }
    queued(app, store, issue).await
}

/// Where no sender is at work, what a dead one left is put in order; else the sender does so. Answers whether one is.
async fn tidy(app: &App, store: &Store, issue: IssueNumber) -> anyhow::Result<bool> {
    let _lock = match store.sender_lock(send::sender_id()).await {
        Ok(lock) => lock,
        Err(StoreError::SenderAtWork { .. }) => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    store.recover(issue, app.now()).await?;
    send::Resend::of(&app.config)?.finish(store, issue).await?;
    Ok(!store.is_only_sender().await?)
}

fn refusal(issue: IssueNumber, state: IssueState, pull: Pull) -> Option<String> {
    match (state, pull) {
        (IssueState::Running | IssueState::Paused, _) | (IssueState::Cancelled, Pull::Cancel) => None,
        (IssueState::Cancelled, Pull::Pause | Pull::Resume) => {
            Some(format!("issue {issue} was cancelled; whoever was left is skipped, for good"))
        }
        (IssueState::Finished, Pull::Pause | Pull::Resume | Pull::Cancel) => {
            Some(format!("issue {issue} is finished; nobody is left to try"))
        }
    }
}

impl fmt::Display for Braked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { waiting, accepted, deferred, refused, in_doubt, skipped, .. } = self.counts;
        let issue = self.issue;
        let word = match self.state {
            IssueState::Running => "goes on",
            IssueState::Paused => "is paused",
            IssueState::Cancelled => "is cancelled",
            IssueState::Finished => "is finished",
        };
        let trial = if self.trial { "trial: " } else { "" };
        let already = if self.changed { "" } else { " already" };
        writeln!(
            f,
            "{trial}issue {issue} {word}{already}: {accepted} accepted, {deferred} deferred, {waiting} not tried, {refused} refused, {in_doubt} in doubt, {skipped} skipped"
        )?;
        match (self.at_work, self.state) {
            (true, _) => writeln!(f, "{trial}a sender is at work, and sees it within a second"),
            (false, IssueState::Running) => {
                writeln!(
                    f,
                    "{trial}no sender is at work; `pressroom send {issue}` or the next dispatch goes on"
                )
            }
            (false, IssueState::Paused) => writeln!(f, "{trial}`pressroom resume {issue}` lets it go on"),
            (false, IssueState::Cancelled | IssueState::Finished) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_doubt_is_named_where_an_issue_is_given_up() {
        let counts =
            Counts { queued: 5, accepted: 2, in_doubt: 2, refused: 1, skipped: 3, ..Counts::default() };
        let issue = IssueNumber::new(7).unwrap();
        let state = IssueState::Cancelled;
        let braked = Braked { issue, trial: false, state, changed: true, at_work: false, counts };
        assert_eq!(
            braked.to_string(),
            "issue 7 is cancelled: 2 accepted, 0 deferred, 0 not tried, 1 refused, 2 in doubt, 3 skipped\n"
        );
    }
}
