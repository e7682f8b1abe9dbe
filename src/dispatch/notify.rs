//! The operator's mail: what dispatch did, or should have done.
//!
//! Each line waits in the store until a relay has taken it, and is counted as leaving before the mail's body does: one that was taken is
//! told once. Of which the relay says neither yes nor no is told once more.

use std::fmt::Write as _;

use jiff::Timestamp;
use tracing::warn;

use crate::app::App;
use crate::letter::{self, Letter};
use crate::smtp::SmtpError;
use crate::store::{Notification, Store};

/// A line leaves so often without a word of whether it arrived, or with a final no.
const TRIES: u32 = 2;

/// Writes to `notify`, if there is such a one, whatever waits for them. Answers what is to be said otherwise.
///
/// # Errors
/// The store's.
pub(super) async fn notify(app: &App, store: &Store, began: Timestamp) -> anyhow::Result<Vec<String>> {
    let (given_up, waiting): (Vec<_>, Vec<_>) =
        store.notifications().await?.into_iter().partition(|line| line.tries >= TRIES);
    if let Some(last) = given_up.last() {
        store.forget_notifications(last.id).await?;
    }
    let lost = given_up.iter().map(|line| {
        format!("`notify` may never have got this: {}: {}", app.local(line.said_at), line.text.trim_end())
    });
    let untold = match &waiting[..] {
        [] => None,
        waiting => tell(app, store, waiting, began).await?,
    };
    Ok(lost.chain(untold).collect())
}

/// Answers what kept the relay from taking it.
async fn tell(
    app: &App,
    store: &Store,
    waiting: &[Notification],
    began: Timestamp,
) -> anyhow::Result<Option<String>> {
    let last = waiting.last().map(|line| line.id).unwrap_or_default();
    let Some(operator) = &app.config.notify else {
        store.forget_notifications(last).await?;
        return Ok(None);
    };
    let subject = format!("{}: {}", app.config.newsletter.name, subject(waiting));
    let letter = Letter { to: operator.clone(), subject, text: text(app, waiting, began) };
    let Err(error) = post(app, store, &letter, last).await else {
        store.forget_notifications(last).await?;
        return Ok(None);
    };
    warn!("`notify` could not be told: {error:#}");
    // For what waits longer, that was said then.
    let is_news = waiting.iter().any(|line| line.said_at >= began);
    Ok(is_news.then(|| {
        format!("`notify` could not be told: {error:#}; a later dispatch tells them what is said here")
    }))
}

async fn post(app: &App, store: &Store, letter: &Letter, last: i64) -> anyhow::Result<()> {
    let mut leaves = false;
    let leave = async || {
        store.count_try(last, 1).await?;
        leaves = true;
        Ok(true)
    };
    let posted = letter::post_if(app, letter, leave).await;
    let is_to_be_counted = |error: &anyhow::Error| match error.downcast_ref() {
        Some(SmtpError::InDoubt(_) | SmtpError::Permanent(_)) => true,
        Some(SmtpError::Transient(_)) | None => false,
    };
    if leaves && posted.as_ref().is_err_and(|error| !is_to_be_counted(error)) {
        store.count_try(last, -1).await?;
    }
    posted.map(drop)
}

fn subject(waiting: &[Notification]) -> String {
    let mut issues: Vec<_> = waiting.iter().filter_map(|line| line.issue).collect();
    issues.sort();
    issues.dedup();
    let issues: Vec<_> = issues.into_iter().map(|issue| format!("issue {issue}")).collect();
    if issues.is_empty() { "no issue was sent".to_owned() } else { issues.join(", ") }
}

fn text(app: &App, waiting: &[Notification], began: Timestamp) -> String {
    let mut text = String::new();
    let dropped: u64 = waiting.iter().map(|line| line.dropped).sum();
    // Writing to a String cannot fail.
    if dropped > 0 {
        let _ = writeln!(text, "{dropped} older lines had to make room for these.");
    }
    if waiting.iter().any(|line| line.tries > 0) {
        let _ =
            writeln!(text, "Some of this was mailed before, and the relay did not say whether it took it.");
    }
    for Notification { said_at, text: line, .. } in waiting {
        let line = line.trim_end();
        let _ = if *said_at < began {
            writeln!(text, "{}: {line}", app.local(*said_at))
        } else {
            writeln!(text, "{line}")
        };
    }
    text
}
