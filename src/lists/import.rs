//! A list's file into the store.

use std::fmt;
use std::io::{self, Read};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task;

use super::new_reference;
use crate::id::ListName;
use crate::store::{ImportCounts, Imported, Staging, Store, StoreError};
use crate::subscriber::Entry;
use crate::subscriber::list::{BadLine, HeaderError, ListReader};

/// How a file is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Import {
    /// Even where it leaves more than a tenth fewer readers, or none.
    pub allow_shrink: bool,
    /// When.
    pub at: Timestamp,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportOutcome {
    /// To which list.
    pub list: ListName,
    /// What changed.
    #[serde(flatten)]
    pub counts: ImportCounts,
    /// What could not be read.
    pub bad: BadLines,
}

/// The lines that were skipped: how many, and the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BadLines {
    /// All of them.
    pub count: u64,
    /// At most twenty.
    pub first: Vec<BadLine>,
}

/// Why a file was not taken in; the store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The first line does not serve.
    #[error("the list `{list}` cannot be read")]
    Header {
        /// Which list.
        list: ListName,
        /// Why.
        source: HeaderError,
    },
    /// The file could not be read to its end.
    #[error("the list `{list}` cannot be read to its end")]
    Read {
        /// Which list.
        list: ListName,
        /// Why.
        source: io::Error,
    },
    /// Not one line was good.
    #[error(
        "no line of the list `{list}` names a reader; mend the file, or say --allow-shrink to empty the list{bad}"
    )]
    NoReader {
        /// Which list.
        list: ListName,
        /// What was wrong with its lines.
        bad: BadLines,
    },
    /// Far fewer than before.
    #[error(
        "the list `{list}` would shrink from {before} readers to {after}; look whether its file is whole, or say --allow-shrink{bad}"
    )]
    Shrunk {
        /// Which list.
        list: ListName,
        /// Readers from the file so far.
        before: u64,
        /// Readers from the file if it were taken in.
        after: u64,
        /// What was wrong with its lines.
        bad: BadLines,
    },
    /// The store failed.
    #[error("the list cannot be taken in")]
    Store(#[from] StoreError),
}

/// Makes a list what its file says, by the rules of [`Staging::apply`]. The file is read on a thread of its own while the store takes in
/// what was read; memory does not grow with it.
///
/// # Errors
/// [`ImportError`]; then nothing has changed.
pub async fn import(
    store: &Store,
    list: &ListName,
    file: impl Read + Send + 'static,
    how: Import,
    mut fill_random: impl FnMut(&mut [u8]),
) -> Result<ImportOutcome, ImportError> {
    let (sender, mut batches) = mpsc::channel(2);
    let name = list.clone();
    let reading = task::spawn_blocking(move || read(&name, file, &sender));
    let mut staging = store.stage().await?;
    let mut readers = 0;
    while let Some(batch) = batches.recv().await {
        readers += batch.len();
        let entries = batch.into_iter().map(|entry| (entry, new_reference(&mut fill_random)));
        staging.add(entries.collect()).await?;
    }
    let failed = |error| ImportError::Read { list: list.clone(), source: io::Error::other(error) };
    let bad = reading.await.map_err(failed)??;
    if readers == 0 && !how.allow_shrink {
        return Err(ImportError::NoReader { list: list.clone(), bad });
    }
    match staging.apply(list, how.at, how.allow_shrink).await? {
        Imported::Applied(counts) => Ok(ImportOutcome { list: list.clone(), counts, bad }),
        Imported::Shrunk { before, after } => {
            Err(ImportError::Shrunk { list: list.clone(), before, after, bad })
        }
    }
}

/// Sends what the file holds in batches, until its end or until nobody listens.
fn read(
    list: &ListName,
    file: impl Read,
    batches: &mpsc::Sender<Vec<Entry>>,
) -> Result<BadLines, ImportError> {
    let reader =
        ListReader::new(file).map_err(|source| ImportError::Header { list: list.clone(), source })?;
    let mut bad = BadLines::default();
    let mut batch = Vec::with_capacity(Staging::BATCH);
    for line in reader {
        match line.map_err(|source| ImportError::Read { list: list.clone(), source })? {
            Ok(entry) => batch.push(entry),
            Err(line) => bad.add(line),
        }
        if batch.len() == Staging::BATCH {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(Staging::BATCH));
            if batches.blocking_send(full).is_err() {
                return Ok(bad);
            }
        }
    }
    if !batch.is_empty() {
        // Where nobody listens any more, the import has failed and says why itself.
        drop(batches.blocking_send(batch));
    }
    Ok(bad)
}

impl BadLines {
    /// How many are kept.
    const KEPT: usize = 20;

    fn add(&mut self, line: BadLine) {
        self.count += 1;
        if self.first.len() < Self::KEPT {
            self.first.push(line);
        }
    }
}

/// Each on a line of its own, after a line break; nothing where there are none.
impl fmt::Display for BadLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.first {
            write!(f, "\n  {line}")?;
        }
        match self.count - self.first.len() as u64 {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl fmt::Display for ImportOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        let words = [
            (counts.added, "added"),
            (counts.changed, "changed"),
            (counts.returned, "back"),
            (counts.unchanged, "unchanged"),
            (counts.gone, "gone from the file"),
            (counts.left, "who left stay away"),
            (counts.repeated, "repeated"),
            (self.bad.count, "bad and skipped"),
        ];
        let said: Vec<String> = words
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let said = if said.is_empty() { "nobody".to_owned() } else { said.join(", ") };
        write!(f, "list {}: {said}{}", self.list, self.bad)
    }
}
