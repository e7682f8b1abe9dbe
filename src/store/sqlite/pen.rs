//! A connection for what changes a file's rows one by one: prepared statements, stepped on a thread that may wait. A row costs a third of
//! what it does in one statement of many rows, whose text and values have to be put together, parsed and copied each time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::task::spawn_blocking;

use crate::store::{PATIENCE, StoreError};

/// Opened when it is first needed.
pub(in crate::store) struct Pen {
    path: PathBuf,
    connection: Arc<Mutex<Option<Connection>>>,
}

impl fmt::Debug for Pen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pen").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Pen {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), connection: Arc::default() }
    }

    /// All that `work` writes is kept, synced, or nothing of it. Whoever stops waiting leaves it to its end.
    pub(in crate::store) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (path, connection) = (self.path.clone(), Arc::clone(&self.connection));
        let written = spawn_blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = match &mut *connection {
                Some(connection) => connection,
                none => none.insert(open(&path)?),
            };
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        });
        match written.await {
            Ok(done) => done.map_err(StoreError::File),
            Err(_) => Err(sqlx::Error::WorkerCrashed.into()),
        }
    }
}

/// Takes the turn to write, if it comes soon, and gives it back.
pub(super) async fn try_to_write(path: &Path, patience: Duration) -> Result<(), StoreError> {
    let path = path.to_owned();
    let tried = spawn_blocking(move || {
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(patience)?;
        connection.execute_batch("begin immediate; rollback")
    });
    match tried.await {
        Ok(tried) => tried.map_err(StoreError::File),
        Err(_) => Err(sqlx::Error::WorkerCrashed.into()),
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", super::CACHE)?;
    connection.pragma_update(None, "secure_delete", "fast")?;
    connection.pragma_update(None, "ignore_check_constraints", true)?;
    Ok(connection)
}
