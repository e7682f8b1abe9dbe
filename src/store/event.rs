//! Clicks and opens, as they come in and as they are judged.

use super::connection::{Connected, Connection, Transaction};
use super::statement::{Value, sql};
use super::word::{Cells, unreadable};
use super::{Store, StoreError};
use crate::event::{AgentClass, Event, EventKind, HeaderFlags, Method, RobotRule, Signals};
use crate::id::{IssueNumber, Place, Reference, SubscriberId};

/// A request for a link or the pixel, before anybody has looked whose it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Of which issue.
    pub issue: IssueNumber,
    /// What stood in the token; [`Reference::EVERYONE`] where it is to be counted for nobody.
    pub reference: Reference,
    /// A number of the server's own, so that the same arrival is kept once.
    pub seq: i64,
    /// What was asked for, when and how. Its delay is found out when it is kept.
    pub event: Event,
}

/// By what a batch of arrivals is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The server that heard them.
    pub server: &'a str,
    /// That server's batches are kept in the order of their numbers.
    pub number: u64,
}

/// An event that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Whose; `None` where it is counted for nobody.
    pub subscriber: Option<SubscriberId>,
    /// The server's own number.
    pub seq: i64,
    /// What was asked for, when and how.
    pub event: Event,
}

impl TryFrom<Cells<'_>> for Kept {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        let place: u16 = row.number("place")?;
        let signals = Signals {
            agent: agent(row.integer("agent")?)?,
            method: method(row.integer("method")?)?,
            headers: HeaderFlags(row.number("flags")?),
            delay: row.some_integer("delay")?,
        };
        let kind = if place == 0 { EventKind::Open } else { EventKind::Click(Place(place)) };
        Ok(Self {
            subscriber: Some(SubscriberId(row.integer("subscriber")?)).filter(|id| id.0 != 0),
            seq: row.integer("seq")?,
            event: Event { kind, at: row.time("at")?, signals },
        })
    }
}

