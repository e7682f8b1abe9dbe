//! Addresses that nobody writes to any more.

use jiff::Timestamp;

use super::statement::sql;
use super::word::{Cells, word};
use super::{Store, StoreError};
use crate::mailbox::EmailAddress;
use crate::subscriber::{Suppression, SuppressionReason};

impl Store {
    /// Writes to an address no more, on any list. The first reason stays.
    ///
    /// # Errors
    /// A database's error.
    pub async fn suppress(
        &self,
        address: &EmailAddress,
        reason: SuppressionReason,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let insert =
            "insert into suppression (key, reason, at) values ($1, $2, $3) on conflict (key) do nothing";
        let insert = sql(insert).bind(address.key()).bind(word(reason)).bind(at);
        insert.execute(&mut self.write().await?).await?;
        Ok(())
    }

    /// Whether and why nobody writes to an address any more.
    ///
    /// # Errors
    /// A database's error.
    pub async fn suppression(&self, address: &EmailAddress) -> Result<Option<Suppression>, StoreError> {
        let select = "select reason, at from suppression where key = $1";
        let row = sql(select).bind(address.key()).fetch_optional(&mut self.read().await?).await?;
        row.as_ref()
            .map(Cells)
            .map(|row| Ok(Suppression { reason: row.word("reason")?, at: row.time("at")? }))
            .transpose()
    }
}
