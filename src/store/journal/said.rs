//! What becomes of a reader's record.

use jiff::Timestamp;

use crate::delivery::{Intent, Outcome, SenderId, Settlement, SmtpReply};
use crate::id::SubscriberId;

/// Of one record.
pub(super) struct Said<'o> {
    pub(super) subscriber: SubscriberId,
    pub(super) by: SenderId,
    pub(super) status: &'static str,
    pub(super) tried: i64,
    /// Of the first attempt, unless there was one before.
    pub(super) date: Option<Timestamp>,
    pub(super) retry_at: Option<Timestamp>,
    pub(super) reply: Option<&'o SmtpReply>,
    /// Since when they wait, where they were put off.
    pub(super) postponed: Option<Timestamp>,
}

pub(super) const SENDING: &str = "sending";

/// Whether a message may go to the reader of the record `delivery`: they still want it, as far as SQL can say. Who was away when it came to
/// stand where it does, leased or in doubt, is away now.
macro_rules! is_wanted {
    () => {
        "exists (select 1 from issue i join subscription s on s.list = i.list \
         where i.number = delivery.issue and s.subscriber = delivery.subscriber and s.status = 'subscribed' \
         and (s.paused_until is null or s.paused_until <= delivery.since)) \
         and not exists (select 1 from subscriber b join suppression x on x.key = b.key where b.id = delivery.subscriber)"
    };
}
pub(in crate::store) use is_wanted;

impl<'o> Said<'o> {
    pub(super) fn sending(intent: &Intent) -> Self {
        let Intent { subscriber, by, date } = *intent;
        let date = Some(date);
        Self { subscriber, by, status: SENDING, tried: 0, date, retry_at: None, reply: None, postponed: None }
    }

    pub(super) fn settled(settlement: &'o Settlement, now: Timestamp) -> Self {
        let Settlement { subscriber, by, outcome } = settlement;
        let said = |status, reply| Self {
            subscriber: *subscriber,
            by: *by,
            status,
            tried: 1,
            date: Some(now),
            retry_at: None,
            reply,
            postponed: None,
        };
        let untried = |status, reply| Self { tried: 0, date: None, ..said(status, reply) };
        match outcome {
            Outcome::Accepted(reply) => said("accepted", Some(reply)),
            Outcome::Deferred { reply, retry_at } => {
                Self { retry_at: Some(*retry_at), ..said("deferred", Some(reply)) }
            }
            Outcome::Postponed { reply, retry_at, since } => Self {
                retry_at: Some(*retry_at),
                postponed: Some(*since),
                ..untried("deferred", Some(reply))
            },
            Outcome::Refused(reply) => said("refused", Some(reply)),
            Outcome::GivenUp(reply) => untried("refused", Some(reply)),
            Outcome::InDoubt => said("in-doubt", None),
            Outcome::PutBack => untried("queued", None),
        }
    }
}
