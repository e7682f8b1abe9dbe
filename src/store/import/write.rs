//! What an import changes, written many rows a statement.

use std::mem;

use jiff::Timestamp;

use super::TakingIn;
use crate::id::Reference;
use crate::mailbox::EmailAddress;
use crate::store::StoreError;
use crate::store::connection::Transaction;
use crate::store::statement::{Value, sql};
use crate::store::word::{json, word};
use crate::subscriber::list::More;
use crate::subscriber::{Entry, SubscriptionStatus, SuppressionReason};

/// Rows a statement.
const ROWS: usize = 250;

/// What is to be written.
#[derive(Default)]
pub(super) struct Pending {
    /// New people: id, address, key, reference.
    pub(super) people: Vec<(i64, EmailAddress, String, Reference)>,
    /// Readers of the list, new or different.
    pub(super) written: Vec<Written>,
    /// People whose address is spelt otherwise now.
    pub(super) readdressed: Vec<(i64, EmailAddress)>,
    /// Readers who are gone from the file.
    pub(super) gone: Vec<i64>,
    /// Readers who left, as the file says.
    pub(super) left: Vec<(i64, Timestamp)>,
    /// Keys of addresses that nobody writes to any more.
    pub(super) suppressed: Vec<(String, SuppressionReason)>,
    /// What few files tell.
    pub(super) more: Vec<(i64, Box<More>)>,
}

/// A reader's row on the list.
pub(super) struct Written {
    id: i64,
    status: SubscriptionStatus,
    since: Timestamp,
    left_at: Option<Timestamp>,
    pub(super) entry: Entry,
    /// As JSON.
    pub(super) attributes: String,
}

impl Written {
    pub(super) fn new(
        id: i64,
        status: SubscriptionStatus,
        (since, left_at): (Timestamp, Option<Timestamp>),
        entry: Entry,
    ) -> Self {
        let attributes = json(&entry.attributes);
        Self { id, status, since, left_at, entry, attributes }
    }
}

impl Pending {
    pub(super) fn is_full(&self) -> bool {
        self.people.len() >= ROWS || self.written.len() >= ROWS || self.suppressed.len() >= ROWS
    }

    /// Writes what there is much of, in whole statements, so that their text is the same each time.
    pub(super) async fn write(
        &mut self,
        transaction: &mut Transaction<'_>,
        how: &TakingIn<'_>,
    ) -> Result<(), StoreError> {
        while self.people.len() >= ROWS {
            insert_people(transaction, self.people.drain(..ROWS)).await?;
        }
        // Only whoever is a person by now can be a reader; people are never fewer than the readers who wait for them.
        if self.written.len() >= ROWS {
            self.write_all(transaction, how).await?;
        }
        Ok(())
    }

    /// Writes all.
    pub(super) async fn write_all(
        &mut self,
        transaction: &mut Transaction<'_>,
        how: &TakingIn<'_>,
    ) -> Result<(), StoreError> {
        if !self.people.is_empty() {
            insert_people(transaction, self.people.drain(..)).await?;
        }
        while !self.written.is_empty() {
            let some = self.written.len().min(ROWS);
            let departed: Vec<_> =
                self.written[..some].iter().filter_map(|row| Some((row.id, row.left_at?))).collect();
            write_readers(transaction, how, self.written.drain(..some)).await?;
            depart(transaction, how, departed).await?;
        }
        for gone in mem::take(&mut self.gone).chunks(ROWS) {
            mark_gone(transaction, how, gone).await?;
        }
        for (id, at) in mem::take(&mut self.left) {
            let update =
                "update subscription set status = 'left', left_at = $1 where list = $2 and subscriber = $3";
            sql(update).bind(at).bind(how.list).bind(id).execute(transaction).await?;
            depart(transaction, how, vec![(id, at)]).await?;
        }
        for (id, address) in mem::take(&mut self.readdressed) {
            let update = sql("update subscriber set address = $1 where id = $2").bind(address.as_str());
            update.bind(id).execute(transaction).await?;
        }
        for (key, reason) in mem::take(&mut self.suppressed) {
            suppress(transaction, how, (key, reason)).await?;
        }
        for (id, more) in mem::take(&mut self.more) {
            write_more(transaction, how, id, *more).await?;
        }
        Ok(())
    }
}

