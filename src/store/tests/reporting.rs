//! What a report reads.

use super::sending::{intents, issue, later, number, reply, settlement};
use super::*;
use crate::event::{AgentClass, Event, EventKind, HeaderFlags, Method, RobotRule, Signals};
use crate::id::Place;

fn event(place: u16, seconds: i64) -> Event {
    let kind = if place == 0 { EventKind::Open } else { EventKind::Click(Place(place)) };
    let signals =
        Signals { agent: AgentClass::Scanner, method: Method::Head, headers: HeaderFlags(63), delay: None };
    Event { kind, at: later(seconds), signals }
}

impl TestStore {
    /// So many readers' messages are accepted; answers what tokens call them.
    async fn accepted(&self, readers: u16) -> Vec<(SubscriberId, Reference)> {
        let leased = self.lease_some(readers).await;
        self.write(&intents(&leased), &[]).await;
        let accepted = |leased: &Leased| settlement(leased.recipient.id, Outcome::Accepted(reply(250)));
        self.write(&[], &leased.iter().map(accepted).collect::<Vec<_>>()).await;
        leased.iter().map(|leased| (leased.recipient.id, leased.recipient.reference)).collect()
    }

    async fn arrive(&self, events: &[(Reference, Event)]) {
        let arrival = |(seq, (reference, event)): (i64, &(Reference, Event))| Arrival {
            issue: number(),
            reference: *reference,
            seq,
            event: *event,
        };
        let arrivals: Vec<Arrival> = (0..).zip(events).map(arrival).collect();
        assert!(self.keep_events(&Batch { server: "a", number: 1 }, &arrivals).await.unwrap());
    }
}

#[tokio::test]
async fn each_readers_events_come_together_page_by_page() {
    let store = TestStore::queued(3).await;
    let readers = store.accepted(3).await;
    let clicks: Vec<_> = readers.iter().map(|(_, reference)| (*reference, event(65_535, 90))).collect();
    store
        .arrive(&[&clicks[..], &[(readers[1].1, event(0, 5)), (Reference::EVERYONE, event(3, 9))]].concat())
        .await;
    let all = store.active_readers(number()).await.unwrap().unwrap();
    assert_eq!(all, readers[0].0.0..=readers[2].0.0);
    let mut first = *all.start();
    let mut seen = Vec::new();
    while let [one] = &store.activities(number(), &(first..=*all.end()), Timestamp::MIN, 1).await.unwrap()[..]
    {
        first = one.subscriber.0 + 1;
        seen.push(one.clone());
    }
    assert_eq!(
        seen.iter().map(|one| one.subscriber).collect::<Vec<_>>(),
        readers.iter().map(|one| one.0).collect::<Vec<_>>()
    );
    let mut expected = event(65_535, 90);
    expected.signals.delay = Some(90);
    assert_eq!(seen[0].events, [expected]);
    let mut both = seen[1].events.clone();
    both.sort_by_key(|event| event.at);
    assert_eq!((both[0].kind, both[0].signals.delay, both[1]), (EventKind::Open, Some(5), expected));
}

#[tokio::test]
async fn nobodys_events_that_look_alike_are_counted_by_the_hour_later_by_the_day_and_at_last_together() {
    let store = TestStore::queued(1).await;
    assert_eq!(store.active_readers(number()).await.unwrap(), None);
    let nobodys = |event| (Reference::EVERYONE, event);
    let hours = |hours: i64| event(3, hours * 3600);
    let late = [hours(48), hours(71), hours(72), hours(28 * 24), hours(100 * 24)];
    let events = [event(3, -9), event(3, 3599), event(3, 3600), event(0, 9)].map(nobodys);
    let events = [&events[..], &late.map(nobodys)].concat();
    store.arrive(&events).await;
    let mut alike = store.nobodys_events(number(), NOW, Timestamp::MIN).await.unwrap();
    alike.sort_by_key(|alike| (alike.event.at, alike.event.kind));
    let expected = [
        (event(3, 0), 2),
        (event(0, 0), 1),
        (event(3, 3600), 1),
        (hours(48), 2),
        (hours(72), 1),
        (hours(28 * 24), 2),
    ];
    assert_eq!(alike, expected.map(|(event, times)| Alike { event, robot: None, times }));
}

/// More than is judged in one go, of a robot that never rests.
#[tokio::test]
async fn of_more_events_than_are_judged_when_they_become_nobodys_the_rest_cannot_be_told() {
    let store = TestStore::queued(1).await;
    let (id, reference) = store.accepted(1).await[0];
    let mut click = event(1, 0);
    let headers = HeaderFlags(62);
    click.signals = Signals { agent: AgentClass::Browser, method: Method::Get, headers, delay: None };
    let swept = |n: u16| {
        let kind = EventKind::Click(Place(n % 3 + 1));
        (reference, Event { kind, at: later(3600 + i64::from(n / 10)), ..click })
    };
    store.arrive(&(0..10_300).map(swept).collect::<Vec<_>>()).await;
    let choices = Choices { tracking: Some(Tracking::None), ..Choices::default() };
    store.choose(&list(), id, &choices, judging()).await.unwrap();
    let mut times = BTreeMap::new();
    for alike in store.nobodys_events(number(), NOW, Timestamp::MIN).await.unwrap() {
        *times.entry(alike.robot).or_default() += alike.times;
    }
    assert_eq!(times, BTreeMap::from([(None, 300), (Some(RobotRule::Sweep), 10_000)]));
}

