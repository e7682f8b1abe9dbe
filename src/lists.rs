//! What commands and readers do to lists: import, export, add, show, choose, leave, erase, count.
//!
//! Journeys: each returns an outcome that a face prints. An address is shown whole where the operator named it, and masked elsewhere.

mod add;
mod choose;
mod erase;
mod export;
mod import;
mod leaving;
mod mailed;
mod record;
mod show;
mod sort;
mod stats;
mod suppress;
mod unsubscribe;

use jiff::Timestamp;

use crate::id::ListName;
use crate::mailbox::EmailAddress;
use crate::store::{Store, StoreError};
use crate::subscriber::{Suppression, SuppressionReason};
use crate::token::Keys;

pub use self::add::{AddOutcome, Added, add};
pub use self::choose::{ChooseOutcome, Chooser, PAUSES, Pause, Preferences, Wanted, choose, counted};
pub use self::erase::{EraseOutcome, erase};
pub use self::export::{HeldOutcome, export, export_suppressed, held};
pub use self::import::{Import, ImportError, ImportOutcome, import, joined_otherwise};
pub use self::leaving::{Back, ReturnOutcome, come_back, leave, leave_late, say_why};
pub use self::mailed::{Failed, MailedOutcome, leave_by_mail};
pub use self::show::{ShowOutcome, show};
pub use self::stats::{Month, StatsOutcome, stats};
pub use self::suppress::{SuppressError, SuppressOutcome, suppress};
pub use self::unsubscribe::{UnsubscribeOutcome, unsubscribe};
pub use crate::subscriber::list::BadLines;

/// A list, as a command finds it.
#[derive(Debug, Clone, Copy)]
pub struct OnList<'a> {
    /// Where it is kept.
    pub store: &'a Store,
    /// Which.
    pub list: &'a ListName,
    /// By what the erased are known; none where nobody was erased.
    pub keys: Option<&'a Keys>,
    /// Now.
    pub at: Timestamp,
}

/// Whether and since when an address is erased. Nothing else is held on it then.
async fn erased(
    store: &Store,
    keys: Option<&Keys>,
    address: &EmailAddress,
) -> Result<Option<Suppression>, StoreError> {
    let Some(keys) = keys else { return Ok(None) };
    let at = store.erased_at(&keys.suppression(address)).await?;
    Ok(at.map(|at| Suppression { reason: SuppressionReason::Erased, at, detail: None }))
}

#[cfg(test)]
mod tests;
