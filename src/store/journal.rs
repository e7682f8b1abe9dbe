//! The journal: who sends what to whom, written before a message leaves and after the relay's answer.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::audience::recipient_columns;
use super::word::Cells;
use super::{Store, StoreError, begin};
use crate::delivery::{Intent, Lease, Outcome, SenderId, Settlement, SmtpReply};
use crate::id::{IssueNumber, SubscriberId};
use crate::subscriber::Recipient;

/// A reader in the hands of a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// To whom.
    pub recipient: Recipient,
    /// How often it was tried before.
    pub attempts: u32,
    /// When it was first tried: the message's Date.
    pub first_attempt_at: Option<Timestamp>,
}

impl TryFrom<Cells<'_>> for Leased {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            recipient: row.try_into()?,
            attempts: row.number("attempts")?,
            first_attempt_at: row.some_time("first_attempt_at")?,
        })
    }
}

impl Store {
    /// Takes the next readers of the queue for a sender, at most `limit` (up to 1000). None: nobody waits.
    ///
    /// # Errors
    /// A database's error.
    pub async fn lease(
        &self,
        issue: IssueNumber,
        lease: Lease,
        limit: u16,
        now: Timestamp,
    ) -> Result<Vec<Leased>, StoreError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        let select = concat!(
            "select d.attempts, d.first_attempt_at, ",
            recipient_columns!(),
            " from delivery d join issue i on i.number = d.issue join subscriber b on b.id = d.subscriber \
              join subscription s on s.list = i.list and s.subscriber = d.subscriber \
              where d.issue = $1 and d.subscriber in (select subscriber from delivery \
              where issue = $1 and status = 'queued' order by subscriber limit $2) order by d.subscriber"
        );
        let query = sqlx::query(select).bind(i64::from(issue.get())).bind(i64::from(limit.min(1000)));
        let rows = query.fetch_all(&mut *transaction).await?;
        let leased: Vec<Leased> =
            rows.iter().map(|row| Cells(row).try_into()).collect::<Result<_, StoreError>>()?;
        if !leased.is_empty() {
            take(&mut transaction, issue, lease, &leased, now).await?;
        }
        transaction.commit().await?;
        Ok(leased)
    }

    /// Puts back what a sender holds and will not send. Answers how many there were.
    ///
    /// # Errors
    /// A database's error.
    pub async fn release(&self, issue: IssueNumber, by: SenderId, now: Timestamp) -> Result<u64, StoreError> {
        let update = "update delivery set status = 'queued', owner = null, lease_until = null, since = $1 \
            where issue = $2 and status = 'leased' and owner = $3";
        let query = sqlx::query(update).bind(now.as_millisecond()).bind(i64::from(issue.get())).bind(by.0);
        Ok(query.execute(&mut *self.writer().await).await?.rows_affected())
    }

    /// Records, in one transaction, what is about to be sent and how earlier attempts ended. Once it answers, it is on the disk.
    ///
    /// Answers to whom the messages may go out: only where the sender still holds the lease and the reader is still subscribed; those who
    /// left meanwhile are skipped from now on. A settlement that was recorded before, or whose lease is somebody else's now, changes nothing.
    ///
    /// # Errors
    /// A database's error: then nothing was recorded, and no message may go out.
    pub async fn journal(
        &self,
        issue: IssueNumber,
        intents: &[Intent],
        settlements: &[Settlement],
        now: Timestamp,
    ) -> Result<Vec<SubscriberId>, StoreError> {
        let mut writer = self.writer().await;
        let mut transaction = begin(&mut writer).await?;
        for some in settlements.chunks(CHUNK) {
            settle(&mut transaction, issue, some, now).await?;
        }
        let mut granted = Vec::with_capacity(intents.len());
        for some in intents.chunks(CHUNK) {
            let ids = start(&mut transaction, issue, some, now).await?;
            if ids.len() < some.len() {
                skip_left(&mut transaction, issue, some, now).await?;
            }
            granted.extend(ids.into_iter().map(SubscriberId));
        }
        transaction.commit().await?;
        Ok(granted)
    }
}

/// Rows a statement.
const CHUNK: usize = 250;

/// These records of an issue and no others: said this way, no planner walks through the whole issue to find them.
fn among(
    statement: &mut QueryBuilder<Sqlite>,
    issue: IssueNumber,
    subscribers: impl Iterator<Item = SubscriberId>,
) {
    statement
        .push("delivery.issue = ")
        .push_bind(i64::from(issue.get()))
        .push(" and delivery.subscriber in (");
    let mut ids = statement.separated(", ");
    for subscriber in subscribers {
        ids.push_bind(subscriber.0);
    }
    ids.push_unseparated(")");
}

async fn take(
    connection: &mut SqliteConnection,
    issue: IssueNumber,
    lease: Lease,
    leased: &[Leased],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut update = QueryBuilder::<Sqlite>::new("update delivery set status = 'leased', owner = ");
    update.push_bind(lease.by.0).push(", lease_until = ").push_bind(lease.until.as_millisecond());
    update.push(", since = ").push_bind(now.as_millisecond());
    update.push(" where status = 'queued' and ");
    among(&mut update, issue, leased.iter().map(|one| one.recipient.id));
    update.build().execute(connection).await?;
    Ok(())
}

