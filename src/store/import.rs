//! A list's file, taken in as a whole: staged row by row, then applied by a few statements in one transaction.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use tokio::sync::MutexGuard;

use super::word::{Cells, json, word};
use super::{Store, StoreError, begin};
use crate::id::{ListName, Reference};
use crate::subscriber::{Entry, SubscriptionStatus};

/// A file on its way in. Nothing of it is in the store before [`Staging::apply`]; dropping it leaves no trace.
#[derive(Debug)]
pub struct Staging<'s> {
    writer: MutexGuard<'s, SqliteConnection>,
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
        let mut writer = self.writer().await;
        for table in ["drop table if exists staged", "drop table if exists sorted"] {
            sqlx::query(table).execute(&mut *writer).await?;
        }
        let create = "create temporary table staged (line bigint not null, key text not null, address text not null, \
            reference bigint not null, name text, tracking text, format text, attributes text not null)";
        sqlx::query(create).execute(&mut *writer).await?;
        Ok(Staging { writer, lines: 0 })
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
        let mut insert = QueryBuilder::<Sqlite>::new(
            "insert into staged (line, key, address, reference, name, tracking, format, attributes) ",
        );
        insert.push_values((first..).zip(entries), |mut row, (line, (entry, reference))| {
            row.push_bind(line.cast_signed())
                .push_bind(entry.address.key())
                .push_bind(String::from(entry.address))
                .push_bind(reference.0.cast_signed())
                .push_bind(entry.name)
                .push_bind(entry.tracking.map(word))
                .push_bind(entry.format.map(word))
                .push_bind(json(&entry.attributes));
        });
        insert.build().execute(&mut *self.writer).await?;
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
        let repeated = self.lines - sort(&mut self.writer).await?;
        let mut transaction = begin(&mut self.writer).await?;
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
        sqlx::query("drop table sorted").execute(&mut *self.writer).await?;
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
    async fn of(connection: &mut SqliteConnection, list: &ListName) -> Result<Self, StoreError> {
        let select = "select count(*) as readers, count(case when status = 'subscribed' and origin = 'file' then 1 end) as from_file \
            from subscription where list = $1";
        let row = sqlx::query(select).bind(list.as_str()).fetch_one(connection).await?;
        let row = Cells(&row);
        Ok(Self { rows: row.number("readers")?, from_file: row.number("from_file")? })
    }
}

/// Puts the lines in the order of their keys, so that all that follows walks through its tables from end to end and needs little memory.
/// Of lines with one address the first stays. Answers how many stay.
async fn sort(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    let create = "create temporary table sorted (key text not null primary key, address text not null, \
        reference bigint not null, name text, tracking text, format text, attributes text not null)";
    sqlx::query(create).execute(&mut *connection).await?;
    let insert = "insert into sorted select key, address, reference, name, tracking, format, attributes \
        from staged where true order by key, line on conflict (key) do nothing";
    let done = sqlx::query(insert).execute(&mut *connection).await?;
    sqlx::query("drop table staged").execute(connection).await?;
    Ok(done.rows_affected())
}

/// How many of the list's readers with this status stand in the file.
async fn count_staged(
    connection: &mut SqliteConnection,
    list: &ListName,
    status: SubscriptionStatus,
) -> Result<u64, StoreError> {
    let select = "select count(*) as readers from subscription s join subscriber b on b.id = s.subscriber \
        join sorted t on t.key = b.key where s.list = $1 and s.status = $2";
    let row = sqlx::query(select).bind(list.as_str()).bind(word(status)).fetch_one(connection).await?;
    Cells(&row).number("readers")
}

/// New people, in the order of their keys, so that the rows that are read together lie together. An address is kept as it was last written.
async fn insert_subscribers(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let upsert = "insert into subscriber (address, key, reference) \
        select address, key, reference from sorted where true order by key \
        on conflict (key) do update set address = excluded.address where subscriber.address <> excluded.address";
    sqlx::query(upsert).execute(connection).await?;
    Ok(())
}

/// Answers how many rows are new or different now.
async fn upsert_subscriptions(
    connection: &mut SqliteConnection,
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
    let query = sqlx::query(upsert).bind(list.as_str()).bind(now.as_millisecond());
    Ok(query.execute(connection).await?.rows_affected())
}

async fn mark_gone(connection: &mut SqliteConnection, list: &ListName) -> Result<u64, StoreError> {
    let update = "update subscription set status = 'gone' \
        where list = $1 and origin = 'file' and status = 'subscribed' and not exists \
        (select 1 from subscriber b join sorted t on t.key = b.key where b.id = subscription.subscriber)";
    Ok(sqlx::query(update).bind(list.as_str()).execute(connection).await?.rows_affected())
}
