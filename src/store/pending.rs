//! Who asked to join and has not confirmed it yet.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::connection::Transaction;
use super::statement::sql;
use super::subscriber::find_or_insert;
use super::word::{Cells, json};
use super::{Store, StoreError};
use crate::id::{ListName, Reference, SubscriberId};
use crate::mailbox::EmailAddress;

/// Somebody, perhaps the owner of the address, asks to join a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// Which list.
    pub list: ListName,
    /// Where the confirmation goes.
    pub address: EmailAddress,
    /// The name to be greeted by.
    pub name: Option<String>,
    /// The hash of what will confirm it.
    pub token_hash: String,
    /// When.
    pub at: Timestamp,
    /// Until when it can be confirmed.
    pub expires_at: Timestamp,
    /// What they agree to, as it stands where they confirm it.
    pub wording: String,
    /// Which page.
    pub source: String,
}

/// What comes of it. Whoever asked is told the same, whoever the address belongs to (requirement 70).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It is kept; the confirmation is to be mailed.
    Mail,
    /// A mail is on its way, or enough of them went out to the address, whatever the list.
    Waiting,
    /// They are on the list.
    Subscribed,
    /// Its owner complained, or a do-not-mail list has it: no mail goes there.
    Suppressed,
    /// Too many people asked lately; nothing is kept.
    TooMany,
}

/// Somebody asked, and has not confirmed it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// For which list.
    pub list: ListName,
    /// Their address.
    pub address: EmailAddress,
    /// What they agree to.
    pub wording: String,
}

/// Somebody confirmed that they want to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// Which list.
    pub list: ListName,
    /// Who.
    pub subscriber: SubscriberId,
    /// Their address.
    pub address: EmailAddress,
    /// Whether they did so just now, not before.
    pub is_new: bool,
}

/// Whether a request `p` of `pending` still counts: nobody said since that no mail goes to its address, and whoever asked did not leave the
/// list since. Neither is taken back by a link of before.
macro_rules! counts {
    () => {
        "not exists (select 1 from suppression n where n.key = p.key and n.reason in ('complained', 'do-not-mail')) \
         and not exists (select 1 from subscription l join subscriber b on b.id = l.subscriber \
         where b.key = p.key and l.list = p.list and l.status = 'left' and l.left_at > p.asked_at)"
    };
}
pub(super) use counts;

/// [`Store::APART`], as times are kept.
const APART_MILLIS: i64 = Store::APART.as_secs() * 1000;

impl Store {
    /// Between two mails to one address lies at least this.
    pub(super) const APART: SignedDuration = SignedDuration::from_hours(1);
    /// An address that does not confirm gets no more mails than these, of all lists together.
    pub(super) const MAILS: u32 = 3;
    /// For so long after the last of them they count.
    const COUNTED: SignedDuration = SignedDuration::from_hours(30 * 24);

    /// Keeps a request, whose confirmation is to be mailed now, or an hour after the last one to that address, unless there is a reason not
    /// to; an earlier one of the same address and list is void then. `limit`: how many are kept in how much time, all addresses together.
    ///
    /// # Errors
    /// A database's error.
    pub async fn ask_to_join(
        &self,
        request: &JoinRequest,
        limit: (u32, SignedDuration),
    ) -> Result<Asked, StoreError> {
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        transaction.exclude("pending").await?;
        purge(&mut transaction, request.at).await?;
        if let Some(answer) = obstacle(&mut transaction, request, limit).await? {
            transaction.commit().await?;
            return Ok(answer);
        }
        let upsert = "insert into pending \
            (list, key, token_hash, address, name, asked_at, mails, expires_at, wording, source, mail_at) \
            values ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, (select coalesce(max(mailed_at) + $10, $6) \
            from pending where key = $2 and confirmed_at is null)) on conflict (list, key) do update set \
            mails = case when pending.confirmed_at is null then pending.mails else 0 end, \
            mailed_at = case when pending.confirmed_at is null then pending.mailed_at end, \
            token_hash = excluded.token_hash, address = excluded.address, name = excluded.name, \
            asked_at = excluded.asked_at, expires_at = excluded.expires_at, \
            wording = excluded.wording, source = excluded.source, confirmed_at = null, \
            mail_at = excluded.mail_at, mail_tries = 0";
        sql(upsert)
            .bind(&request.list)
            .bind(request.address.key())
            .bind(&request.token_hash)
            .bind(request.address.as_str())
            .bind(request.name.clone())
            .bind(request.at)
            .bind(request.expires_at)
            .bind(&request.wording)
            .bind(&request.source)
            .bind(APART_MILLIS)
            .execute(&mut transaction)
            .await?;
        transaction.commit().await?;
        Ok(Asked::Mail)
    }

