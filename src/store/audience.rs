//! Who would get an issue now, and who is skipped and why.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::statement::{Row, sql};
use super::word::Cells;
use super::{Store, StoreError};
use crate::delivery::SkipReason;
use crate::id::{ListName, Reference, SubscriberId};
use crate::mailbox::EmailAddress;
use crate::subscriber::Recipient;

/// Why a reader `s` of `subscription` is skipped at the time `$1`, or null: as a select's column, of which queueing and counting both
/// are made, so that a dry run counts what a run queues.
macro_rules! skip_reason {
    () => {
        "case when s.status = 'left' then 'unsubscribed' \
         when s.subscriber in (select b.id from suppression x join subscriber b on b.key = x.key) then 'suppressed' \
         when s.paused_until > $1 then 'paused' end"
    };
}
pub(super) use skip_reason;

/// The columns of a [`Recipient`], from `subscription` s and `subscriber` b.
macro_rules! recipient_columns {
    () => {
        "b.id, b.reference, b.address, s.since, s.attributes, coalesce(s.chosen_name, s.name) as name, \
         coalesce(s.chosen_tracking, s.tracking) as tracking, coalesce(s.chosen_format, s.format) as format"
    };
}
pub(super) use recipient_columns;

/// The lists that anybody is or was on, and a null, as the table `known` of a `with recursive`: each costs one look into the index.
macro_rules! known_lists {
    () => {
        "known (list) as (select min(list) from subscription union all \
         select (select min(s.list) from subscription s where s.list > known.list) from known where known.list is not null)"
    };
}
pub(super) use known_lists;

/// How many readers an issue would go to, and how many of the list's are skipped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audience {
    /// They get it.
    pub active: u64,
    /// They do not, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
}

impl TryFrom<Cells<'_>> for Recipient {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: SubscriberId(row.integer("id")?),
            reference: Reference(row.integer("reference")?.cast_unsigned()),
            address: row.address("address")?,
            // Whoever empties their name on a page wants none.
            name: row.owned("name")?.filter(|name| !name.is_empty()),
            since: row.time("since")?.to_zoned(TimeZone::UTC).date(),
            tracking: row.some_word("tracking")?,
            format: row.some_word("format")?.unwrap_or_default(),
            attributes: row.attributes("attributes")?,
        })
    }
}

/// A reader on a list who gets nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its row.
    pub id: SubscriberId,
    /// Whose.
    pub address: EmailAddress,
    /// Why.
    pub reason: SkipReason,
}

impl TryFrom<Cells<'_>> for LeftOut {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: SubscriberId(row.integer("id")?),
            address: row.address("address")?,
            reason: row.word("reason")?,
        })
    }
}

impl Store {
    /// Counts a list's audience.
    ///
    /// # Errors
    /// A database's error.
    pub async fn audience(&self, list: &ListName, now: Timestamp) -> Result<Audience, StoreError> {
        let select = concat!(
            "select reason, count(*) as readers from (select ",
            skip_reason!(),
            " as reason from subscription s where s.list = $2 and s.status <> 'gone') as listed group by reason"
        );
        let rows = sql(select).bind(now).bind(list).fetch_all(&mut self.read().await?).await?;
        let mut audience = Audience::default();
        for row in rows.iter().map(Cells) {
            let readers = row.number("readers")?;
            match row.some_word("reason")? {
                None => audience.active = readers,
                Some(reason) => {
                    audience.skipped.insert(reason, readers);
                }
            }
        }
        Ok(audience)
    }

    /// A page of a list's audience in the order of their rows, after a reader or from the first.
    ///
    /// # Errors
    /// A database's error.
    pub async fn recipients(
        &self,
        list: &ListName,
        after: Option<SubscriberId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Recipient>, StoreError> {
        let select = concat!(
            "select ",
            recipient_columns!(),
            " from subscription s join subscriber b on b.id = s.subscriber \
              where s.list = $2 and s.status = 'subscribed' and s.subscriber > $3 and (",
            skip_reason!(),
            ") is null order by s.subscriber limit $4"
        );
        let rows = self.page(select, (list, now), after, limit).await?;
        rows.iter().map(|row| Cells(row).try_into()).collect()
    }

    /// A page of those of a list who are skipped, in the order of their rows, after one or from the first.
    ///
    /// # Errors
    /// A database's error.
    pub async fn left_out(
        &self,
        list: &ListName,
        after: Option<SubscriberId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<LeftOut>, StoreError> {
        let select = concat!(
            "select b.id, b.address, l.reason from (select s.subscriber, ",
            skip_reason!(),
            " as reason from subscription s where s.list = $2 and s.status <> 'gone' and s.subscriber > $3) as l \
              join subscriber b on b.id = l.subscriber where l.reason is not null order by l.subscriber limit $4"
        );
        let rows = self.page(select, (list, now), after, limit).await?;
        rows.iter().map(|row| Cells(row).try_into()).collect()
    }

    /// The lists that anybody is or was on, by name.
    ///
    /// # Errors
    /// A database's error.
    pub async fn lists(&self) -> Result<Vec<ListName>, StoreError> {
        let select =
            concat!("with recursive ", known_lists!(), " select list from known where list is not null");
        let rows = sql(select).fetch_all(&mut self.read().await?).await?;
        rows.iter().map(|row| Cells(row).parsed("list")).collect()
    }

    /// A page of a list: `$1` the time, `$2` the list, `$3` the last reader of the page before, `$4` how many.
    async fn page(
        &self,
        select: &'static str,
        (list, now): (&ListName, Timestamp),
        after: Option<SubscriberId>,
        limit: u32,
    ) -> Result<Vec<Row>, StoreError> {
        let select = sql(select).bind(now).bind(list).bind(after.map_or(0, |id| id.0)).bind(limit);
        select.fetch_all(&mut self.read().await?).await
    }
}
