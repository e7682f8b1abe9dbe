use super::connection::{Connected as _, Connection};
use super::sending::{intents, later, number, reply, settlement};
use super::*;
use crate::event::{AgentClass, Event, EventKind, HeaderFlags, Method, Signals};
use crate::id::Place;
use crate::subscriber::{Leaving, Recipient, Way};

const A: Batch<'_> = Batch { server: "a", number: 1 };

fn arrival(reference: Reference, seq: i64, seconds: i64) -> Arrival {
    let signals =
        Signals { agent: AgentClass::Browser, method: Method::Get, headers: HeaderFlags(31), delay: None };
    let event = Event { kind: EventKind::Click(Place(2)), at: later(seconds), signals };
    Arrival { issue: number(), reference, seq, event }
}

impl TestStore {
    /// What the queue's first reader is known by in tokens, once their message was accepted.
    pub(super) async fn served(&self) -> (SubscriberId, Reference) {
        let leased = self.lease_some(1).await;
        self.write(&intents(&leased), &[]).await;
        let Recipient { id, reference, .. } = leased[0].recipient;
        self.write(&[], &[settlement(id, Outcome::Accepted(reply(250)))]).await;
        (id, reference)
    }

    async fn kept(&self) -> Vec<Kept> {
        self.events(number(), None, 100).await.unwrap()
    }
}

#[tokio::test]
async fn a_click_is_kept_for_its_reader_with_the_seconds_since_their_own_delivery() {
    let store = TestStore::queued(2).await;
    let (id, reference) = store.served().await;
    store.keep_events(&A, &[arrival(reference, 1, 7)]).await.unwrap();
    let kept = store.kept().await;
    let mut event = arrival(reference, 1, 7).event;
    event.signals.delay = Some(7);
    assert_eq!(kept, [Kept { subscriber: Some(id), seq: 1, event }]);
    assert_eq!(store.events(number(), kept.first(), 100).await.unwrap(), []);
}

#[tokio::test]
async fn a_batch_that_comes_twice_is_kept_once() {
    let store = TestStore::queued(1).await;
    let (_, reference) = store.served().await;
    let batch: Vec<_> = (0..600).map(|n| arrival(reference, n, n)).collect();
    assert!(store.keep_events(&A, &batch).await.unwrap());
    assert!(!store.keep_events(&A, &batch).await.unwrap());
    assert_eq!(store.events(number(), None, 1000).await.unwrap().len(), 600);
    assert!(store.keep_events(&Batch { number: 2, ..A }, &[arrival(reference, 600, 600)]).await.unwrap());
    assert_eq!(store.events(number(), None, 1000).await.unwrap().len(), 601);
}

#[tokio::test]
async fn who_withdrew_is_counted_for_nobody_also_by_an_old_token() {
    let store = TestStore::queued(1).await;
    let (id, reference) = store.served().await;
    let choices = Choices { tracking: Some(Tracking::Aggregate), ..Choices::default() };
    store.choose(&list(), id, &choices, judging()).await.unwrap();
    store.keep_events(&A, &[arrival(reference, 1, 7), arrival(Reference(77), 2, 8)]).await.unwrap();
    let kept = store.kept().await;
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|kept| kept.subscriber.is_none() && kept.event.signals.delay.is_none()));
}

#[tokio::test]
async fn who_withdraws_is_in_nothing_that_was_counted_before_and_the_clicks_stay_counted() {
    let store = TestStore::queued(2).await;
    let (id, reference) = store.served().await;
    let (other, others) = store.served().await;
    let before = [arrival(reference, 1, 7), arrival(reference, 2, 9), arrival(others, 3, 9)];
    store.keep_events(&A, &before).await.unwrap();
    let choices = Choices { tracking: Some(Tracking::Individual), ..Choices::default() };
    store.choose(&list(), id, &choices, judging()).await.unwrap();
    let choices = Choices { tracking: Some(Tracking::None), ..Choices::default() };
    store.choose(&"others".parse().unwrap(), id, &choices, judging()).await.unwrap();
    assert!(
        store.kept().await.iter().all(|kept| kept.subscriber.is_some()),
        "nothing of this list was withdrawn"
    );
    for _ in 0..2 {
        store.choose(&list(), id, &choices, judging()).await.unwrap();
        let whose: Vec<_> = store.kept().await.iter().map(|kept| kept.subscriber).collect();
        assert_eq!(whose, [None, None, Some(other)]);
        let of_nobody = &store.kept().await[..2];
        assert!(
            of_nobody.iter().all(|kept| kept.event.signals.delay.is_none()),
            "nor how long after their message"
        );
    }
}