    /// What a confirmation would join, and the words that were agreed to; `None` where there is none such, or it is over.
    ///
    /// # Errors
    /// A database's error.
    pub async fn pending(&self, token_hash: &str, now: Timestamp) -> Result<Option<Pending>, StoreError> {
        let select = concat!(
            "select p.list, p.address, p.wording from pending p where p.token_hash = $1 and p.expires_at > $2 and ",
            counts!(),
            " and (p.confirmed_at is null or exists \
             (select 1 from subscriber b join subscription s on s.subscriber = b.id where b.key = p.key and s.list = p.list \
             and s.status = 'subscribed' and not exists (select 1 from suppression x where x.key = b.key)))"
        );
        let row = sql(select).bind(token_hash).bind(now).fetch_optional(&mut self.read().await?).await?;
        let pending = |row: Cells<'_>| {
            Ok(Pending {
                list: row.parsed("list")?,
                address: row.address("address")?,
                wording: row.text("wording")?.to_owned(),
            })
        };
        row.as_ref().map(Cells).map(pending).transpose()
    }

    /// Puts whoever asked on the list, with their consent; also one who had left, bounced or was erased, whose hash `erased` makes of their
    /// address: it is their own word. A complaint or a do-not-mail entry stands, whenever it was made, and so does a leaving after they
    /// asked. It works once; later it only says who it was, while they get the list. `None` where there is nothing to confirm, or no more.
    ///
    /// # Errors
    /// A database's error.
    pub async fn confirm(
        &self,
        token_hash: &str,
        reference: Reference,
        now: Timestamp,
        erased: impl Fn(&EmailAddress) -> String + Send,
    ) -> Result<Option<Confirmed>, StoreError> {
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        transaction.exclude("pending").await?;
        let select = concat!(
            "select p.list, p.address, p.confirmed_at from pending p where p.token_hash = $1 and p.expires_at > $2 and ",
            counts!()
        );
        let row = sql(select).bind(token_hash).bind(now).fetch_optional(&mut transaction).await?;
        let Some(row) = row.as_ref().map(Cells) else { return Ok(None) };
        let (list, address): (ListName, _) = (row.parsed("list")?, row.address("address")?);
        let subscriber = find_or_insert(&mut transaction, &address, reference).await?;
        let is_new = row.some_time("confirmed_at")?.is_none();
        if is_new {
            join(&mut transaction, token_hash, subscriber, now).await?;
            let delete = "delete from suppression where key in ($1, $2) and reason in ('bounced', 'erased')";
            sql(delete).bind(address.key()).bind(erased(&address)).execute(&mut transaction).await?;
        } else if !gets(&mut transaction, &list, subscriber).await? {
            return Ok(None);
        }
        transaction.commit().await?;
        Ok(Some(Confirmed { list, subscriber, address, is_new }))
    }
}

/// What expired is gone; of an address that had mails and did not confirm is kept how many they were, as long as they count.
pub(super) async fn purge(transaction: &mut Transaction<'_>, now: Timestamp) -> Result<(), StoreError> {
    let delete = "delete from pending where expires_at <= $1 \
        and (confirmed_at is not null or mails = 0 or coalesce(mailed_at, asked_at) <= $2)";
    sql(delete).bind(now).bind(now - Store::COUNTED).execute(transaction).await?;
    let strip = "update pending set name = null, wording = '', source = '', mail_at = null \
        where expires_at <= $1 and (name is not null or wording <> '' or source <> '' or mail_at is not null)";
    sql(strip).bind(now).execute(transaction).await?;
    Ok(())
}

