//! What the store says, held against what the inbox has.

use serde::Serialize;

use crate::delivery::DeliveryStatus;
use crate::id::IssueNumber;
use crate::inbox::Inbox;
use crate::store::{Among, Delivery, Store, StoreError};

/// Where the two do not agree, or cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Comparison {
    /// They have no copy, and nothing says why: the store believes that it was accepted, or has forgotten about them.
    pub lost: u64,
    /// They have more copies than one; or one though they were refused or skipped, or nobody knows them.
    pub doubled: u64,
    /// Of those in doubt, they have it.
    pub in_doubt_and_arrived: u64,
}

/// What is to be thought of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    AsSaid,
    Lost,
    Doubled,
    InDoubtAndArrived,
}

/// Compares every record of an issue with the copies that the inbox has counted ([`crate::inbox::Keep::Count`]).
///
/// # Errors
/// The store's.
pub async fn compare(store: &Store, issue: IssueNumber, inbox: &Inbox) -> Result<Comparison, StoreError> {
    let (mut comparison, mut known) = (Comparison::default(), 0);
    let look = |record: Delivery| {
        let copies = inbox.copies(&record.address);
        known += u64::from(copies);
        match verdict(&record.status, copies) {
            Verdict::AsSaid => {}
            Verdict::Lost => comparison.lost += 1,
            Verdict::Doubled => comparison.doubled += 1,
            Verdict::InDoubtAndArrived => comparison.in_doubt_and_arrived += 1,
        }
        Ok(())
    };
    store.each_delivery::<StoreError>(issue, Among::All, look).await?;
    comparison.doubled += inbox.counts().recipients.saturating_sub(known);
    Ok(comparison)
}

fn verdict(status: &DeliveryStatus, copies: u32) -> Verdict {
    match (status, copies) {
        (
            DeliveryStatus::Accepted(_)
            | DeliveryStatus::Queued
            | DeliveryStatus::Leased { .. }
            | DeliveryStatus::Sending { .. },
            0,
        )
        | (DeliveryStatus::Queued | DeliveryStatus::Leased { .. } | DeliveryStatus::Sending { .. }, 1) => {
            Verdict::Lost
        }
        // The deferred would be asked again.
        (_, 0) | (DeliveryStatus::Accepted(_), 1) => Verdict::AsSaid,
        (DeliveryStatus::InDoubt { .. }, 1) => Verdict::InDoubtAndArrived,
        (
            DeliveryStatus::Deferred { .. } | DeliveryStatus::Refused(_) | DeliveryStatus::Skipped { .. },
            1,
        )
        | (_, 2..) => Verdict::Doubled,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::delivery::{SenderId, SkipReason, SmtpReply};

    #[test]
    fn what_the_store_says_and_what_arrived_are_held_against_each_other() {
        let reply = || SmtpReply { code: 250, enhanced: None, text: String::new() };
        let at = Timestamp::UNIX_EPOCH;
        let cases = [
            (DeliveryStatus::Accepted(reply()), [Verdict::Lost, Verdict::AsSaid]),
            (DeliveryStatus::InDoubt { since: at }, [Verdict::AsSaid, Verdict::InDoubtAndArrived]),
            (DeliveryStatus::Refused(reply()), [Verdict::AsSaid, Verdict::Doubled]),
            (DeliveryStatus::Deferred { reply: reply(), retry_at: at }, [Verdict::AsSaid, Verdict::Doubled]),
            (DeliveryStatus::Skipped { reason: SkipReason::Paused }, [Verdict::AsSaid, Verdict::Doubled]),
            (DeliveryStatus::Queued, [Verdict::Lost; 2]),
            (DeliveryStatus::Sending { by: SenderId(1), since: at }, [Verdict::Lost; 2]),
        ];
        for (status, [none, one]) in cases {
            let verdicts = [0, 1, 2, 3].map(|copies| verdict(&status, copies));
            assert_eq!(verdicts, [none, one, Verdict::Doubled, Verdict::Doubled], "{status:?}");
        }
    }
}
