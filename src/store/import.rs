//! A list's file, taken in as a whole: staged row by row, then applied by a few statements in one transaction.

use jiff::Timestamp;
use serde::Serialize;

use super::connection::{Transaction, Writing};
use super::statement::sql;
use super::word::{Cells, json, word};
use super::{Store, StoreError};
use crate::id::{ListName, Reference};
use crate::subscriber::{Entry, SubscriptionStatus};

/// A file on its way in. Nothing of it is in the store before [`Staging::apply`]; dropping it leaves no trace.
#[derive(Debug)]
pub struct Staging<'s> {
    writing: Writing<'s>,
    lines: u64,
}

/// What an import changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ImportCounts {
    /// New on the list.
    pub added: u64,
    /// On it already; the file says something else of them now.
    pub changed: u64,
    /// On it already, the same.
    pub unchanged: u64,
    /// Gone from the file before, and in it again.
    pub returned: u64,
    /// In the file before, and not now.
    pub gone: u64,
    /// In the file, but they left, and stay away.
    pub left: u64,
    /// Lines whose address stood further up already, letter case aside; the first counts.
    pub repeated: u64,
}

/// How an import ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// In the store.
    Applied(ImportCounts),
    /// Nothing changed: far fewer of the list's readers would come from the file than before.
    Shrunk {
        /// Readers from the file so far.
        before: u64,
        /// Readers from the file if it were applied.
        after: u64,
    },
}

impl Store {
    /// Begins to take in a file. Other writes of this process wait until it is applied or dropped.
    ///
    /// # Errors
    /// A database's error.
    pub async fn stage(&self) -> Result<Staging<'_>, StoreError> {
        let mut writing = self.write().await?;
        for table in ["drop table if exists staged", "drop table if exists sorted"] {
            sql(table).execute(&mut writing).await?;
        }
        let create = "create temporary table staged (line bigint not null, key text not null, address text not null, \
            reference bigint not null, name text, tracking text, format text, attributes text not null)";
        sql(create).execute(&mut writing).await?;
        Ok(Staging { writing, lines: 0 })
    }
}

impl Staging<'_> {
    /// How many entries one statement takes best.
    pub const BATCH: usize = 250;

    /// Adds entries, each with a reference of its own in case the reader is new.
    ///
    /// # Errors
    /// A database's error.
    pub async fn add(&mut self, entries: Vec<(Entry, Reference)>) -> Result<(), StoreError> {
        let first = self.lines;
        self.lines += entries.len() as u64;
        let mut insert =
            sql("insert into staged (line, key, address, reference, name, tracking, format, attributes) ");
        insert.push_rows((first..).zip(entries).map(|(line, (entry, reference))| {
            [
                line.cast_signed().into(),
                entry.address.key().into(),
                String::from(entry.address).into(),
                reference.into(),
                entry.name.into(),
                entry.tracking.map(word).into(),
                entry.format.map(word).into(),
                json(&entry.attributes).into(),
            ]
        }));
        insert.execute(&mut self.writing).await?;
        Ok(())
    }

    /// Makes the list what the file says: all of it, or nothing.
    ///
    /// Those who left stay away, what a person chose stays, those who came otherwise stay; those who came from the file and are not in
    /// it any more are gone. Where that leaves more than a tenth fewer readers from the file, nothing changes unless `allow_shrink`.
    ///
    /// # Errors
    /// A database's error.
    pub async fn apply(
        mut self,
        list: &ListName,
        now: Timestamp,
        allow_shrink: bool,
    ) -> Result<Imported, StoreError> {
        let repeated = self.lines - sort(&mut self.writing).await?;
        let mut transaction = self.writing.begin().await?;
        transaction.exclude(&format!("list {list}")).await?;
        let before = Tally::of(&mut transaction, list).await?;
        let returned = count_staged(&mut transaction, list, SubscriptionStatus::Gone).await?;
        insert_subscribers(&mut transaction).await?;
        let touched = upsert_subscriptions(&mut transaction, list, now).await?;
        let gone = if before.rows > 0 { mark_gone(&mut transaction, list).await? } else { 0 };
        let after = Tally::of(&mut transaction, list).await?;
        if after.from_file * 10 < before.from_file * 9 && !allow_shrink {
            transaction.rollback().await?;
            return Ok(Imported::Shrunk { before: before.from_file, after: after.from_file });
        }
        let left = count_staged(&mut transaction, list, SubscriptionStatus::Left).await?;
        transaction.commit().await?;
        sql("drop table sorted").execute(&mut self.writing).await?;
        let added = after.rows - before.rows;
        Ok(Imported::Applied(ImportCounts {
            added,
            changed: touched - added - returned,
            unchanged: self.lines - repeated - touched,
            returned,
            gone,
            left,
            repeated,
        }))
    }
}

