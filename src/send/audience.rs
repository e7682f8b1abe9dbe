//! Whom an issue would go to, and whether the message of each can be built, before anything is frozen.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::app::Wrong;
use crate::delivery::SkipReason;
use crate::id::ListName;
use crate::message::{Edition, FrozenIssue, MissingField};
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
    let mut verified =
        Verified { skipped: store.audience(&frozen.list, now).await?.skipped, ..Verified::default() };
    let mut message = Vec::new();
    each(store, &frozen.list, now, |recipient| {
        let written = match edition.write(recipient, keys, now, &mut message) {
            Ok(written) => written,
            Err(fault) => return Ok(Err(fault)),
        };
        let html_bytes = written.html_bytes(&message);
        verified.readers += 1;
        verified.largest = verified.largest.max(html_bytes);
        look(Built { recipient, html_bytes, message: &message })?;
        Ok(Ok(()))
    })
    .await?;
    Ok(verified)
}

/// Finds out that the message of every reader on the list can be built, and answers how many they are. Where the issue says nothing
/// that a reader could lack, none is looked at.
///
/// # Errors
/// As [`verify`].
pub(super) async fn check(store: &Store, frozen: &FrozenIssue, now: Timestamp) -> anyhow::Result<u64> {
    let edition = Edition::new(frozen);
    let mut readers = 0;
    if edition.suits_everyone() {
        let audience = store.audience(&frozen.list, now).await?;
        refuse_nobody(&frozen.list, audience.active, &audience.skipped)?;
        return Ok(audience.active);
    }
    each(store, &frozen.list, now, |recipient| {
        readers += 1;
        Ok(edition.check(recipient))
    })
    .await?;
    if readers == 0 {
        refuse_nobody(&frozen.list, readers, &store.audience(&frozen.list, now).await?.skipped)?;
    }
    Ok(readers)
}

/// An issue is queued once: for nobody, its number would be spent.
///
/// # Errors
/// [`Wrong`], naming what keeps whoever is on the list from getting it, or how to bring somebody onto it.
pub(super) fn refuse_nobody(
    list: &ListName,
    readers: u64,
    skipped: &BTreeMap<SkipReason, u64>,
) -> Result<(), Wrong> {
    if readers > 0 {
        return Ok(());
    }
    let count = |reason| skipped.get(&reason).copied().unwrap_or_default();
    let (paused, suppressed) = (count(SkipReason::Paused), count(SkipReason::Suppressed));
    let why = if paused + suppressed > 0 {
        format!(
            "of its readers {paused} are paused, {suppressed} suppressed, {} left; `pressroom subscribers show ADDRESS` says more of one",
            count(SkipReason::Unsubscribed)
        )
    } else {
        format!(
            "write subscribers/{list}.csv (a line `email`, then one reader a line), or `pressroom subscribers add ADDRESS --list {list}`"
        )
    };
    Err(Wrong(format!("nobody on the list `{list}` would get it, and nothing was queued; {why}")))
}

/// Goes through a list's audience and gathers its faults.
async fn each(
    store: &Store,
    list: &ListName,
    now: Timestamp,
    mut look: impl FnMut(&Recipient) -> anyhow::Result<Result<(), MissingField>>,
) -> anyhow::Result<()> {
    let mut faults = Faults::default();
    let mut after = None;
    loop {
        let page = store.recipients(list, after, PAGE, now).await?;
        let Some(recipient) = page.last() else { break };
        after = Some(recipient.id);
        for recipient in &page {
            if let Err(fault) = look(recipient)? {
                faults.add(&fault);
            }
        }
    }
    faults.refuse()
}

/// Readers whose message cannot be built: all of a list may be such.
#[derive(Debug, Default)]
struct Faults {
    named: Vec<String>,
    count: usize,
}

impl Faults {
    fn add(&mut self, fault: &MissingField) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(fault.to_string());
        }
    }

    fn refuse(self) -> anyhow::Result<()> {
        let messages = match self.count {
            0 => return Ok(()),
            1 => "a message",
            _ => "some messages",
        };
        let more = match self.count - self.named.len() {
            0 => String::new(),
            more => format!("\n  and {more} more"),
        };
        let named = self.named.join("\n  ");
        Err(Wrong(format!("nothing was sent: {messages} cannot be built\n  {named}{more}")).into())
    }
}
