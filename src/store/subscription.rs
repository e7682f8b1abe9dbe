//! Who is on which list, what the list's file says of them, and what they chose.

use jiff::Timestamp;

use super::audience::known_lists;
use super::connection::Transaction;
use super::departure::depart;
use super::nobodys::{Judging, make_nobodys};
use super::statement::sql;
use super::subscriber::{Newcomer, find_or_insert};
use super::suppression::refuse_erased;
use super::word::{Cells, json, word};
use super::{Store, StoreError};
use crate::id::{ListName, SubscriberId};
use crate::mailbox::EmailAddress;
use crate::newsletter::Tracking;
use crate::subscriber::{Choices, Consent, Entry, Joining, Leaving, Subscription, SuppressionReason, Way};

/// Somebody on a list, with all that the list has of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Their row.
    pub id: SubscriberId,
    /// Their address.
    pub address: EmailAddress,
    /// What the list has.
    pub subscription: Subscription,
    /// Why and since when nobody writes to them any more.
    pub suppressed: Option<(SuppressionReason, Timestamp)>,
}

impl TryFrom<Cells<'_>> for Member {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: SubscriberId(row.integer("subscriber")?),
            address: row.address("address")?,
            suppressed: row.some_word("suppressed")?.zip(row.some_time("suppressed_at")?),
            subscription: row.try_into()?,
        })
    }
}

impl TryFrom<Cells<'_>> for Subscription {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            list: row.parsed("list")?,
            status: row.word("status")?,
            since: row.time("since")?,
            left_at: row.some_time("left_at")?,
            origin: row.word("origin")?,
            name: row.owned("name")?,
            tracking: row.some_word("tracking")?,
            format: row.some_word("format")?,
            attributes: row.attributes("attributes")?,
            choices: Choices {
                name: row.owned("chosen_name")?,
                tracking: row.some_word("chosen_tracking")?,
                format: row.some_word("chosen_format")?,
                paused_until: row.some_time("paused_until")?,
            },
            consent: match row.some_time("consented_at")? {
                None => None,
                Some(at) => {
                    let (from, wording) = (row.owned("consented_from")?, row.owned("consent_wording")?);
                    Some(Consent { at, asked_at: row.some_time("consent_asked_at")?, from, wording })
                }
            },
        })
    }
}

impl Store {
    /// The lists that a person is or was on, by name.
    ///
    /// # Errors
    /// A database's error.
    pub async fn subscriptions(&self, subscriber: SubscriberId) -> Result<Vec<Subscription>, StoreError> {
        // There is no index by person: each list is looked into.
        let select = concat!(
            "with recursive ",
            known_lists!(),
            " select s.* from known join subscription s on s.list = known.list and s.subscriber = $1 order by s.list"
        );
        let rows = sql(select).bind(subscriber).fetch_all(&mut self.read().await?).await?;
        rows.iter().map(|row| Cells(row).try_into()).collect()
    }

    /// A page of those who are or were on a list, in the order of their rows, after one or from the first.
    ///
    /// # Errors
    /// A database's error.
    pub async fn members(
        &self,
        list: &ListName,
        after: Option<SubscriberId>,
        limit: u32,
    ) -> Result<Vec<Member>, StoreError> {
        let select = "select s.*, b.address, x.reason as suppressed, x.at as suppressed_at from subscription s \
            join subscriber b on b.id = s.subscriber left join suppression x on x.key = b.key \
            where s.list = $1 and s.subscriber > $2 order by s.subscriber limit $3";
        let select = sql(select).bind(list).bind(after.map_or(0, |id| id.0)).bind(limit);
        let rows = select.fetch_all(&mut self.read().await?).await?;
        rows.iter().map(|row| Cells(row).try_into()).collect()
    }

