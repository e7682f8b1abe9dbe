//! What comes back into the queue: by an operator's word, or by the configuration's.

use super::sending::{intents, later, number, of_all, reply, settlement};
use super::*;
use crate::delivery::RetryPolicy;

const DAYS: RetryPolicy = RetryPolicy { give_up_after: SignedDuration::from_hours(72) };

impl TestStore {
    /// One whose message ended so, after it was tried once.
    async fn who_ended(&self, outcome: Outcome) -> EmailAddress {
        let leased = self.lease_some(1).await;
        self.write(&intents(&leased), &[]).await;
        self.write(&[], &[settlement(leased[0].recipient.id, outcome)]).await;
        leased[0].recipient.address.clone()
    }
}

#[tokio::test]
async fn nobody_comes_back_into_the_queue_of_an_issue_that_was_cancelled_meanwhile() {
    let store = TestStore::queued(1).await;
    let readers = [store.who_ended(Outcome::InDoubt).await];
    store.cancel(number(), NOW).await.unwrap();
    let decide = async |decision| store.decide(number(), decision, &readers, later(1)).await.unwrap();
    let [undecidable] = &decide(Decision::Resend).await[..] else { panic!("it was cancelled") };
    assert_eq!(undecidable.obstacle, Obstacle::Cancelled);
    assert_eq!(store.counts(number()).await.unwrap().in_doubt, 1);
    assert_eq!(decide(Decision::Accepted).await, []);
}

#[tokio::test]
async fn who_left_while_in_doubt_stays_so_and_is_not_skipped() {
    let store = TestStore::queued(4).await;
    let leased = store.lease_some(4).await;
    store.write(&intents(&leased), &[]).await;
    let in_doubt = leased.iter().map(|one| settlement(one.recipient.id, Outcome::InDoubt));
    store.write(&[], &in_doubt.collect::<Vec<_>>()).await;
    store.take_off(&list(), &address("r0@example.com")).await;
    store.suppress(suppressed(&address("r1@example.com"), SuppressionReason::Complained, NOW)).await.unwrap();
    let away = Choices { paused_until: Some(later(99_999)), ..Choices::default() };
    store.choose(&list(), leased[2].recipient.id, &away, judging()).await.unwrap();
    let resends = store.resends(number(), DAYS).await.unwrap();
    assert_eq!(resends.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [leased[3].recipient.id]);
    assert_eq!(store.requeue_in_doubt(number(), DAYS, later(99)).await.unwrap(), 1);
    assert_eq!(store.counts(number()).await.unwrap().in_doubt, 3);
}

#[tokio::test]
async fn who_is_sent_it_again_by_an_operator_is_tried_for_as_long_as_anybody_under_the_same_date() {
    let store = TestStore::queued(1).await;
    let reader = store.who_ended(Outcome::Refused(reply(550))).await;
    let again = later(1_000_000);
    assert_eq!(store.decide(number(), Decision::Resend, &[reader], again).await.unwrap(), []);
    let lease = async || store.lease(number(), ME, of_all(1), again).await.unwrap().remove(0);
    let leased = lease().await;
    assert_eq!((leased.first_attempt_at, leased.due_since()), (Some(NOW), Some(again)));
    let pause = (reply(421), again + SignedDuration::from_secs(30));
    let put_off = DAYS.put_off(pause, again, again);
    store.write(&[], &[settlement(leased.recipient.id, put_off)]).await;
    store.requeue_due(number(), later(1_000_030)).await.unwrap();
    let leased = lease().await;
    assert_eq!(leased.due_since(), Some(again));
    let in_doubt = settlement(leased.recipient.id, Outcome::InDoubt);
    store.journal(number(), &[], &[in_doubt], again).await.unwrap();
    assert_eq!(store.resends(number(), DAYS).await.unwrap().len(), 1);
}
