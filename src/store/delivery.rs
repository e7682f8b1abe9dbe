//! Where each message stands: counting and listing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::statement::sql;
use super::word::{Cells, unreadable};
use super::{Decision, Store, StoreError};
use crate::delivery::{Counts, DeliveryStatus, Refusal, SenderId, SkipReason, SmtpReply};
use crate::id::{IssueNumber, SubscriberId};
use crate::mailbox::EmailAddress;

/// Records read at once.
const PAGE: u32 = 1000;

/// One reader's record of one issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Their row.
    pub subscriber: SubscriberId,
    /// Their address.
    pub address: EmailAddress,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first tried.
    pub first_attempt_at: Option<Timestamp>,
    /// Since when it stands there.
    pub since: Timestamp,
    /// What an operator decided about it last.
    pub decision: Option<(Decision, Timestamp)>,
}

/// Which records of an issue are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// All.
    All,
    /// Those who did not get it, or may not have: everything but accepted.
    Missed,
    /// Those who may have got it.
    InDoubt,
}

impl TryFrom<Cells<'_>> for Delivery {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            subscriber: SubscriberId(row.integer("subscriber")?),
            address: row.address("address")?,
            status: status(row)?,
            attempts: row.number("attempts")?,
            first_attempt_at: row.some_time("first_attempt_at")?,
            since: row.time("since")?,
            decision: match row.some_time("decided_at")? {
                Some(at) => Some((row.word("decision")?, at)),
                None => None,
            },
        })
    }
}

fn status(row: Cells<'_>) -> Result<DeliveryStatus, StoreError> {
    let by = || row.integer("owner").map(SenderId);
    Ok(match row.text("status")? {
        "queued" => DeliveryStatus::Queued,
        "leased" => DeliveryStatus::Leased { by: by()? },
        "sending" => DeliveryStatus::Sending { by: by()?, since: row.time("since")? },
        "accepted" => DeliveryStatus::Accepted(reply(row)?),
        "deferred" => DeliveryStatus::Deferred { reply: reply(row)?, retry_at: row.time("retry_at")? },
        "refused" => DeliveryStatus::Refused(reply(row)?),
        "in-doubt" => DeliveryStatus::InDoubt { since: row.time("since")? },
        "skipped" => DeliveryStatus::Skipped { reason: row.word("reason")? },
        other => return Err(unreadable("status", other)),
    })
}

fn reply(row: Cells<'_>) -> Result<SmtpReply, StoreError> {
    Ok(SmtpReply {
        code: row.number("code")?,
        enhanced: row.owned("enhanced")?,
        text: row.owned("reply")?.unwrap_or_default(),
    })
}

impl Store {
    /// Counts an issue's records.
    ///
    /// # Errors
    /// A database's error.
    pub async fn counts(&self, issue: IssueNumber) -> Result<Counts, StoreError> {
        // Not grouped: that would sort them all.
        let select = "select count(*) filter (where status in ('queued', 'leased', 'sending')) as waiting, \
            count(*) filter (where status = 'accepted') as accepted, count(*) filter (where status = 'deferred') as deferred, \
            count(*) filter (where status = 'refused') as refused, count(*) filter (where status = 'in-doubt') as in_doubt, \
            count(*) filter (where status = 'skipped') as skipped from delivery where issue = $1";
        let row = sql(select).bind(issue).fetch_one(&mut self.read().await?).await?;
        let row = Cells(&row);
        let mut counts = Counts {
            waiting: row.number("waiting")?,
            accepted: row.number("accepted")?,
            deferred: row.number("deferred")?,
            refused: row.number("refused")?,
            in_doubt: row.number("in_doubt")?,
            skipped: row.number("skipped")?,
            ..Counts::default()
        };
        counts.queued = counts.waiting + counts.accepted + counts.deferred + counts.refused + counts.in_doubt;
        Ok(counts)
    }

    /// An issue's refused readers by the codes of what they were told, the most frequent first; at most twenty kinds.
    ///
    /// # Errors
    /// A database's error.
    pub async fn refusals(&self, issue: IssueNumber) -> Result<Vec<Refusal>, StoreError> {
        let select = "select code, enhanced, min(reply) as reply, count(*) as readers from delivery \
            where issue = $1 and status = 'refused' group by code, enhanced order by readers desc, code, enhanced limit 20";
        let rows = sql(select).bind(issue).fetch_all(&mut self.read().await?).await?;
        rows.iter().map(Cells).map(|row| Ok(Refusal::new(&reply(row)?, row.number("readers")?))).collect()
    }

    /// Counts an issue's skipped readers by reason.
    ///
    /// # Errors
    /// A database's error.
    pub async fn skipped(&self, issue: IssueNumber) -> Result<BTreeMap<SkipReason, u64>, StoreError> {
        let select = "select reason, count(*) as readers from delivery \
            where issue = $1 and status = 'skipped' group by reason";
        let rows = sql(select).bind(issue).fetch_all(&mut self.read().await?).await?;
        rows.iter().map(Cells).map(|row| Ok((row.word("reason")?, row.number("readers")?))).collect()
    }

    /// Shows an issue's records, or some of them, to `look`, one by one in the order of their rows; memory does not grow with the list.
    ///
    /// # Errors
    /// A database's error; whatever `look` says.
    pub async fn each_delivery<E: From<StoreError>>(
        &self,
        issue: IssueNumber,
        among: Among,
        mut look: impl FnMut(Delivery) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut after = None;
        loop {
            let page = self.deliveries(issue, among, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.subscriber);
            page.into_iter().try_for_each(&mut look)?;
        }
    }

    /// A page of the same, after a reader or from the first.
    ///
    /// # Errors
    /// A database's error.
    pub async fn deliveries(
        &self,
        issue: IssueNumber,
        among: Among,
        after: Option<SubscriberId>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        macro_rules! select {
            ($among:literal) => {
                concat!(
                    "select d.*, b.address, x.decision, x.at as decided_at \
                     from delivery d join subscriber b on b.id = d.subscriber \
                     left join decision x on x.issue = d.issue and x.subscriber = d.subscriber and x.at = \
                     (select max(at) from decision where issue = d.issue and subscriber = d.subscriber) \
                     where d.issue = $1 and d.subscriber > $2 and ",
                    $among,
                    " order by d.subscriber limit $3"
                )
            };
        }
        let select = match among {
            Among::All => select!("true"),
            Among::Missed => select!("d.status <> 'accepted'"),
            Among::InDoubt => select!("d.status = 'in-doubt'"),
        };
        let select = sql(select).bind(issue).bind(after.map_or(0, |id| id.0)).bind(limit);
        let rows = select.fetch_all(&mut self.read().await?).await?;
        rows.iter().map(|row| Cells(row).try_into()).collect()
    }
}
