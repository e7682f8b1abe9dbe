//! What a report is made of: an issue's events by reader, and its deliveries counted.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::event::{robot, unpacked};
use super::issue::issue_number;
use super::statement::sql;
use super::word::{Cells, unreadable};
use super::{Store, StoreError};
use crate::event::{Event, RobotRule};
use crate::id::{IssueNumber, ListName, SubscriberId};
use crate::newsletter::Tracking;
use crate::report::{DAYS, HOURS};

/// All that one reader did with an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Whose.
    pub subscriber: SubscriberId,
    /// Clicks and opens, in no order.
    pub events: Vec<Event>,
}

/// Events that are counted for nobody and look the same: within the same hour or day since a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alike {
    /// One of them, at the beginning of its hour or day.
    pub event: Event,
    /// What gave a robot away while it was known whose they were.
    pub robot: Option<RobotRule>,
    /// How many there are.
    pub times: u64,
}

/// Whom an issue reached, as far as relays said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reached {
    /// Whose message was accepted.
    pub accepted: u64,
    /// The same and those who may have it and do what readers do: those in doubt, and who did something whatever became of their message
    /// since; by what they let be counted.
    pub choice: BTreeMap<Tracking, u64>,
}

/// Numbers of a text that a statement made, each with what stands behind it. Not one row each: a row costs more than all that is in it.
struct Numbers<'t>(&'t [u8]);

impl Numbers<'_> {
    /// The next one and the character behind it, 0 at the end.
    fn next(&mut self) -> Option<(i64, u8)> {
        let (is_negative, digits) = self.0.strip_prefix(b"-").map_or((false, self.0), |rest| (true, rest));
        let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = digits[..length]
            .iter()
            .try_fold(0_i64, |sum, digit| sum.checked_mul(10)?.checked_add(i64::from(digit - b'0')))?;
        let behind = digits.get(length).copied().unwrap_or_default();
        self.0 = digits.get(length + 1..).unwrap_or_default();
        (length > 0).then_some((if is_negative { -number } else { number }, behind))
    }

    /// Three, and the character behind the last.
    fn three(&mut self) -> Option<([i64; 3], u8)> {
        let (first, second, (third, behind)) = (self.next()?, self.next()?, self.next()?);
        (first.1 == b',' && second.1 == b',').then_some(([first.0, second.0, third], behind))
    }

    /// Of a reader and what they did, as [`Store::activities`] writes it.
    fn activity(&mut self) -> Result<Activity, StoreError> {
        let cut = || unreadable("readers", "");
        let (subscriber, b':') = self.next().ok_or_else(cut)? else { return Err(cut()) };
        let mut events = Vec::with_capacity(4);
        loop {
            let ([at, what, delay], behind) = self.three().ok_or_else(cut)?;
            events.push(event(at, what, (delay >= 0).then_some(delay))?);
            if behind != b' ' {
                return Ok(Activity { subscriber: SubscriberId(subscriber), events });
            }
        }
    }
}

