//! A list's file, taken in as a whole, in one transaction.
//!
//! The file comes sorted by the keys of its addresses, each once. It is merged with who is known, page by page in the same order, so that
//! nothing is staged, memory does not grow with the list, tables are walked through from end to end, and only what differs is written.

mod merge;
mod sqlite;
mod write;

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;

use self::merge::Merge;
use super::connection::{Connected, Connection, Transaction, Writing};
use super::statement::{Ready, sql};
use super::subscriber::keep_people;
use super::word::Cells;
use super::{Store, StoreError};
use crate::id::ListName;
use crate::subscriber::list::Row;

/// One reader of a sorted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The key of their address: each is above the one before.
    pub key: String,
    /// What the file says.
    pub row: Row,
    /// By what their address would be known if they had been erased; needed where anybody was.
    pub erased: Option<String>,
}

/// How a file is taken in.
#[derive(Debug, Clone, Copy)]
pub struct TakingIn<'t> {
    /// To which list.
    pub list: &'t ListName,
    /// When.
    pub now: Timestamp,
    /// Even where it leaves more than a tenth fewer readers.
    pub allow_shrink: bool,
    /// Who is not in the file stays: it tells of leavers alone.
    pub keep_absent: bool,
}

/// What an import changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ImportCounts {
    /// New on the list.
    pub added: u64,
    /// On it already; the file says something else of them now.
    pub changed: u64,
    /// On it already, the same.
    pub unchanged: u64,
    /// Gone from the file before, and in it again.
    pub returned: u64,
    /// In the file before, and not now; or that is what an export says of them.
    pub gone: u64,
    /// In the file, but they left or were erased, and stay away.
    pub left: u64,
    /// Of whom the file says that they left.
    pub departed: u64,
    /// Of whom the file says that nobody writes to them any more.
    pub suppressed: u64,
    /// Of whom the file does not say that they ever confirmed.
    pub unconfirmed: u64,
    /// Lines whose address stands in another one too, letter case aside; the one that asks for less mail counts, of equals the first.
    pub repeated: u64,
}

/// How an import ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// In the store.
    Applied(ImportCounts),
    /// Nothing changed: far fewer of the list's readers would come from the file than before.
    Shrunk {
        /// Readers from the file so far.
        before: u64,
        /// Readers from the file if it were applied.
        after: u64,
    },
    /// Nothing changed: the file broke off.
    Broken,
}

impl Store {
    /// Makes a list what its file says: all of it, or nothing. Portions of the file come in the order of their keys; an empty one ends it.
    ///
    /// Those who left stay away, what a person chose stays, those who came otherwise stay; those who came from the file and are not in
    /// it any more are gone. Who left as the file says is off the list if the file had brought them. Where all that leaves more than a
    /// tenth fewer readers from the file, nothing changes unless it is allowed.
    ///
    /// # Errors
    /// A database's error; [`StoreError::ErasedMeanwhile`].
    pub async fn take_in(
        &self,
        how: TakingIn<'_>,
        portions: &mut mpsc::Receiver<Vec<Incoming>>,
        fill_random: impl FnMut(&mut [u8]) + Send,
    ) -> Result<Imported, StoreError> {
        let mut writing = self.write().await?;
        sqlite::prepare(&mut writing).await?;
        let imported = self.merge(&mut writing, how, portions, fill_random).await;
        sqlite::restore(&mut writing).await?;
        if let Ok(Imported::Applied(ImportCounts { added: 1.., .. })) = imported {
            writing.count_for_planner("analyze subscriber, subscription").await?;
        }
        imported
    }

    /// Who is known is read on a connection of its own, as it was before: so that a portion is merged while the one before is written. Where
    /// they are few, they are read at once.
    async fn merge(
        &self,
        writing: &mut Writing<'_>,
        how: TakingIn<'_>,
        portions: &mut mpsc::Receiver<Vec<Incoming>>,
        fill_random: impl FnMut(&mut [u8]) + Send,
    ) -> Result<Imported, StoreError> {
        let mut transaction = writing.begin().await?;
        alone(&mut transaction, how.list).await?;
        let erased = erased(&mut transaction).await?;
        let dialect = transaction.connection().dialect();
        let mut merge = Merge::new(how, dialect, next_id(&mut transaction).await?, erased, fill_random);
        merge.read_page(&mut transaction).await?;
        let mut reading = if merge.knows_all() { None } else { Some(self.read().await?) };
        let (sender, mut changes) = mpsc::channel::<Vec<Ready>>(AHEAD);
        let merging = merge.all(&mut reading, portions, sender);
        let writing = async {
            while let Some(statements) = changes.recv().await {
                for statement in statements {
                    statement.execute(&mut transaction).await?;
                }
            }
            Ok(())
        };
        let (is_whole, ()) = tokio::try_join!(merging, writing)?;
        if !is_whole {
            return Ok(Imported::Broken);
        }
        if let Some((before, after)) = merge.shrunk() {
            transaction.rollback().await?;
            return Ok(Imported::Shrunk { before, after });
        }
        use_ids(&mut transaction, merge.next_id).await?;
        transaction.commit().await?;
        Ok(Imported::Applied(merge.counts))
    }

    /// Whether anybody was erased: then an import needs the keys, so as not to bring them back.
    ///
    /// # Errors
    /// A database's error.
    pub async fn has_erased(&self) -> Result<bool, StoreError> {
        // A second connection would keep the import from having the store to itself.
        Ok(!erased(&mut self.write().await?).await?.is_empty())
    }
}

/// How many portions wait to be written, all but their being written done: the database never waits for a statement.
const AHEAD: usize = 2;

/// Nobody else changes the list's file, or adds a person, before this is over; leaving goes on.
async fn alone(transaction: &mut Transaction<'_>, list: &ListName) -> Result<(), StoreError> {
    transaction.exclude(&format!("list {list}")).await?;
    keep_people(transaction).await
}

/// The id of the first new person; more follow, since nobody else adds any. None is used twice, also of those who were erased.
async fn next_id(transaction: &mut Transaction<'_>) -> Result<i64, StoreError> {
    let select = match transaction.connection() {
        Connection::Sqlite(_) => {
            "select coalesce(max(seq), 0) + 1 as id from sqlite_sequence where name = 'subscriber'"
        }
        Connection::Postgres(_) => "select nextval(pg_get_serial_sequence('subscriber', 'id')) as id",
    };
    Cells(&sql(select).fetch_one(transaction).await?).integer("id")
}

/// Ids below this one are somebody's. SQLite sees that for itself.
async fn use_ids(transaction: &mut Transaction<'_>, next: i64) -> Result<(), StoreError> {
    if matches!(transaction.connection(), Connection::Postgres(_)) {
        let set = "select setval(pg_get_serial_sequence('subscriber', 'id'), $1, false)";
        sql(set).bind(next).execute(transaction).await?;
    }
    Ok(())
}

/// The hashes by which those are known who were erased.
async fn erased(on: &mut impl Connected) -> Result<HashSet<String>, StoreError> {
    let rows = sql("select key from suppression where reason = 'erased'").fetch_all(on).await?;
    rows.iter().map(|row| Ok(Cells(row).text("key")?.to_owned())).collect()
}
