//! Leaving by a link: at once, and also while the store is away.

use crate::id::{IssueNumber, ListName, Reference};
use crate::store::{Store, StoreError};
use crate::subscriber::Leaving;

/// Takes whoever a reference stands for off the list of the issue whose link they followed. Answers whether anything changed; `None` for
/// an erased reader, or an issue that is none.
///
/// # Errors
/// A database's error.
pub(super) async fn leave(
    store: &Store,
    reference: Reference,
    leaving: Leaving,
) -> Result<Option<bool>, StoreError> {
    let Some(reader) = store.referred(reference).await? else { return Ok(None) };
    let Some(list) = list_of(store, leaving.issue).await? else { return Ok(None) };
    store.leave(&list, reader.id, leaving).await.map(Some)
}

async fn list_of(store: &Store, issue: Option<IssueNumber>) -> Result<Option<ListName>, StoreError> {
    match issue {
        Some(issue) => Ok(store.issue(issue).await?.map(|issue| issue.list)),
        None => Ok(None),
    }
}
