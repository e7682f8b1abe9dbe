//! All that is held on one person, for the person (requirement 55).

use jiff::Timestamp;
use serde::Serialize;

use super::event::Kept;
use super::issue::issue_number;
use super::statement::{Row, sql};
use super::word::Cells;
use super::{Store, StoreError};
use crate::event::{AgentClass, EventKind, Method};
use crate::id::{IssueNumber, ListName};
use crate::mailbox::EmailAddress;
use crate::newsletter::Tracking;
use crate::subscriber::Departure;

/// What is held on a person beside their subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Held {
    /// What went to them, or did not, and why.
    pub deliveries: Vec<HeldDelivery>,
    /// What they clicked and opened, as far as it was kept under their name.
    pub events: Vec<HeldEvent>,
    /// When they left a list.
    pub departures: Vec<HeldDeparture>,
    /// What an operator decided about single messages to them.
    pub decisions: Vec<HeldDecision>,
    /// Lists that they asked to join.
    pub requests: Vec<HeldRequest>,
}

/// A message, as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldDelivery {
    /// Which issue.
    pub issue: IssueNumber,
    /// Its status.
    pub status: String,
    /// Why it was skipped.
    pub reason: Option<String>,
    /// Since when it has this status.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u64,
    /// When it was first tried.
    pub first_attempt_at: Option<Timestamp>,
    /// Since when it is reckoned how long it is tried, if that is not the first attempt.
    pub postponed_at: Option<Timestamp>,
    /// What may be counted of it at most, where that is less than one by one.
    pub tracking: Option<Tracking>,
    /// The relay's reply: code.
    pub code: Option<i64>,
    /// Enhanced code.
    pub enhanced: Option<String>,
    /// Text.
    pub reply: Option<String>,
}

/// A click or an open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldEvent {
    /// Of which issue.
    pub issue: IssueNumber,
    /// The place of the link that was followed; none: the pixel was shown.
    pub place: Option<u16>,
    /// When.
    pub at: Timestamp,
    /// What kind of program asked.
    pub agent: AgentClass,
    /// How.
    pub method: Method,
    /// What its headers gave away, as bits.
    pub headers: u16,
    /// Seconds since the message was taken by a relay.
    pub delay: Option<i64>,
}

/// A leaving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldDeparture {
    /// Which list.
    pub list: ListName,
    /// When.
    pub at: Timestamp,
    /// By which issue's link.
    pub issue: Option<IssueNumber>,
    /// How.
    pub way: crate::subscriber::Way,
    /// Why.
    pub reason: Option<String>,
    /// When they took it back.
    pub undone_at: Option<Timestamp>,
}

/// An operator's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldDecision {
    /// On which issue's message.
    pub issue: IssueNumber,
    /// When.
    pub at: Timestamp,
    /// What.
    pub decision: String,
    /// What stood there before.
    pub was: String,
}

/// A request to join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldRequest {
    /// Which list.
    pub list: ListName,
    /// The name that was given.
    pub name: Option<String>,
    /// When.
    pub asked_at: Timestamp,
    /// Until when it can be confirmed.
    pub expires_at: Timestamp,
    /// What they would agree to.
    pub wording: String,
    /// On which page.
    pub source: String,
    /// How many mails asking for the confirmation left for the address, of this request and those before it.
    pub mails: u32,
    /// When the last of them left.
    pub mailed_at: Option<Timestamp>,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
}

impl TryFrom<Cells<'_>> for HeldDelivery {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            issue: issue_number(row.integer("issue")?)?,
            status: row.text("status")?.to_owned(),
            reason: row.owned("reason")?,
            since: row.time("since")?,
            attempts: row.number("attempts")?,
            first_attempt_at: row.some_time("first_attempt_at")?,
            postponed_at: row.some_time("postponed_at")?,
            tracking: row.some_word("tracking")?,
            code: row.some_integer("code")?,
            enhanced: row.owned("enhanced")?,
            reply: row.owned("reply")?,
        })
    }
}

impl TryFrom<Cells<'_>> for HeldEvent {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        let issue = issue_number(row.integer("issue")?)?;
        let Kept { event, .. } = row.try_into()?;
        let place = match event.kind {
            EventKind::Click(place) => Some(place.0),
            EventKind::Open => None,
        };
        let signals = event.signals;
        let (agent, method, delay) = (signals.agent, signals.method, signals.delay);
        Ok(Self { issue, place, at: event.at, agent, method, headers: signals.headers.0, delay })
    }
}

impl TryFrom<Cells<'_>> for HeldDeparture {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        let list = row.parsed("list")?;
        let Departure { leaving, reason, undone_at } = row.try_into()?;
        Ok(Self { list, at: leaving.at, issue: leaving.issue, way: leaving.way, reason, undone_at })
    }
}

impl TryFrom<Cells<'_>> for HeldDecision {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            issue: issue_number(row.integer("issue")?)?,
            at: row.time("at")?,
            decision: row.text("decision")?.to_owned(),
            was: row.text("was")?.to_owned(),
        })
    }
}

impl TryFrom<Cells<'_>> for HeldRequest {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            list: row.parsed("list")?,
            name: row.owned("name")?,
            asked_at: row.time("asked_at")?,
            expires_at: row.time("expires_at")?,
            wording: row.text("wording")?.to_owned(),
            source: row.text("source")?.to_owned(),
            mails: row.number("mails")?,
            mailed_at: row.some_time("mailed_at")?,
            confirmed_at: row.some_time("confirmed_at")?,
        })
    }
}

macro_rules! theirs {
    () => {
        "subscriber = (select id from subscriber where key = $1)"
    };
}

impl Store {
    /// What is held on an address beside its subscriptions and its suppression.
    ///
    /// # Errors
    /// A database's error.
    pub async fn held(&self, address: &EmailAddress) -> Result<Held, StoreError> {
        let mut reading = self.read().await?;
        let mut rows: [Vec<Row>; 5] = Default::default();
        let selects = [
            concat!(
                "select * from delivery where ",
                theirs!(),
                " and issue in (select number from issue) order by issue"
            ),
            concat!(
                "select * from event where ",
                theirs!(),
                " and issue in (select number from issue) order by at, seq"
            ),
            concat!("select * from departure where ", theirs!(), " order by at"),
            concat!("select * from decision where ", theirs!(), " order by at"),
            "select * from pending where key = $1 order by asked_at",
        ];
        for (rows, select) in rows.iter_mut().zip(selects) {
            *rows = sql(select).bind(address.key()).fetch_all(&mut reading).await?;
        }
        let [deliveries, events, departures, decisions, requests] = rows;
        Ok(Held {
            deliveries: all(&deliveries)?,
            events: all(&events)?,
            departures: all(&departures)?,
            decisions: all(&decisions)?,
            requests: all(&requests)?,
        })
    }
}

fn all<'r, T>(rows: &'r [Row]) -> Result<Vec<T>, StoreError>
where
    T: TryFrom<Cells<'r>, Error = StoreError>,
{
    rows.iter().map(|row| Cells(row).try_into()).collect()
}