async fn insert_people(
    transaction: &mut Transaction<'_>,
    people: impl Iterator<Item = (i64, EmailAddress, String, Reference)>,
) -> Result<(), StoreError> {
    let mut insert = sql("insert into subscriber (id, address, key, reference) ");
    insert.push_rows(people.map(|(id, address, key, reference)| {
        [id.into(), String::from(address).into(), key.into(), reference.into()]
    }));
    insert.execute(transaction).await?;
    Ok(())
}

async fn write_readers(
    transaction: &mut Transaction<'_>,
    how: &TakingIn<'_>,
    readers: impl Iterator<Item = Written>,
) -> Result<(), StoreError> {
    let mut upsert = sql("with said (id, status, since, left_at, name, tracking, format, attributes) as (");
    upsert.push_rows(readers.map(|row| -> [Value; 8] {
        [
            row.id.into(),
            word(row.status).into(),
            row.since.into(),
            row.left_at.into(),
            row.entry.name.into(),
            row.entry.tracking.map(word).into(),
            row.entry.format.map(word).into(),
            row.attributes.into(),
        ]
    }));
    upsert.push(
        ") insert into subscription \
         (list, subscriber, status, since, left_at, origin, name, tracking, format, attributes) select ",
    );
    upsert.push_bind(how.list);
    // Who leaves at this moment has left.
    upsert.push(
        ", id, status, since, left_at, 'file', name, tracking, format, attributes from said where true \
         on conflict (list, subscriber) do update set \
         status = case when subscription.status = 'gone' then excluded.status else subscription.status end, \
         name = excluded.name, tracking = excluded.tracking, format = excluded.format, \
         attributes = excluded.attributes",
    );
    upsert.execute(transaction).await?;
    Ok(())
}

async fn depart(
    transaction: &mut Transaction<'_>,
    how: &TakingIn<'_>,
    departed: Vec<(i64, Timestamp)>,
) -> Result<(), StoreError> {
    if departed.is_empty() {
        return Ok(());
    }
    let mut insert = sql("insert into departure (list, subscriber, at, way) ");
    insert.push_rows(
        departed
            .into_iter()
            .map(|(id, at)| -> [Value; 4] { [how.list.into(), id.into(), at.into(), "file".into()] }),
    );
    insert.push(" on conflict (list, subscriber, at) do nothing");
    insert.execute(transaction).await?;
    Ok(())
}

async fn mark_gone(
    transaction: &mut Transaction<'_>,
    how: &TakingIn<'_>,
    gone: &[i64],
) -> Result<(), StoreError> {
    let mut update = sql(
        "update subscription set status = 'gone' where origin = 'file' and status = 'subscribed' and list = ",
    );
    update.push_bind(how.list).push(" and subscriber in (");
    update.push_list(gone.iter().map(|id| (*id).into())).push(")");
    update.execute(transaction).await?;
    Ok(())
}

/// The first reason stays.
async fn suppress(
    transaction: &mut Transaction<'_>,
    how: &TakingIn<'_>,
    (key, reason): (String, SuppressionReason),
) -> Result<(), StoreError> {
    let insert = "insert into suppression (key, reason, at) values ($1, $2, $3) on conflict (key) do nothing";
    sql(insert).bind(key).bind(word(reason)).bind(how.now).execute(transaction).await?;
    Ok(())
}

async fn write_more(
    transaction: &mut Transaction<'_>,
    how: &TakingIn<'_>,
    id: i64,
    more: More,
) -> Result<(), StoreError> {
    let update = "update subscription set paused_until = $1, consented_at = $2, consented_from = $3, consent_wording = $4 \
        where list = $5 and subscriber = $6";
    let (at, from, wording) = match more.consent {
        Some(consent) => (Some(consent.at), consent.from, consent.wording),
        None => (None, None, None),
    };
    let update = sql(update).bind(more.paused_until).bind(at).bind(from).bind(wording);
    update.bind(how.list).bind(id).execute(transaction).await?;
    Ok(())
}
