//! How much of a relay's quota window is used, by whichever sender: counted by share of the window.

use std::time::Duration;

use jiff::Timestamp;

use super::statement::sql;
use super::word::Cells;
use super::{Store, StoreError};

/// Into so many shares a window is cut: so much of it, at most, an old message counts longer than it has to.
const SHARES: u128 = 60;

/// Where the row stands that those who book wait for.
const TURN: i64 = -1;

/// A share of a window: counting by shares, the window slides and no message's own time has to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it begins, in milliseconds.
    start: i64,
    /// Its length.
    length: i64,
    /// The window's.
    window: i64,
}

impl Span {
    /// The share of a window of this length that a moment falls into.
    pub fn at(now: Timestamp, window: Duration) -> Self {
        let milliseconds = |length: u128| i64::try_from(length).unwrap_or(i64::MAX / 4).max(1);
        let length = milliseconds(window.as_millis() / SHARES);
        let window = milliseconds(window.as_millis());
        Self { start: now.as_millisecond().div_euclid(length) * length, length, window }
    }

    /// How long after its beginning what was booked for it counts.
    fn lasts(self) -> i64 {
        self.window + self.length
    }

    /// What is booked for a later time than this was booked by a clock that was wrong: nothing would ever lift it.
    fn farthest(self) -> i64 {
        self.start + self.window
    }

    /// What began before or at this time counts no more.
    fn past(self) -> i64 {
        self.start - self.lasts()
    }
}

/// What a quota has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booked {
    /// So many messages, at least one.
    Some(u32),
    /// None, until then.
    UsedUp {
        /// When some are free again.
        until: Timestamp,
    },
}

impl Store {
    /// Books up to `wanted` messages of a quota that allows so many in a window, for this share of it.
    ///
    /// # Errors
    /// A database's error: then none is booked.
    pub async fn book(
        &self,
        quota: &str,
        allowed: u32,
        span: Span,
        wanted: u32,
    ) -> Result<Booked, StoreError> {
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        // Whoever books the same quota elsewhere waits for this row.
        let turn = "insert into quota (name, start, messages) values ($1, $2, 0) \
            on conflict (name, start) do update set messages = 0";
        sql(turn).bind(quota).bind(TURN).execute(&mut transaction).await?;
        let forget = "delete from quota where name = $1 and start > $2 and start <= $3";
        sql(forget).bind(quota).bind(TURN).bind(span.past()).execute(&mut transaction).await?;
        let select = "select cast(coalesce(sum(messages), 0) as bigint) as used, \
            coalesce(min(case when messages > 0 then start end), $2) + $3 as until \
            from quota where name = $1 and start <= $4";
        let select = sql(select).bind(quota).bind(span.start).bind(span.lasts()).bind(span.farthest());
        let row = select.fetch_one(&mut transaction).await?;
        let used = Cells(&row).integer("used")?;
        let free = u32::try_from(i64::from(allowed) - used).unwrap_or_default();
        let booked = if free > 0 {
            Booked::Some(free.min(wanted.max(1)))
        } else {
            Booked::UsedUp { until: Cells(&row).time("until")? }
        };
        if let Booked::Some(messages) = booked {
            let insert = "insert into quota (name, start, messages) values ($1, $2, $3) \
                on conflict (name, start) do update set messages = quota.messages + excluded.messages";
            sql(insert).bind(quota).bind(span.start).bind(messages).execute(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(booked)
    }

    /// Gives back what was booked for this share and is not needed.
    ///
    /// # Errors
    /// A database's error.
    pub async fn give_back(&self, quota: &str, span: Span, messages: u32) -> Result<(), StoreError> {
        let update = "update quota set messages = messages - $3 where name = $1 and start = $2";
        sql(update).bind(quota).bind(span.start).bind(messages).execute(&mut self.write().await?).await?;
        Ok(())
    }
}
