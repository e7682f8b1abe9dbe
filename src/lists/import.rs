//! A list's file into the store.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task;

use super::sort::Sorter;
use crate::id::ListName;
use crate::store::{ImportCounts, Imported, Incoming, Store, StoreError, TakingIn};
use crate::subscriber::list::{
    Attribute, BadLine, BadLines, Doubts, HeaderError, ListReader, Recognised, Row, Standing,
};
use crate::subscriber::{Origin, SubscriptionStatus};
use crate::token::Keys;

/// How a file is taken in.
#[derive(Debug, Clone, Default)]
pub struct Import {
    /// Even where it leaves more than a tenth fewer readers, or none.
    pub allow_shrink: bool,
    /// When.
    pub at: Timestamp,
    /// By which those are known who were erased; needed where anybody was.
    pub keys: Option<Arc<Keys>>,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportOutcome {
    /// To which list.
    pub list: ListName,
    /// Whose export it was, where it was another service's.
    pub export: Option<Recognised>,
    /// What changed.
    #[serde(flatten)]
    pub counts: ImportCounts,
    /// What could not be read, or asks for no mail.
    pub bad: BadLines,
    /// Columns that could have told who is on the list, and are attributes.
    pub attributes: Vec<Attribute>,
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
    #[error("no line of the list `{list}` names a reader; {}{bad}", remedy(list, *before, *lines))]
    NoReader {
        /// Which list.
        list: ListName,
        /// Readers from the file so far.
        before: u64,
        /// Lines below its header.
        lines: u64,
        /// What was wrong with its lines.
        bad: BadLines,
    },
    /// Far fewer than before.
    #[error(
        "the list `{list}` would shrink from {before} readers to {after}; look whether its file is whole; if it is, `pressroom subscribers import {list} --allow-shrink`{bad}"
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

/// Makes a list what its file says, by the rules of [`Store::take_in`]. The file is read and sorted on a thread of its own while the store
/// takes in what is sorted; memory does not grow with it. Exports of other services are known by their headers; one in which nobody is
/// subscribed only tells who left.
///
/// # Errors
/// [`ImportError`]; then nothing has changed.
pub async fn import(
    store: &Store,
    list: &ListName,
    file: impl Read + Send + 'static,
    how: Import,
    fill_random: impl FnMut(&mut [u8]) + Send,
) -> Result<ImportOutcome, ImportError> {
    let failed = |source| ImportError::Read { list: list.clone(), source };
    let (name, folder) = (list.clone(), store.folder());
    let reading = task::spawn_blocking(move || read(name, file, &folder));
    let file = reading.await.map_err(io::Error::other).map_err(failed)??;
    let tells_leavers = file.export.is_some() && file.readers == 0 && file.leavers > 0;
    if file.readers == 0 && !tells_leavers && !how.allow_shrink {
        needs_no_reader(store, list, &file).await?;
    }
    let File { sorter, telling, bad, attributes, export, .. } = file;
    let (sender, mut portions) = mpsc::channel(4);
    let keys = how.keys;
    let sorting = task::spawn_blocking(move || send(sorter, telling, keys.as_deref(), &sender));
    let taking = TakingIn {
        list,
        now: how.at,
        allow_shrink: how.allow_shrink || tells_leavers,
        keep_absent: tells_leavers,
    };
    let imported = Box::pin(store.take_in(taking, &mut portions, fill_random)).await?;
    drop(portions);
    let repeated = sorting.await.map_err(io::Error::other).and_then(|done| done).map_err(failed)?;
    match imported {
        Imported::Applied(counts) => {
            let (list, counts) = (list.clone(), ImportCounts { repeated, ..counts });
            Ok(ImportOutcome { list, export, counts, bad, attributes })
        }
        Imported::Shrunk { before, after } => {
            Err(ImportError::Shrunk { list: list.clone(), before, after, bad })
        }
        Imported::Broken => Err(failed(io::Error::other("it broke off"))),
    }
}

/// A file that was read.
struct File {
    sorter: Sorter,
    lines: u64,
    readers: u64,
    leavers: u64,
    /// Whose lines have such doubts are not on the list.
    telling: Doubts,
    bad: BadLines,
    attributes: Vec<Attribute>,
    export: Option<Recognised>,
}

/// A header alone does where readers join otherwise, and nobody came by the file whom it would take off.
async fn needs_no_reader(store: &Store, list: &ListName, file: &File) -> Result<(), ImportError> {
    let (before, otherwise) = subscribed(store, list).await?;
    if file.lines == 0 && before == 0 && otherwise > 0 {
        return Ok(());
    }
    Err(ImportError::NoReader { list: list.clone(), before, lines: file.lines, bad: file.bad.clone() })
}

/// Whether all who are on a list, and somebody is, came to it otherwise than by its file.
///
/// # Errors
/// The store's.
pub async fn joined_otherwise(store: &Store, list: &ListName) -> Result<bool, StoreError> {
    let (by_file, otherwise) = Box::pin(subscribed(store, list)).await?;
    Ok(by_file == 0 && otherwise > 0)
}

/// How many are on a list by its file, and how many otherwise.
async fn subscribed(store: &Store, list: &ListName) -> Result<(u64, u64), StoreError> {
    let mut subscribed = (0, 0);
    for group in store.groups(list).await? {
        match (group.status, group.origin) {
            (SubscriptionStatus::Subscribed, Origin::File) => subscribed.0 += group.readers,
            (SubscriptionStatus::Subscribed, Origin::Page | Origin::Command) => subscribed.1 += group.readers,
            (SubscriptionStatus::Left | SubscriptionStatus::Gone, _) => {}
        }
    }
    Ok(subscribed)
}

fn remedy(list: &ListName, before: u64, lines: u64) -> String {
    let empty = format!("`pressroom subscribers import {list} --allow-shrink`");
    match (before, lines) {
        (0, 0) => format!(
            "write one reader a line below its header, or `pressroom subscribers add ADDRESS --list {list}`"
        ),
        (0, _) => "mend its lines; where all readers join otherwise, its header alone will do".to_owned(),
        (_, 0) => format!("mend the file, or empty the list with {empty}"),
        (_, _) => format!("mend its lines; to empty the list, leave its header alone and {empty}"),
    }
}

fn read(list: ListName, file: impl Read, folder: &Path) -> Result<File, ImportError> {
    let mut reader = match ListReader::new(file) {
        Ok(reader) => reader,
        Err(source) => return Err(ImportError::Header { list, source }),
    };
    let failed = |source| ImportError::Read { list: list.clone(), source };
    let mut file = File {
        sorter: Sorter::new(folder),
        lines: 0,
        readers: 0,
        leavers: 0,
        telling: Doubts::default(),
        bad: BadLines::default(),
        attributes: Vec::new(),
        export: reader.recognised(),
    };
    for line in reader.by_ref() {
        file.take(line.map_err(failed)?).map_err(failed)?;
    }
    let settled = reader.settle();
    file.readers += settled.readers;
    file.bad.join(settled.bad);
    Ok(File { telling: settled.telling, attributes: settled.attributes, ..file })
}

impl File {
    fn take(&mut self, line: Result<Row, BadLine>) -> io::Result<()> {
        self.lines += 1;
        match line {
            Ok(row) => {
                match row.standing {
                    Standing::Subscribed => self.readers += u64::from(row.doubts.is_empty()),
                    Standing::Left(_) | Standing::Suppressed(_) => self.leavers += 1,
                    Standing::Outside | Standing::Gone => {}
                }
                self.sorter.add(&row)
            }
            Err(mut line) => {
                let kept_off =
                    line.whose.take().map_or(Ok(()), |address| self.sorter.add(&Row::nobody(address)));
                self.bad.add(line);
                kept_off
            }
        }
    }
}

/// Sends what was sorted in portions, until its end, which is an empty one, or until nobody listens; not those with such doubts. Answers how
/// many lines were repetitions.
fn send(
    sorter: Sorter,
    telling: Doubts,
    keys: Option<&Keys>,
    portions: &mpsc::Sender<Vec<Incoming>>,
) -> io::Result<u64> {
    const PORTION: usize = 500;
    let mut portion = Vec::with_capacity(PORTION);
    let repeated = sorter.finish(|key, row| {
        if row.doubts.meet(telling) {
            return true;
        }
        let erased = keys.map(|keys| keys.suppression(&row.entry.address));
        portion.push(Incoming { key, row, erased });
        let is_full = portion.len() == PORTION;
        !is_full
            || portions.blocking_send(std::mem::replace(&mut portion, Vec::with_capacity(PORTION))).is_ok()
    })?;
    // Where nobody listens any more, the import has failed and says why itself.
    if !portion.is_empty() {
        drop(portions.blocking_send(portion));
    }
    drop(portions.blocking_send(Vec::new()));
    Ok(repeated)
}

impl ImportOutcome {
    /// What an editor should know of the file before it is written to.
    pub fn notes(&self) -> Vec<String> {
        let bad = (self.bad.count > 0).then(|| format!("list `{}`{}", self.list, self.bad));
        let attributes = self.attributes.iter().map(|attribute| format!("list `{}`: {attribute}", self.list));
        bad.into_iter().chain(attributes).collect()
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
            (counts.departed, "who left as the file says"),
            (counts.suppressed, "to whom nobody writes any more, as the file says"),
            (counts.unconfirmed, "who are not confirmed in the file and get nothing"),
            (counts.repeated, "repeated"),
            (self.bad.count, "bad and skipped"),
        ];
        let said: Vec<String> = words
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let said = if said.is_empty() { "nobody".to_owned() } else { said.join(", ") };
        write!(f, "list {}: {said}", self.list)?;
        if let Some(export) = &self.export {
            write!(f, "\n{export}")?;
        }
        self.attributes.iter().try_for_each(|attribute| write!(f, "\n{attribute}"))?;
        self.bad.fmt(f)
    }
}
