//! The journal: who sends what to whom, written before a message leaves and after the relay's answer.

mod file;
mod said;
mod server;

use jiff::Timestamp;

pub(super) use self::said::is_wanted;
use super::audience::recipient_columns;
use super::connection::Connected;
use super::error::persist;
use super::statement::{Statement, sql};
use super::word::Cells;
use super::{Database, Store, StoreError};
use crate::delivery::{Intent, SenderId, Settlement};
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
    /// Since when it is reckoned how long they are tried, if that is not the first attempt: they were put off untried before it, or an
    /// operator had it sent again.
    pub postponed_at: Option<Timestamp>,
}

impl Leased {
    /// Since when it is reckoned how long they are tried; `None`: from now on.
    pub fn due_since(&self) -> Option<Timestamp> {
        self.postponed_at.or(self.first_attempt_at)
    }

    /// What a clock wrote that ran ahead is now.
    fn by(self, now: Timestamp) -> Self {
        let past = |time: Option<Timestamp>| time.map(|time| time.min(now));
        Self { first_attempt_at: past(self.first_attempt_at), postponed_at: past(self.postponed_at), ..self }
    }
}

impl TryFrom<Cells<'_>> for Leased {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            recipient: row.try_into()?,
            attempts: row.number("attempts")?,
            first_attempt_at: row.some_time("first_attempt_at")?,
            postponed_at: row.some_time("postponed_at")?,
        })
    }
}

/// Which readers of the queue a sender takes.
#[derive(Debug, Clone, Copy)]
pub struct Share<'a> {
    /// Those of these domains.
    pub of: &'a Domains,
    /// Those after this one; else from the first.
    pub after: Option<SubscriberId>,
    /// At most so many, up to 1000.
    pub limit: u16,
}

/// Readers by the domain of their address, as lower-case A-labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domains {
    /// Of this one.
    Only(String),
    /// Of any but these.
    AllBut(Vec<String>),
}

impl Domains {
    /// What `delivery` w is joined with and filtered by.
    fn push(&self, select: &mut Statement, issue: IssueNumber) {
        let (not, domains) = match self {
            Self::Only(domain) => ("", std::slice::from_ref(domain)),
            Self::AllBut(domains) => ("not ", domains.as_slice()),
        };
        if !domains.is_empty() {
            select.push("join subscriber b on b.id = w.subscriber ");
        }
        select.push("where w.issue = ").push_bind(issue);
        for domain in domains {
            select.push(" and b.key ").push(not).push("like ").push_bind(format!("%@{domain}"));
        }
    }
}

impl Store {
    /// Takes the next readers of the queue for a sender. None: nobody waits.
    ///
    /// # Errors
    /// A database's error.
    pub async fn lease(
        &self,
        issue: IssueNumber,
        by: SenderId,
        share: Share<'_>,
        now: Timestamp,
    ) -> Result<Vec<Leased>, StoreError> {
        match &self.0 {
            Database::Sqlite(file) => {
                // Whoever looks for them keeps nobody from writing: it is the only sender.
                let waiting = waiting(&mut self.read().await?, (issue, share), now).await?;
                if waiting.is_empty() {
                    return Ok(waiting);
                }
                file.write_rows(move |on| file::take(on, issue, by, waiting, now)).await
            }
            Database::Postgres(_) => {
                let mut writing = self.write_as_sender().await?;
                let mut transaction = writing.begin().await?;
                let leased = waiting(&mut transaction, (issue, share), now).await?;
                if !leased.is_empty() {
                    server::take(&mut transaction, issue, by, &leased, now).await?;
                }
                transaction.commit().await?;
                Ok(leased)
            }
        }
    }

    /// Whether any of these readers wait to be written to, or are in a sender's hands.
    ///
    /// # Errors
    /// A database's error.
    pub async fn is_left(&self, issue: IssueNumber, of: &Domains) -> Result<bool, StoreError> {
        let mut select = sql("select 1 as one from delivery w ");
        of.push(&mut select, issue);
        select.push(" and w.status in ('queued', 'leased') limit 1");
        Ok(select.fetch_optional(&mut self.read().await?).await?.is_some())
    }

    /// Puts back what a sender holds and will not send. Answers how many there were.
    ///
    /// # Errors
    /// A database's error.
    pub async fn release(&self, issue: IssueNumber, by: SenderId, now: Timestamp) -> Result<u64, StoreError> {
        self.change(issue, sql(RELEASE).bind(now).bind(issue).bind(by)).await
    }

