//! What comes back into the queue: whom the dead had in hand, the deferred, those in doubt, and whom nobody should have refused.

use jiff::Timestamp;

use super::brake::skip_rest;
use super::connection::{Connected, Transaction};
use super::error::persist;
use super::issue::lock_of;
use super::journal::{RELEASE, is_wanted};
use super::statement::{Statement, sql};
use super::word::Cells;
use super::{Store, StoreError};
use crate::delivery::{Attempt, RetryPolicy, SenderId};
use crate::id::{IssueNumber, SubscriberId};

/// Queues who was refused again, since when: what was said counts no more.
macro_rules! queue_refused {
    () => {
        "update delivery set status = 'queued', owner = null, code = null, enhanced = null, reply = null, since = "
    };
}

/// Readers that a statement names at most.
const NAMED: usize = 1000;

/// What dead senders left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Readers whose message had not been begun: they wait again.
    pub queued: u64,
    /// Readers whose message may have gone out.
    pub in_doubt: u64,
    /// Whether others, who are alive, have readers in hand.
    pub at_work: bool,
}

impl Store {
    /// After runs that ended however they ended, while a sender's lock is held and nothing of its own is in hand: what the dead had leased
    /// waits again; what they were sending is in doubt, since its message may have gone out. Readers who were refused to one that died at
    /// work, and that no relay had taken anything from, wait again too: they may be none the worse for it, and it could not say so any more.
    /// Who waits and is nobody any more is skipped: they would be waited for without end; so is whoever waits for an issue that was cancelled.
    ///
    /// # Errors
    /// A database's error.
    pub async fn recover(&self, issue: IssueNumber, now: Timestamp) -> Result<Recovered, StoreError> {
        persist(|| self.recover_once(issue, now)).await
    }

    async fn recover_once(&self, issue: IssueNumber, now: Timestamp) -> Result<Recovered, StoreError> {
        let refused = concat!(
            queue_refused!(),
            "$1 where issue = $2 and status = 'refused' and owner = $3 \
             and not exists (select 1 from delivery where issue = $2 and status = 'accepted' and owner = $3)"
        );
        let nobody = "update delivery set status = 'skipped', reason = 'unsubscribed', owner = null, since = $1 \
            where issue = $2 and status in ('queued', 'deferred') and not exists (select 1 from subscriber where id = delivery.subscriber)";
        let doubt = "update delivery set status = 'in-doubt', attempts = attempts + 1, since = $1 \
            where issue = $2 and status = 'sending' and owner = $3";
        let mut writing = self.write_as_sender().await?;
        let mut transaction = writing.begin().await?;
        transaction.exclude(&lock_of(issue)).await?;
        let mut recovered = Recovered::default();
        for owner in owners(&mut transaction, issue).await? {
            if !self.is_gone(owner, &mut transaction).await? {
                recovered.at_work = true;
                continue;
            }
            for (update, is_doubt) in [(RELEASE, false), (refused, false), (doubt, true)] {
                let update = sql(update).bind(now).bind(issue).bind(owner);
                let count = if is_doubt { &mut recovered.in_doubt } else { &mut recovered.queued };
                *count += update.execute(&mut transaction).await?;
            }
        }
        sql(nobody).bind(now).bind(issue).execute(&mut transaction).await?;
        skip_rest(issue, now).execute(&mut transaction).await?;
        transaction.commit().await?;
        Ok(recovered)
    }

    /// Queues the deferred whose time has come, or was written by a clock that ran ahead. Answers how many.
    ///
    /// # Errors
    /// A database's error.
    pub async fn requeue_due(&self, issue: IssueNumber, now: Timestamp) -> Result<u64, StoreError> {
        let update = "update delivery set status = 'queued', owner = null, since = $1 \
            where issue = $2 and status = 'deferred' and (retry_at <= $1 or retry_at > $3)";
        self.change(issue, sql(update).bind(now).bind(issue).bind(RetryPolicy::farthest(now))).await
    }

    /// Who is in doubt and will be sent it again by this policy (`in_doubt = "resend"`), and when; nobody who left since or wants no mail, whose
    /// doubt would else be forgotten, and nobody of an issue that was cancelled.
    ///
    /// # Errors
    /// A database's error.
    pub async fn resends(
        &self,
        issue: IssueNumber,
        policy: RetryPolicy,
    ) -> Result<Vec<(SubscriberId, Timestamp)>, StoreError> {
        due_resends(&mut self.read().await?, issue, policy).await
    }

