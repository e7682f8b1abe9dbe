//! Addresses that nobody writes to any more.

use jiff::Timestamp;

use super::connection::Transaction;
use super::error::persist;
use super::statement::{Statement, Value, sql};
use super::subscriber::keep_people;
use super::word::{Cells, word};
use super::{Store, StoreError};
use crate::id::SubscriberId;
use crate::mailbox::EmailAddress;
use crate::subscriber::{Suppression, SuppressionReason};

impl Store {
    /// Writes no more to these keys of addresses, on any list, for a reason and since then, but for those whose hash, the last of the four,
    /// says that they were erased: of them nothing is written down. The first reason stays, unless it was a bounce, which a confirmation
    /// would lift. Answers of how many that is something new.
    ///
    /// # Errors
    /// A database's error; [`StoreError::ErasedMeanwhile`] where one has no hash and anybody was erased.
    pub async fn suppress(
        &self,
        suppressed: Vec<(String, SuppressionReason, Timestamp, Option<String>)>,
    ) -> Result<u64, StoreError> {
        persist(|| self.suppress_once(suppressed.clone())).await
    }

    async fn suppress_once(
        &self,
        suppressed: Vec<(String, SuppressionReason, Timestamp, Option<String>)>,
    ) -> Result<u64, StoreError> {
        let is_known = suppressed.iter().all(|(.., erased)| erased.is_some());
        let barred = suppressed.iter().filter(|(_, reason, ..)| *reason != SuppressionReason::Bounced);
        let barred: Vec<Value> = barred.filter_map(|(.., erased)| erased.clone().map(Value::from)).collect();
        let insert = suppressing(suppressed.into_iter());
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        // Of whoever is erased in this moment the address would stay.
        keep_people(&mut transaction).await?;
        if !is_known {
            refuse_erased(&mut transaction, None).await?;
        }
        let new = insert.execute(&mut transaction).await?;
        if !barred.is_empty() {
            let mut bar = sql(
                "update suppression set detail = 'do-not-mail' where reason = 'erased' and detail is null and key ",
            );
            bar.push_any_of(barred);
            bar.execute(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(new)
    }

    /// Whether somebody was erased, who is known by this hash, after they complained or were put on a do-not-mail list.
    ///
    /// # Errors
    /// A database's error.
    pub async fn is_barred(&self, hash: &str) -> Result<bool, StoreError> {
        let select =
            sql("select 1 from suppression where key = $1 and reason = 'erased' and detail is not null");
        Ok(select.bind(hash).fetch_optional(&mut self.read().await?).await?.is_some())
    }

    /// Writes no more to these readers, whose addresses are none: each with what was said. The first reason stays.
    ///
    /// # Errors
    /// A database's error: then all are written to.
    pub async fn suppress_bounced(
        &self,
        readers: &[(SubscriberId, String)],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        // Whoever writes several of them in one order lets nobody wait in a circle.
        let mut readers: Vec<_> = readers.iter().collect();
        readers.sort_unstable_by_key(|(reader, _)| *reader);
        persist(|| self.suppress_bounced_once(&readers, at)).await
    }

    async fn suppress_bounced_once(
        &self,
        readers: &[&(SubscriberId, String)],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        for (reader, detail) in readers {
            let mut insert = sql("insert into suppression (key, reason, at, detail) select key, 'bounced', ");
            insert.push_bind(at).push(", ").push_bind(detail).push(" from subscriber where id = ");
            // Whoever is being erased is waited for, and then not there.
            insert
                .push_bind(*reader)
                .push_on_postgres(" for key share")
                .push(" on conflict (key) do nothing");
            insert.execute(&mut transaction).await?;
        }
        transaction.commit().await
    }

    /// Writes again to an address that mail bounced from; complaints and erasures stand. Answers whether it was one.
    ///
    /// # Errors
    /// A database's error.
    pub async fn lift_bounce(&self, address: &EmailAddress) -> Result<bool, StoreError> {
        let delete = "delete from suppression where key = $1 and reason = 'bounced'";
        Ok(sql(delete).bind(address.key()).execute(&mut self.write().await?).await? > 0)
    }

    /// Since when somebody is erased who is known by this hash.
    ///
    /// # Errors
    /// A database's error.
    pub async fn erased_at(&self, hash: &str) -> Result<Option<Timestamp>, StoreError> {
        let select = sql("select at from suppression where key = $1 and reason = 'erased'").bind(hash);
        let row = select.fetch_optional(&mut self.read().await?).await?;
        row.as_ref().map(|row| Cells(row).time("at")).transpose()
    }

    /// A page of the addresses that nobody writes to any more, in the order of their keys, after one or from the first: the key, how the
    /// address is spelt, why, and since when. Of those who were erased no address is held.
    ///
    /// # Errors
    /// A database's error.
    pub async fn suppressed(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, String, SuppressionReason, Timestamp)>, StoreError> {
        let select = "select x.key, coalesce(b.address, x.key) as address, x.reason, x.at from suppression x \
            left join subscriber b on b.key = x.key \
            where x.reason <> 'erased' and x.key > $1 order by x.key limit $2";
        let select = sql(select).bind(after.unwrap_or_default()).bind(limit);
        let rows = select.fetch_all(&mut self.read().await?).await?;
        let read = |row: &_| {
            let row = Cells(row);
            Ok((
                row.text("key")?.to_owned(),
                row.text("address")?.to_owned(),
                row.word("reason")?,
                row.time("at")?,
            ))
        };
        rows.iter().map(read).collect()
    }

    /// Whether and why nobody writes to an address any more.
    ///
    /// # Errors
    /// A database's error.
    pub async fn suppression(&self, address: &EmailAddress) -> Result<Option<Suppression>, StoreError> {
        let select = "select reason, at, detail from suppression where key = $1";
        let row = sql(select).bind(address.key()).fetch_optional(&mut self.read().await?).await?;
        row.as_ref()
            .map(Cells)
            .map(|row| {
                let (reason, at) = (row.word("reason")?, row.time("at")?);
                Ok(Suppression { reason, at, detail: row.owned("detail")? })
            })
            .transpose()
    }
}

/// Nothing is written down of one who was erased, whose address has this hash; without a hash, whoever was erased may be meant.
pub(super) async fn refuse_erased(
    transaction: &mut Transaction<'_>,
    hash: Option<&str>,
) -> Result<(), StoreError> {
    let select = sql("select 1 from suppression where reason = 'erased' and key = coalesce($1, key) limit 1");
    match select.bind(hash).fetch_optional(transaction).await? {
        Some(_) => Err(StoreError::ErasedMeanwhile),
        None => Ok(()),
    }
}

/// Nobody writes any more to addresses of these keys, for these reasons and since then, unless a firmer one stands, or the hash says that
/// they were erased. Of one key the firmest counts, which is the last in the alphabet.
pub(super) fn suppressing(
    suppressed: impl Iterator<Item = (String, SuppressionReason, Timestamp, Option<String>)>,
) -> Statement {
    let mut insert = sql("with heard (key, reason, at, erased) as (");
    insert.push_rows(suppressed.map(|(key, reason, at, hash)| -> [Value; 4] {
        [key.into(), word(reason).into(), at.into(), hash.unwrap_or_default().into()]
    }));
    insert.push(
        ") insert into suppression (key, reason, at) select key, max(reason), max(at) from heard h \
         where not exists (select 1 from suppression e where e.key = h.erased and e.reason = 'erased') group by key \
         on conflict (key) do update set reason = excluded.reason, at = excluded.at, detail = null \
         where suppression.reason = 'bounced' and excluded.reason <> 'bounced'",
    );
    insert
}
