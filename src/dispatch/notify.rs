//! The operator's mail: what dispatch did, or should have done.

use std::fmt::Write as _;

use super::Dispatched;
use crate::app::App;
use crate::letter::{self, Letter};

/// Writes to `notify`, if there is such a one and there is news for them.
///
/// # Errors
/// A relay that does not take it.
pub(super) async fn notify(app: &App, outcome: &Dispatched) -> anyhow::Result<()> {
    let Some(operator) = &app.config.notify else { return Ok(()) };
    if outcome.sent.is_empty() && outcome.said.is_empty() {
        return Ok(());
    }
    let subject = format!("{}: {}", app.config.newsletter.name, subject(outcome));
    letter::post(app, &Letter { to: operator.clone(), subject, text: text(outcome) }).await
}

fn subject(outcome: &Dispatched) -> String {
    let issue = |number| format!("issue {number}");
    let sent: Vec<_> = outcome.sent.iter().map(|done| issue(done.0.issue)).collect();
    if sent.is_empty() { "no issue was sent".to_owned() } else { sent.join(", ") }
}

fn text(outcome: &Dispatched) -> String {
    let mut text = String::new();
    let lines = outcome.sent.iter().map(ToString::to_string).chain(outcome.said.iter().cloned());
    let faults = outcome.faults.iter().map(|fault| format!("{fault:#}"));
    for line in lines.chain(faults).chain(outcome.notes.iter().cloned()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
