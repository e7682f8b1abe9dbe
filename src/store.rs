//! The store: readers, frozen issues and the journal of deliveries, in SQLite or PostgreSQL.
//!
//! The world: it keeps what the stages decide and decides nothing itself. One table a file, one query a function, and repeating
//! any of them is harmless. The SQL is what SQLite and PostgreSQL both understand; times are milliseconds, UTC.

mod audience;
mod brake;
mod connection;
mod copy;
mod decision;
mod delivery;
mod departure;
mod disk;
mod erase;
mod error;
mod event;
mod fingerprint;
mod held;
mod import;
mod invitation;
mod issue;
mod journal;
mod link;
mod lock;
mod migrations;
mod nobodys;
mod notice;
mod notification;
mod pending;
mod postgres;
mod pulse;
mod quota;
mod report;
mod requeue;
mod sqlite;
mod statement;
mod stats;
mod subscriber;
mod subscription;
mod suppression;
mod word;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::MigrateError;

pub use self::audience::{Audience, LeftOut};
use self::connection::{Reading, Transaction, Writing};
pub use self::decision::{Decision, Obstacle, Undecidable};
pub use self::delivery::{Among, Delivery};
pub use self::erase::Erased;
pub use self::event::{Arrival, Batch, Kept};
pub(crate) use self::event::{agent, agent_number, method, method_number};
pub use self::held::Held;
pub use self::import::{ImportCounts, Imported, Incoming, TakingIn};
pub use self::invitation::{Invitation, Progress};
pub use self::issue::{IssueState, StoredIssue};
pub use self::journal::{Domains, Leased, Share};
pub use self::link::LinkChange;
pub use self::lock::SenderLock;
pub use self::nobodys::Judging;
pub use self::notification::Notification;
pub use self::pending::{Asked, Confirmed, JoinRequest, Pending};
pub use self::pulse::Pulse;
pub use self::quota::{Booked, Span};
pub use self::report::{Activity, Alike, Reached};
pub use self::requeue::Recovered;
pub use self::stats::{Group, Turnover};
pub use self::subscriber::{Newcomer, Reader};
pub use self::subscription::Member;
use crate::config::StoreUrl;
use crate::delivery::SenderId;
use crate::id::IssueNumber;

/// What people call a store: its path, or the server and the database, and never the password.
pub fn name(url: &StoreUrl) -> String {
    match url {
        StoreUrl::Sqlite(path) => path.display().to_string(),
        StoreUrl::Postgres(url) => postgres::name(url),
    }
}

/// How long a statement waits for another process that writes: longer than an import of a million readers takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open store.
#[derive(Debug)]
pub struct Store(Database);

