//! Connections to either database, and transactions on them: whatever a [`super::statement::Statement`] runs on.

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, PgConnection, Postgres, Sqlite, SqliteConnection};
use tokio::sync::{MutexGuard, OwnedMutexGuard};

use super::StoreError;

/// A connection to one of the databases, borrowed for a statement.
pub(super) enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// Which of the databases.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// What leads to a connection: [`Reading`], [`Writing`], a [`Transaction`].
pub(super) trait Connected: Send {
    fn connection(&mut self) -> Connection<'_>;
}

/// One of the connections that readers share.
#[derive(Debug)]
pub(super) enum Reading {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// A connection for whoever writes. Temporary tables last as long as it is held.
#[derive(Debug)]
pub(super) enum Writing<'s> {
    /// The only one.
    Sqlite(MutexGuard<'s, SqliteConnection>),
    Postgres(PoolConnection<Postgres>),
    /// That of a sender, whose locks tell that it is alive.
    Session(OwnedMutexGuard<PgConnection>),
}

/// All of what is written in it is kept, or nothing; without [`Transaction::commit`] nothing.
pub(super) enum Transaction<'c> {
    Sqlite(sqlx::Transaction<'c, Sqlite>),
    Postgres(sqlx::Transaction<'c, Postgres>),
}

impl Connection<'_> {
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

impl Connected for Reading {
    fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection) => Connection::Sqlite(connection),
            Self::Postgres(connection) => Connection::Postgres(connection),
        }
    }
}

impl Connected for Writing<'_> {
    fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection) => Connection::Sqlite(connection),
            Self::Postgres(connection) => Connection::Postgres(connection),
            Self::Session(connection) => Connection::Postgres(connection),
        }
    }
}

impl Connected for Transaction<'_> {
    fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection) => Connection::Sqlite(connection),
            Self::Postgres(connection) => Connection::Postgres(connection),
        }
    }
}

impl Writing<'_> {
    /// Begins a transaction. In SQLite it waits for other writers here, never in its middle.
    pub(super) async fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(match self.connection() {
            Connection::Sqlite(connection) => {
                Transaction::Sqlite(connection.begin_with("BEGIN IMMEDIATE").await?)
            }
            Connection::Postgres(connection) => Transaction::Postgres(connection.begin().await?),
        })
    }

    /// Has a server count what stands in tables that were filled just now: its planner goes by that, and would walk through them whole
    /// until it counts by itself. SQLite's goes by its indexes.
    pub(super) async fn count_for_planner(&mut self, analyze: &'static str) -> Result<(), StoreError> {
        if let Connection::Postgres(connection) = self.connection() {
            sqlx::query(analyze).execute(connection).await?;
        }
        Ok(())
    }
}

impl Transaction<'_> {
    /// Waits until no other transaction holds the same, and holds it to its end: for what is read and then written, and for changes to
    /// many rows, whose order would else be anybody's. SQLite's transactions exclude each other anyway.
    pub(super) async fn exclude(&mut self, what: &str) -> Result<(), StoreError> {
        if let Self::Postgres(transaction) = self {
            let lock = "select pg_advisory_xact_lock(hashtextextended(current_schema() || ' ' || $1, 0))";
            sqlx::query(lock).bind(what).execute(&mut **transaction).await?;
        }
        Ok(())
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => Ok(transaction.commit().await?),
            Self::Postgres(transaction) => Ok(transaction.commit().await?),
        }
    }

    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => Ok(transaction.rollback().await?),
            Self::Postgres(transaction) => Ok(transaction.rollback().await?),
        }
    }
}
