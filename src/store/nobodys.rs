//! What a reader did counts for nobody from now on: what was a robot's stays a robot's, and no more is kept of whose it was.

use jiff::Timestamp;

use super::StoreError;
use super::connection::{Connected, Connection, Transaction};
use super::event::{robot_number, unpacked};
use super::issue::issue_number;
use super::statement::sql;
use super::word::Cells;
use crate::event::{Event, RobotRule, Rules, given_away};
use crate::id::{IssueNumber, ListName};

/// By what events are judged for the last time before it is forgotten whose they were.
#[derive(Debug, Clone, Copy)]
pub struct Judging<'r> {
    /// The rules.
    pub rules: &'r Rules,
    /// When.
    pub at: Timestamp,
}

/// Events of a reader that are judged, the latest issues' first: somebody waits for it, and a robot may have made any number. Of the rest
/// it cannot be told.
const JUDGED: u32 = 10_000;
/// Marked a statement.
const CHUNK: usize = 256;

/// What a reader did with issues, of a list or of all, counts for nobody from now on: neither whose it was nor how long after their own
/// message can be told any more. Answers how many events these were.
pub(super) async fn make_nobodys(
    transaction: &mut Transaction<'_>,
    id: i64,
    list: Option<&ListName>,
    judging: Judging<'_>,
) -> Result<u64, StoreError> {
    mark_robots(transaction, id, list, judging).await?;
    let copy = "insert into event (issue, subscriber, at, seq, place, agent, method, flags, robot) \
        select issue, 0, at, seq, place, agent, method, flags, robot from event \
        where subscriber = $1 and issue in (select number from issue where list = coalesce($2, list)) \
        on conflict (issue, subscriber, at, seq) do nothing";
    let delete = "delete from event \
        where subscriber = $1 and issue in (select number from issue where list = coalesce($2, list))";
    let list = list.map(ToString::to_string);
    sql(copy).bind(id).bind(list.clone()).execute(transaction).await?;
    sql(delete).bind(id).bind(list).execute(transaction).await
}

/// Writes down which events only what else the reader did, or when their message came, shows to be robots'.
async fn mark_robots(
    transaction: &mut Transaction<'_>,
    id: i64,
    list: Option<&ListName>,
    judging: Judging<'_>,
) -> Result<(), StoreError> {
    let mut left = JUDGED;
    for (issue, places) in active_issues(transaction, id, list).await? {
        let known = events(transaction, issue, id, left).await?;
        left = left.saturating_sub(u32::try_from(known.len()).unwrap_or(u32::MAX));
        let events: Vec<Event> = known.iter().map(|(_, event)| *event).collect();
        let mut robots = given_away(&events, places, judging.rules, judging.at)
            .into_iter()
            .zip(&known)
            .filter_map(|(rule, (seq, event))| Some((rule?, event.at, *seq)))
            .collect::<Vec<_>>();
        robots.sort_by_key(|(rule, ..)| *rule);
        for alike in robots.chunk_by(|a, b| a.0 == b.0).flat_map(|alike| alike.chunks(CHUNK)) {
            mark(transaction, (issue, id), alike, judging.rules.version).await?;
        }
    }
    Ok(())
}

/// The issues with which a reader did anything, the latest first, and how many links each has.
async fn active_issues(
    transaction: &mut Transaction<'_>,
    id: i64,
    list: Option<&ListName>,
) -> Result<Vec<(IssueNumber, usize)>, StoreError> {
    macro_rules! select {
        ($places:literal) => {
            concat!(
                "select number, ",
                $places,
                " as places from issue where list = coalesce($2, list) and exists \
                 (select 1 from event where event.issue = issue.number and event.subscriber = $1) order by number desc"
            )
        };
    }
    let select = match transaction.connection() {
        Connection::Sqlite(_) => select!("json_array_length(frozen, '$.rendered.links')"),
        Connection::Postgres(_) => {
            select!("json_array_length(frozen::json -> 'rendered' -> 'links')::bigint")
        }
    };
    let rows = sql(select).bind(id).bind(list.map(ToString::to_string)).fetch_all(transaction).await?;
    let issue = |row: Cells<'_>| {
        let places = row.some_integer("places")?.and_then(|places| usize::try_from(places).ok());
        Ok((issue_number(row.integer("number")?)?, places.unwrap_or_default()))
    };
    rows.iter().map(|row| issue(Cells(row))).collect()
}

/// The first events of a reader with an issue, in the order of time, each after its server's number.
async fn events(
    transaction: &mut Transaction<'_>,
    issue: IssueNumber,
    id: i64,
    limit: u32,
) -> Result<Vec<(i64, Event)>, StoreError> {
    let select = "select at, seq, (place << 24) + (agent << 20) + (method << 16) + flags as what, delay from event \
        where issue = $1 and subscriber = $2 order by at, seq limit $3";
    let rows = sql(select).bind(issue).bind(id).bind(limit).fetch_all(transaction).await?;
    let event = |row: Cells<'_>| {
        let (kind, signals) = unpacked(row.integer("what")?, row.some_integer("delay")?)?;
        Ok((row.integer("seq")?, Event { kind, at: row.time("at")?, signals }))
    };
    rows.iter().map(|row| event(Cells(row))).collect()
}

/// Marks some, in the order of time, as robots' by one rule.
async fn mark(
    transaction: &mut Transaction<'_>,
    (issue, id): (IssueNumber, i64),
    alike: &[(RobotRule, Timestamp, i64)],
    version: u32,
) -> Result<(), StoreError> {
    let (Some((rule, first, _)), Some((_, last, _))) = (alike.first(), alike.last()) else { return Ok(()) };
    let mut update = sql("update event set robot = ");
    update.push_bind(i64::from(version) << 8 | robot_number(*rule)).push(" where issue = ").push_bind(issue);
    update.push(" and subscriber = ").push_bind(id);
    // Said this way too, no planner walks through all that the reader did.
    update
        .push(" and at between ")
        .push_bind(*first)
        .push(" and ")
        .push_bind(*last)
        .push(" and (at, seq) in (");
    update.push_rows(alike.iter().map(|(_, at, seq)| [(*at).into(), (*seq).into()])).push(")");
    update.execute(transaction).await?;
    Ok(())
}
