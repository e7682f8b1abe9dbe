//! Whom an issue would go to, with every message for every reader really built, before anything is frozen.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::app::Wrong;
use crate::delivery::SkipReason;
use crate::message::{Edition, FrozenIssue};
use crate::store::Store;
use crate::subscriber::Recipient;
use crate::token::Keys;

/// Readers read from the store at once.
const PAGE: u32 = 1000;
/// Faults that are named; the rest is counted.
const NAMED: usize = 10;

/// An audience whose messages can all be built.
#[derive(Debug, Default)]
pub(super) struct Verified {
    /// They get it.
    pub(super) readers: u64,
    /// They do not, by reason.
    pub(super) skipped: BTreeMap<SkipReason, u64>,
    /// Bytes of HTML of the largest message.
    pub(super) largest: usize,
}

/// A message that was built, with whom it is for.
pub(super) struct Built<'a> {
    pub(super) recipient: &'a Recipient,
    pub(super) html_bytes: usize,
    pub(super) message: &'a [u8],
}

/// Builds the message of every reader on the list and shows each to `look`.
///
/// # Errors
/// [`Wrong`], naming the readers who lack a field that the issue uses.
pub(super) async fn verify(
    store: &Store,
    frozen: &FrozenIssue,
    keys: &Keys,
    now: Timestamp,
    mut look: impl FnMut(Built<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Verified> {
    let edition = Edition::new(frozen);
    let mut faults = Vec::new();
    let mut after = None;
    let mut verified =
        Verified { skipped: store.audience(&frozen.list, now).await?.skipped, ..Verified::default() };
    let mut message = Vec::new();
    loop {
        let page = store.recipients(&frozen.list, after, PAGE, now).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for recipient in &page {
            verified.readers += 1;
            match edition.write(recipient, keys, now, &mut message) {
                Ok(written) => {
                    let html_bytes = written.html_bytes(&message);
                    verified.largest = verified.largest.max(html_bytes);
                    look(Built { recipient, html_bytes, message: &message })?;
                }
                Err(fault) => faults.push(fault.to_string()),
            }
        }
    }
    if faults.is_empty() { Ok(verified) } else { Err(faulty(&faults).into()) }
}

fn faulty(faults: &[String]) -> Wrong {
    let named = faults.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("\n  ");
    let more = match faults.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    let messages = if faults.len() == 1 { "a message" } else { "some messages" };
    Wrong(format!("nothing was sent: {messages} cannot be built\n  {named}{more}"))
}
