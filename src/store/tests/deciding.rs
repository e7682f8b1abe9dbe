//! What comes back into the queue: by an operator's word, or by the configuration's.

use super::sending::{intents, later, number, settlement};
use super::*;

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