    /// Puts a reader on a list, unless they are or were on it: one who left stays gone, and one who is gone from the file
    /// is back, and stays whatever the file says. Answers whether anything changed.
    ///
    /// # Errors
    /// A database's error; [`StoreError::ErasedMeanwhile`].
    pub async fn subscribe(
        &self,
        list: &ListName,
        entry: &Entry,
        newcomer: Newcomer<'_>,
        joining: Joining,
    ) -> Result<bool, StoreError> {
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        let id = find_or_insert(&mut transaction, &entry.address, newcomer.reference).await?;
        // Nobody is erased any more, now that a person was written.
        refuse_erased(&mut transaction, newcomer.erased).await?;
        let changed = join(&mut transaction, list, id, Some(entry), joining).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// As [`Store::subscribe`], of somebody who is known: nobody who was erased meanwhile comes back by it.
    ///
    /// # Errors
    /// A database's error.
    pub async fn put_on(
        &self,
        list: &ListName,
        subscriber: SubscriberId,
        joining: Joining,
    ) -> Result<bool, StoreError> {
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        let changed = join(&mut transaction, list, subscriber, None, joining).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// Takes a reader off a list, for good; one whom the list does not know is kept as one who left. Answers whether anything changed.
    ///
    /// # Errors
    /// A database's error; [`StoreError::ErasedMeanwhile`].
    pub async fn unsubscribe(
        &self,
        list: &ListName,
        address: &EmailAddress,
        newcomer: Newcomer<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let upsert = "insert into subscription (list, subscriber, status, since, left_at, origin, attributes) \
            values ($1, $2, 'left', $3, $3, 'command', '{}') on conflict (list, subscriber) \
            do update set status = 'left', left_at = excluded.left_at where subscription.status <> 'left'";
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        let id = find_or_insert(&mut transaction, address, newcomer.reference).await?;
        refuse_erased(&mut transaction, newcomer.erased).await?;
        let changed = sql(upsert).bind(list).bind(id).bind(now).execute(&mut transaction).await?;
        if changed > 0 {
            let leaving = Leaving { at: now, issue: None, way: Way::Command };
            depart(&mut transaction, list, id, leaving).await?;
        }
        transaction.commit().await?;
        Ok(changed > 0)
    }

    /// Keeps what a person chose, in place of what they chose before. Where they let nobody count them one by one any more, what they
    /// did with the list's issues before counts for nobody either, and whatever they choose later, of those issues they are not counted more
    /// closely again.
    ///
    /// # Errors
    /// A database's error.
    pub async fn choose(
        &self,
        list: &ListName,
        subscriber: SubscriberId,
        choices: &Choices,
        judging: Judging<'_>,
    ) -> Result<(), StoreError> {
        let update = "update subscription \
            set chosen_name = $1, chosen_tracking = $2, chosen_format = $3, paused_until = $4 \
            where list = $5 and subscriber = $6";
        let update = sql(update)
            .bind(choices.name.clone())
            .bind(choices.tracking.map(word))
            .bind(choices.format.map(word))
            .bind(choices.paused_until)
            .bind(list)
            .bind(subscriber);
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        update.execute(&mut transaction).await?;
        match choices.tracking {
            Some(tracking @ (Tracking::None | Tracking::Aggregate)) => {
                lower(&mut transaction, list, subscriber, tracking).await?;
                make_nobodys(&mut transaction, subscriber.0, Some(list), judging).await?;
            }
            Some(Tracking::Individual) | None => {}
        }
        transaction.commit().await
    }
}

/// Puts whoever there is on a list, with what is said of them there.
async fn join(
    transaction: &mut Transaction<'_>,
    list: &ListName,
    subscriber: SubscriberId,
    entry: Option<&Entry>,
    joining: Joining,
) -> Result<bool, StoreError> {
    let insert = "insert into subscription \
        (list, subscriber, status, since, origin, name, tracking, format, attributes, \
        consented_at, consented_from, consent_wording) \
        select $1, id, 'subscribed', $3, $4, $5, $6, $7, $8, $9, $10, $11 from subscriber where id = $2 \
        on conflict (list, subscriber) do update set status = 'subscribed', origin = excluded.origin, \
        name = coalesce(excluded.name, subscription.name), \
        tracking = coalesce(excluded.tracking, subscription.tracking), \
        format = coalesce(excluded.format, subscription.format), \
        consented_at = coalesce(excluded.consented_at, subscription.consented_at), \
        consented_from = coalesce(excluded.consented_from, subscription.consented_from), \
        consent_wording = coalesce(excluded.consent_wording, subscription.consent_wording) \
        where subscription.status = 'gone'";
    let Joining { origin, at, consent } = joining;
    let changed = sql(insert)
        .bind(list)
        .bind(subscriber)
        .bind(at)
        .bind(word(origin))
        .bind(entry.and_then(|entry| entry.name.clone()))
        .bind(entry.and_then(|entry| entry.tracking).map(word))
        .bind(entry.and_then(|entry| entry.format).map(word))
        .bind(entry.map_or_else(|| "{}".to_owned(), |entry| json(&entry.attributes)))
        .bind(consent.as_ref().map(|consent| consent.at))
        .bind(consent.as_ref().and_then(|consent| consent.from.clone()))
        .bind(consent.and_then(|consent| consent.wording))
        .execute(transaction)
        .await?;
    Ok(changed > 0)
}

/// Of a list's issues that went to a reader, or still go, at most this is counted.
async fn lower(
    transaction: &mut Transaction<'_>,
    list: &ListName,
    subscriber: SubscriberId,
    tracking: Tracking,
) -> Result<(), StoreError> {
    // `aggregate` comes before `none` in the alphabet too.
    let update = "update delivery set tracking = $1 where subscriber = $2 \
        and issue in (select number from issue where list = $3) and coalesce(tracking, '') < $1";
    sql(update).bind(word(tracking)).bind(subscriber).bind(list).execute(transaction).await?;
    Ok(())
}