/// Why no mail goes out for a request.
async fn obstacle(
    transaction: &mut Transaction<'_>,
    request: &JoinRequest,
    limit: (u32, SignedDuration),
) -> Result<Option<Asked>, StoreError> {
    let select = concat!(
        "select \
        (select count(*) from suppression where key = $1 and reason in ('complained', 'do-not-mail')) as suppressed, \
        (select count(*) from subscription s join subscriber b on b.id = s.subscriber \
         where s.list = $2 and b.key = $1 and s.status = 'subscribed' \
         and not exists (select 1 from suppression where key = $1)) as subscribed, \
        (select count(*) from pending p where p.list = $2 and p.key = $1 and p.confirmed_at is null \
         and p.asked_at > $3 and ",
        counts!(),
        ") as waiting, \
        (select count(*) from (select sum(mails) as mails from pending where key = $1 and confirmed_at is null) as had \
         where had.mails >= $4) as enough, \
        (select count(*) from pending where asked_at > $5) as lately"
    );
    let select = sql(select)
        .bind(request.address.key())
        .bind(&request.list)
        .bind(request.at - Store::APART)
        .bind(i64::from(Store::MAILS))
        .bind(request.at - limit.1);
    let row = select.fetch_one(transaction).await?;
    let row = Cells(&row);
    // First, so that nobody learns from it whether an address is known.
    Ok(if row.integer("lately")? >= i64::from(limit.0) {
        Some(Asked::TooMany)
    } else if row.integer("suppressed")? > 0 {
        Some(Asked::Suppressed)
    } else if row.integer("subscribed")? > 0 {
        Some(Asked::Subscribed)
    } else if row.integer("waiting")? + row.integer("enough")? > 0 {
        Some(Asked::Waiting)
    } else {
        None
    })
}

/// Whether somebody is on a list and mail goes to them.
async fn gets(
    transaction: &mut Transaction<'_>,
    list: &ListName,
    subscriber: SubscriberId,
) -> Result<bool, StoreError> {
    let select = "select 1 as gets from subscription s join subscriber b on b.id = s.subscriber \
        where s.list = $1 and s.subscriber = $2 and s.status = 'subscribed' \
        and not exists (select 1 from suppression x where x.key = b.key)";
    Ok(sql(select).bind(list).bind(subscriber).fetch_optional(transaction).await?.is_some())
}

async fn join(
    transaction: &mut Transaction<'_>,
    token_hash: &str,
    subscriber: SubscriberId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let upsert = "insert into subscription (list, subscriber, status, since, origin, attributes, chosen_name, \
        consented_at, consent_asked_at, consented_from, consent_wording) \
        select list, $1, 'subscribed', $2, 'page', $3, name, $2, asked_at, source, wording from pending where token_hash = $4 \
        on conflict (list, subscriber) do update set \
        since = case when subscription.status = 'subscribed' then subscription.since else excluded.since end, \
        status = 'subscribed', left_at = null, origin = 'page', paused_until = null, \
        chosen_name = coalesce(excluded.chosen_name, subscription.chosen_name), \
        consented_at = excluded.consented_at, consent_asked_at = excluded.consent_asked_at, consented_from = excluded.consented_from, \
        consent_wording = excluded.consent_wording";
    let upsert = sql(upsert).bind(subscriber).bind(now).bind(json(&BTreeMap::new())).bind(token_hash);
    upsert.execute(transaction).await?;
    let back = "update departure set undone_at = $1 where subscriber = $2 and undone_at is null \
        and list = (select list from pending where token_hash = $3)";
    sql(back).bind(now).bind(subscriber).bind(token_hash).execute(transaction).await?;
    let refer = "insert into reader_reference (reference, subscriber) select reference, id from subscriber where id = $1 \
        on conflict (reference) do nothing";
    sql(refer).bind(subscriber).execute(transaction).await?;
    let done = "update pending set confirmed_at = $1, mail_at = null where token_hash = $2";
    sql(done).bind(now).bind(token_hash).execute(transaction).await?;
    Ok(())
}
