//! A store in a file: SQLite, one writer at a time, for one machine.

mod pen;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use self::pen::Pen;
use super::connection::{Reading, Writing};
use super::{PATIENCE, StoreError, disk, migrations};

/// What each connection keeps of the file, in kB, as SQLite has it: below zero.
const CACHE: &str = "-512";

/// Readers share a pool; whatever writes waits its turn for the one writer.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// Which file it is: another one may come to stand at its path.
    identity: Option<(u64, u64)>,
    readers: SqlitePool,
    writer: Arc<Mutex<SqliteConnection>>,
    pen: Pen,
}

impl File {
    /// Opens a file, makes it (with mode 0600) where there is none, and brings its tables up to date.
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        disk::refuse_network(path)?;
        disk::create_private(path).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE)
            .foreign_keys(true)
            // A list of words, built anew for each row that is looked at, is half of a change's cost. Ours come from enums.
            .pragma("ignore_check_constraints", "on")
            // Else a name that was changed, or an address that moved, stays readable where it stood, also once its person is erased.
            .pragma("secure_delete", "fast")
            // Tables are walked through from end to end, and neither reports nor clicks nor imports are faster with more.
            .pragma("cache_size", CACHE)
            .statement_cache_capacity(200);
        let mut writer = connect(&options).await?;
        migrate(&mut writer, path).await?;
        let readers = SqlitePoolOptions::new().max_connections(4).connect_lazy_with(options);
        Ok(Self {
            path: path.to_owned(),
            identity: disk::file_at(path),
            readers,
            writer: Arc::new(Mutex::new(writer)),
            pen: Pen::new(path),
        })
    }

    /// Refuses what was written to a file that is not at its path any more: SQLite goes on in it, and the next command would find
    /// nothing of that.
    pub(super) fn refuse_gone(&self) -> Result<(), StoreError> {
        if disk::file_at(&self.path) == self.identity { Ok(()) } else { Err(StoreError::Gone) }
    }

    pub(super) async fn read(&self) -> Result<Reading, StoreError> {
        Ok(Reading::Sqlite(self.readers.acquire().await?))
    }

    pub(super) async fn write(&self) -> Result<Writing<'_>, StoreError> {
        let mut writer = self.writer.lock().await;
        if writer.is_in_transaction() {
            self.free(&mut writer).await?;
        }
        Ok(Writing::Sqlite(writer))
    }

    /// On a full disk SQLite rolls back by itself, and the connection thinks for ever that it is in that transaction: it makes way for a
    /// new one.
    async fn free(&self, writer: &mut SqliteConnection) -> Result<(), StoreError> {
        // Behind what a transaction that was dropped has still to roll back.
        writer.ping().await?;
        if writer.is_in_transaction() {
            *writer = connect(&self.readers.connect_options()).await?;
        }
        Ok(())
    }

    /// As [`Pen::write`], while nobody else in this process writes: also where whoever asked does not wait for its end.
    pub(super) async fn write_rows<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.writer).lock_owned().await;
        // The turn ends with what comes back, after the commit.
        let (done, _turn) = self.pen.write(|on| Ok((work(on)?, turn))).await?;
        Ok(done)
    }

    /// Takes the turn to write and gives it back, on a connection of its own: nobody here waits behind it.
    pub(super) async fn is_written(&self, patience: Duration) -> Result<(), StoreError> {
        disk::refuse_full(&self.path)
            .map_err(|source| StoreError::Open { path: self.path.clone(), source })?;
        pen::try_to_write(&self.path, patience).await
    }

    /// Ends the connections, the journal of the database folded in.
    pub(super) async fn close(self) -> Result<(), StoreError> {
        self.readers.close().await;
        drop(self.writer.lock().await);
        match Arc::into_inner(self.writer) {
            Some(writer) => Ok(writer.into_inner().close().await?),
            None => Ok(()),
        }
    }
}

/// Connects. While two make a new store at once, SQLite refuses one of them the write-ahead log without waiting as it else does:
/// then this waits.
async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    const PAUSE: Duration = Duration::from_millis(50);
    let mut left = PATIENCE;
    loop {
        match SqliteConnection::connect_with(options).await.map_err(StoreError::from) {
            Err(error) if error.is_transient() && !left.is_zero() => tokio::time::sleep(PAUSE).await,
            connected => return connected,
        }
        left = left.saturating_sub(PAUSE);
    }
}

async fn migrate(writer: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    let failed = |error| migrations::failed(error, path.display().to_string());
    migrations::sqlite().run(&mut *transaction).await.map_err(failed)?;
    Ok(transaction.commit().await?)
}