/// Who chose what before an issue went out, and what since: each is counted as they let at the least, by tokens of the mail itself too.
#[tokio::test]
async fn whoever_chooses_more_later_is_counted_as_when_the_issue_went_out() {
    let store = TestStore::new().await;
    store.import(&["r0@example.com", "r1@example.com", "r2@example.com", "r3@example.com"]).await;
    let choose = async |reader: u8, tracking| {
        let id = store.reader_of(&format!("r{reader}@example.com")).await.id;
        let choices = Choices { tracking: Some(tracking), ..Choices::default() };
        store.choose(&list(), id, &choices, judging()).await.unwrap();
    };
    choose(0, Tracking::None).await;
    choose(1, Tracking::Aggregate).await;
    store.queue(&issue()).await.unwrap();
    let readers = store.accepted(4).await;
    let by_choice = async || {
        let accepted = store.reached(number(), &list()).await.unwrap().choice;
        [Tracking::Individual, Tracking::Aggregate, Tracking::None].map(|class| accepted[&class])
    };
    assert_eq!(by_choice().await, [2, 1, 1]);
    for reader in 0..2 {
        choose(reader, Tracking::Individual).await;
    }
    assert_eq!(by_choice().await, [2, 1, 1]);
    choose(2, Tracking::Aggregate).await;
    assert_eq!(by_choice().await, [1, 2, 1]);
    choose(2, Tracking::Individual).await;
    assert_eq!(by_choice().await, [1, 2, 1], "what they did until they withdrew is nobody's for good");
    choose(1, Tracking::None).await;
    choose(1, Tracking::Aggregate).await;
    assert_eq!(by_choice().await, [1, 1, 2]);
    let clicks: Vec<_> = readers.iter().map(|(_, reference)| (*reference, event(1, 90))).collect();
    store.arrive(&clicks).await;
    let only = readers[3].0.0;
    assert_eq!(store.active_readers(number()).await.unwrap(), Some(only..=only));
}

#[tokio::test]
async fn the_accepted_are_told_by_what_their_readers_let_be_counted() {
    let store = TestStore::queued(4).await;
    let readers = store.accepted(3).await;
    for (reader, tracking) in readers.iter().zip([Tracking::None, Tracking::Aggregate]) {
        let choices = Choices { tracking: Some(tracking), ..Choices::default() };
        store.choose(&list(), reader.0, &choices, judging()).await.unwrap();
    }
    let accepted = store.reached(number(), &list()).await.unwrap().choice;
    let one_each = [(Tracking::None, 1), (Tracking::Aggregate, 1), (Tracking::Individual, 1)];
    assert_eq!(accepted, BTreeMap::from(one_each));
    assert_eq!(store.first_attempt_at(number()).await.unwrap(), Some(NOW));
    assert_eq!(store.issues_before(number(), &list(), 10).await.unwrap(), []);
    let next = IssueNumber::new(i64::from(number().get()) + 1).unwrap();
    assert_eq!(store.issues_before(next, &list(), 10).await.unwrap(), [number()]);
}

#[tokio::test]
async fn who_is_in_doubt_counts_as_one_who_may_have_it_and_no_later_file_takes_anybody_out() {
    let store = TestStore::queued(3).await;
    let leased = store.lease_some(3).await;
    store.write(&intents(&leased), &[]).await;
    let ids: Vec<_> = leased.iter().map(|leased| leased.recipient.id).collect();
    store.write(&[], &[settlement(ids[0], Outcome::Accepted(reply(250)))]).await;
    store.write(&[], &[settlement(ids[1], Outcome::InDoubt)]).await;
    store.arrive(&[(leased[1].recipient.reference, event(1, 4))]).await;
    let activities = store.activities(number(), &(ids[1].0..=ids[1].0), Timestamp::MIN, 9).await.unwrap();
    assert_eq!(activities[0].events[0].signals.delay, Some(4));
    let lowered = |n: u32| Entry { tracking: Some(Tracking::None), ..entry(&format!("r{n}@example.com")) };
    store.import_entries((0..3).map(lowered).collect(), false).await;
    let Reached { accepted, choice } = store.reached(number(), &list()).await.unwrap();
    assert_eq!((accepted, choice[&Tracking::Individual], choice[&Tracking::None]), (1, 2, 0));
}

#[tokio::test]
async fn who_clicked_stays_among_those_it_reached_whatever_becomes_of_their_message() {
    let store = TestStore::queued(3).await;
    let leased = store.lease_some(3).await;
    store.write(&intents(&leased), &[]).await;
    let ids: Vec<_> = leased.iter().map(|leased| leased.recipient.id).collect();
    let in_doubt = [settlement(ids[0], Outcome::InDoubt), settlement(ids[1], Outcome::InDoubt)];
    store.write(&[], &in_doubt).await;
    store.write(&[], &[settlement(ids[2], Outcome::Accepted(reply(250)))]).await;
    store.arrive(&[(leased[0].recipient.reference, event(1, 4))]).await;
    let again = [&leased[0], &leased[1]].map(|leased| leased.recipient.address.clone());
    assert_eq!(store.decide(number(), Decision::Resend, &again, NOW).await.unwrap(), []);
    let Reached { accepted, choice } = store.reached(number(), &list()).await.unwrap();
    assert_eq!((accepted, choice[&Tracking::Individual]), (1, 2));
}
