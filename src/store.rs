//! The store: readers, frozen issues and the journal of deliveries, in SQLite.
//!
//! The world: it keeps what the stages decide and decides nothing itself. One table a file, one query a function, and repeating
//! any of them is harmless. The SQL is what SQLite and PostgreSQL both understand; times are milliseconds, UTC.

mod audience;
mod brake;
mod connection;
mod decision;
mod delivery;
mod departure;
mod error;
mod event;
mod import;
mod issue;
mod journal;
mod link;
mod lock;
mod notice;
mod pending;
mod place;
mod quota;
mod statement;
mod subscriber;
mod subscription;
mod suppression;
mod word;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqlSafeStr, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

pub use self::audience::{Audience, LeftOut};
use self::connection::{Reading, Writing};
pub use self::decision::{Decision, Undecidable};
pub use self::delivery::{Among, Delivery};
pub use self::event::{Arrival, Batch, Kept};
pub use self::import::{ImportCounts, Imported, Staging};
pub use self::issue::{IssueState, Queued, StoredIssue};
pub use self::journal::{Domains, Leased, Share};
pub use self::link::LinkChange;
pub use self::lock::SenderLock;
pub use self::pending::{Asked, Confirmed, JoinRequest};
pub use self::quota::{Booked, Span};
use self::statement::sql;
pub use self::subscriber::Reader;

/// How long a statement waits for another process that writes: longer than an import of a million readers takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open store. Readers share a pool; whatever writes waits its turn for the one writer.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    readers: SqlitePool,
    writer: Mutex<SqliteConnection>,
}

/// What went wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be made or opened.
    #[error("the store {} cannot be opened", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A place where locks and syncs are not to be trusted.
    #[error("the store {} is on a network filesystem ({kind}); keep it on a local disk, or use PostgreSQL", path.display())]
    Network {
        /// Which.
        path: PathBuf,
        /// As `/proc/self/mountinfo` names it.
        kind: String,
    },
    /// Its tables are not ours to read.
    #[error("the store {} was written by a newer pressroom; use that one", path.display())]
    Newer {
        /// Which.
        path: PathBuf,
    },
    /// Its tables could not be brought up to date.
    #[error("the store {} cannot be brought up to date", path.display())]
    Migrate {
        /// Which.
        path: PathBuf,
        /// Why.
        source: MigrateError,
    },
    /// Another sender is at work.
    #[error("another sender is at work: {holder}; wait for it, or stop it")]
    SenderAtWork {
        /// Who says so in the lock file.
        holder: String,
    },
    /// A statement failed. What it says is said once: it has no source.
    #[error("the store cannot be used: {}", error::explained(.0))]
    Database(sqlx::Error),
    /// A row that no version of ours has written.
    #[error("the store holds a `{column}` that nobody can read: `{text}`")]
    Unreadable {
        /// Where.
        column: &'static str,
        /// What stands in it.
        text: String,
    },
}

impl Store {
    /// Opens a store, makes it (with mode 0600) where there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::Network`], [`StoreError::Newer`], [`StoreError::Migrate`], or a database's error.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        place::refuse_network(path)?;
        place::create_private(path).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE)
            .foreign_keys(true)
            .statement_cache_capacity(200);
        let mut writer = connect(&options).await?;
        migrate(&mut writer, path).await?;
        let readers = SqlitePoolOptions::new().max_connections(4).connect_lazy_with(options);
        Ok(Self { path: path.to_owned(), readers, writer: Mutex::new(writer) })
    }

    /// Makes a store at a path where nothing is yet, which knows all readers of this one as they are at this moment, and no issue: what
    /// a dry run and a rehearsal work on.
    ///
    /// # Errors
    /// As [`Store::open`], or a database's error.
    pub async fn copy_readers_to(&self, path: &Path) -> Result<Self, StoreError> {
        let copy = Self::open(path).await?;
        let mut writing = copy.write().await?;
        let name = self.path.to_string_lossy().into_owned();
        sql("attach database $1 as original").bind(name).execute(&mut writing).await?;
        let mut transaction = writing.begin().await?;
        for insert in [
            "insert into subscriber select * from original.subscriber",
            "insert into subscription select * from original.subscription",
            "insert into suppression select * from original.suppression",
        ] {
            sql(insert).execute(&mut transaction).await?;
        }
        transaction.commit().await?;
        sql("detach database original").execute(&mut writing).await?;
        drop(writing);
        Ok(copy)
    }

    /// Takes the lock that every sender holds while it works; the operating system frees it when the process ends, however it ends.
    ///
    /// # Errors
    /// [`StoreError::SenderAtWork`] says who holds it.
    pub fn sender_lock(&self) -> Result<SenderLock, StoreError> {
        SenderLock::take(&self.path)
    }

    /// Where the store is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the connections, the journal of the database folded in.
    ///
    /// # Errors
    /// A database's error.
    pub async fn close(self) -> Result<(), StoreError> {
        self.readers.close().await;
        Ok(self.writer.into_inner().close().await?)
    }

    /// A connection that only reads.
    async fn read(&self) -> Result<Reading, StoreError> {
        Ok(Reading::Sqlite(self.readers.acquire().await?))
    }

    /// The connection that writes; it waits for its turn.
    async fn write(&self) -> Result<Writing<'_>, StoreError> {
        Ok(Writing::Sqlite(self.writer.lock().await))
    }
}

/// What made the tables as they are, step by step; none is ever changed.
fn migrations() -> Vec<Migration> {
    let migration = |version, description: &'static str, sql: &'static str| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    vec![
        migration(1, "lists and journal", include_str!("../migrations/sqlite/0001_lists_and_journal.sql")),
        migration(2, "brake and dispatch", include_str!("../migrations/sqlite/0002_brake_and_dispatch.sql")),
        migration(3, "quotas", include_str!("../migrations/sqlite/0003_quotas.sql")),
        migration(4, "readers' side", include_str!("../migrations/sqlite/0004_readers_side.sql")),
    ]
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
    let migrator = Migrator::with_migrations(migrations());
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    migrator.run(&mut *transaction).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => {
            StoreError::Newer { path: path.to_owned() }
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        source => StoreError::Migrate { path: path.to_owned(), source },
    })?;
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests;
