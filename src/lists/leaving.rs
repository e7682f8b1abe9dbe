//! Leaving by a token, wherever it comes from; and coming back.

use crate::id::{ListName, Reference, SubscriberId};
use crate::store::{Reader, Store, StoreError};
use crate::subscriber::{Consent, Leaving, Subscription, SubscriptionStatus};

/// The longest reason that is kept, in characters.
const REASON: usize = 300;

/// Takes whoever a reference stands for off the list of the issue whose link they followed. Answers whether anything changed; `None` for
/// an erased reader, or an issue that is none.
///
/// # Errors
/// A database's error.
pub async fn leave(
    store: &Store,
    reference: Reference,
    leaving: Leaving,
) -> Result<Option<bool>, StoreError> {
    let Some((list, subscriber)) = followed(store, reference, leaving).await? else { return Ok(None) };
    store.leave(&list, subscriber, leaving).await.map(Some)
}

/// As [`leave`], of what was written down when it was heard, in `copy`: the store itself or a copy of its readers, which knows no issue and
/// no reference.
///
/// # Errors
/// A database's error.
pub async fn leave_late(
    store: &Store,
    copy: &Store,
    reference: Reference,
    leaving: Leaving,
) -> Result<Option<bool>, StoreError> {
    let Some((list, subscriber)) = followed(store, reference, leaving).await? else { return Ok(None) };
    copy.leave_late(&list, subscriber, leaving).await.map(Some)
}

async fn followed(
    store: &Store,
    reference: Reference,
    leaving: Leaving,
) -> Result<Option<(ListName, SubscriberId)>, StoreError> {
    match leaving.issue {
        Some(issue) => store.followed(issue, reference).await,
        None => Ok(None),
    }
}

/// How somebody stands on a list who took their leaving back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// Its mail goes to them again.
    On,
    /// They are on it, and nobody writes to their address.
    Unsent,
    /// It does not have them: gone from its file meanwhile, say.
    Off,
}

/// What came of taking a leaving back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnOutcome {
    /// The reader as they are now.
    pub reader: Reader,
    /// How they stand.
    pub back: Back,
    /// Whether that is new.
    pub is_new: bool,
}

/// Puts a reader who left a list on it again, as they agree to now; `None` where they were erased meanwhile.
///
/// # Errors
/// A database's error.
pub async fn come_back(
    store: &Store,
    reader: &Reader,
    list: &ListName,
    consent: Consent,
) -> Result<Option<ReturnOutcome>, StoreError> {
    let is_new = store.come_back(list, reader.id, consent).await?;
    let Some(reader) = store.reader(&reader.address).await? else { return Ok(None) };
    let is_on = |held: &Subscription| held.list == *list && held.status == SubscriptionStatus::Subscribed;
    let back = match &reader.suppression {
        _ if !reader.subscriptions.iter().any(is_on) => Back::Off,
        Some(_) => Back::Unsent,
        None => Back::On,
    };
    Ok(Some(ReturnOutcome { reader, back, is_new }))
}

/// Keeps why somebody left a list, in their words; where they say nothing, what they said before.
///
/// # Errors
/// A database's error.
pub async fn say_why(
    store: &Store,
    list: &ListName,
    subscriber: SubscriberId,
    words: &[&str],
) -> Result<(), StoreError> {
    let words: Vec<&str> = words.iter().copied().filter(|words| !words.is_empty()).collect();
    let said: String = words.join(": ").chars().filter(|c| !c.is_control()).take(REASON).collect();
    if said.is_empty() { Ok(()) } else { store.give_reason(list, subscriber, &said).await }
}
