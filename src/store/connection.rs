//! Connections to the database, and transactions on them: whatever a [`super::statement::Statement`] runs on.

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Sqlite, SqliteConnection};
use tokio::sync::MutexGuard;

use super::StoreError;

/// A connection to one of the databases, borrowed for a statement.
pub(super) enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
}

/// What leads to a connection: [`Reading`], [`Writing`], a [`Transaction`].
pub(super) trait Connected: Send {
    fn connection(&mut self) -> Connection<'_>;
}

/// One of the connections that readers share.
pub(super) enum Reading {
    Sqlite(PoolConnection<Sqlite>),
}

/// A connection for whoever writes. Temporary tables last as long as it is held.
#[derive(Debug)]
pub(super) enum Writing<'s> {
    Sqlite(MutexGuard<'s, SqliteConnection>),
}

/// All of what is written in it is kept, or nothing; without [`Transaction::commit`] nothing.
pub(super) enum Transaction<'c> {
    Sqlite(sqlx::Transaction<'c, Sqlite>),
}

impl Connected for Reading {
    fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection) => Connection::Sqlite(connection),
        }
    }
}

impl Connected for Writing<'_> {
    fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection) => Connection::Sqlite(connection),
        }
    }
}

impl Connected for Transaction<'_> {
    fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection) => Connection::Sqlite(connection),
        }
    }
}

impl Writing<'_> {
    /// Begins a transaction. In SQLite it waits for other writers here, never in its middle.
    pub(super) async fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(match self {
            Self::Sqlite(connection) => Transaction::Sqlite(connection.begin_with("BEGIN IMMEDIATE").await?),
        })
    }
}

impl Transaction<'_> {
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => Ok(transaction.commit().await?),
        }
    }

    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => Ok(transaction.rollback().await?),
        }
    }
}
