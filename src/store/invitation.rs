//! The mails that ask whoever asked to join to confirm it: one after the other is taken, handed over, and put down.

use jiff::{SignedDuration, Timestamp};

use super::connection::Transaction;
use super::pending::{counts, purge};
use super::statement::{Row, sql};
use super::word::Cells;
use super::{Store, StoreError};
use crate::id::ListName;
use crate::mailbox::EmailAddress;

/// A confirmation that is to be mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// To which list.
    pub list: ListName,
    /// Where it goes.
    pub address: EmailAddress,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
    /// How often it was tried, this time included.
    pub tries: u32,
    /// How many mails left for this request and those before it.
    pub mails: u32,
    /// When the last of them left.
    pub mailed_at: Option<Timestamp>,
}

/// How far a confirmation has come that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// At this time its body is about to be handed over.
    Leaves(Timestamp),
    /// A relay has it, since this time.
    Left(Timestamp),
    /// It did not leave, and is tried again at this time.
    Waits(Timestamp),
}

impl TryFrom<Cells<'_>> for Invitation {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            list: row.parsed("list")?,
            address: row.address("address")?,
            asked_at: row.time("asked_at")?,
            expires_at: row.time("expires_at")?,
            tries: row.number("tries")?,
            mails: row.number("mails")?,
            mailed_at: row.some_time("mailed_at")?,
        })
    }
}

impl Store {
    /// Takes a confirmation that is due, for as long as it may take to hand it over, and makes what `token_hash` says of it what confirms
    /// it. What expired is gone.
    ///
    /// # Errors
    /// A database's error.
    pub async fn take_invitation(
        &self,
        token_hash: impl Fn(&Invitation) -> String + Send,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Result<Option<Invitation>, StoreError> {
        let mut writing = self.write().await?;
        let mut transaction = writing.begin().await?;
        transaction.exclude("pending").await?;
        purge(&mut transaction, now).await?;
        let row = due(&mut transaction, now).await?;
        let Some(row) = row.as_ref().map(Cells) else {
            transaction.commit().await?;
            return Ok(None);
        };
        let invitation = Invitation::try_from(row)?;
        let update =
            "update pending set token_hash = $1, mail_at = $2, mail_tries = $3 where list = $4 and key = $5";
        let update =
            sql(update).bind(token_hash(&invitation)).bind(now + lease).bind(i64::from(invitation.tries));
        let update = update.bind(&invitation.list).bind(invitation.address.key());
        update.execute(&mut transaction).await?;
        transaction.commit().await?;
        Ok(Some(invitation))
    }

    /// How far a confirmation has come: only whoever took it last may say so, and only while it is wanted. Answers whether it is. One that
    /// leaves is due again when another mail may go to its address, unless it is known to have left by then: nobody waits in vain for one
    /// whose server died with it.
    ///
    /// # Errors
    /// A database's error.
    pub async fn put_invitation(
        &self,
        invitation: &Invitation,
        progress: Progress,
    ) -> Result<bool, StoreError> {
        let (mail_at, mails, mailed_at) = match progress {
            Progress::Leaves(now) => {
                let mails = invitation.mails + 1;
                ((mails < Self::MAILS).then(|| now + Self::APART), mails, Some(now))
            }
            Progress::Left(now) => (None, invitation.mails + 1, Some(now)),
            Progress::Waits(again_at) => (Some(again_at), invitation.mails, invitation.mailed_at),
        };
        let update = "update pending set mail_at = $1, mails = $2, mailed_at = $3 where list = $4 and key = $5 \
            and asked_at = $6 and mail_tries = $7 and confirmed_at is null";
        let update = sql(update).bind(mail_at).bind(i64::from(mails)).bind(mailed_at).bind(&invitation.list);
        let update = update.bind(invitation.address.key()).bind(invitation.asked_at);
        let update = update.bind(i64::from(invitation.tries));
        Ok(update.execute(&mut self.write().await?).await? > 0)
    }

    /// Forgets a request whose mail could not be handed over, so that it can be made again.
    ///
    /// # Errors
    /// A database's error.
    pub async fn forget_request(&self, invitation: &Invitation) -> Result<(), StoreError> {
        let delete =
            "delete from pending where list = $1 and key = $2 and asked_at = $3 and confirmed_at is null";
        let delete = sql(delete).bind(&invitation.list).bind(invitation.address.key());
        delete.bind(invitation.asked_at).execute(&mut self.write().await?).await?;
        Ok(())
    }
}

/// The confirmation that is due next and still counts, whose address had no mail within the hour, of whatever list, has none on its way, and had few enough.
async fn due(transaction: &mut Transaction<'_>, now: Timestamp) -> Result<Option<Row>, StoreError> {
    let select = concat!(
        "select p.list, p.address, p.asked_at, p.expires_at, p.mail_tries + 1 as tries, p.mails, p.mailed_at \
         from pending p where p.mail_at <= $1 and ",
        counts!(),
        " and not exists (select 1 from pending o where o.key = p.key \
         and o.confirmed_at is null and (o.mailed_at > $2 \
         or (o.list <> p.list and o.mail_tries > 0 and o.mail_at > $1))) \
         and (select sum(o.mails) from pending o where o.key = p.key and o.confirmed_at is null) < $3 \
         order by p.mail_at limit 1"
    );
    let select = sql(select).bind(now).bind(now - Store::APART).bind(i64::from(Store::MAILS));
    select.fetch_optional(transaction).await
}