/// A list's rows, and the readers who are on it because its file says so.
struct Tally {
    rows: u64,
    from_file: u64,
}

impl Tally {
    async fn of(transaction: &mut Transaction<'_>, list: &ListName) -> Result<Self, StoreError> {
        let select = "select count(*) as readers, count(case when status = 'subscribed' and origin = 'file' then 1 end) as from_file \
            from subscription where list = $1";
        let row = sql(select).bind(list).fetch_one(transaction).await?;
        let row = Cells(&row);
        Ok(Self { rows: row.number("readers")?, from_file: row.number("from_file")? })
    }
}

/// Puts the lines in the order of their keys, so that all that follows walks through its tables from end to end and needs little memory.
/// Of lines with one address the first stays. Answers how many stay.
async fn sort(on: &mut Writing<'_>) -> Result<u64, StoreError> {
    let create = "create temporary table sorted (key text not null primary key, address text not null, \
        reference bigint not null, name text, tracking text, format text, attributes text not null)";
    sql(create).execute(on).await?;
    let insert = "insert into sorted select key, address, reference, name, tracking, format, attributes \
        from staged where true order by key, line on conflict (key) do nothing";
    let sorted = sql(insert).execute(on).await?;
    sql("drop table staged").execute(on).await?;
    on.analyze("analyze sorted").await?;
    Ok(sorted)
}

/// How many of the list's readers with this status stand in the file.
async fn count_staged(
    transaction: &mut Transaction<'_>,
    list: &ListName,
    status: SubscriptionStatus,
) -> Result<u64, StoreError> {
    let select = "select count(*) as readers from subscription s join subscriber b on b.id = s.subscriber \
        join sorted t on t.key = b.key where s.list = $1 and s.status = $2";
    let row = sql(select).bind(list).bind(word(status)).fetch_one(transaction).await?;
    Cells(&row).number("readers")
}

/// New people, in the order of their keys, so that the rows that are read together lie together. An address is kept as it was last written.
async fn insert_subscribers(transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let upsert = "insert into subscriber (address, key, reference) \
        select address, key, reference from sorted where true order by key \
        on conflict (key) do update set address = excluded.address where subscriber.address <> excluded.address";
    sql(upsert).execute(transaction).await?;
    Ok(())
}

/// Answers how many rows are new or different now.
async fn upsert_subscriptions(
    transaction: &mut Transaction<'_>,
    list: &ListName,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let upsert = "insert into subscription \
        (list, subscriber, status, since, origin, name, tracking, format, attributes) \
        select $1, b.id, 'subscribed', $2, 'file', t.name, t.tracking, t.format, t.attributes \
        from sorted t join subscriber b on b.key = t.key where true order by t.key \
        on conflict (list, subscriber) do update set name = excluded.name, tracking = excluded.tracking, \
        format = excluded.format, attributes = excluded.attributes, \
        status = case when subscription.status = 'gone' then 'subscribed' else subscription.status end \
        where subscription.status = 'gone' or subscription.name is distinct from excluded.name \
        or subscription.tracking is distinct from excluded.tracking \
        or subscription.format is distinct from excluded.format or subscription.attributes <> excluded.attributes";
    sql(upsert).bind(list).bind(now).execute(transaction).await
}

async fn mark_gone(transaction: &mut Transaction<'_>, list: &ListName) -> Result<u64, StoreError> {
    let update = "update subscription set status = 'gone' \
        where list = $1 and origin = 'file' and status = 'subscribed' and not exists \
        (select 1 from subscriber b join sorted t on t.key = b.key where b.id = subscription.subscriber)";
    sql(update).bind(list).execute(transaction).await
}
