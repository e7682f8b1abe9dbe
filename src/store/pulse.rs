//! Whether a store answers, for whoever watches a server.

use std::time::Duration;

use tokio::time::timeout;

use super::statement::sql;
use super::{Database, Store, StoreError};

/// What a store lets be done with it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    /// It is read and written.
    Beats,
    /// It is read, and somebody else has what is written, or nothing can be.
    ReadOnly,
    /// Neither.
    Away,
}

/// How long each is waited for.
const PATIENCE: Duration = Duration::from_millis(400);

const READ: &str = "select number from issue order by number limit 1";

impl Store {
    /// Tries to read and to write, of which nothing stays; answers within a second.
    pub async fn pulse(&self) -> Pulse {
        let (reads, writes) = match &self.0 {
            Database::Sqlite(file) => {
                let reads = matches!(timeout(PATIENCE, self.is_read()).await, Ok(Ok(())));
                (reads, reads && file.is_written(PATIENCE).await.is_ok())
            }
            Database::Postgres(_) => {
                let mut reads = false;
                let written = timeout(PATIENCE * 2, self.is_served(&mut reads)).await;
                (reads, matches!(written, Ok(Ok(()))))
            }
        };
        match (reads, writes) {
            (true, true) => Pulse::Beats,
            (true, false) => Pulse::ReadOnly,
            (false, _) => Pulse::Away,
        }
    }

    async fn is_read(&self) -> Result<(), StoreError> {
        sql(READ).fetch_optional(&mut self.read().await?).await?;
        Ok(())
    }

    /// On a server, which itself ends what takes too long: no connection is kept waiting.
    async fn is_served(&self, reads: &mut bool) -> Result<(), StoreError> {
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        sql("set local statement_timeout = 400").execute(&mut transaction).await?;
        sql(READ).fetch_optional(&mut transaction).await?;
        *reads = true;
        sql("update key_fingerprint set fingerprint = fingerprint").execute(&mut transaction).await?;
        transaction.rollback().await
    }
}