/// Leased becomes sending; answers for whom.
async fn start(
    connection: &mut SqliteConnection,
    issue: IssueNumber,
    intents: &[Intent],
    now: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let mut update = QueryBuilder::<Sqlite>::new("with intent (subscriber, owner, date) as (");
    update.push_values(intents, |mut row, intent| {
        row.push_bind(intent.subscriber.0).push_bind(intent.by.0).push_bind(intent.date.as_millisecond());
    });
    update.push(") update delivery set status = 'sending', since = ").push_bind(now.as_millisecond());
    update.push(", first_attempt_at = coalesce(delivery.first_attempt_at, intent.date) from intent where ");
    among(&mut update, issue, intents.iter().map(|intent| intent.subscriber));
    update.push(
        " and delivery.subscriber = intent.subscriber and delivery.status = 'leased' and delivery.owner = intent.owner \
         and exists (select 1 from issue i join subscription s on s.list = i.list \
         where i.number = delivery.issue and s.subscriber = delivery.subscriber and s.status = 'subscribed') \
         and not exists (select 1 from subscriber b join suppression x on x.key = b.key where b.id = delivery.subscriber) \
         returning subscriber",
    );
    Ok(update.build_query_scalar().fetch_all(connection).await?)
}

/// What could not start although its sender holds it: its reader has left.
async fn skip_left(
    connection: &mut SqliteConnection,
    issue: IssueNumber,
    intents: &[Intent],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut update = QueryBuilder::<Sqlite>::new(
        "update delivery set status = 'skipped', reason = 'left-during-run', since = ",
    );
    update.push_bind(now.as_millisecond()).push(" where ");
    among(&mut update, issue, intents.iter().map(|intent| intent.subscriber));
    update.push(" and status = 'leased' and (subscriber, owner) in (");
    update.push_values(intents, |mut row, intent| {
        row.push_bind(intent.subscriber.0).push_bind(intent.by.0);
    });
    update.push(")").build().execute(connection).await?;
    Ok(())
}

async fn settle(
    connection: &mut SqliteConnection,
    issue: IssueNumber,
    settlements: &[Settlement],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut update = QueryBuilder::<Sqlite>::new(
        "with said (subscriber, owner, status, tried, retry_at, code, enhanced, reply) as (",
    );
    update.push_values(settlements, |mut row, settlement| {
        let said = Said::from(&settlement.outcome);
        row.push_bind(settlement.subscriber.0)
            .push_bind(settlement.by.0)
            .push_bind(said.status)
            .push_bind(said.tried);
        row.push_bind(said.retry_at.map(Timestamp::as_millisecond));
        row.push_bind(said.reply.map(|reply| i64::from(reply.code)));
        row.push_bind(said.reply.and_then(|reply| reply.enhanced.clone()));
        row.push_bind(said.reply.map(|reply| reply.text.clone()));
    });
    let now = now.as_millisecond();
    update.push(
        ") update delivery set status = said.status, attempts = delivery.attempts + said.tried, since = ",
    );
    update
        .push_bind(now)
        .push(
            ", first_attempt_at = case when said.tried = 0 then delivery.first_attempt_at else \
        coalesce(delivery.first_attempt_at, ",
        )
        .push_bind(now)
        .push(
            ") end, retry_at = said.retry_at, code = said.code, enhanced = said.enhanced, reply = said.reply \
         from said where ",
        );
    among(&mut update, issue, settlements.iter().map(|settlement| settlement.subscriber));
    update.push(
        " and delivery.subscriber = said.subscriber and delivery.owner = said.owner \
         and delivery.status in ('leased', 'sending', 'in-doubt')",
    );
    update.build().execute(connection).await?;
    Ok(())
}

/// An outcome as a row.
struct Said<'o> {
    status: &'static str,
    tried: i64,
    retry_at: Option<Timestamp>,
    reply: Option<&'o SmtpReply>,
}

impl<'o> From<&'o Outcome> for Said<'o> {
    fn from(outcome: &'o Outcome) -> Self {
        let said = |status, reply| Self { status, tried: 1, retry_at: None, reply };
        match outcome {
            Outcome::Accepted(reply) => said("accepted", Some(reply)),
            Outcome::Deferred { reply, retry_at } => {
                Self { retry_at: Some(*retry_at), ..said("deferred", Some(reply)) }
            }
            Outcome::Postponed { reply, retry_at } => {
                Self { tried: 0, retry_at: Some(*retry_at), ..said("deferred", Some(reply)) }
            }
            Outcome::Refused(reply) => said("refused", Some(reply)),
            Outcome::InDoubt => said("in-doubt", None),
            Outcome::PutBack => Self { tried: 0, ..said("queued", None) },
        }
    }
}
