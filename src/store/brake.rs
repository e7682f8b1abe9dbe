//! Holding an issue that is on its way, letting it go on, and giving it up.

use jiff::Timestamp;

use super::error::persist;
use super::issue::{lock_of, state};
use super::statement::{Statement, sql};
use super::word::Cells;
use super::{IssueState, Store, StoreError};
use crate::id::IssueNumber;

impl Store {
    /// An issue's state alone; `None` where it was never queued. Cheap: senders ask for it all the time.
    ///
    /// # Errors
    /// A database's error.
    pub async fn state(&self, number: IssueNumber) -> Result<Option<IssueState>, StoreError> {
        let select = concat!("select ", state!(), " as state from issue where number = $1");
        let row = sql(select).bind(number).fetch_optional(&mut self.read().await?).await?;
        row.as_ref().map(|row| Cells(row).word("state")).transpose()
    }

    /// Holds a running issue. Answers whether it was one.
    ///
    /// # Errors
    /// A database's error.
    pub async fn pause(&self, number: IssueNumber) -> Result<bool, StoreError> {
        let update =
            "update issue set brake = 'paused' where number = $1 and state = 'running' and brake is null";
        Ok(self.change(number, sql(update).bind(number)).await? > 0)
    }

    /// Lets a paused issue go on. Answers whether it was one.
    ///
    /// # Errors
    /// A database's error.
    pub async fn resume(&self, number: IssueNumber) -> Result<bool, StoreError> {
        let update = "update issue set brake = null where number = $1 and brake = 'paused'";
        Ok(self.change(number, sql(update).bind(number)).await? > 0)
    }

    /// Gives up an issue that is running or paused, and skips whoever is left, those apart whose message may be on the wire. Answers
    /// whether it was one.
    ///
    /// # Errors
    /// A database's error.
    pub async fn cancel(&self, number: IssueNumber, now: Timestamp) -> Result<bool, StoreError> {
        persist(|| self.cancel_once(number, now)).await
    }

    async fn cancel_once(&self, number: IssueNumber, now: Timestamp) -> Result<bool, StoreError> {
        let update = "update issue set brake = 'cancelled' where number = $1 and state = 'running' \
            and coalesce(brake, '') <> 'cancelled'";
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        transaction.exclude(&lock_of(number)).await?;
        let done = sql(update).bind(number).execute(&mut transaction).await? > 0;
        skip_rest(number, now).execute(&mut transaction).await?;
        transaction.commit().await?;
        Ok(done)
    }
}

/// Skips whoever is left, or came back into the queue, of an issue that is cancelled; of any other nobody.
pub(super) fn skip_rest(number: IssueNumber, now: Timestamp) -> Statement {
    let update = "update delivery set status = 'skipped', reason = 'cancelled', owner = null, since = $1 \
        where issue = $2 and status in ('queued', 'leased', 'deferred') \
        and exists (select 1 from issue where number = $2 and brake = 'cancelled')";
    sql(update).bind(now).bind(number)
}
