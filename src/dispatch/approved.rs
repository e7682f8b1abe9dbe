//! Under `require_review`: what is sent is what was approved, part for part.

use crate::app::{App, Wrong};
use crate::approval::Part;
use crate::compose::Prepared;

/// Holds an issue against its approval, where newsletter.toml wants one.
///
/// # Errors
/// [`Wrong`], naming the parts that have changed; a file that is not as `approve` wrote it.
pub(super) fn check(app: &App, prepared: &Prepared) -> anyhow::Result<()> {
    if !app.config.require_review {
        return Ok(());
    }
    let frozen = prepared.freeze(&app.config);
    let number = frozen.number();
    let Some(approval) = app.workspace.approval(number)? else {
        let remedy = format!("review it with `pressroom approve {number}`");
        return Err(Wrong(format!("issue {number} is due and nobody has approved it; {remedy}")).into());
    };
    let changed = approval.changed(&prepared.digest(&frozen, &app.config));
    if changed.is_empty() {
        return Ok(());
    }
    let parts: Vec<_> = changed.iter().map(Part::to_string).collect();
    Err(Wrong(format!(
        "issue {number} is due, but since {} approved it on {:.0} something has changed: {}; review it again with \
         `pressroom approve {number}`",
        approval.by,
        approval.at,
        parts.join(", ")
    ))
    .into())
}
