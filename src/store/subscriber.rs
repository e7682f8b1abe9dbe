//! People: an address and the number that stands for it.

use super::connection::{Connected, Connection, Transaction};
use super::statement::sql;
use super::word::Cells;
use super::{Store, StoreError};
use crate::id::{Reference, SubscriberId};
use crate::mailbox::EmailAddress;
use crate::subscriber::{Subscription, Suppression};

/// All that is known about one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Their row.
    pub id: SubscriberId,
    /// Their address as it was last written.
    pub address: EmailAddress,
    /// Their lists, by name.
    pub subscriptions: Vec<Subscription>,
    /// Whether nobody writes to them any more.
    pub suppression: Option<Suppression>,
}

/// By what somebody is kept whom the store does not know yet.
#[derive(Debug, Clone, Copy)]
pub struct Newcomer<'h> {
    /// What stands for them in tokens.
    pub reference: Reference,
    /// By what their address would be known if they had been erased; needed where anybody was.
    pub erased: Option<&'h str>,
}

impl From<Reference> for Newcomer<'_> {
    /// Where nobody was erased.
    fn from(reference: Reference) -> Self {
        Self { reference, erased: None }
    }
}

impl Store {
    /// What is known about an address, letter case aside; `None` where it is on no list.
    ///
    /// # Errors
    /// A database's error.
    pub async fn reader(&self, address: &EmailAddress) -> Result<Option<Reader>, StoreError> {
        let select = "select id, address from subscriber where key = $1";
        let row = sql(select).bind(address.key()).fetch_optional(&mut self.read().await?).await?;
        let Some(row) = row.as_ref().map(Cells) else { return Ok(None) };
        let (id, address) = (SubscriberId(row.integer("id")?), row.address("address")?);
        let subscriptions = self.subscriptions(id).await?;
        let suppression = self.suppression(&address).await?;
        Ok(Some(Reader { id, address, subscriptions, suppression }))
    }

    /// Who a token's reference stands for; `None` where nobody has it, or they were erased.
    ///
    /// # Errors
    /// A database's error.
    pub async fn referred(&self, reference: Reference) -> Result<Option<Reader>, StoreError> {
        let select = "select b.address from reader_reference r join subscriber b on b.id = r.subscriber \
            where r.reference = $1";
        let row = sql(select).bind(reference).fetch_optional(&mut self.read().await?).await?;
        match row.as_ref().map(Cells) {
            Some(row) => self.reader(&row.address("address")?).await,
            None => Ok(None),
        }
    }
}

/// Nobody else adds or erases a person before this is over. SQLite's transactions exclude each other anyway.
pub(super) async fn keep_people(transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    if matches!(transaction.connection(), Connection::Postgres(_)) {
        sql("lock table subscriber in share row exclusive mode").execute(transaction).await?;
    }
    Ok(())
}

/// The row of an address: the one there is, or a new one under this reference.
pub(super) async fn find_or_insert(
    transaction: &mut Transaction<'_>,
    address: &EmailAddress,
    reference: Reference,
) -> Result<SubscriberId, StoreError> {
    let insert =
        "insert into subscriber (address, key, reference) values ($1, $2, $3) on conflict (key) do nothing";
    sql(insert).bind(address.as_str()).bind(address.key()).bind(reference).execute(transaction).await?;
    let select = "select id from subscriber where key = $1";
    let row = sql(select).bind(address.key()).fetch_one(transaction).await?;
    Ok(SubscriberId(Cells(&row).integer("id")?))
}
