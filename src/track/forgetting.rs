//! Forgetting clicks and opens that were kept for as long as `[retention]` has it; not where the clock may be wrong, for nobody brings
//! them back.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::store::{Store, StoreError};

/// Under this name the store keeps when anybody last looked for what is to be forgotten.
const LOOKED_AT: &str = "forgetting";
/// Under this one, when the clock was another than one would think.
const LEAPT_AT: &str = "forgetting, clock";
/// Nobody looks so seldom.
const LEAP: SignedDuration = SignedDuration::from_hours(31 * 24);
/// For so long nothing is forgotten by a clock that leapt.
const DOUBT: SignedDuration = SignedDuration::from_hours(24);

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forgotten {
    /// Clicks and opens that were deleted.
    pub(crate) events: u64,
    /// When anybody had last looked, where the clock is so far past it that it may be wrong: this is known once a leap.
    pub(crate) leapt_from: Option<Timestamp>,
}

/// Deletes clicks and opens that were kept for longer than this. Whose clock is more than a month past the last look deletes nothing, and
/// neither does anybody within a day of that clock.
///
/// # Errors
/// The store's.
pub(crate) async fn forget(store: &Store, keep: Duration, now: Timestamp) -> Result<Forgotten, StoreError> {
    let looked_at = store.noted(LOOKED_AT).await?;
    let has_leapt = looked_at.is_none_or(|at| now.duration_since(at) > LEAP);
    if has_leapt {
        store.note(LEAPT_AT, now).await?;
    }
    store.note(LOOKED_AT, now).await?;
    let is_doubtful = |leapt: Timestamp| leapt <= now && now.duration_since(leapt) < DOUBT;
    let waits = store.noted(LEAPT_AT).await?.is_some_and(is_doubtful);
    let events = if waits { 0 } else { store.purge_events(now - keep).await? };
    Ok(Forgotten { events, leapt_from: looked_at.filter(|_| has_leapt) })
}