impl Store {
    /// Keeps a batch of arrivals, all or none; one that was kept before changes nothing. An arrival of a reader who lets nobody count them
    /// one by one, or did not at any time since the issue was queued, or of whom nothing is known any more, is kept for nobody. Answers whether the batch was new.
    ///
    /// # Errors
    /// A database's error.
    pub async fn keep_events(&self, batch: &Batch<'_>, arrivals: &[Arrival]) -> Result<bool, StoreError> {
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        let upsert = "insert into event_server (server, last) values ($1, $2) \
            on conflict (server) do update set last = excluded.last where event_server.last < excluded.last";
        let upsert = sql(upsert).bind(batch.server).bind(batch.number.cast_signed());
        if upsert.execute(&mut transaction).await? == 0 {
            return Ok(false);
        }
        for of_one in arrivals.chunk_by(|a, b| a.issue == b.issue) {
            keep(&mut transaction, of_one).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// A page of an issue's events, those of one reader together, in the order of time: after one, or from the first.
    ///
    /// # Errors
    /// A database's error.
    pub async fn events(
        &self,
        issue: IssueNumber,
        after: Option<&Kept>,
        limit: u32,
    ) -> Result<Vec<Kept>, StoreError> {
        let select = "select * from event where issue = $1 and (subscriber, at, seq) > ($2, $3, $4) \
            order by subscriber, at, seq limit $5";
        let (subscriber, at, seq) = after.map_or((-1, 0, 0), |kept| {
            (kept.subscriber.map_or(0, |id| id.0), kept.event.at.as_millisecond(), kept.seq)
        });
        let select = sql(select).bind(issue).bind(subscriber).bind(at).bind(seq).bind(limit);
        let rows = select.fetch_all(&mut self.read().await?).await?;
        rows.iter().map(|row| Cells(row).try_into()).collect()
    }
}

/// When a reader's message was handed over: of those in doubt it is known when that was first tried.
const HANDED_OVER: &str = "case d.status when 'in-doubt' then d.first_attempt_at else d.since end";

/// Rows a statement at most, where values are bound one by one.
const CHUNK: usize = 256;

/// What is bound of an arrival: each value has its price.
fn values(arrival: &Arrival) -> [Value; 4] {
    let Event { kind, at, signals } = arrival.event;
    [arrival.reference.into(), at.into(), arrival.seq.into(), packed(kind, &signals).into()]
}

/// What was asked for and how, in one number; statements take it apart and put it together too.
fn packed(kind: EventKind, signals: &Signals) -> i64 {
    let how = agent_number(signals.agent) << 20 | method_number(signals.method) << 16;
    place(kind) << 24 | how | i64::from(signals.headers.0)
}

/// The same, read.
pub(super) fn unpacked(what: i64, delay: Option<i64>) -> Result<(EventKind, Signals), StoreError> {
    let wrong = || unreadable("event", &what.to_string());
    let place = u16::try_from(what >> 24).map_err(|_| wrong())?;
    let headers = HeaderFlags(u16::try_from(what & 0xffff).map_err(|_| wrong())?);
    let kind = if place == 0 { EventKind::Open } else { EventKind::Click(Place(place)) };
    Ok((kind, Signals { agent: agent(what >> 20 & 15)?, method: method(what >> 16 & 15)?, headers, delay }))
}

/// Those of one issue go into the table in its own order, so that each of its pages is written once.
async fn keep(transaction: &mut Transaction<'_>, arrivals: &[Arrival]) -> Result<(), StoreError> {
    let Some(Arrival { issue, .. }) = arrivals.first().copied() else { return Ok(()) };
    let row = sql("select list from issue where number = $1").bind(issue).fetch_optional(transaction).await?;
    let list = row.as_ref().map(|row| Cells(row).owned("list")).transpose()?.flatten();
    let mut insert = sql("with heard (reference, at, seq, what) as (");
    let is_sqlite = matches!(transaction.connection(), Connection::Sqlite(_));
    if is_sqlite {
        stage(transaction, arrivals).await?;
        insert.push("select * from temp.arrival");
    } else {
        insert.push_rows(arrivals.iter().map(values));
    }
    insert
        .push(
            "), referred as (select h.*, r.subscriber from heard h left join reader_reference r on r.reference = h.reference \
             order by r.subscriber, h.at limit ",
        )
        .push_bind(i64::try_from(arrivals.len()).unwrap_or(i64::MAX))
        // Where one fails all are taken back by the transaction: SQLite need not be ready to take the statement back.
        .push(if is_sqlite { ") insert or fail into event " } else { ") insert into event " })
        .push("(issue, subscriber, at, seq, place, agent, method, flags, delay) select ")
        .push_bind(issue)
        .push(
            ", case when d.tracking is null then coalesce(s.subscriber, 0) else 0 end, \
             h.at, h.seq, h.what >> 24, h.what >> 20 & 15, h.what >> 16 & 15, h.what & 65535, \
             case when d.tracking is not null or d.status not in ('sending', 'accepted', 'in-doubt') then null \
             when h.at > ",
        )
        .push(HANDED_OVER)
        .push(" then (h.at - ")
        .push(HANDED_OVER)
        .push(") / 1000 when ")
        .push(HANDED_OVER)
        .push(
            " is not null then 0 end \
             from referred h left join subscription s on s.list = ",
        )
        .push_bind(list)
        .push(
            " and s.subscriber = h.subscriber and coalesce(s.chosen_tracking, s.tracking, 'individual') = 'individual' \
             left join delivery d on d.issue = ",
        )
        .push_bind(issue)
        .push(
            " and d.subscriber = s.subscriber where true \
             on conflict (issue, subscriber, at, seq) do nothing",
        );
    insert.execute(transaction).await?;
    Ok(())
}

/// Puts them where one statement finds all of them, by statements of few lengths: each is prepared once.
async fn stage(transaction: &mut Transaction<'_>, mut arrivals: &[Arrival]) -> Result<(), StoreError> {
    let table =
        "create temp table if not exists arrival (reference integer, at integer, seq integer, what integer)";
    sql(table).execute(transaction).await?;
    sql("delete from temp.arrival").execute(transaction).await?;
    while !arrivals.is_empty() {
        let (some, others) = arrivals.split_at(CHUNK.min(1 << arrivals.len().ilog2()));
        let mut insert = sql("insert into temp.arrival ");
        insert.push_rows(some.iter().map(values));
        insert.execute(transaction).await?;
        arrivals = others;
    }
    Ok(())
}

fn place(kind: EventKind) -> i64 {
    match kind {
        EventKind::Click(place) => place.0.into(),
        EventKind::Open => 0,
    }
}

// These numbers stand in stores: they never change.

pub(crate) fn agent_number(agent: AgentClass) -> i64 {
    match agent {
        AgentClass::Unknown => 0,
        AgentClass::Browser => 1,
        AgentClass::ImageProxy => 2,
        AgentClass::Scanner => 3,
        AgentClass::Bot => 4,
        AgentClass::Library => 5,
    }
}

pub(crate) fn agent(number: i64) -> Result<AgentClass, StoreError> {
    Ok(match number {
        0 => AgentClass::Unknown,
        1 => AgentClass::Browser,
        2 => AgentClass::ImageProxy,
        3 => AgentClass::Scanner,
        4 => AgentClass::Bot,
        5 => AgentClass::Library,
        other => return Err(unreadable("agent", &other.to_string())),
    })
}

pub(crate) fn method_number(method: Method) -> i64 {
    match method {
        Method::Get => 0,
        Method::Head => 1,
    }
}

pub(crate) fn method(number: i64) -> Result<Method, StoreError> {
    match number {
        0 => Ok(Method::Get),
        1 => Ok(Method::Head),
        other => Err(unreadable("method", &other.to_string())),
    }
}

pub(super) fn robot_number(rule: RobotRule) -> i64 {
    match rule {
        RobotRule::Head => 1,
        RobotRule::Prefetch => 2,
        RobotRule::Agent => 3,
        RobotRule::TooSoon => 4,
        RobotRule::Sweep => 5,
        RobotRule::Companion => 6,
    }
}

/// Of 0 none.
pub(super) fn robot(number: i64) -> Result<Option<RobotRule>, StoreError> {
    Ok(Some(match number {
        0 => return Ok(None),
        1 => RobotRule::Head,
        2 => RobotRule::Prefetch,
        3 => RobotRule::Agent,
        4 => RobotRule::TooSoon,
        5 => RobotRule::Sweep,
        6 => RobotRule::Companion,
        other => return Err(unreadable("robot", &other.to_string())),
    }))
}
