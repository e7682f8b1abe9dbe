//! One reader onto a list, by hand.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{OnList, erased};
use crate::id::{ListName, Reference};
use crate::mailbox::Mailbox;
use crate::store::{Newcomer, StoreError};
use crate::subscriber::{Entry, Joining, Origin, SubscriptionStatus, Suppression};

/// What came of adding a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddOutcome {
    /// The address, whole: the operator named it.
    pub address: String,
    /// Which list.
    pub list: ListName,
    /// Whether they are on it now.
    pub result: Added,
    /// Whether mail to them stays away all the same.
    pub suppression: Option<Suppression>,
}

/// Whether a reader was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Added {
    /// They are on the list now.
    Added,
    /// They were on it already.
    AlreadyThere,
    /// They left, and only they can come back.
    Left,
    /// They were erased, and only they can come back. Nothing is kept of them.
    Erased,
}

/// Puts a reader on a list. One who left, or was erased, is not brought back: that is theirs to do.
///
/// # Errors
/// The store's.
pub async fn add(
    on: OnList<'_>,
    reader: Mailbox,
    fill_random: impl FnMut(&mut [u8]),
) -> Result<AddOutcome, StoreError> {
    let OnList { store, list, keys, at } = on;
    let address = reader.address.clone();
    if let suppression @ Some(_) = erased(store, keys, &address).await? {
        let (address, list) = (address.to_string(), list.clone());
        return Ok(AddOutcome { address, list, result: Added::Erased, suppression });
    }
    let entry = Entry {
        address: reader.address,
        name: reader.name,
        tracking: None,
        format: None,
        attributes: BTreeMap::new(),
    };
    let joining = Joining { origin: Origin::Command, at, consent: None };
    let hash = keys.map(|keys| keys.suppression(&address));
    let newcomer = Newcomer { reference: Reference::random(fill_random), erased: hash.as_deref() };
    let added = store.subscribe(list, &entry, newcomer, joining).await?;
    let known = store.reader(&address).await?;
    let left = known
        .iter()
        .flat_map(|reader| &reader.subscriptions)
        .any(|subscription| subscription.list == *list && subscription.status == SubscriptionStatus::Left);
    let result = match (added, left) {
        (true, _) => Added::Added,
        (false, false) => Added::AlreadyThere,
        (false, true) => Added::Left,
    };
    let suppression = known.and_then(|reader| reader.suppression);
    Ok(AddOutcome { address: address.to_string(), list: list.clone(), result, suppression })
}

impl fmt::Display for AddOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, list, result, suppression } = self;
        match result {
            Added::Added => write!(f, "{address} is on the list {list}"),
            Added::AlreadyThere => write!(f, "{address} was on the list {list} already"),
            Added::Left => {
                write!(f, "{address} left the list {list} and stays away: only they can come back")
            }
            Added::Erased => {
                write!(
                    f,
                    "{address} was erased and stays away from the list {list}: only they can come back, by the page to join"
                )
            }
        }?;
        match suppression.as_ref().filter(|_| *result != Added::Erased) {
            Some(suppression) => write!(f, "\nno mail goes there: {suppression}"),
            None => Ok(()),
        }
    }
}
