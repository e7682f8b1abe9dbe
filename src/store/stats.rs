//! A list in numbers.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};

use super::statement::sql;
use super::word::Cells;
use super::{Store, StoreError};
use crate::id::ListName;
use crate::newsletter::Tracking;
use crate::subscriber::{Format, Origin, SubscriptionStatus};

/// Under which it is noted until when clicks and opens are forgotten.
const PURGED: &str = "events purged";

/// How many of a list's readers are of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Whether mail goes to them.
    pub status: SubscriptionStatus,
    /// How they came.
    pub origin: Origin,
    /// What they let be counted; `None`: as the newsletter has it.
    pub tracking: Option<Tracking>,
    /// In which form.
    pub format: Format,
    /// How many.
    pub readers: u64,
}

/// Who came and who left in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turnover {
    /// Came to the list and are or were on it; not who was kept off it before they ever were.
    pub joined: u64,
    /// Left it, and did not come back.
    pub left: u64,
}

impl Store {
    /// A list's readers, by kind.
    ///
    /// # Errors
    /// A database's error.
    pub async fn groups(&self, list: &ListName) -> Result<Vec<Group>, StoreError> {
        let select = "select status, origin, coalesce(chosen_tracking, tracking) as tracks, \
            coalesce(chosen_format, format, 'html') as form, count(*) as readers \
            from subscription where list = $1 group by 1, 2, 3, 4";
        let rows = sql(select).bind(list).fetch_all(&mut self.read().await?).await?;
        let group = |row: Cells<'_>| {
            Ok(Group {
                status: row.word("status")?,
                origin: row.word("origin")?,
                tracking: row.some_word("tracks")?,
                format: row.word("form")?,
                readers: row.number("readers")?,
            })
        };
        rows.iter().map(|row| group(Cells(row))).collect()
    }

    /// Who came to a list and who left it, by the first day of the month, UTC.
    ///
    /// # Errors
    /// A database's error.
    pub async fn turnover(
        &self,
        list: &ListName,
    ) -> Result<BTreeMap<jiff::civil::Date, Turnover>, StoreError> {
        let joined = "select since / 86400000 as day, count(*) as readers from subscription \
            where list = $1 and (status <> 'left' or left_at is null or left_at > since) group by 1";
        let left = "select left_at / 86400000 as day, count(*) as readers from subscription \
            where list = $1 and status = 'left' and left_at is not null group by 1";
        let mut months: BTreeMap<_, Turnover> = BTreeMap::new();
        for (select, is_left) in [(joined, false), (left, true)] {
            for row in sql(select).bind(list).fetch_all(&mut self.read().await?).await? {
                let row = Cells(&row);
                let (day, readers): (i64, u64) = (row.integer("day")?, row.number("readers")?);
                let day =
                    Timestamp::from_second(day * 86400).unwrap_or_default().to_zoned(TimeZone::UTC).date();
                let month = months.entry(day.first_of_month()).or_default();
                *(if is_left { &mut month.left } else { &mut month.joined }) += readers;
            }
        }
        Ok(months)
    }

    /// How many of a list's readers get nothing because nobody writes to them any more, and how many have a pause.
    ///
    /// # Errors
    /// A database's error.
    pub async fn held_back(&self, list: &ListName, now: Timestamp) -> Result<(u64, u64), StoreError> {
        let select = "select count(*) as suppressed from subscription s join subscriber b on b.id = s.subscriber \
            join suppression x on x.key = b.key where s.list = $1 and s.status = 'subscribed'";
        let suppressed = sql(select).bind(list).fetch_one(&mut self.read().await?).await?;
        let select = "select count(*) as paused from subscription \
            where list = $1 and status = 'subscribed' and paused_until > $2";
        let paused = sql(select).bind(list).bind(now).fetch_one(&mut self.read().await?).await?;
        Ok((Cells(&suppressed).number("suppressed")?, Cells(&paused).number("paused")?))
    }

    /// Forgets clicks and opens from before a time, and keeps in mind until when they are forgotten if there were any. Answers how many
    /// there were. No issue has events from before it was queued.
    ///
    /// # Errors
    /// A database's error.
    pub async fn purge_events(&self, before: Timestamp) -> Result<u64, StoreError> {
        let delete =
            "delete from event where at < $1 and issue in (select number from issue where queued_at < $1)";
        let note = "insert into notice (subject, at) values ($1, $2) \
            on conflict (subject) do update set at = excluded.at where notice.at < excluded.at";
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        let deleted = sql(delete).bind(before).execute(&mut transaction).await?;
        if deleted > 0 {
            sql(note).bind(PURGED).bind(before).execute(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(deleted)
    }

    /// Until when clicks and opens were forgotten once, whatever is to be kept now; `None` where none ever were.
    ///
    /// # Errors
    /// A database's error.
    pub async fn purged_until(&self) -> Result<Option<Timestamp>, StoreError> {
        self.noted(PURGED).await
    }
}