#[tokio::test]
async fn who_leaves_is_gone_at_once_says_why_and_may_come_back() {
    let store = TestStore::queued(2).await;
    let (id, _) = store.served().await;
    let leaving = Leaving { at: NOW, issue: Some(number()), way: Way::OneClick };
    assert!(store.leave(&list(), id, leaving).await.unwrap());
    assert!(!store.leave(&list(), id, Leaving { at: later(5), ..leaving }).await.unwrap());
    store.give_reason(&list(), id, "too often").await.unwrap();
    let [departure] = &store.departures(number()).await.unwrap()[..] else { panic!("one left") };
    assert_eq!((departure.leaving, departure.reason.as_deref()), (leaving, Some("too often")));
    assert_eq!(store.audience_of().await, ["r1@example.com"]);

    assert!(store.come_back(&list(), id, agreed(later(9))).await.unwrap());
    assert!(!store.come_back(&list(), id, agreed(later(10))).await.unwrap());
    assert_eq!(store.departures(number()).await.unwrap()[0].undone_at, Some(later(9)));
    assert_eq!(store.audience_of().await, ["r0@example.com", "r1@example.com"]);
    assert_eq!(store.reader_of("r0@example.com").await.subscriptions[0].consent, Some(agreed(later(9))));
}

#[tokio::test]
async fn a_link_leads_to_its_reader_and_the_list_of_its_issue_until_they_are_erased() {
    let store = TestStore::queued(2).await;
    let (id, reference) = store.served().await;
    assert_eq!(store.followed(number(), reference).await.unwrap(), Some((list(), id)));
    assert_eq!(store.followed("2".parse().unwrap(), reference).await.unwrap(), None);
    assert_eq!(store.followed(number(), Reference(1)).await.unwrap(), None);
    store.erase(&address("r0@example.com"), "hash", judging()).await.unwrap();
    assert_eq!(store.followed(number(), reference).await.unwrap(), None);
}

#[tokio::test]
async fn a_leaving_that_is_told_after_its_reader_came_back_is_over_and_a_new_one_is_not() {
    let store = TestStore::queued(2).await;
    let (id, _) = store.served().await;
    let leaving = |at| Leaving { at, issue: Some(number()), way: Way::Page };
    assert!(store.leave(&list(), id, leaving(later(3))).await.unwrap());
    assert!(store.come_back(&list(), id, agreed(later(9))).await.unwrap());
    assert!(!store.leave_late(&list(), id, leaving(later(2))).await.unwrap());
    assert_eq!(store.audience_of().await.len(), 2);
    assert!(store.leave_late(&list(), id, leaving(later(10))).await.unwrap());
    assert_eq!(store.audience_of().await.len(), 1);
    // They come back where the clock is ahead, and leave where it is not.
    assert!(store.come_back(&list(), id, agreed(later(900))).await.unwrap());
    assert!(store.leave(&list(), id, leaving(later(20))).await.unwrap());
    assert_eq!(store.audience_of().await.len(), 1);
}

#[tokio::test]
async fn a_mended_link_is_kept_with_what_it_was() {
    let store = TestStore::queued(1).await;
    let change = LinkChange {
        place: Place(2),
        at: NOW,
        was: "https://a.example".into(),
        url: "https://b.example".into(),
    };
    store.change_link(number(), &change).await.unwrap();
    assert_eq!(store.link_changes(number()).await.unwrap(), [change]);
}

impl TestStore {
    /// Waits until it is so: on a busy machine a store may answer late.
    async fn beats_as(&self, pulse: Pulse) {
        while self.pulse().await != pulse {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_store_that_somebody_else_writes_is_read_and_says_that_it_is_not_written() {
    let store = TestStore::new().await;
    store.beats_as(Pulse::Beats).await;
    let other = store.again().await;
    let mut writing = other.write().await.unwrap();
    let mut transaction = writing.begin().await.unwrap();
    if let Connection::Postgres(_) = transaction.connection() {
        let lock = "lock table key_fingerprint in exclusive mode";
        sql(lock).execute(&mut transaction).await.unwrap();
    }
    store.beats_as(Pulse::ReadOnly).await;
    transaction.rollback().await.unwrap();
    store.beats_as(Pulse::Beats).await;
}
