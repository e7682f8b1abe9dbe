//! Holding an issue that is on its way, letting it go on, and giving it up.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::issue::state;
use super::word::Cells;
use super::{IssueState, Store, StoreError, begin};
use crate::id::IssueNumber;

impl Store {
    /// An issue's state alone; `None` where it was never queued. Cheap: senders ask for it all the time.
    ///
    /// # Errors
    /// A database's error.
    pub async fn state(&self, number: IssueNumber) -> Result<Option<IssueState>, StoreError> {
        let select = concat!("select ", state!(), " as state from issue where number = $1");
        let row = sqlx::query(select).bind(i64::from(number.get())).fetch_optional(&self.readers).await?;
        row.as_ref().map(|row| Cells(row).word("state")).transpose()
    }

    /// Holds a running issue. Answers whether it was one.
    ///
    /// # Errors
    /// A database's error.
    pub async fn pause(&self, number: IssueNumber) -> Result<bool, StoreError> {
        let update =
            "update issue set brake = 'paused' where number = $1 and state = 'running' and brake is null";
        let query = sqlx::query(update).bind(i64::from(number.get()));
        Ok(query.execute(&mut *self.writer().await).await?.rows_affected() > 0)
    }

    /// Lets a paused issue go on. Answers whether it was one.
    ///
    /// # Errors
    /// A database's error.
    pub async fn resume(&self, number: IssueNumber) -> Result<bool, StoreError> {
        let update = "update issue set brake = null where number = $1 and brake = 'paused'";
        let query = sqlx::query(update).bind(i64::from(number.get()));
        Ok(query.execute(&mut *self.writer().await).await?.rows_affected() > 0)
    }

    /// Gives up an issue that is running or paused, and skips whoever is left, those apart whose message may be on the wire. Answers
    /// whether it was one.
    ///
    /// # Errors
    /// A database's error.
    pub async fn cancel(&self, number: IssueNumber, now: Timestamp) -> Result<bool, StoreError> {
        let update = "update issue set brake = 'cancelled' where number = $1 and state = 'running' \
            and coalesce(brake, '') <> 'cancelled'";
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let query = sqlx::query(update).bind(i64::from(number.get()));
        let done = query.execute(&mut *transaction).await?.rows_affected() > 0;
        skip_rest(&mut transaction, number, now).await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// Skips whoever came back into the queue of a cancelled issue; in any other it changes nothing.
    ///
    /// # Errors
    /// A database's error.
    pub async fn skip_cancelled(&self, number: IssueNumber, now: Timestamp) -> Result<(), StoreError> {
        skip_rest(&mut *self.writer().await, number, now).await
    }
}

async fn skip_rest(
    connection: &mut SqliteConnection,
    number: IssueNumber,
    now: Timestamp,
) -> Result<(), StoreError> {
    let update = "update delivery set status = 'skipped', reason = 'cancelled', owner = null, since = $1 \
        where issue = $2 and status in ('queued', 'leased', 'deferred') \
        and exists (select 1 from issue where number = $2 and brake = 'cancelled')";
    let query = sqlx::query(update).bind(now.as_millisecond()).bind(i64::from(number.get()));
    query.execute(connection).await?;
    Ok(())
}
