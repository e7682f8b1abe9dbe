//! Who left, and what they said about it.

use jiff::SignedDuration;

use super::connection::Transaction;
use super::issue::issue_number;
use super::statement::sql;
use super::word::{Cells, word};
use super::{Store, StoreError};
use crate::id::{IssueNumber, ListName, Reference, SubscriberId};
use crate::subscriber::{Consent, Departure, Leaving};

/// What the store tells times apart by.
const MOMENT: SignedDuration = SignedDuration::from_millis(1);

impl TryFrom<Cells<'_>> for Departure {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        let issue = row.some_integer("issue")?.map(issue_number).transpose()?;
        Ok(Self {
            leaving: Leaving { at: row.time("at")?, issue, way: row.word("way")? },
            reason: row.owned("reason")?,
            undone_at: row.some_time("undone_at")?,
        })
    }
}

impl Store {
    /// The list of an issue, and the reader whose link in it bears this reference: all that leaving needs, and somebody waits for it. `None`
    /// where there is no such issue, nobody has the reference, or they were erased.
    ///
    /// # Errors
    /// A database's error.
    pub async fn followed(
        &self,
        issue: IssueNumber,
        reference: Reference,
    ) -> Result<Option<(ListName, SubscriberId)>, StoreError> {
        let select = "select i.list, r.subscriber from reader_reference r, issue i \
            where r.reference = $1 and i.number = $2";
        let select = sql(select).bind(reference).bind(issue);
        let row = select.fetch_optional(&mut self.read().await?).await?;
        let followed = |row: Cells<'_>| Ok((row.parsed("list")?, SubscriberId(row.integer("subscriber")?)));
        row.as_ref().map(|row| followed(Cells(row))).transpose()
    }

    /// Takes a reader off a list at once, also for a run under way. Twice is the same as once. Answers whether anything changed.
    ///
    /// # Errors
    /// A database's error.
    pub async fn leave(
        &self,
        list: &ListName,
        subscriber: SubscriberId,
        leaving: Leaving,
    ) -> Result<bool, StoreError> {
        let select = "select max(undone_at) as undone_at from departure where list = $1 and subscriber = $2";
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        let row = sql(select).bind(list).bind(subscriber).fetch_one(&mut transaction).await?;
        // Whoever leaves now does so after they came back, though the clock that wrote that down was ahead.
        let undone_at = Cells(&row).some_time("undone_at")?;
        let after = undone_at.and_then(|at| at.checked_add(MOMENT).ok());
        let leaving = Leaving { at: after.unwrap_or(leaving.at).max(leaving.at), ..leaving };
        leave_by(transaction, list, subscriber, leaving).await
    }

    /// As [`Store::leave`], of what was written down when it was heard: by whom since came back, it is over.
    ///
    /// # Errors
    /// A database's error.
    pub async fn leave_late(
        &self,
        list: &ListName,
        subscriber: SubscriberId,
        leaving: Leaving,
    ) -> Result<bool, StoreError> {
        let mut writing = self.write().await?;
        leave_by(writing.begin().await?, list, subscriber, leaving).await
    }

    /// Takes the last leaving back, as its reader agrees to now: they are on the list again, with what it has of them. Answers whether
    /// anything changed.
    ///
    /// # Errors
    /// A database's error.
    pub async fn come_back(
        &self,
        list: &ListName,
        subscriber: SubscriberId,
        consent: Consent,
    ) -> Result<bool, StoreError> {
        let update = "update subscription set status = 'subscribed', left_at = null, origin = 'page', \
            consented_at = $3, consent_asked_at = $4, consented_from = $5, consent_wording = $6 \
            where list = $1 and subscriber = $2 and status = 'left'";
        let undo =
            "update departure set undone_at = $1 where list = $2 and subscriber = $3 and undone_at is null";
        let Consent { at, asked_at, from, wording } = consent;
        let update = sql(update).bind(list).bind(subscriber).bind(at).bind(asked_at).bind(from).bind(wording);
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        let changed = update.execute(&mut transaction).await? > 0;
        if changed {
            sql(undo).bind(at).bind(list).bind(subscriber).execute(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(changed)
    }

    /// Keeps why a reader left, in their words or ours; of one who came back nothing is kept.
    ///
    /// # Errors
    /// A database's error.
    pub async fn give_reason(
        &self,
        list: &ListName,
        subscriber: SubscriberId,
        reason: &str,
    ) -> Result<(), StoreError> {
        let update = "update departure set reason = $1 \
            where list = $2 and subscriber = $3 and undone_at is null";
        let update = sql(update).bind(reason).bind(list).bind(subscriber);
        update.execute(&mut self.write().await?).await?;
        Ok(())
    }

    /// Who left by an issue's links, in no order; those who came back say so.
    ///
    /// # Errors
    /// A database's error.
    pub async fn departures(&self, issue: IssueNumber) -> Result<Vec<Departure>, StoreError> {
        let select = "select d.at, d.issue, d.way, d.reason, d.undone_at from departure d \
            join issue i on i.number = d.issue and i.list = d.list where d.issue = $1";
        let rows = sql(select).bind(issue).fetch_all(&mut self.read().await?).await?;
        rows.iter().map(|row| Cells(row).try_into()).collect()
    }
}

/// Takes a reader off, unless they came back later than this.
async fn leave_by(
    mut transaction: Transaction<'_>,
    list: &ListName,
    subscriber: SubscriberId,
    leaving: Leaving,
) -> Result<bool, StoreError> {
    let update = "update subscription set status = 'left', left_at = $1 \
        where list = $2 and subscriber = $3 and status <> 'left' \
        and not exists (select 1 from departure where list = $2 and subscriber = $3 and undone_at > $1)";
    let update = sql(update).bind(leaving.at).bind(list).bind(subscriber);
    let changed = update.execute(&mut transaction).await? > 0;
    if changed {
        depart(&mut transaction, list, subscriber, leaving).await?;
    }
    transaction.commit().await?;
    Ok(changed)
}

/// Records that somebody left.
pub(super) async fn depart(
    transaction: &mut Transaction<'_>,
    list: &ListName,
    subscriber: SubscriberId,
    leaving: Leaving,
) -> Result<(), StoreError> {
    let insert = "insert into departure (list, subscriber, at, issue, way) values ($1, $2, $3, $4, $5) \
        on conflict (list, subscriber, at) do nothing";
    let insert = sql(insert)
        .bind(list)
        .bind(subscriber)
        .bind(leaving.at)
        .bind(leaving.issue.map(|issue| i64::from(issue.get())))
        .bind(word(leaving.way));
    insert.execute(transaction).await?;
    Ok(())
}