    /// Records, in one transaction, what is about to be sent and how earlier attempts ended. Once it answers, it is on the disk.
    ///
    /// Answers to whom the messages may go out: only where the sender still holds the lease and the reader is still subscribed; those who
    /// left meanwhile are skipped from now on. A settlement that was recorded before, or whose lease is somebody else's now, changes nothing.
    ///
    /// # Errors
    /// A database's error: then no message may go out.
    pub async fn journal(
        &self,
        issue: IssueNumber,
        intents: &[Intent],
        settlements: &[Settlement],
        now: Timestamp,
    ) -> Result<Vec<SubscriberId>, StoreError> {
        persist(|| self.journal_once(issue, intents, settlements, now)).await
    }

    async fn journal_once(
        &self,
        issue: IssueNumber,
        intents: &[Intent],
        settlements: &[Settlement],
        now: Timestamp,
    ) -> Result<Vec<SubscriberId>, StoreError> {
        let granted = match &self.0 {
            Database::Sqlite(file) => {
                let (begun, ended) = (intents.to_vec(), settlements.to_vec());
                file.write_rows(move |on| file::record(on, issue, &begun, &ended, now)).await
            }
            Database::Postgres(_) => {
                let mut writing = self.write_as_sender().await?;
                server::record(&mut writing, issue, intents, settlements, now).await
            }
        };
        self.refuse_gone()?;
        let granted = granted?;
        if granted.len() < intents.len() {
            let mut writing = self.write_as_sender().await?;
            for some in intents.chunks(CHUNK) {
                // Nobody who was granted waits for this; who is not skipped now is when they are next leased.
                let _skipped = skip_left(&mut writing, issue, some, now).await;
            }
        }
        Ok(granted)
    }
}

/// Since when, of which issue, whose.
pub(super) const RELEASE: &str = "update delivery set status = 'queued', owner = null, since = $1 \
    where issue = $2 and status = 'leased' and owner = $3";

/// Rows a statement.
const CHUNK: usize = 512;

/// These records of an issue and no others: said this way, no planner walks through the whole issue to find them.
fn among(statement: &mut Statement, issue: IssueNumber, subscribers: impl Iterator<Item = SubscriberId>) {
    statement.push("delivery.issue = ").push_bind(issue);
    statement.push(" and delivery.subscriber ").push_any_of(subscribers.map(Into::into));
}

/// The next readers of the queue, who on a server with several senders are nobody else's until the transaction ends.
async fn waiting(
    on: &mut impl Connected,
    (issue, share): (IssueNumber, Share<'_>),
    now: Timestamp,
) -> Result<Vec<Leased>, StoreError> {
    let mut select = sql("with waiting as materialized (select w.subscriber from delivery w ");
    share.of.push(&mut select, issue);
    select.push(" and w.status = 'queued' and w.subscriber > ").push_bind(share.after.map_or(0, |id| id.0));
    select.push(" order by w.subscriber limit ").push_bind(u32::from(share.limit.min(1000)));
    select.push_on_postgres(" for update of w skip locked").push(concat!(
        ") select d.attempts, d.first_attempt_at, d.postponed_at, ",
        recipient_columns!(),
        " from delivery d join issue i on i.number = d.issue join subscriber b on b.id = d.subscriber \
          join subscription s on s.list = i.list and s.subscriber = d.subscriber \
          where d.subscriber in (select subscriber from waiting) and d.issue = "
    ));
    select.push_bind(issue).push(" order by d.subscriber");
    let rows = select.fetch_all(on).await?;
    rows.iter().map(|row| Leased::try_from(Cells(row)).map(|leased| leased.by(now))).collect()
}

/// What could not start although its sender holds it, where its reader has left. One who came back into the queue before it was recorded
/// that they were about to be written to may be in the same hands again by now: they are wanted.
async fn skip_left(
    on: &mut impl Connected,
    issue: IssueNumber,
    intents: &[Intent],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut update = sql("update delivery set status = 'skipped', reason = case when exists \
        (select 1 from issue i join subscription s on s.list = i.list where i.number = delivery.issue \
        and s.subscriber = delivery.subscriber and s.status = 'subscribed' and s.paused_until > delivery.since) \
        then 'paused' else 'left-during-run' end, since = ");
    update.push_bind(now).push(" where ");
    among(&mut update, issue, intents.iter().map(|intent| intent.subscriber));
    update.push(concat!(" and status = 'leased' and not (", is_wanted!(), ") and (subscriber, owner) in ("));
    update.push_rows(intents.iter().map(|intent| [intent.subscriber.into(), intent.by.into()])).push(")");
    update.execute(on).await?;
    Ok(())
}
