//! Who is in which state and why, and what an operator decides about those refused or in doubt.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::app::{App, Wrong};
use crate::brake;
use crate::delivery::{DeliveryStatus, SkipReason, SmtpReply};
use crate::id::IssueNumber;
use crate::mailbox::EmailAddress;
use crate::store::{Among, Decision, Delivery, Obstacle, StoreError, Undecidable};

/// One reader's record, shown to the operator who asked.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The address, whole.
    pub address: EmailAddress,
    /// Where it stands: `queued`, `leased`, `sending`, `accepted`, `deferred`, `refused`, `in-doubt` or `skipped`.
    pub status: &'static str,
    /// Why they were skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<SkipReason>,
    /// What the relay said last: `code`, `enhanced`, `text`.
    #[serde(flatten)]
    pub reply: Option<SmtpReply>,
    /// When they are tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// Since when.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first tried: the message's Date.
    pub first_attempt_at: Option<Timestamp>,
    /// What an operator decided about it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// When they did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
}

/// Shows an issue's records to `look`, one by one; memory does not grow with the list.
///
/// # Errors
/// [`Wrong`] for an issue that was never sent; the store's; whatever `look` says.
pub async fn list(
    app: &App,
    issue: IssueNumber,
    among: Among,
    mut look: impl FnMut(&Line) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let store = app.store().await?;
    brake::in_order(app, &store, issue).await?;
    store.each_delivery(issue, among, |delivery| look(&delivery.into())).await
}

/// What was decided.
#[derive(Debug, Clone, Serialize)]
pub struct Decided {
    /// For which issue.
    pub issue: IssueNumber,
    /// Whether it is a trial.
    pub trial: bool,
    /// What.
    pub decision: Decision,
    /// About whom.
    pub readers: Vec<EmailAddress>,
    /// When.
    pub at: Timestamp,
}

/// Puts these readers back into the queue, or settles that they have it; recorded with the time and with what stood there. To settle
/// without addresses is about all in doubt.
///
/// # Errors
/// [`Wrong`] where it cannot be decided about some of them, all named: then nothing has changed.
pub async fn decide(
    app: &App,
    issue: IssueNumber,
    decision: Decision,
    mut readers: Vec<EmailAddress>,
) -> anyhow::Result<Decided> {
    let store = app.store().await?;
    brake::in_order(app, &store, issue).await?;
    if readers.is_empty() {
        let look = |delivery: Delivery| {
            readers.push(delivery.address);
            Ok(())
        };
        store.each_delivery::<StoreError>(issue, Among::InDoubt, look).await?;
    }
    let mut seen = BTreeSet::new();
    readers.retain(|reader| seen.insert(reader.key()));
    let undecidable = store.decide(issue, decision, &readers, app.now()).await?;
    if undecidable.is_empty() {
        return Ok(Decided { issue, trial: app.is_trial(), decision, readers, at: app.now() });
    }
    Err(Wrong(refusal(issue, decision, &undecidable)).into())
}

fn refusal(issue: IssueNumber, decision: Decision, undecidable: &[Undecidable]) -> String {
    let wanted = match decision {
        Decision::Resend => "only those in doubt or refused can be sent it again",
        Decision::Accepted => "only those in doubt can be settled",
    };
    let one = |Undecidable { address, obstacle }: &Undecidable| match obstacle {
        Obstacle::Cancelled => format!("\n  {address}: issue {issue} was cancelled; nobody gets it any more"),
        Obstacle::Suppressed => {
            format!(
                "\n  {address} is suppressed; `pressroom subscribers show {address}` says why, and what lifts it"
            )
        }
        Obstacle::Left(list) => {
            format!("\n  {address} left the list {list}; only they can come back, on its page")
        }
        Obstacle::Gone(list) => {
            format!(
                "\n  {address} is no more on the list {list}; write them into subscribers/{list}.csv and import it"
            )
        }
        Obstacle::Paused(until) => {
            format!("\n  {address} wants no mail before {until:.0}; decide again after that")
        }
        Obstacle::Status(status) => format!("\n  {address} is {status}"),
        Obstacle::Unknown => {
            format!("\n  {address} is not among the readers of issue {issue}, or was erased")
        }
    };
    format!("nothing was changed: {wanted}{}", undecidable.iter().map(one).collect::<String>())
}

impl From<Delivery> for Line {
    fn from(delivery: Delivery) -> Self {
        let Delivery { address, status, since, attempts, first_attempt_at, decision, .. } = delivery;
        let (decision, decided_at) = decision.unzip();
        let (status, reply, retry_at, reason) = match status {
            DeliveryStatus::Queued => ("queued", None, None, None),
            DeliveryStatus::Leased { .. } => ("leased", None, None, None),
            DeliveryStatus::Sending { .. } => ("sending", None, None, None),
            // Nobody heard a relay say so.
            DeliveryStatus::Accepted(_) if decision == Some(Decision::Accepted) => {
                ("accepted", None, None, None)
            }
            DeliveryStatus::Accepted(reply) => ("accepted", Some(reply), None, None),
            DeliveryStatus::Deferred { reply, retry_at } => ("deferred", Some(reply), Some(retry_at), None),
            DeliveryStatus::Refused(reply) => ("refused", Some(reply), None, None),
            DeliveryStatus::InDoubt { .. } => ("in-doubt", None, None, None),
            DeliveryStatus::Skipped { reason } => ("skipped", None, None, Some(reason)),
        };
        Self {
            address,
            status,
            reason,
            reply,
            retry_at,
            since,
            attempts,
            first_attempt_at,
            decision,
            decided_at,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, status, since, attempts, .. } = self;
        let plural = if *attempts == 1 { "" } else { "s" };
        write!(f, "{address}  {status} since {since:.0}, {attempts} attempt{plural}")?;
        if let Some(retry_at) = self.retry_at {
            write!(f, ", again from {retry_at:.0} on")?;
        }
        if let Some(SmtpReply { code, enhanced, text }) = &self.reply {
            let enhanced = enhanced.as_ref().map(|enhanced| format!(" {enhanced}")).unwrap_or_default();
            let to_others = if *attempts == 0 { "; others there were told" } else { "" };
            write!(f, "{to_others}: {code}{enhanced} {text}")?;
        }
        if let Some(reason) = self.reason {
            write!(f, ": {reason}")?;
        }
        match (self.decision, self.decided_at) {
            (Some(Decision::Resend), Some(at)) => write!(f, " (sent again by hand on {at:.0})"),
            (Some(Decision::Accepted), Some(at)) => write!(f, " (settled by hand on {at:.0})"),
            (Some(_) | None, _) => Ok(()),
        }
    }
}

impl fmt::Display for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trial = if self.trial { "trial: " } else { "" };
        let word = match self.decision {
            Decision::Resend => "is queued again",
            Decision::Accepted => "is settled as accepted",
        };
        for reader in &self.readers {
            writeln!(f, "{trial}{reader} {word}")?;
        }
        match (self.decision, self.readers.len()) {
            (_, 0) => writeln!(f, "{trial}nobody is in doubt"),
            (Decision::Resend, _) => {
                writeln!(
                    f,
                    "{trial}`pressroom send {0}` or the next dispatch sends issue {0} to them",
                    self.issue
                )
            }
            (Decision::Accepted, _) => Ok(()),
        }
    }
}
