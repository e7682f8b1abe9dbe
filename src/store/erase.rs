//! One person out of everything (requirement 55).
//!
//! Records of what was sent stay, under an id that leads nowhere and is never given again: the counts of past issues stay true. What a
//! relay said may name the address, and what an operator decided may quote it: both go.

use serde::Serialize;

use super::connection::{Connected, Connection, Transaction};
use super::nobodys::{Judging, make_nobodys};
use super::statement::sql;
use super::subscriber::keep_people;
use super::word::Cells;
use super::{PATIENCE, Store, StoreError, notification};
use crate::mailbox::EmailAddress;

/// What was removed, each by how many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Erased {
    /// Subscriptions to lists, with whatever was chosen and agreed to.
    pub subscriptions: u64,
    /// Messages that were still to go out, and do not any more.
    pub unsent: u64,
    /// Records of messages sent, which lead to nobody now.
    pub deliveries: u64,
    /// Clicks and opens, which count for nobody now.
    pub events: u64,
    /// Records of leaving, which lead to nobody now and say no reason.
    pub departures: u64,
    /// An operator's decisions.
    pub decisions: u64,
    /// Requests to join.
    pub requests: u64,
    /// What stood against mail to them: the hash stands for it now.
    pub suppressions: u64,
    /// Whether they are still to be found in the bytes of the store's file or of its log, since somebody reads what stood there before.
    pub lingers: bool,
}

impl Store {
    /// Removes a person. `hash` keeps their address off every list from now on, without saying what it is. Again it finds nothing.
    ///
    /// # Errors
    /// A database's error.
    pub async fn erase(
        &self,
        address: &EmailAddress,
        hash: &str,
        judging: Judging<'_>,
    ) -> Result<Erased, StoreError> {
        let mut writing = self.write().await?;
        overwrite(&mut writing).await?;
        let mut transaction = writing.begin().await?;
        // Whoever an import under way brings is seen when it is over.
        keep_people(&mut transaction).await?;
        let key = address.key();
        let row = sql("select id from subscriber where key = $1")
            .bind(&key)
            .fetch_optional(&mut transaction)
            .await?;
        let mut erased = match row.as_ref().map(Cells) {
            Some(row) => erase(&mut transaction, row.integer("id")?, judging).await?,
            None => Erased::default(),
        };
        let requests = sql("delete from pending where key = $1").bind(&key);
        erased.requests = requests.execute(&mut transaction).await?;
        notification::forget_person(&mut transaction, address).await?;
        // Who complained, or is on a do-not-mail list, does not come back by the page either.
        let keep = "insert into suppression (key, reason, at, detail) values ($1, 'erased', $2, \
            (select reason from suppression where key = $3 and reason <> 'bounced')) \
            on conflict (key) do update set detail = coalesce(suppression.detail, excluded.detail)";
        sql(keep).bind(hash).bind(judging.at).bind(&key).execute(&mut transaction).await?;
        let suppressions = sql("delete from suppression where key = $1").bind(&key);
        erased.suppressions = suppressions.execute(&mut transaction).await?;
        transaction.commit().await?;
        // What PostgreSQL plans by holds some of the values.
        writing.count_for_planner("analyze subscriber, subscription").await?;
        erased.lingers = !empty_log(&mut writing).await?;
        Ok(erased)
    }
}

/// What SQLite frees of a page is overwritten always; of whole pages that it frees, for the time of an erasure, since that is more to be
/// written.
async fn overwrite(on: &mut impl Connected) -> Result<(), StoreError> {
    match on.connection() {
        Connection::Sqlite(_) => sql("pragma secure_delete = on").fetch_all(on).await.map(drop),
        // There an operator's `vacuum` does as much.
        Connection::Postgres(_) => Ok(()),
    }
}

/// What was overwritten is so in the log, which also holds pages as they were before: it is brought into the file and emptied, where nobody
/// reads what was before, or whoever does ends soon. Answers whether it is.
async fn empty_log(on: &mut impl Connected) -> Result<bool, StoreError> {
    match on.connection() {
        Connection::Sqlite(_) => {}
        Connection::Postgres(_) => return Ok(true),
    }
    sql("pragma busy_timeout = 2000").fetch_all(on).await?;
    let done = sql("pragma wal_checkpoint(truncate)").fetch_one(on).await?;
    sql(PATIENTLY).fetch_all(on).await?;
    sql("pragma secure_delete = fast").fetch_all(on).await?;
    Ok(Cells(&done).integer("busy")? == 0)
}

const PATIENTLY: &str = "pragma busy_timeout = 30000";
const _: () = assert!(PATIENCE.as_millis() == 30_000, "as `PATIENTLY` has it");

async fn erase(
    transaction: &mut Transaction<'_>,
    id: i64,
    judging: Judging<'_>,
) -> Result<Erased, StoreError> {
    // Whoever is being written to, is in doubt or was refused stays so; the reason keeps them out of the queue, and the relay's words out of
    // their record, whatever is heard of them yet.
    let unsent = "update delivery set status = 'skipped', reason = 'unsubscribed', owner = null, since = $2 \
        where subscriber = $1 and issue in (select number from issue) and status in ('queued', 'leased', 'deferred')";
    let unsent = sql(unsent).bind(id).bind(judging.at).execute(transaction).await?;
    let events = make_nobodys(transaction, id, None, judging).await?;
    let mut counts = [0; 4];
    let statements = [
        "delete from decision where subscriber = $1 and issue in (select number from issue)",
        "update delivery set reply = null, reason = coalesce(reason, 'unsubscribed') where subscriber = $1 and issue in (select number from issue)",
        "update departure set reason = null where subscriber = $1",
        "delete from subscription where subscriber = $1",
    ];
    for (count, statement) in counts.iter_mut().zip(statements) {
        *count = sql(statement).bind(id).execute(transaction).await?;
    }
    for statement in
        ["delete from reader_reference where subscriber = $1", "delete from subscriber where id = $1"]
    {
        sql(statement).bind(id).execute(transaction).await?;
    }
    let [decisions, deliveries, departures, subscriptions] = counts;
    Ok(Erased { subscriptions, unsent, deliveries, events, departures, decisions, ..Erased::default() })
}
