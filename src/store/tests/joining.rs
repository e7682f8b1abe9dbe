//! Asking to join, the mails that ask for a confirmation, and confirming.

use super::sending::later;
use super::*;
use crate::subscriber::{Leaving, Way};

fn request(address: &EmailAddress, token_hash: &str, at: Timestamp) -> JoinRequest {
    JoinRequest {
        list: list(),
        address: address.clone(),
        name: Some("Ada".to_owned()),
        token_hash: token_hash.to_owned(),
        at,
        expires_at: at + SignedDuration::from_hours(48),
        wording: "an issue a week".to_owned(),
        source: "https://example.com/subscribe".to_owned(),
    }
}

/// The hash of somebody who was not erased.
fn unerased(_: &EmailAddress) -> String {
    "no hash".to_owned()
}

impl TestStore {
    async fn ask(&self, address: &str, token_hash: &str, at: Timestamp) -> Asked {
        self.ask_to_join(
            &request(&super::address(address), token_hash, at),
            (3, SignedDuration::from_hours(1)),
        )
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn a_confirmation_joins_once_with_what_was_agreed_to() {
    let store = TestStore::new().await;
    assert_eq!(store.ask("ada@example.com", "h", NOW).await, Asked::Mail);
    assert!(store.pending("h", later(1)).await.unwrap().is_some());
    assert!(store.audience_of().await.is_empty());
    let confirmed = store.confirm("h", Reference(9), later(2), unerased).await.unwrap().unwrap();
    assert!(confirmed.is_new);
    let again = store.confirm("h", Reference(10), later(3), unerased).await.unwrap();
    assert_eq!(again, Some(Confirmed { is_new: false, ..confirmed }));
    let reader = store.reader_of("ada@example.com").await;
    assert_eq!(reader.subscriptions[0].origin, Origin::Page);
    assert_eq!(reader.subscriptions[0].choices.name.as_deref(), Some("Ada"));
    assert_eq!(store.ask("ADA@example.com", "i", later(4)).await, Asked::Subscribed);
}

#[tokio::test]
async fn a_confirmation_that_expired_or_was_never_asked_for_joins_nobody() {
    let store = TestStore::new().await;
    store.ask("ada@example.com", "h", NOW).await;
    let late = NOW + SignedDuration::from_hours(48);
    assert_eq!(store.confirm("h", Reference(9), late, unerased).await.unwrap(), None);
    assert_eq!(store.confirm("x", Reference(9), NOW, unerased).await.unwrap(), None);
    assert!(store.audience_of().await.is_empty());
}

#[tokio::test]
async fn a_confirmation_repeated_after_its_reader_left_says_nothing_of_a_welcome() {
    let store = TestStore::new().await;
    store.ask("ada@example.com", "h", NOW).await;
    let confirmed = store.confirm("h", Reference(9), later(1), unerased).await.unwrap().unwrap();
    let leaving = Leaving { at: later(2), issue: None, way: Way::Page };
    store.leave(&list(), confirmed.subscriber, leaving).await.unwrap();
    assert_eq!(store.pending("h", later(3)).await.unwrap(), None, "nor asks what it would not do");
    assert_eq!(store.confirm("h", Reference(9), later(3), unerased).await.unwrap(), None);
    assert!(store.come_back(&list(), confirmed.subscriber, agreed(later(4))).await.unwrap());
    assert!(store.pending("h", later(5)).await.unwrap().is_some());
    assert!(store.confirm("h", Reference(9), later(5), unerased).await.unwrap().is_some());
    store.suppress(suppressed(&confirmed.address, SuppressionReason::Complained, later(6))).await.unwrap();
    assert_eq!(store.confirm("h", Reference(9), later(7), unerased).await.unwrap(), None);
}

#[tokio::test]
async fn an_address_has_one_mail_an_hour_and_all_together_so_many() {
    let store = TestStore::new().await;
    let hour = SignedDuration::from_hours(1);
    assert_eq!(store.ask("ada@example.com", "h", NOW).await, Asked::Mail);
    store.mail("a", NOW).await;
    assert_eq!(store.ask("Ada@example.com", "b", later(60)).await, Asked::Waiting);
    assert_eq!(store.ask("ada@example.com", "h", NOW + hour).await, Asked::Mail);
    store.mail("c", NOW + hour).await;
    assert_eq!(store.pending("a", NOW + hour).await.unwrap(), None, "the later request voids the earlier");
    assert_eq!(store.ask("ada@example.com", "h", NOW + hour * 2).await, Asked::Mail);
    store.mail("d", NOW + hour * 2).await;
    assert_eq!(store.ask("ada@example.com", "e", NOW + hour * 3).await, Asked::Waiting);
    for (name, answer) in
        [("bo", Asked::Mail), ("cy", Asked::Mail), ("di", Asked::Mail), ("ed", Asked::TooMany)]
    {
        assert_eq!(store.ask(&format!("{name}@example.com"), name, NOW + hour * 4).await, answer);
    }
}

#[tokio::test]
async fn who_left_comes_back_by_their_own_confirmation_and_who_complained_gets_no_mail() {
    let store = TestStore::queued(1).await;
    store.take_off(&list(), &address("r0@example.com")).await;
    assert_eq!(store.ask("r0@example.com", "h", NOW).await, Asked::Mail);
    store.confirm("h", Reference(9), later(2), unerased).await.unwrap();
    assert_eq!(store.audience_of().await, ["r0@example.com"]);
    store.suppress(suppressed(&address("r0@example.com"), SuppressionReason::Complained, NOW)).await.unwrap();
    let day = NOW + SignedDuration::from_hours(49);
    assert_eq!(store.ask("r0@example.com", "i", day).await, Asked::Suppressed);
}

#[tokio::test]
async fn no_confirmation_asked_for_before_lifts_a_complaint_or_a_do_not_mail_entry_and_no_mail_asks_for_it() {
    for reason in [SuppressionReason::Complained, SuppressionReason::DoNotMail] {
        let store = TestStore::new().await;
        let ada = address("ada@example.com");
        store.ask("ada@example.com", "h", NOW).await;
        store.suppress(suppressed(&ada, reason, later(1))).await.unwrap();
        assert_eq!(store.pending("h", later(2)).await.unwrap(), None);
        assert_eq!(store.confirm("h", Reference(9), later(2), unerased).await.unwrap(), None);
        assert_eq!(store.suppression(&ada).await.unwrap().map(|stands| stands.reason), Some(reason));
        assert!(store.take("a", later(3)).await.is_none(), "nothing is mailed there any more");
    }
}

#[tokio::test]
async fn a_do_not_mail_entry_of_an_address_that_bounced_is_lifted_by_no_confirmation() {
    for reason in [SuppressionReason::Complained, SuppressionReason::DoNotMail] {
        let store = TestStore::new().await;
        let ada = address("ada@example.com");
        store.suppress(suppressed(&ada, SuppressionReason::Bounced, NOW)).await.unwrap();
        store.ask("ada@example.com", "h", later(1)).await;
        assert_eq!(store.suppress(suppressed(&ada, reason, later(2))).await.unwrap(), 1);
        for again in [SuppressionReason::Bounced, reason] {
            assert_eq!(
                store.suppress(suppressed(&ada, again, later(3))).await.unwrap(),
                0,
                "it stays as it is"
            );
        }
        assert_eq!(store.confirm("h", Reference(9), later(4), unerased).await.unwrap(), None);
        assert_eq!(store.suppression(&ada).await.unwrap().map(|stands| stands.reason), Some(reason));
    }
}

#[tokio::test]
async fn a_confirmation_lifts_a_bounce() {
    let store = TestStore::new().await;
    store.ask("ada@example.com", "h", NOW).await;
    let ada = address("ada@example.com");
    store.suppress(suppressed(&ada, SuppressionReason::Bounced, later(1))).await.unwrap();
    assert!(store.confirm("h", Reference(9), later(2), unerased).await.unwrap().unwrap().is_new);
    assert_eq!(store.suppression(&ada).await.unwrap(), None);
}

#[tokio::test]
async fn a_leaving_after_somebody_asked_makes_their_confirmation_over_and_they_may_ask_again() {
    let store = TestStore::queued(1).await;
    let (id, _) = store.served().await;
    store.take_off(&list(), &address("r0@example.com")).await;
    store.ask("r0@example.com", "h", later(1)).await;
    store.come_back(&list(), id, agreed(later(2))).await.unwrap();
    assert!(store.pending("h", later(3)).await.unwrap().is_some(), "they are on the list");
    store.leave(&list(), id, Leaving { at: later(3), issue: None, way: Way::OneClick }).await.unwrap();
    assert!(store.take("a", later(4)).await.is_none(), "no mail asks for what is over");
    assert_eq!(store.pending("h", later(4)).await.unwrap(), None);
    assert_eq!(store.confirm("h", Reference(9), later(4), unerased).await.unwrap(), None);
    assert_eq!(store.audience_of().await, [""; 0]);
    assert_eq!(store.ask("r0@example.com", "i", later(5)).await, Asked::Mail);
    assert!(store.confirm("i", Reference(9), later(6), unerased).await.unwrap().unwrap().is_new);
    assert_eq!(store.audience_of().await, ["r0@example.com"]);
}

impl TestStore {
    async fn take(&self, token_hash: &str, at: Timestamp) -> Option<Invitation> {
        let lease = SignedDuration::from_mins(10);
        self.take_invitation(|_| token_hash.to_owned(), at, lease).await.unwrap()
    }

    async fn put(&self, invitation: &Invitation, progress: Progress) -> bool {
        self.put_invitation(invitation, progress).await.unwrap()
    }

    /// Its mail leaves, and is taken.
    async fn mail(&self, token_hash: &str, at: Timestamp) {
        let taken = self.take(token_hash, at).await.unwrap();
        assert!(self.put(&taken, Progress::Leaves(at)).await && self.put(&taken, Progress::Left(at)).await);
    }
}

#[tokio::test]
async fn a_confirmation_waits_until_it_leaves_and_leaves_once_whoever_takes_it() {
    let store = TestStore::new().await;
    store.ask("ada@example.com", "h", NOW).await;
    let other = store.again().await;
    let taken = store.take("a", later(1)).await.unwrap();
    assert_eq!((taken.address.as_str(), taken.tries), ("ada@example.com", 1));
    assert!(store.take("b", later(2)).await.is_none(), "it is taken");
    assert_eq!(store.pending("h", later(2)).await.unwrap(), None, "a mail has a token of its own");
    // The server that took it is gone, or slow: another one has it now.
    let lease = SignedDuration::from_mins(10);
    let again = other.take_invitation(|_| "c".to_owned(), later(700), lease).await.unwrap().unwrap();
    assert_eq!(again.tries, 2);
    let leaves = Progress::Leaves(later(701));
    assert!(!store.put(&taken, leaves).await, "the slow one must not send it too");
    assert!(
        other.put_invitation(&again, Progress::Waits(later(800))).await.unwrap(),
        "the relay wants it later"
    );
    assert!(store.take("d", later(799)).await.is_none());
    store.mail("d", later(800)).await;
    assert!(store.take("e", later(80_000)).await.is_none(), "it left");
    assert!(store.confirm("d", Reference(9), later(5000), unerased).await.unwrap().unwrap().is_new);
}

#[tokio::test]
async fn a_confirmation_that_may_have_left_is_due_again_an_hour_later_and_three_leave_at_most() {
    let store = TestStore::new().await;
    store.ask("ada@example.com", "h", NOW).await;
    for nth in 0..3 {
        let at = later(nth * 3600);
        assert!(store.take("a", at - SignedDuration::from_secs(1)).await.is_none());
        let taken = store.take("a", at).await.unwrap();
        assert_eq!(i64::from(taken.mails), nth);
        assert!(store.put(&taken, Progress::Leaves(at)).await);
    }
    assert!(store.take("a", later(80_000)).await.is_none(), "three may have left");
    assert_eq!(store.ask("ada@example.com", "b", later(80_000)).await, Asked::Waiting);
    assert!(store.confirm("a", Reference(9), later(80_000), unerased).await.unwrap().unwrap().is_new);
}

#[tokio::test]
async fn a_confirmation_that_may_have_left_and_is_confirmed_is_due_no_more() {
    let store = TestStore::new().await;
    store.ask("ada@example.com", "h", NOW).await;
    let taken = store.take("a", later(1)).await.unwrap();
    assert!(store.put(&taken, Progress::Leaves(later(1))).await);
    store.confirm("a", Reference(9), later(60), unerased).await.unwrap().unwrap();
    assert!(store.take("b", later(5000)).await.is_none());
    assert!(!store.put(&taken, Progress::Left(later(2))).await);
}

#[tokio::test]
async fn a_confirmation_that_expired_or_is_of_somebody_erased_is_mailed_to_nobody() {
    let store = TestStore::new().await;
    store.ask("ada@example.com", "h", NOW).await;
    store.ask("bo@example.com", "i", NOW).await;
    let taken = store.take("a", later(1)).await.unwrap();
    assert_eq!(taken.address.as_str(), "ada@example.com");
    store.erase(&address("ada@example.com"), "hash", judging()).await.unwrap();
    assert!(!store.put(&taken, Progress::Leaves(later(3))).await, "erased while it was on its way");
    assert!(store.take("b", NOW + SignedDuration::from_hours(48)).await.is_none());
    let held = store.held(&address("bo@example.com")).await.unwrap();
    assert_eq!(held.requests, [], "what expired is gone");
}

#[tokio::test]
async fn who_was_erased_comes_back_by_their_own_confirmation_with_nothing_against_them() {
    let store = TestStore::new().await;
    store.erase(&address("ada@example.com"), "hash", judging()).await.unwrap();
    assert_eq!(store.ask("ada@example.com", "h", later(1)).await, Asked::Mail);
    store.confirm("h", Reference(9), later(60), |_| "hash".to_owned()).await.unwrap();
    assert_eq!(store.erased_at("hash").await.unwrap(), None);
    assert_eq!(store.audience_of().await, ["ada@example.com"]);
    let consent = store.reader_of("ada@example.com").await.subscriptions.remove(0).consent.unwrap();
    assert_eq!((consent.asked_at, consent.at), (Some(later(1)), later(60)));
}
