//! What the store holds, for other programs and for the person it is held on.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;

use anyhow::Context;
use serde::Serialize;

use super::{ShowOutcome, show};
use crate::id::ListName;
use crate::mailbox::EmailAddress;
use crate::store::{Held, Member, Store, StoreError};
use crate::subscriber::list::{ListWriter, SuppressedWriter};
use crate::token::Keys;

/// Readers read at once.
const PAGE: u32 = 1000;

/// All that is held on one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldOutcome {
    /// Their lists, with what they chose and agreed to, and whether nobody writes to them any more.
    #[serde(flatten)]
    pub shown: ShowOutcome,
    /// What went to them and what came of it.
    #[serde(flatten)]
    pub held: Held,
}

/// Writes those who are or were on a list as CSV that [`super::import()`] reads again; memory does not grow with it. Answers how many.
///
/// # Errors
/// The store's, and what the file says.
pub async fn export(store: &Store, list: &ListName, file: impl Write) -> anyhow::Result<u64> {
    let mut attributes = BTreeSet::new();
    let mut page = store.members(list, None, PAGE).await?;
    while let Some(last) = page.last() {
        let after = last.id;
        attributes.extend(page.into_iter().flat_map(|member| member.subscription.attributes.into_keys()));
        page = store.members(list, Some(after), PAGE).await?;
    }
    let unwritten = "the list cannot be written";
    let mut writer = ListWriter::new(file, attributes).context(unwritten)?;
    let mut readers = 0;
    let mut page = store.members(list, None, PAGE).await?;
    while let Some(last) = page.last() {
        let after = last.id;
        readers += page.len() as u64;
        for Member { address, subscription, suppressed, .. } in &page {
            writer.reader(address, subscription, *suppressed).context(unwritten)?;
        }
        page = store.members(list, Some(after), PAGE).await?;
    }
    writer.finish().context(unwritten)?;
    Ok(readers)
}

/// Writes the addresses that nobody writes to any more, on a list or on none, as CSV that [`super::suppress`] reads again. Who was erased is
/// not among them.
///
/// # Errors
/// The store's, and what the file says.
pub async fn export_suppressed(store: &Store, file: impl Write) -> anyhow::Result<()> {
    let unwritten = "the do-not-mail list cannot be written";
    let mut writer = SuppressedWriter::new(file).context(unwritten)?;
    let mut page = store.suppressed(None, PAGE).await?;
    while let Some((last, ..)) = page.last() {
        let after = last.clone();
        for (_, address, reason, at) in &page {
            writer.address(address, *reason, *at).context(unwritten)?;
        }
        page = store.suppressed(Some(&after), PAGE).await?;
    }
    writer.finish().context(unwritten)
}

/// All that is held on an address, letter case aside. With the keys, also that it was erased.
///
/// # Errors
/// The store's.
pub async fn held(
    store: &Store,
    keys: Option<&Keys>,
    address: &EmailAddress,
) -> Result<HeldOutcome, StoreError> {
    Ok(HeldOutcome { shown: show(store, keys, address).await?, held: store.held(address).await? })
}

/// The same as JSON: it is for the person, whatever program they have.
impl fmt::Display for HeldOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?)
    }
}
