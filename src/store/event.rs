//! Clicks and opens, as they come in and as they are judged.

use super::connection::Transaction;
use super::statement::sql;
use super::word::{Cells, unreadable};
use super::{Store, StoreError};
use crate::event::{AgentClass, Event, EventKind, HeaderFlags, Method, Signals};
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
    /// one by one, or of whom nothing is known any more, is kept for nobody. Answers whether the batch was new.
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
        for some in arrivals.chunks(CHUNK) {
            keep(&mut transaction, some).await?;
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

/// Rows a statement.
const CHUNK: usize = 250;

async fn keep(transaction: &mut Transaction<'_>, arrivals: &[Arrival]) -> Result<(), StoreError> {
    let mut insert = sql("with heard (issue, reference, at, seq, place, agent, method, flags) as (");
    insert.push_rows(arrivals.iter().map(|arrival| {
        let Event { kind, at, signals } = arrival.event;
        [
            arrival.issue.into(),
            arrival.reference.into(),
            at.into(),
            arrival.seq.into(),
            place(kind).into(),
            agent_number(signals.agent).into(),
            method_number(signals.method).into(),
            i64::from(signals.headers.0).into(),
        ]
    }));
    insert.push(
        ") insert into event (issue, subscriber, at, seq, place, agent, method, flags, delay) \
         select h.issue, coalesce(s.subscriber, 0), h.at, h.seq, h.place, h.agent, h.method, h.flags, \
         case when h.at > d.since then (h.at - d.since) / 1000 when d.since is not null then 0 end \
         from heard h left join issue i on i.number = h.issue \
         left join reader_reference r on r.reference = h.reference \
         left join subscription s on s.list = i.list and s.subscriber = r.subscriber \
         and coalesce(s.chosen_tracking, s.tracking, 'individual') = 'individual' \
         left join delivery d on d.issue = h.issue and d.subscriber = s.subscriber \
         and d.status in ('sending', 'accepted') where true \
         on conflict (issue, subscriber, at, seq) do nothing",
    );
    insert.execute(transaction).await?;
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
