//! The journal in a file: a record a step.

use jiff::Timestamp;
use rusqlite::{Transaction, params};

use super::Leased;
use super::said::{Said, is_wanted};
use crate::delivery::{Intent, SenderId, Settlement};
use crate::id::{IssueNumber, SubscriberId};

const SEND: &str = concat!(
    "update delivery set status = 'sending', first_attempt_at = coalesce(first_attempt_at, ?4), retry_at = null, code = null, \
     enhanced = null, reply = null, since = ?5 where issue = ?1 and subscriber = ?2 and owner = ?3 and status = 'leased' and ",
    is_wanted!()
);

// An `in` would build its list for each record.
const SETTLE: &str = "update delivery set \
    status = case when reason is not null and ?4 in ('queued', 'deferred') then 'skipped' else ?4 end, attempts = attempts + ?5, \
    first_attempt_at = coalesce(first_attempt_at, ?6), retry_at = ?7, code = ?8, enhanced = ?9, \
    reply = case when reason is null then ?10 end, since = ?11, postponed_at = coalesce(?12, postponed_at) \
    where issue = ?1 and subscriber = ?2 and owner = ?3 and (status = 'leased' or status = 'sending' or status = 'in-doubt')";

// What a clock that ran ahead wrote is now.
const TAKE: &str = "update delivery set status = 'leased', owner = ?3, since = ?4, \
    first_attempt_at = min(first_attempt_at, ?4), postponed_at = min(postponed_at, ?4) \
    where issue = ?1 and subscriber = ?2 and status = 'queued'";

/// Gives these readers to a sender; answers who still waited.
pub(super) fn take(
    on: &Transaction<'_>,
    issue: IssueNumber,
    by: SenderId,
    waiting: Vec<Leased>,
    now: Timestamp,
) -> rusqlite::Result<Vec<Leased>> {
    let mut take = on.prepare_cached(TAKE)?;
    let mut taken = Vec::with_capacity(waiting.len());
    for one in waiting {
        if take.execute(params![issue.get(), one.recipient.id.0, by.0, now.as_millisecond()])? > 0 {
            taken.push(one);
        }
    }
    Ok(taken)
}

/// Writes down what a sender has to say of an issue's readers; answers who is `sending` now.
pub(super) fn record(
    on: &Transaction<'_>,
    issue: IssueNumber,
    intents: &[Intent],
    settlements: &[Settlement],
    now: Timestamp,
) -> rusqlite::Result<Vec<SubscriberId>> {
    let (issue, since) = (issue.get(), now.as_millisecond());
    let mut settle = on.prepare_cached(SETTLE)?;
    for settlement in settlements {
        let Said { subscriber, by, status, tried, date, retry_at, reply, postponed } =
            Said::settled(settlement, now);
        let [date, retry_at, postponed] =
            [date, retry_at, postponed].map(|time| time.map(Timestamp::as_millisecond));
        let (code, enhanced) =
            (reply.map(|reply| reply.code), reply.and_then(|reply| reply.enhanced.as_deref()));
        let text = reply.map(|reply| reply.text.as_str());
        settle.execute(params![
            issue,
            subscriber.0,
            by.0,
            status,
            tried,
            date,
            retry_at,
            code,
            enhanced,
            text,
            since,
            postponed
        ])?;
    }
    let mut granted = Vec::with_capacity(intents.len());
    let mut send = on.prepare_cached(SEND)?;
    for Intent { subscriber, by, date } in intents {
        if send.execute(params![issue, subscriber.0, by.0, date.as_millisecond(), since])? > 0 {
            granted.push(*subscriber);
        }
    }
    Ok(granted)
}
