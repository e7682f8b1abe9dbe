//! One person out of everything.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::mailbox::EmailAddress;
use crate::store::{Erased, Judging, Store, StoreError};
use crate::subscriber::list::ListReader;
use crate::token::Keys;

/// What came of an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EraseOutcome {
    /// The address, whole: the operator named it.
    pub address: String,
    /// What was removed.
    #[serde(flatten)]
    pub erased: Erased,
    /// Files that still have them, which are the operator's to change.
    pub files: Vec<PathBuf>,
    /// Copies of the list that dry runs and rehearsals work on, as it was.
    pub copies_in_use: usize,
}

/// Removes a person from the store. What is left is a hash under a key that never changes: no file brings them back, and nobody can read
/// from it who they were. `files` are looked through for their address.
///
/// # Errors
/// The store's.
pub async fn erase(
    store: &Store,
    keys: &Keys,
    address: &EmailAddress,
    files: Vec<PathBuf>,
    judging: Judging<'_>,
) -> Result<EraseOutcome, StoreError> {
    let erased = store.erase(address, &keys.suppression(address), judging).await?;
    let files = files.into_iter().filter(|file| has(file, address)).collect();
    Ok(EraseOutcome { address: address.to_string(), erased, files, copies_in_use: 0 })
}

fn is_list(file: &Path) -> bool {
    file.extension().is_some_and(|kind| kind == "csv")
}

/// Whether a list's file has an address, or a message names it; one that cannot be read does not.
fn has(file: &Path, address: &EmailAddress) -> bool {
    if !is_list(file) {
        let message = fs::read(file).unwrap_or_default().to_ascii_lowercase();
        return memchr::memmem::find(&message, address.as_str().to_ascii_lowercase().as_bytes()).is_some();
    }
    let rows = File::open(file).ok().and_then(|file| ListReader::new(file).ok());
    let key = address.key();
    rows.into_iter().flatten().flatten().any(|line| match line {
        Ok(row) => row.entry.address.key() == key,
        Err(bad) => bad.whose.is_some_and(|whose| whose.key() == key),
    })
}

impl EraseOutcome {
    /// What was removed, in words.
    fn removed(&self) -> String {
        let Erased {
            subscriptions,
            unsent,
            deliveries,
            events,
            departures,
            decisions,
            requests,
            suppressions,
            lingers: _,
        } = self.erased;
        let words = [
            (subscriptions, "subscription removed", "subscriptions removed"),
            (requests, "request to join removed", "requests to join removed"),
            (unsent, "message that does not go out any more", "messages that do not go out any more"),
            (
                deliveries,
                "record of a message that leads to nobody now",
                "records of messages that lead to nobody now",
            ),
            (
                events,
                "click or open that counts for nobody now",
                "clicks and opens that count for nobody now",
            ),
            (
                departures,
                "record of leaving that leads to nobody now",
                "records of leaving that lead to nobody now",
            ),
            (decisions, "decision removed", "decisions removed"),
            (
                suppressions,
                "suppression, for which a hash stands now",
                "suppressions, for which a hash stands now",
            ),
        ];
        let said: Vec<String> = words
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
            .collect();
        if said.is_empty() { "nothing was held".to_owned() } else { said.join(", ") }
    }
}

impl fmt::Display for EraseOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is erased: {}; no import brings them back", self.address, self.removed())?;
        for file in &self.files {
            let remedy = if is_list(file) { "take their line out" } else { "delete it" };
            write!(f, "\nthe file {} still has them; {remedy}", file.display())?;
        }
        if self.copies_in_use > 0 {
            write!(
                f,
                "\na dry run or a rehearsal is at work on a copy of the list; once it has ended, run this again"
            )?;
        }
        if self.erased.lingers {
            write!(
                f,
                "\nthe bytes of the store's file still hold them, for another program reads there; once that has ended, run this again"
            )?;
        }
        Ok(())
    }
}
