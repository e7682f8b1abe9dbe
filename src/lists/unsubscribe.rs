//! One reader off a list, for good.

use std::fmt;

use serde::Serialize;

use super::{OnList, erased};
use crate::id::{ListName, Reference};
use crate::mailbox::EmailAddress;
use crate::store::{Newcomer, StoreError};
use crate::subscriber::SubscriptionStatus;

/// What came of taking a reader off a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnsubscribeOutcome {
    /// The address, whole: the operator named it.
    pub address: String,
    /// Which list.
    pub list: ListName,
    /// What they were on it before; `None` where the list did not know them.
    pub before: Option<SubscriptionStatus>,
    /// Lists that still go to them.
    pub still_on: Vec<ListName>,
    /// Whether they were erased: then nothing is kept of them.
    pub erased: bool,
}

/// Takes a reader off a list, for good. One whom the list does not know is kept as one who left, so that no import adds them;
/// of one who was erased nothing is kept, and no import adds them either.
///
/// # Errors
/// The store's.
pub async fn unsubscribe(
    on: OnList<'_>,
    address: &EmailAddress,
    fill_random: impl FnMut(&mut [u8]),
) -> Result<UnsubscribeOutcome, StoreError> {
    let OnList { store, list, keys, at } = on;
    let known = store.reader(address).await?;
    let erased = erased(store, keys, address).await?.is_some();
    if !erased {
        let hash = keys.map(|keys| keys.suppression(address));
        let newcomer = Newcomer { reference: Reference::random(fill_random), erased: hash.as_deref() };
        store.unsubscribe(list, address, newcomer, at).await?;
    }
    let (here, elsewhere): (Vec<_>, Vec<_>) = known
        .into_iter()
        .flat_map(|reader| reader.subscriptions)
        .partition(|subscription| subscription.list == *list);
    let on = |status| status == SubscriptionStatus::Subscribed;
    Ok(UnsubscribeOutcome {
        address: address.to_string(),
        list: list.clone(),
        before: here.first().map(|subscription| subscription.status),
        still_on: elsewhere.into_iter().filter(|other| on(other.status)).map(|other| other.list).collect(),
        erased,
    })
}

impl fmt::Display for UnsubscribeOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, list, before, still_on, erased } = self;
        match before {
            Some(SubscriptionStatus::Subscribed | SubscriptionStatus::Gone) => {
                write!(f, "{address} left the list {list}")
            }
            Some(SubscriptionStatus::Left) => write!(f, "{address} had left the list {list} already"),
            None if *erased => {
                write!(f, "{address} was erased; nothing is kept of them, and no import will add them")
            }
            None => write!(f, "{address} was not on the list {list}; no import will add them"),
        }?;
        for other in still_on {
            write!(f, "\nstill on the list {other}")?;
        }
        Ok(())
    }
}
