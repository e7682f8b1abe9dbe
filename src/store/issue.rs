//! Frozen issues, each queued once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::audience::skip_reason;
use super::error::persist;
use super::statement::{Statement, sql};
use super::word::{Cells, unreadable};
use super::{Store, StoreError};
use crate::id::{IssueNumber, ListName};
use crate::message::FrozenIssue;

/// An issue's state, as a select's column: what an operator said outranks that some readers are left.
macro_rules! state {
    () => {
        "case when brake = 'cancelled' then brake when state = 'finished' then state else coalesce(brake, state) end"
    };
}
pub(super) use state;

/// Whether there is anything left to do for an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IssueState {
    /// Some readers may still be tried.
    Running,
    /// They wait until it is resumed.
    Paused,
    /// Whoever was left was skipped, for good.
    Cancelled,
    /// None is left.
    Finished,
}

/// An issue as it was frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredIssue {
    /// Its identity.
    pub number: IssueNumber,
    /// To whom it goes.
    pub list: ListName,
    /// The frozen issue, as JSON.
    pub frozen: String,
    /// By which it was reviewed.
    pub digest: String,
    /// When its audience was queued.
    pub queued_at: Timestamp,
    /// The time of the schedule that it was for.
    pub slot: Option<Timestamp>,
    /// Whether there is anything left to do.
    pub state: IssueState,
}

impl StoredIssue {
    /// What was frozen.
    ///
    /// # Errors
    /// [`StoreError::Frozen`] for what a newer pressroom froze.
    pub fn thaw(&self) -> Result<FrozenIssue, StoreError> {
        serde_json::from_str(&self.frozen).map_err(|source| StoreError::Frozen { issue: self.number, source })
    }
}

impl TryFrom<Cells<'_>> for StoredIssue {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            number: issue_number(row.integer("number")?)?,
            list: row.parsed("list")?,
            frozen: row.text("frozen")?.to_owned(),
            digest: row.text("digest")?.to_owned(),
            queued_at: row.time("queued_at")?,
            slot: row.some_time("slot")?,
            state: row.word("state")?,
        })
    }
}

impl Store {
    /// Keeps a frozen issue and queues its whole audience, in one transaction: everyone or nobody. An issue that is there already is
    /// left as it is, and answered.
    ///
    /// # Errors
    /// A database's error.
    pub async fn queue(&self, issue: &StoredIssue) -> Result<Option<StoredIssue>, StoreError> {
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        transaction.exclude(&lock_of(issue.number)).await?;
        let insert = "insert into issue (number, list, frozen, digest, queued_at, slot, state) \
            values ($1, $2, $3, $4, $5, $6, 'running') on conflict (number) do nothing";
        let inserted = sql(insert)
            .bind(issue.number)
            .bind(&issue.list)
            .bind(&issue.frozen)
            .bind(&issue.digest)
            .bind(issue.queued_at)
            .bind(issue.slot)
            .execute(&mut transaction)
            .await?;
        if inserted == 0 {
            transaction.rollback().await?;
            drop(writing);
            return self.issue(issue.number).await;
        }
        let queue = concat!(
            "insert into delivery (issue, subscriber, status, reason, since, tracking) \
             select $2, subscriber, case when reason is null then 'queued' else 'skipped' end, reason, $1, tracking from (select s.subscriber, \
             nullif(coalesce(s.chosen_tracking, s.tracking), 'individual') as tracking, ",
            skip_reason!(),
            " as reason from subscription s where s.list = $3 and s.status <> 'gone') as readers order by subscriber"
        );
        let queue = sql(queue).bind(issue.queued_at).bind(issue.number).bind(&issue.list);
        queue.execute(&mut transaction).await?;
        let refer = "insert into reader_reference (reference, subscriber) select b.reference, b.id \
            from delivery d join subscriber b on b.id = d.subscriber where d.issue = $1 and d.status = 'queued' \
            order by b.reference on conflict (reference) do nothing";
        sql(refer).bind(issue.number).execute(&mut transaction).await?;
        transaction.commit().await?;
        writing.count_for_planner("analyze delivery, reader_reference").await?;
        Ok(None)
    }

    /// An issue as it was frozen; `None` where it was never queued.
    ///
    /// # Errors
    /// A database's error.
    pub async fn issue(&self, number: IssueNumber) -> Result<Option<StoredIssue>, StoreError> {
        let select = concat!(
            "select number, list, frozen, digest, queued_at, slot, ",
            state!(),
            " as state from issue where number = $1"
        );
        let row = sql(select).bind(number).fetch_optional(&mut self.read().await?).await?;
        row.as_ref().map(|row| Cells(row).try_into()).transpose()
    }

    /// The issues that can go on, by number: neither finished nor held.
    ///
    /// # Errors
    /// A database's error.
    pub async fn unfinished(&self) -> Result<Vec<IssueNumber>, StoreError> {
        let select = "select number from issue where state = 'running' and brake is null order by number";
        let rows = sql(select).fetch_all(&mut self.read().await?).await?;
        rows.iter().map(|row| issue_number(Cells(row).integer("number")?)).collect()
    }

    /// Whether an issue that was for this time of the schedule was ever queued.
    ///
    /// # Errors
    /// A database's error.
    pub async fn is_slot_taken(&self, slot: Timestamp) -> Result<bool, StoreError> {
        let select = "select count(*) as issues from issue where slot = $1";
        let row = sql(select).bind(slot).fetch_one(&mut self.read().await?).await?;
        Ok(Cells(&row).integer("issues")? > 0)
    }

    /// All issues that were ever queued, by number, and when they were.
    ///
    /// # Errors
    /// A database's error.
    pub async fn issues(&self) -> Result<Vec<(IssueNumber, Timestamp)>, StoreError> {
        let select = "select number, queued_at from issue order by number";
        let rows = sql(select).fetch_all(&mut self.read().await?).await?;
        let issue = |row: Cells<'_>| Ok((issue_number(row.integer("number")?)?, row.time("queued_at")?));
        rows.iter().map(|row| issue(Cells(row))).collect()
    }

    /// The highest number that was ever queued.
    ///
    /// # Errors
    /// A database's error.
    pub async fn highest_issue(&self) -> Result<Option<IssueNumber>, StoreError> {
        let select = "select number from issue order by number desc limit 1";
        let row = sql(select).fetch_optional(&mut self.read().await?).await?;
        row.map(|row| issue_number(Cells(&row).integer("number")?)).transpose()
    }
}

impl Store {
    /// Changes records of an issue while nobody else changes many of them at once. Answers how many were changed.
    pub(super) async fn change(&self, issue: IssueNumber, statement: Statement) -> Result<u64, StoreError> {
        persist(|| self.change_once(issue, statement.clone())).await
    }

    async fn change_once(&self, issue: IssueNumber, statement: Statement) -> Result<u64, StoreError> {
        let mut writing = self.write_as_sender().await?;
        let mut transaction = writing.begin().await?;
        transaction.exclude(&lock_of(issue)).await?;
        let changed = statement.execute(&mut transaction).await?;
        transaction.commit().await?;
        Ok(changed)
    }
}

/// What a transaction holds that changes many of an issue's records.
pub(super) fn lock_of(issue: IssueNumber) -> String {
    format!("issue {issue}")
}

pub(super) fn issue_number(value: i64) -> Result<IssueNumber, StoreError> {
    IssueNumber::new(value).ok_or_else(|| unreadable("number", &value.to_string()))
}