#[derive(Debug)]
enum Database {
    Sqlite(sqlite::File),
    Postgres(postgres::Server),
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
    /// A path that SQLite cannot be given.
    #[error("the store {} cannot be opened: SQLite knows only paths that are UTF-8; rename the folder, or use PostgreSQL", path.display())]
    NoText {
        /// Which.
        path: PathBuf,
    },
    /// A disk whose locks and syncs are not to be trusted.
    #[error("the store {} is on a network filesystem ({kind}); keep it on a local disk, or use PostgreSQL", path.display())]
    Network {
        /// Which.
        path: PathBuf,
        /// As `/proc/self/mountinfo` names it.
        kind: String,
    },
    /// An issue in a form that is not ours to read.
    #[error("issue {issue} was frozen by a newer pressroom; use that one")]
    Frozen {
        /// Which.
        issue: IssueNumber,
        /// What is strange in it.
        source: serde_json::Error,
    },
    /// Its tables are not ours to read.
    #[error("the store {store} was written by a newer pressroom; use that one")]
    Newer {
        /// Which.
        store: String,
    },
    /// Its tables could not be brought up to date.
    #[error("the store {store} cannot be brought up to date")]
    Migrate {
        /// Which.
        store: String,
        /// Why.
        source: MigrateError,
    },
    /// Another sender is at work.
    #[error("another sender is at work: {holder}; wait for it, or stop it")]
    SenderAtWork {
        /// Who says so in the lock file.
        holder: String,
    },
    /// The file is not where it was when it was opened.
    #[error("the store's file was taken away or replaced; put it back, and run this again")]
    Gone,
    /// A statement failed. What it says is said once: it has no source.
    #[error("the store cannot be used: {}", error::explained(.0))]
    Database(sqlx::Error),
    /// The same, in a file's journal.
    #[error("the store cannot be used: {}", error::explained_file(.0))]
    File(rusqlite::Error),
    /// Nobody was, when it was looked whether anybody is; nothing was written, so that they do not come back.
    #[error("somebody was erased at this very moment; run this again")]
    ErasedMeanwhile,
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
    /// Opens the store that a newsletter names, makes what is not there yet, and brings its tables up to date.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn at(url: &StoreUrl) -> Result<Self, StoreError> {
        match url {
            StoreUrl::Sqlite(path) => Self::open(path).await,
            StoreUrl::Postgres(url) => {
                let server = Box::pin(postgres::Server::connect(url)).await?;
                Ok(Self(Database::Postgres(server)))
            }
        }
    }

    /// Opens a store in a file, makes it (with mode 0600) where there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::NoText`], [`StoreError::Open`], [`StoreError::Network`], [`StoreError::Newer`], [`StoreError::Migrate`], or a database's error.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        if path.to_str().is_none() {
            return Err(StoreError::NoText { path: path.to_owned() });
        }
        Ok(Self(Database::Sqlite(Box::pin(sqlite::File::open(path)).await?)))
    }

    /// Makes a store in a file where nothing is yet, which knows all readers of this one as they are at this moment, and no issue: what
    /// a dry run and a rehearsal work on.
    ///
    /// # Errors
    /// As [`Store::open`], or a database's error.
    pub async fn copy_readers_to(&self, path: &Path) -> Result<Self, StoreError> {
        let copy = Self::open(path).await?;
        Box::pin(copy::readers(self, &copy)).await?;
        Ok(copy)
    }

    /// Becomes a sender, under an id that nobody else has; until what this answers is dropped, or the process ends, however it ends. A file
    /// has one at a time, a server any number.
    ///
    /// # Errors
    /// [`StoreError::SenderAtWork`] says who is it already; a database's error.
    pub async fn sender_lock(&self, id: SenderId) -> Result<SenderLock, StoreError> {
        match &self.0 {
            Database::Sqlite(file) => SenderLock::of_file(&file.path, id),
            Database::Postgres(server) => {
                let session = Box::pin(server.start_session(id)).await?;
                Ok(SenderLock::of_session(session))
            }
        }
    }

    /// Where files that are used for a while may lie.
    pub fn folder(&self) -> PathBuf {
        match &self.0 {
            Database::Sqlite(file) => match file.path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
                Some(_) | None => PathBuf::from("."),
            },
            Database::Postgres(_) => std::env::temp_dir(),
        }
    }

    /// Whether a sender is none any more, or this one.
    async fn is_gone(&self, sender: SenderId, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        match &self.0 {
            // There is one at a time, and whoever asks holds its lock.
            Database::Sqlite(_) => Ok(true),
            Database::Postgres(server) => server.is_gone(sender, transaction).await,
        }
    }

    /// Whether what is written here is written to what the next command will open.
    ///
    /// # Errors
    /// [`StoreError::Gone`] for a file that was taken away or replaced.
    pub fn refuse_gone(&self) -> Result<(), StoreError> {
        match &self.0 {
            Database::Sqlite(file) => file.refuse_gone(),
            Database::Postgres(_) => Ok(()),
        }
    }

    /// Ends the connections.
    ///
    /// # Errors
    /// A database's error.
    pub async fn close(self) -> Result<(), StoreError> {
        match self.0 {
            Database::Sqlite(file) => file.close().await,
            Database::Postgres(server) => {
                server.close().await;
                Ok(())
            }
        }
    }

    /// Whether whoever holds a sender's lock is the only one.
    ///
    /// # Errors
    /// A database's error.
    pub async fn is_only_sender(&self) -> Result<bool, StoreError> {
        match &self.0 {
            Database::Sqlite(_) => Ok(true),
            Database::Postgres(server) => server.is_alone().await,
        }
    }

    /// Becomes the one dispatcher as long as the sender's lock is held. A file's one sender is it anyway.
    ///
    /// # Errors
    /// [`StoreError::SenderAtWork`] where another machine's is at work; a database's error.
    pub async fn dispatch_lock(&self, sender: &SenderLock) -> Result<(), StoreError> {
        match &self.0 {
            Database::Sqlite(_) => Ok(()),
            Database::Postgres(server) => server.dispatch_lock(sender.id()).await,
        }
    }

    /// A connection that only reads.
    async fn read(&self) -> Result<Reading, StoreError> {
        match &self.0 {
            Database::Sqlite(file) => file.read().await,
            Database::Postgres(server) => server.read().await,
        }
    }

    /// A connection that writes; in a file there is one, and this waits for its turn.
    async fn write(&self) -> Result<Writing<'_>, StoreError> {
        match &self.0 {
            Database::Sqlite(file) => file.write().await,
            Database::Postgres(server) => server.write().await,
        }
    }

    /// A connection that writes only as long as this process is the sender that it says it is.
    async fn write_as_sender(&self) -> Result<Writing<'_>, StoreError> {
        match &self.0 {
            Database::Sqlite(file) => file.write().await,
            Database::Postgres(server) => server.write_as_sender().await,
        }
    }
}

#[cfg(test)]
mod tests;
