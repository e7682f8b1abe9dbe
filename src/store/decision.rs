//! What an operator decides about readers whose message was refused or may have arrived.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::connection::Transaction;
use super::error::persist;
use super::issue::lock_of;
use super::statement::sql;
use super::word::{Cells, word};
use super::{Store, StoreError};
use crate::id::{IssueNumber, ListName, SubscriberId};
use crate::mailbox::EmailAddress;
use crate::subscriber::SubscriptionStatus;

/// What is to become of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Back into the queue: for those in doubt or refused.
    Resend,
    /// They have it: for those in doubt.
    Accepted,
}

/// A reader about whom this cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecidable {
    /// Who.
    pub address: EmailAddress,
    /// Why.
    pub obstacle: Obstacle,
}

/// What is in the way of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The issue was never for them, or they were erased since.
    Unknown,
    /// Their record stands elsewhere, as the table has it.
    Status(String),
    /// Nobody gets the issue any more.
    Cancelled,
    /// Nobody writes to them any more.
    Suppressed,
    /// They left the list.
    Left(ListName),
    /// The list's file has them no more.
    Gone(ListName),
    /// They want nothing before this.
    Paused(Timestamp),
}

impl Store {
    /// Decides about these readers, all of them or, where it cannot be decided about some, none; those are answered. What stood there
    /// is kept, with the time. An issue that was finished goes on, and who is sent it again is tried for as long as anybody.
    ///
    /// # Errors
    /// A database's error.
    pub async fn decide(
        &self,
        issue: IssueNumber,
        decision: Decision,
        addresses: &[EmailAddress],
        now: Timestamp,
    ) -> Result<Vec<Undecidable>, StoreError> {
        persist(|| self.decide_once(issue, decision, addresses, now)).await
    }

    async fn decide_once(
        &self,
        issue: IssueNumber,
        decision: Decision,
        addresses: &[EmailAddress],
        now: Timestamp,
    ) -> Result<Vec<Undecidable>, StoreError> {
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        transaction.exclude(&lock_of(issue)).await?;
        let mut undecidable = Vec::new();
        for address in addresses {
            if let Err(one) = decide(&mut transaction, issue, decision, address, now).await? {
                undecidable.push(one);
            }
        }
        let reopen = "update issue set state = 'running' where number = $1 and exists \
            (select 1 from delivery where issue = $1 and status = 'queued')";
        sql(reopen).bind(issue).execute(&mut transaction).await?;
        if undecidable.is_empty() {
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }
        Ok(undecidable)
    }
}

async fn decide(
    transaction: &mut Transaction<'_>,
    issue: IssueNumber,
    decision: Decision,
    address: &EmailAddress,
    now: Timestamp,
) -> Result<Result<(), Undecidable>, StoreError> {
    let select = "select d.subscriber, d.status, i.list, i.brake, s.status as standing, s.paused_until, \
        (select count(*) from suppression x where x.key = b.key) as suppressed \
        from delivery d join subscriber b on b.id = d.subscriber join issue i on i.number = d.issue \
        left join subscription s on s.list = i.list and s.subscriber = d.subscriber \
        where d.issue = $1 and b.key = $2";
    let row = sql(select).bind(issue).bind(address.key()).fetch_optional(transaction).await?;
    let undecidable = |obstacle| Ok(Err(Undecidable { address: address.clone(), obstacle }));
    let Some(row) = row.as_ref().map(Cells) else { return undecidable(Obstacle::Unknown) };
    if decision == Decision::Resend && row.some_text("brake")? == Some("cancelled") {
        return undecidable(Obstacle::Cancelled);
    }
    let status = row.text("status")?;
    let update = match (decision, status) {
        (Decision::Resend, "in-doubt" | "refused") => {
            "update delivery set status = 'queued', owner = null, postponed_at = $1, since = $1 \
             where issue = $2 and subscriber = $3"
        }
        (Decision::Accepted, "in-doubt") => {
            "update delivery set status = 'accepted', owner = null, since = $1, code = 250, enhanced = null, \
             reply = 'the operator settled it' where issue = $2 and subscriber = $3"
        }
        (Decision::Resend | Decision::Accepted, _) => {
            return undecidable(Obstacle::Status(status.to_owned()));
        }
    };
    if decision == Decision::Resend
        && let Some(obstacle) = unwanted(row, now)?
    {
        return undecidable(obstacle);
    }
    let subscriber = SubscriberId(row.integer("subscriber")?);
    record(transaction, (issue, subscriber), decision, now).await?;
    sql(update).bind(now).bind(issue).bind(subscriber).execute(transaction).await?;
    Ok(Ok(()))
}

/// Why a reader gets nothing now, though the issue was for them once.
fn unwanted(row: Cells<'_>, now: Timestamp) -> Result<Option<Obstacle>, StoreError> {
    if row.integer("suppressed")? > 0 {
        return Ok(Some(Obstacle::Suppressed));
    }
    Ok(match row.some_word("standing")? {
        Some(SubscriptionStatus::Subscribed) => {
            row.some_time("paused_until")?.filter(|until| *until > now).map(Obstacle::Paused)
        }
        Some(SubscriptionStatus::Left) => Some(Obstacle::Left(row.parsed("list")?)),
        Some(SubscriptionStatus::Gone) | None => Some(Obstacle::Gone(row.parsed("list")?)),
    })
}

/// Keeps what stands in a record, as text: the status, since when, and what the relay had said.
async fn record(
    transaction: &mut Transaction<'_>,
    (issue, subscriber): (IssueNumber, SubscriberId),
    decision: Decision,
    now: Timestamp,
) -> Result<(), StoreError> {
    let insert = "insert into decision (issue, subscriber, at, decision, was) \
        select issue, subscriber, $1, $2, status || ' ' || since || ' ' || coalesce(code, 0) || ' ' || coalesce(reply, '') \
        from delivery where issue = $3 and subscriber = $4 on conflict (issue, subscriber, at) do nothing";
    let insert = sql(insert).bind(now).bind(word(decision)).bind(issue).bind(subscriber);
    insert.execute(transaction).await?;
    Ok(())
}
