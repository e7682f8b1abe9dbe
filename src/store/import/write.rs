//! What an import changes, written many rows a statement.

use jiff::Timestamp;

use super::TakingIn;
use crate::id::Reference;
use crate::mailbox::EmailAddress;
use crate::store::statement::{Statement, Value, sql};
use crate::store::suppression::suppressing;
use crate::store::word::{json, word};
use crate::subscriber::list::More;
use crate::subscriber::{Choices, Entry, Origin, SubscriptionStatus, SuppressionReason};

/// Rows a statement at most.
const ROWS: usize = 512;

/// How many of so many go into one statement: of few lengths, so that each is prepared once.
fn together(rows: usize) -> usize {
    ROWS.min(1 << rows.max(1).ilog2())
}

/// What is to be written.
#[derive(Default)]
pub(super) struct Pending {
    /// New people: id, address, key where it is not the address, reference.
    pub(super) people: Vec<(i64, EmailAddress, Option<String>, Reference)>,
    /// Readers of the list, new or different.
    pub(super) written: Vec<Written>,
    /// People whose address is spelt otherwise now.
    pub(super) readdressed: Vec<(i64, EmailAddress)>,
    /// Readers who are gone from the file.
    pub(super) gone: Vec<i64>,
    /// Readers who left, as the file says.
    pub(super) left: Vec<(i64, Timestamp)>,
    /// Keys of addresses that nobody writes to any more, why, and since when.
    pub(super) suppressed: Vec<(String, SuppressionReason, Timestamp)>,
    /// What few files tell.
    pub(super) more: Vec<(i64, Box<More>)>,
    /// Choices of those who are known, which the list lacks.
    pub(super) chosen: Vec<(i64, Choices)>,
}

/// A reader's row on the list.
pub(super) struct Written {
    id: i64,
    status: SubscriptionStatus,
    origin: Origin,
    since: Timestamp,
    left_at: Option<Timestamp>,
    pub(super) entry: Entry,
    /// As JSON; most have none.
    pub(super) attributes: Option<String>,
}

impl Written {
    pub(super) fn new(
        id: i64,
        (status, origin): (SubscriptionStatus, Origin),
        (since, left_at): (Timestamp, Option<Timestamp>),
        entry: Entry,
    ) -> Self {
        let attributes = (!entry.attributes.is_empty()).then(|| json(&entry.attributes));
        Self { id, status, origin, since, left_at, entry, attributes }
    }

    /// As most are: on the list from now on, without choices.
    fn is_plain(&self, now: Timestamp) -> bool {
        let Self { status, origin, since, left_at, entry, .. } = self;
        let has_choices = entry.tracking.is_some() || entry.format.is_some();
        let is_on = *status == SubscriptionStatus::Subscribed && *origin == Origin::File;
        is_on && *since == now && left_at.is_none() && !has_choices
    }

    fn values(self) -> [Value; 9] {
        [
            self.id.into(),
            word(self.status).into(),
            self.since.into(),
            self.left_at.into(),
            word(self.origin).into(),
            self.entry.name.into(),
            self.entry.tracking.map(word).into(),
            self.entry.format.map(word).into(),
            self.attributes.into(),
        ]
    }
}

impl Pending {
    pub(super) fn is_full(&self) -> bool {
        let lengths = [
            self.people.len(),
            self.written.len(),
            self.gone.len(),
            self.left.len(),
            self.readdressed.len(),
            self.suppressed.len(),
            self.more.len(),
            self.chosen.len(),
        ];
        lengths.iter().any(|length| *length >= ROWS)
    }

    /// What writes it, in this order.
    pub(super) fn statements(mut self, how: &TakingIn<'_>) -> Vec<Statement> {
        let mut statements = Vec::new();
        // Only whoever is a person by now can be a reader.
        while !self.people.is_empty() {
            let some = together(self.people.len());
            statements.push(insert_people(self.people.drain(..some)));
        }
        while !self.written.is_empty() {
            let some = together(self.written.len());
            let departed: Vec<_> =
                self.written[..some].iter().filter_map(|row| Some((row.id, row.left_at?))).collect();
            statements.push(write_readers(how, &mut self.written, some));
            statements.extend(depart(how, departed));
        }
        let mut gone = &self.gone[..];
        while !gone.is_empty() {
            let (some, others) = gone.split_at(together(gone.len()));
            statements.push(mark_gone(how, some));
            gone = others;
        }
        for (id, at) in self.left {
            let update =
                "update subscription set status = 'left', left_at = $1 where list = $2 and subscriber = $3";
            statements.push(sql(update).bind(at).bind(how.list).bind(id));
            statements.extend(depart(how, vec![(id, at)]));
        }
        for (id, address) in self.readdressed {
            let update = sql("update subscriber set address = $1 where id = $2");
            statements.push(update.bind(address.as_str()).bind(id));
        }
        while !self.suppressed.is_empty() {
            let some = together(self.suppressed.len());
            // Those who were erased are not among them.
            let suppressed = self.suppressed.drain(..some).map(|(key, reason, at)| (key, reason, at, None));
            statements.push(suppressing(suppressed));
        }
        statements.extend(self.more.into_iter().map(|(id, more)| write_more(how, id, *more)));
        statements.extend(self.chosen.into_iter().map(|(id, choices)| write_choices(how, id, choices)));
        statements
    }
}

