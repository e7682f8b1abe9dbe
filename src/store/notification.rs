//! What `notify` is to be told: kept until a relay has taken it, so that nothing that is said once is lost with a relay that is away.

use jiff::Timestamp;

use super::connection::Transaction;
use super::issue::issue_number;
use super::notice::note;
use super::statement::sql;
use super::word::Cells;
use super::{Store, StoreError};
use crate::id::IssueNumber;
use crate::mailbox::EmailAddress;

/// So many lines wait; the oldest make room.
const LINES: usize = 100;
/// So many characters of one.
const LENGTH: usize = 2000;

/// A line that waits for a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// In the order in which they were said.
    pub id: i64,
    /// When it was said.
    pub said_at: Timestamp,
    /// The issue that was worked on, if that is what it tells of.
    pub issue: Option<IssueNumber>,
    /// The words.
    pub text: String,
    /// How often it left, and nobody knows whether it arrived.
    pub tries: u32,
    /// How many older ones had to make room.
    pub dropped: u64,
}

impl Store {
    /// Keeps a line for `notify`; one that waits already in the same words is not kept twice, and one of how far an issue is takes the place
    /// of what was said of that before. What it is about is noted in the same step, so that it is neither lost nor said again.
    ///
    /// # Errors
    /// A database's error: then nothing is kept or noted.
    pub async fn notify(
        &self,
        (issue, text): (Option<IssueNumber>, &str),
        noted: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        transaction.exclude("notification").await?;
        let id = next_id(&mut transaction, now).await?;
        let dropped = match issue {
            Some(issue) => take_issue(&mut transaction, issue).await?,
            None => 0,
        };
        let insert = "insert into notification (id, said_at, issue, text, dropped) select $1, $2, $3, $4, $5 \
            where not exists (select 1 from notification where text = $6)";
        let text: String = text.chars().take(LENGTH).collect();
        let insert = sql(insert).bind(id).bind(now).bind(issue.map(|issue| i64::from(issue.get())));
        insert.bind(&text).bind(dropped).bind(&text).execute(&mut transaction).await?;
        make_room(&mut transaction).await?;
        if let Some(subject) = noted {
            note(&mut transaction, subject, now).await?;
        }
        transaction.commit().await
    }

    /// What waits, the oldest first.
    ///
    /// # Errors
    /// A database's error.
    pub async fn notifications(&self) -> Result<Vec<Notification>, StoreError> {
        let select = "select id, said_at, issue, text, tries, dropped from notification order by id";
        let rows = sql(select).fetch_all(&mut self.read().await?).await?;
        rows.iter().map(|row| Cells(row).try_into()).collect()
    }

    /// Counts a try of everything up to this line (`1`), or takes one back (`-1`).
    ///
    /// # Errors
    /// A database's error, also where this is no sender any more: then nothing must leave.
    pub async fn count_try(&self, last: i64, tries: i64) -> Result<(), StoreError> {
        let update = "update notification set tries = tries + $1 where id <= $2";
        sql(update).bind(tries).bind(last).execute(&mut self.write_as_sender().await?).await?;
        Ok(())
    }

    /// Forgets everything up to this line.
    ///
    /// # Errors
    /// A database's error.
    pub async fn forget_notifications(&self, last: i64) -> Result<(), StoreError> {
        let delete = "delete from notification where id <= $1";
        sql(delete).bind(last).execute(&mut self.write_as_sender().await?).await?;
        Ok(())
    }
}

/// Above all there are and, since a line that is gone may be in a mail that just leaves, above those there were: one at a time they take
/// longer than the milliseconds that they are named by.
async fn next_id(transaction: &mut Transaction<'_>, now: Timestamp) -> Result<i64, StoreError> {
    let row = sql("select coalesce(max(id), 0) as last from notification").fetch_one(transaction).await?;
    Ok(now.as_millisecond().max(Cells(&row).integer("last")? + 1))
}

/// Takes away what waits about an issue. Answers how many lines had to make room for it.
async fn take_issue(transaction: &mut Transaction<'_>, issue: IssueNumber) -> Result<i64, StoreError> {
    let select =
        "select cast(coalesce(sum(dropped), 0) as bigint) as dropped from notification where issue = $1";
    let row = sql(select).bind(issue).fetch_one(transaction).await?;
    sql("delete from notification where issue = $1").bind(issue).execute(transaction).await?;
    Cells(&row).integer("dropped")
}

/// The oldest go where there are too many; the oldest that is left tells how many went.
async fn make_room(transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let rows = sql("select id, dropped from notification order by id desc").fetch_all(transaction).await?;
    let surplus = rows.iter().skip(LINES).map(Cells);
    let mut dropped = 0;
    for row in surplus {
        dropped += 1 + row.integer("dropped")?;
        sql("delete from notification where id = $1").bind(row.integer("id")?).execute(transaction).await?;
    }
    if dropped > 0 {
        let update =
            "update notification set dropped = dropped + $1 where id = (select min(id) from notification)";
        sql(update).bind(dropped).execute(transaction).await?;
    }
    Ok(())
}

/// What names a person who is erased goes with them.
pub(super) async fn forget_person(
    transaction: &mut Transaction<'_>,
    address: &EmailAddress,
) -> Result<(), StoreError> {
    let rows = sql("select id, text from notification").fetch_all(transaction).await?;
    for row in rows.iter().map(Cells) {
        if names(&row.text("text")?.to_lowercase(), &address.key()) {
            sql("delete from notification where id = $1")
                .bind(row.integer("id")?)
                .execute(transaction)
                .await?;
        }
    }
    Ok(())
}

/// Whether an address stands in a text, and not as a part of a longer one.
fn names(text: &str, key: &str) -> bool {
    text.match_indices(key).any(|(at, key)| {
        let before = text[..at].trim_end_matches(['.', '_', '%', '+', '-']);
        let after = text[at + key.len()..].trim_start_matches(['.', '-']);
        !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
    })
}

impl TryFrom<Cells<'_>> for Notification {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.integer("id")?,
            said_at: row.time("said_at")?,
            issue: row.some_integer("issue")?.map(issue_number).transpose()?,
            text: row.text("text")?.to_owned(),
            tries: row.number("tries")?,
            dropped: row.number("dropped")?,
        })
    }
}
