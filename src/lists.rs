//! What commands do to lists: import, export, add, show, unsubscribe, erase, count.
//!
//! Journeys: each returns an outcome that a face prints. An address is shown whole where the operator named it, and masked elsewhere.

mod add;
mod erase;
mod export;
mod import;
mod record;
mod show;
mod sort;
mod stats;
mod suppress;
mod unsubscribe;

use crate::id::Reference;

pub use self::add::{AddOutcome, Added, add};
pub use self::erase::{EraseOutcome, erase};
pub use self::export::{HeldOutcome, export, held};
pub use self::import::{BadLines, Import, ImportError, ImportOutcome, import};
pub use self::show::{ShowOutcome, show};
pub use self::stats::{Month, StatsOutcome, stats};
pub use self::suppress::{SuppressError, SuppressOutcome, suppress};
pub use self::unsubscribe::{UnsubscribeOutcome, unsubscribe};

/// A new reader's reference; the zero one stands for everyone and is nobody's own.
pub(crate) fn new_reference(fill_random: &mut impl FnMut(&mut [u8])) -> Reference {
    loop {
        let mut bytes = [0; 8];
        fill_random(&mut bytes);
        let reference = Reference(u64::from_le_bytes(bytes));
        if reference != Reference::EVERYONE {
            return reference;
        }
    }
}

#[cfg(test)]
mod tests;