fn insert_people(people: impl Iterator<Item = (i64, EmailAddress, Option<String>, Reference)>) -> Statement {
    let mut insert = sql("with said (id, address, key, reference) as (");
    insert.push_rows(people.map(|(id, address, key, reference)| -> [Value; 4] {
        [id.into(), String::from(address).into(), key.into(), reference.into()]
    }));
    insert.push(
        ") insert into subscriber (id, address, key, reference) \
         select id, address, coalesce(key, address), reference from said",
    );
    insert
}

fn write_readers(how: &TakingIn<'_>, readers: &mut Vec<Written>, count: usize) -> Statement {
    let is_plain = readers[..count].iter().all(|row| row.is_plain(how.now));
    let readers = readers.drain(..count);
    let mut upsert = sql("with said (");
    if is_plain {
        // What is the same in every row is said once: each value costs as much as writing some of the row.
        upsert.push("id, name, attributes) as (").push_rows(
            readers
                .map(|row| -> [Value; 3] { [row.id.into(), row.entry.name.into(), row.attributes.into()] }),
        );
    } else {
        upsert
            .push("id, status, since, left_at, origin, name, tracking, format, attributes) as (")
            .push_rows(readers.map(Written::values));
    }
    upsert.push(
        ") insert into subscription \
         (list, subscriber, status, since, left_at, origin, name, tracking, format, attributes) select ",
    );
    upsert.push_bind(how.list);
    if is_plain {
        upsert
            .push(", id, 'subscribed', ")
            .push_bind(how.now)
            .push(", null, 'file', name, null, null, coalesce(attributes, '{}')");
    } else {
        upsert
            .push(", id, status, since, left_at, origin, name, tracking, format, coalesce(attributes, '{}')");
    }
    // Who leaves at this moment has left.
    upsert.push(
        " from said where true on conflict (list, subscriber) do update set \
         status = case when subscription.status = 'gone' then excluded.status else subscription.status end, \
         origin = case when subscription.origin = 'file' then excluded.origin else subscription.origin end, \
         name = excluded.name, tracking = excluded.tracking, format = excluded.format, \
         attributes = excluded.attributes",
    );
    upsert
}

fn depart(how: &TakingIn<'_>, departed: Vec<(i64, Timestamp)>) -> Option<Statement> {
    if departed.is_empty() {
        return None;
    }
    let mut insert = sql("insert into departure (list, subscriber, at, way) ");
    insert.push_rows(
        departed
            .into_iter()
            .map(|(id, at)| -> [Value; 4] { [how.list.into(), id.into(), at.into(), "file".into()] }),
    );
    insert.push(" on conflict (list, subscriber, at) do nothing");
    Some(insert)
}

fn mark_gone(how: &TakingIn<'_>, gone: &[i64]) -> Statement {
    let mut update = sql(
        "update subscription set status = 'gone' where origin = 'file' and status = 'subscribed' and list = ",
    );
    update.push_bind(how.list).push(" and subscriber ");
    update.push_any_of(gone.iter().map(|id| (*id).into()));
    update
}

/// Of somebody who is new to the list.
fn write_more(how: &TakingIn<'_>, id: i64, more: More) -> Statement {
    let update = "update subscription set paused_until = $1, chosen_name = $2, chosen_tracking = $3, chosen_format = $4, \
        consented_at = $5, consent_asked_at = $6, consented_from = $7, consent_wording = $8 \
        where list = $9 and subscriber = $10";
    let More { origin: _, choices, consent } = more;
    let (at, asked_at, from, wording) = match consent {
        Some(consent) => (Some(consent.at), consent.asked_at, consent.from, consent.wording),
        None => (None, None, None, None),
    };
    let update = sql(update).bind(choices.paused_until).bind(choices.name);
    let update = update.bind(choices.tracking.map(word)).bind(choices.format.map(word));
    let update = update.bind(at).bind(asked_at).bind(from).bind(wording);
    update.bind(how.list).bind(id)
}

/// What they have chosen since stays.
fn write_choices(how: &TakingIn<'_>, id: i64, choices: Choices) -> Statement {
    let update = "update subscription set chosen_name = coalesce(chosen_name, $1), \
        chosen_tracking = coalesce(chosen_tracking, $2), chosen_format = coalesce(chosen_format, $3) \
        where list = $4 and subscriber = $5";
    let update = sql(update).bind(choices.name).bind(choices.tracking.map(word));
    update.bind(choices.format.map(word)).bind(how.list).bind(id)
}
