//! What a report is made of: an issue's events by reader, and its deliveries counted.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::event::{agent, method};
use super::issue::issue_number;
use super::statement::sql;
use super::word::{Cells, unreadable};
use super::{Store, StoreError};
use crate::event::{Event, EventKind, HeaderFlags, Signals};
use crate::id::{IssueNumber, ListName, Place, SubscriberId};
use crate::newsletter::Tracking;

/// All that one reader did with an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Whose.
    pub subscriber: SubscriberId,
    /// Clicks and opens, in no order.
    pub events: Vec<Event>,
}

/// Events that are counted for nobody and look the same: within the same hour since a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alike {
    /// One of them, at the beginning of its hour.
    pub event: Event,
    /// How many there are.
    pub times: u64,
}

/// What relays took of an issue, by what their readers let be counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AcceptedBy {
    /// Whoever chose less than the newsletter's own.
    pub choice: BTreeMap<Tracking, u64>,
    /// When the first message was tried.
    pub first_attempt_at: Option<Timestamp>,
}

impl TryFrom<Cells<'_>> for Activity {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        let text = row.text("events")?;
        let events =
            text.split(' ').map(|event| packed(event).unwrap_or_else(|| Err(unreadable("events", event))));
        Ok(Self {
            subscriber: SubscriberId(row.integer("subscriber")?),
            events: events.collect::<Result<_, _>>()?,
        })
    }
}

/// Reads `at,what,delay`, as [`Store::activities`] writes it; `None` where it is not of this form.
fn packed(text: &str) -> Option<Result<Event, StoreError>> {
    let mut numbers = text.split(',').map(|number| number.parse::<i64>().ok());
    let (at, what, delay) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let place = u16::try_from(what >> 24).ok()?;
    let flags = u16::try_from(what & 0xffff).ok()?;
    let signals = |agent, method| Signals {
        agent,
        method,
        headers: HeaderFlags(flags),
        delay: (delay >= 0).then_some(delay),
    };
    let at = Timestamp::from_millisecond(at).ok()?;
    let signals = agent(what >> 20 & 15).and_then(|agent| Ok(signals(agent, method(what >> 16 & 15)?)));
    Some(signals.map(|signals| Event { kind: kind(place), at, signals }))
}

fn kind(place: u16) -> EventKind {
    if place == 0 { EventKind::Open } else { EventKind::Click(Place(place)) }
}

impl Store {
    /// The first and the last reader of whom there are events of an issue.
    ///
    /// # Errors
    /// A database's error.
    pub async fn active_readers(
        &self,
        issue: IssueNumber,
    ) -> Result<Option<RangeInclusive<i64>>, StoreError> {
        let select = "select (select min(subscriber) from event where issue = $1 and subscriber > 0) as first, \
            (select max(subscriber) from event where issue = $1 and subscriber > 0) as last";
        let row = sql(select).bind(issue).fetch_one(&mut self.read().await?).await?;
        let ends = (Cells(&row).some_integer("first")?, Cells(&row).some_integer("last")?);
        Ok(if let (Some(first), Some(last)) = ends { Some(first..=last) } else { None })
    }

    /// What each of these readers did with an issue, in the order of readers: a page. A reader is one row, since a row costs more than an event.
    ///
    /// # Errors
    /// A database's error.
    pub async fn activities(
        &self,
        issue: IssueNumber,
        readers: &RangeInclusive<i64>,
        limit: u32,
    ) -> Result<Vec<Activity>, StoreError> {
        let select = "select subscriber, string_agg(at || ',' || ((place << 24) + (agent << 20) + (method << 16) + flags) \
            || ',' || coalesce(delay, -1), ' ') as events from event \
            where issue = $1 and subscriber between $2 and $3 group by subscriber order by subscriber limit $4";
        let select = sql(select).bind(issue).bind(*readers.start()).bind(*readers.end()).bind(limit);
        let rows = select.fetch_all(&mut self.read().await?).await?;
        rows.iter().map(|row| Cells(row).try_into()).collect()
    }

    /// An issue's events that are counted for nobody, those that look the same together, by hours since a time.
    ///
    /// # Errors
    /// A database's error.
    pub async fn nobodys_events(
        &self,
        issue: IssueNumber,
        since: Timestamp,
    ) -> Result<Vec<Alike>, StoreError> {
        let select = "select place, agent, method, flags, (at - $2) / 3600000 as hour, count(*) as times \
            from event where issue = $1 and subscriber = 0 group by place, agent, method, flags, hour";
        let rows = sql(select).bind(issue).bind(since).fetch_all(&mut self.read().await?).await?;
        let alike = |row: Cells<'_>| {
            let hour = row.integer("hour")?.saturating_mul(3_600_000).saturating_add(since.as_millisecond());
            let signals = Signals {
                agent: agent(row.integer("agent")?)?,
                method: method(row.integer("method")?)?,
                headers: HeaderFlags(row.number("flags")?),
                delay: None,
            };
            let at = Timestamp::from_millisecond(hour).map_err(|_| unreadable("at", &hour.to_string()))?;
            let event = Event { kind: kind(row.number("place")?), at, signals };
            Ok(Alike { event, times: row.number("times")? })
        };
        rows.iter().map(Cells).map(alike).collect()
    }

    /// How many messages of an issue were accepted, by what their readers let be counted now: those without a choice as individual, those
    /// who were erased as none.
    ///
    /// # Errors
    /// A database's error.
    pub async fn accepted_by_choice(
        &self,
        issue: IssueNumber,
        list: &ListName,
    ) -> Result<AcceptedBy, StoreError> {
        let select = "select count(*) filter (where s.subscriber is null or coalesce(s.chosen_tracking, s.tracking) = 'none') as none, \
            count(*) filter (where coalesce(s.chosen_tracking, s.tracking) = 'aggregate') as aggregate, \
            count(*) as accepted, min(d.first_attempt_at) as first_attempt_at from delivery d \
            left join subscription s on s.list = $2 and s.subscriber = d.subscriber \
            where d.issue = $1 and d.status = 'accepted'";
        let row = sql(select).bind(issue).bind(list).fetch_one(&mut self.read().await?).await?;
        let row = Cells(&row);
        let (none, aggregate): (u64, u64) = (row.number("none")?, row.number("aggregate")?);
        let individual = row.number::<u64>("accepted")?.saturating_sub(none + aggregate);
        let choice =
            [(Tracking::None, none), (Tracking::Aggregate, aggregate), (Tracking::Individual, individual)];
        Ok(AcceptedBy { choice: choice.into(), first_attempt_at: row.some_time("first_attempt_at")? })
    }

    /// The last issues of a list before one, the latest first.
    ///
    /// # Errors
    /// A database's error.
    pub async fn issues_before(
        &self,
        issue: IssueNumber,
        list: &ListName,
        limit: u32,
    ) -> Result<Vec<IssueNumber>, StoreError> {
        let select = "select number from issue where number < $1 and list = $2 order by number desc limit $3";
        let select = sql(select).bind(issue).bind(list).bind(limit);
        let rows = select.fetch_all(&mut self.read().await?).await?;
        rows.iter().map(Cells).map(|row| issue_number(row.integer("number")?)).collect()
    }
}