fn event(at: i64, what: i64, delay: Option<i64>) -> Result<Event, StoreError> {
    let (kind, signals) = unpacked(what, delay)?;
    let at = Timestamp::from_millisecond(at).map_err(|_| unreadable("at", &at.to_string()))?;
    Ok(Event { kind, at, signals })
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

    /// What each of these readers did with an issue from a time on: of the first so many, in no order. A page is one row, since a row costs more than an event.
    ///
    /// # Errors
    /// A database's error.
    pub async fn activities(
        &self,
        issue: IssueNumber,
        readers: &RangeInclusive<i64>,
        from: Timestamp,
        limit: u32,
    ) -> Result<Vec<Activity>, StoreError> {
        let select = "select string_agg(subscriber || ':' || events, ';') as readers from (\
            select subscriber, string_agg(at || ',' || ((place << 24) + (agent << 20) + (method << 16) + flags) \
            || ',' || coalesce(delay, -1), ' ') as events from event \
            where issue = $1 and subscriber between $2 and $3 and at >= $4 group by subscriber order by subscriber limit $5) as reader";
        let select =
            sql(select).bind(issue).bind(*readers.start()).bind(*readers.end()).bind(from).bind(limit);
        let page = select.fetch_one(&mut self.read().await?).await?;
        let mut page = Numbers(Cells(&page).some_text("readers")?.unwrap_or_default().as_bytes());
        let mut activities = Vec::new();
        while !page.0.is_empty() {
            activities.push(page.activity()?);
        }
        Ok(activities)
    }

    /// An issue's events from a time on that are counted for nobody, those that look the same together: by hours since a time as long as a report has
    /// hours, then by days as long as it has days, then all. So many rows at most, however many events there are.
    ///
    /// # Errors
    /// A database's error.
    pub async fn nobodys_events(
        &self,
        issue: IssueNumber,
        since: Timestamp,
        from: Timestamp,
    ) -> Result<Vec<Alike>, StoreError> {
        let select = "select string_agg(hour || ',' || what || ',' || times, ' ') as alike from (\
            select what, case when hour < 0 then 0 when hour < $3 then hour \
            when hour < $4 then hour / 24 * 24 else $4 end as hour, count(*) as times from (\
            select (coalesce(robot & 255, 0) << 40) + (place << 24) + (agent << 20) + (method << 16) + flags as what, (at - $2) / 3600000 as hour \
            from event where issue = $1 and subscriber = 0 and at >= $5) as one group by 1, 2) as hourly";
        let select = sql(select).bind(issue).bind(since).bind(HOURS).bind(24 * DAYS).bind(from);
        let row = select.fetch_one(&mut self.read().await?).await?;
        let text = Cells(&row).some_text("alike")?.unwrap_or_default();
        let mut numbers = Numbers(text.as_bytes());
        let mut alike = Vec::new();
        while !numbers.0.is_empty() {
            let ([hour, what, times], _) = numbers.three().ok_or_else(|| unreadable("alike", ""))?;
            let at = hour.saturating_mul(3_600_000).saturating_add(since.as_millisecond());
            let times = times.try_into().map_err(|_| unreadable("times", &times.to_string()))?;
            let (robot, what) = (robot(what >> 40)?, what & ((1 << 40) - 1));
            alike.push(Alike { event: event(at, what, None)?, robot, times });
        }
        Ok(alike)
    }

    /// Whom an issue reached, by what they let be counted themselves, now or, where that was less, at any time since the issue was queued,
    /// and then by their file too (what it says later takes nothing back that was counted): those without a choice as individual, those who
    /// were erased as none.
    ///
    /// # Errors
    /// A database's error.
    pub async fn reached(&self, issue: IssueNumber, list: &ListName) -> Result<Reached, StoreError> {
        let select = "select count(*) filter (where s.subscriber is null or d.tracking = 'none' \
            or s.chosen_tracking = 'none') as none, \
            count(*) filter (where s.subscriber is null or d.tracking is not null \
            or s.chosen_tracking in ('aggregate', 'none')) as fewer, \
            count(*) as all_of_them, count(*) filter (where d.status = 'accepted') as accepted from delivery d \
            left join subscription s on s.list = $2 and s.subscriber = d.subscriber \
            where d.issue = $1 and (d.status in ('accepted', 'in-doubt') or exists \
            (select 1 from event e where e.issue = d.issue and e.subscriber = d.subscriber))";
        let row = sql(select).bind(issue).bind(list).fetch_one(&mut self.read().await?).await?;
        let row = Cells(&row);
        let (none, fewer): (u64, u64) = (row.number("none")?, row.number("fewer")?);
        let (aggregate, individual) = (fewer - none, row.number::<u64>("all_of_them")? - fewer);
        let choice =
            [(Tracking::None, none), (Tracking::Aggregate, aggregate), (Tracking::Individual, individual)];
        Ok(Reached { accepted: row.number("accepted")?, choice: choice.into() })
    }

    /// When the first of an issue's accepted messages was tried.
    ///
    /// # Errors
    /// A database's error.
    pub async fn first_attempt_at(&self, issue: IssueNumber) -> Result<Option<Timestamp>, StoreError> {
        let select =
            "select min(first_attempt_at) as first from delivery where issue = $1 and status = 'accepted'";
        let row = sql(select).bind(issue).fetch_one(&mut self.read().await?).await?;
        Cells(&row).some_time("first")
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
