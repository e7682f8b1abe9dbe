//! Who is in doubt and is to be sent it again (`in_doubt = "resend"`): after as long a wait as one who was deferred, and no longer than they are.

use jiff::Timestamp;

use crate::config::Config;
use crate::delivery::{InDoubt, RetryPolicy};
use crate::id::IssueNumber;
use crate::store::{Store, StoreError};

/// The configuration's word about readers in doubt; `None`: they are left alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resend(Option<RetryPolicy>);

impl Resend {
    /// # Errors
    /// A `give_up_after` beyond all time.
    pub(crate) fn of(config: &Config) -> Result<Self, jiff::Error> {
        let policy = RetryPolicy { give_up_after: config.give_up_after.try_into()? };
        Ok(Self(match config.in_doubt {
            InDoubt::Skip => None,
            InDoubt::Resend => Some(policy),
        }))
    }

    /// When each of those who will be sent it again is due.
    async fn times(self, store: &Store, issue: IssueNumber) -> Result<Vec<Timestamp>, StoreError> {
        let Some(policy) = self.0 else { return Ok(Vec::new()) };
        Ok(store.resends(issue, policy).await?.into_iter().map(|(_, at)| at).collect())
    }

    /// How many will be sent it again.
    ///
    /// # Errors
    /// A database's error.
    pub(super) async fn count(self, store: &Store, issue: IssueNumber) -> Result<u64, StoreError> {
        Ok(self.times(store, issue).await?.len() as u64)
    }

    /// When the next reader may be tried, deferred or in doubt; `None` where there is none.
    ///
    /// # Errors
    /// A database's error.
    pub(super) async fn next_attempt(
        self,
        store: &Store,
        issue: IssueNumber,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let deferred = store.waits(issue).await?.into_iter().flatten();
        let times = self.times(store, issue).await?.into_iter().chain(deferred);
        Ok(times.map(|at| if RetryPolicy::has_come(at, now) { at.min(now) } else { at }).min())
    }

    /// Queues those whose time has come, deferred or in doubt.
    ///
    /// # Errors
    /// A database's error.
    pub(super) async fn requeue_due(
        self,
        store: &Store,
        issue: IssueNumber,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        store.requeue_due(issue, now).await?;
        if let Some(policy) = self.0 {
            store.requeue_in_doubt(issue, policy, now).await?;
        }
        Ok(())
    }

    /// Marks an issue as finished if nobody can be tried any more.
    ///
    /// # Errors
    /// A database's error.
    pub(crate) async fn finish(self, store: &Store, issue: IssueNumber) -> Result<(), StoreError> {
        store.finish(issue, self.0).await
    }
}