    /// Queues those in doubt again whose time has come. Answers how many.
    ///
    /// # Errors
    /// A database's error.
    pub async fn requeue_in_doubt(
        &self,
        issue: IssueNumber,
        policy: RetryPolicy,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let resends = self.resends(issue, policy).await?;
        let due: Vec<_> = resends
            .iter()
            .filter(|(_, at)| RetryPolicy::has_come(*at, now))
            .map(|(reader, _)| *reader)
            .collect();
        let mut update = sql("update delivery set status = 'queued', owner = null, since = ");
        update
            .push_bind(now)
            .push(" where issue = ")
            .push_bind(issue)
            .push(concat!(" and status = 'in-doubt' and ", is_wanted!()));
        self.change_of(issue, &due, &update).await
    }

    /// Marks an issue as finished if none of its readers can be tried any more: nor any in doubt, where they are sent it again by a policy.
    ///
    /// # Errors
    /// A database's error.
    pub async fn finish(&self, number: IssueNumber, resends: Option<RetryPolicy>) -> Result<(), StoreError> {
        persist(|| self.finish_once(number, resends)).await
    }

    async fn finish_once(&self, number: IssueNumber, resends: Option<RetryPolicy>) -> Result<(), StoreError> {
        let update = "update issue set state = 'finished', brake = nullif(brake, 'paused') where number = $1 and not exists (select 1 from delivery d \
            where d.issue = $1 and d.status in ('queued', 'leased', 'sending', 'deferred'))";
        let mut writing = self.write_as_sender().await?;
        let mut transaction = writing.begin().await?;
        transaction.exclude(&lock_of(number)).await?;
        sql(update).bind(number).execute(&mut transaction).await?;
        // Asked for before, another machine could bring somebody into doubt in between.
        let is_over = match resends {
            Some(policy) => due_resends(&mut transaction, number, policy).await?.is_empty(),
            None => true,
        };
        if is_over { transaction.commit().await } else { transaction.rollback().await }
    }

    /// Queues readers again whom a sender's relay refused for no fault of theirs. Answers how many.
    ///
    /// # Errors
    /// A database's error.
    pub async fn requeue_refused(
        &self,
        issue: IssueNumber,
        by: SenderId,
        readers: &[SubscriberId],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut update = sql(queue_refused!());
        update.push_bind(now).push(" where issue = ").push_bind(issue);
        update.push(" and status = 'refused' and owner = ").push_bind(by);
        self.change_of(issue, readers, &update).await
    }

    /// As [`Store::change`], of these readers alone: SQLite takes so many values a statement and no more.
    async fn change_of(
        &self,
        issue: IssueNumber,
        readers: &[SubscriberId],
        update: &Statement,
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        for some in readers.chunks(NAMED) {
            let mut update = update.clone();
            update.push(" and subscriber ").push_any_of(some.iter().map(|reader| (*reader).into()));
            changed += self.change(issue, update).await?;
        }
        Ok(changed)
    }

    /// The first and the last of the times that deferred readers wait for; none where none is deferred.
    ///
    /// # Errors
    /// A database's error.
    pub async fn waits(&self, issue: IssueNumber) -> Result<[Option<Timestamp>; 2], StoreError> {
        // Two looks into an index; asked for together they would read all of it.
        let select = "select \
            (select min(retry_at) from delivery where issue = $1 and status = 'deferred') as first, \
            (select max(retry_at) from delivery where issue = $1 and status = 'deferred') as last";
        let row = sql(select).bind(issue).fetch_one(&mut self.read().await?).await?;
        Ok([Cells(&row).some_time("first")?, Cells(&row).some_time("last")?])
    }
}

/// Who has readers of an issue in hand.
async fn owners(transaction: &mut Transaction<'_>, issue: IssueNumber) -> Result<Vec<SenderId>, StoreError> {
    let select = "select distinct owner from delivery where issue = $1 and status in ('leased', 'sending') and owner is not null";
    let rows = sql(select).bind(issue).fetch_all(transaction).await?;
    rows.iter().map(|row| Cells(row).integer("owner").map(SenderId)).collect()
}

/// As [`Store::resends`].
async fn due_resends(
    on: &mut impl Connected,
    issue: IssueNumber,
    policy: RetryPolicy,
) -> Result<Vec<(SubscriberId, Timestamp)>, StoreError> {
    let select = concat!(
        "select subscriber, attempts, coalesce(postponed_at, first_attempt_at, since) as first, since from delivery \
             where issue = $1 and status = 'in-doubt' and ",
        is_wanted!(),
        " and not exists (select 1 from issue where number = $1 and brake = 'cancelled') order by subscriber"
    );
    let rows = sql(select).bind(issue).fetch_all(on).await?;
    let mut resends = Vec::new();
    for row in rows.iter().map(Cells) {
        let (reader, at) = (SubscriberId(row.integer("subscriber")?), row.time("since")?);
        let attempt = Attempt { number: row.number("attempts")?, first: row.time("first")?, at };
        resends.extend(policy.resend_at(reader, attempt).map(|at| (reader, at)));
    }
    Ok(resends)
}
