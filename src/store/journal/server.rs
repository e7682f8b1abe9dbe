//! The journal on a server: many records a statement, for each waits for a word from there and back.

use jiff::Timestamp;

use super::said::{SENDING, Said, is_wanted};
use super::{CHUNK, Leased, among};
use crate::delivery::{Intent, SenderId, Settlement};
use crate::id::{IssueNumber, SubscriberId};
use crate::store::StoreError;
use crate::store::connection::{Connected, Writing};
use crate::store::statement::{Value, sql};
use crate::store::word::Cells;

/// Gives these readers to a sender.
pub(super) async fn take(
    on: &mut impl Connected,
    issue: IssueNumber,
    by: SenderId,
    leased: &[Leased],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut update = sql("update delivery set status = 'leased', owner = ");
    update.push_bind(by);
    // What a clock that ran ahead wrote is now.
    for time in ["first_attempt_at", "postponed_at"] {
        update.push(", ").push(time).push(" = case when ").push(time).push(" is not null then least(");
        update.push(time).push(", ").push_bind(now).push(") end");
    }
    update.push(", since = ").push_bind(now).push(" where status = 'queued' and ");
    among(&mut update, issue, leased.iter().map(|one| one.recipient.id));
    update.execute(on).await?;
    Ok(())
}

/// Writes down what a sender has to say of an issue's readers, in one transaction; answers who is `sending` now.
pub(super) async fn record(
    writing: &mut Writing<'_>,
    issue: IssueNumber,
    intents: &[Intent],
    settlements: &[Settlement],
    now: Timestamp,
) -> Result<Vec<SubscriberId>, StoreError> {
    let settled = settlements.iter().map(|settlement| Said::settled(settlement, now));
    let said: Vec<_> = settled.chain(intents.iter().map(Said::sending)).collect();
    if said.is_empty() {
        return Ok(Vec::new());
    }
    if said.len() <= CHUNK && is_each_once(&said) {
        // A statement is a transaction by itself, and a sender waits for each word to the database.
        return change(writing, issue, &said, now).await;
    }
    let mut transaction = writing.begin().await?;
    let mut granted = Vec::with_capacity(intents.len());
    let (settled, sending) = said.split_at(settlements.len());
    for some in settled.chunks(CHUNK).chain(sending.chunks(CHUNK)) {
        granted.extend(change(&mut transaction, issue, some, now).await?);
    }
    transaction.commit().await?;
    Ok(granted)
}

/// Whether no reader is spoken of twice: a statement changes a record once.
fn is_each_once(said: &[Said<'_>]) -> bool {
    let mut ids: Vec<_> = said.iter().map(|said| said.subscriber.0).collect();
    ids.sort_unstable();
    ids.windows(2).all(|pair| pair[0] != pair[1])
}

/// Changes some records, each once; answers which are `sending` now.
async fn change(
    on: &mut impl Connected,
    issue: IssueNumber,
    said: &[Said<'_>],
    now: Timestamp,
) -> Result<Vec<SubscriberId>, StoreError> {
    let mut update = sql(
        "with said (subscriber, owner, status, tried, date, retry_at, code, enhanced, reply, postponed) as (",
    );
    update.push_rows(said.iter().map(row));
    update.push(
        ") update delivery set status = case when delivery.reason is not null and said.status in ('queued', 'deferred') \
         then 'skipped' else said.status end, attempts = delivery.attempts + said.tried, \
         first_attempt_at = coalesce(delivery.first_attempt_at, said.date), retry_at = said.retry_at, \
         code = said.code, enhanced = said.enhanced, \
         reply = case when delivery.reason is null then said.reply end, \
         postponed_at = coalesce(said.postponed, delivery.postponed_at), since = ",
    );
    update.push_bind(now).push(" from said where delivery.issue = ").push_bind(issue);
    // Said this way too, no planner walks through the whole issue.
    update.push(concat!(
        " and delivery.subscriber between (select min(subscriber) from said) and (select max(subscriber) from said) \
         and delivery.subscriber = said.subscriber and delivery.owner = said.owner and case \
         when said.status <> 'sending' then delivery.status in ('leased', 'sending', 'in-doubt') \
         else delivery.status = 'leased' and ",
        is_wanted!(),
        " end returning delivery.subscriber, delivery.status"
    ));
    let rows = update.fetch_all(on).await?;
    let mut granted = Vec::with_capacity(rows.len());
    for row in rows.iter().map(Cells) {
        if row.text("status")? == SENDING {
            granted.push(SubscriberId(row.integer("subscriber")?));
        }
    }
    Ok(granted)
}

fn row(said: &Said<'_>) -> [Value; 10] {
    [
        said.subscriber.into(),
        said.by.into(),
        said.status.into(),
        said.tried.into(),
        said.date.into(),
        said.retry_at.into(),
        said.reply.map(|reply| i64::from(reply.code)).into(),
        said.reply.and_then(|reply| reply.enhanced.as_deref()).into(),
        said.reply.map(|reply| reply.text.as_str()).into(),
        said.postponed.into(),
    ]
}
