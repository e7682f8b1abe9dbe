use super::*;

const ISSUE: i64 = 379;

static ALL: Domains = Domains::AllBut(Vec::new());

pub(super) fn of_all(limit: u16) -> Share<'static> {
    Share { of: &ALL, after: None, limit }
}

pub(super) fn number() -> IssueNumber {
    IssueNumber::new(ISSUE).unwrap()
}

pub(super) fn issue() -> StoredIssue {
    StoredIssue {
        number: number(),
        list: list(),
        frozen: "{}".to_owned(),
        digest: "d".to_owned(),
        queued_at: NOW,
        slot: None,
        state: IssueState::Running,
    }
}

pub(super) fn reply(code: u16) -> SmtpReply {
    SmtpReply { code, enhanced: Some("2.0.0".to_owned()), text: "so it is".to_owned() }
}

pub(super) fn later(seconds: i64) -> Timestamp {
    NOW + SignedDuration::from_secs(seconds)
}

pub(super) fn intents(leased: &[Leased]) -> Vec<Intent> {
    leased.iter().map(|leased| Intent { subscriber: leased.recipient.id, by: ME, date: NOW }).collect()
}

pub(super) fn settlement(subscriber: SubscriberId, outcome: Outcome) -> Settlement {
    Settlement { subscriber, by: ME, outcome }
}

impl TestStore {
    /// A store whose issue is queued for so many readers, r0 first.
    pub(super) async fn queued(readers: usize) -> Self {
        let store = Self::new().await;
        let entries = (0..readers).map(|n| entry(&format!("r{n}@example.com"))).collect();
        store.import_entries(entries, false).await;
        assert_eq!(store.queue(&issue()).await.unwrap(), None);
        store
    }

    pub(super) async fn lease_some(&self, limit: u16) -> Vec<Leased> {
        self.lease(number(), ME, of_all(limit), NOW).await.unwrap()
    }

    pub(super) async fn write(&self, intents: &[Intent], settlements: &[Settlement]) -> Vec<SubscriberId> {
        self.journal(number(), intents, settlements, NOW).await.unwrap()
    }

    pub(super) async fn counted(&self) -> Counts {
        self.counts(number()).await.unwrap()
    }
}

#[tokio::test]
async fn an_issue_is_queued_once_with_everyone_and_the_reasons_of_the_skipped() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com", "bo@example.com", "cy@example.com"]).await;
    store.take_off(&list(), &address("bo@example.com")).await;
    assert_eq!(store.queue(&issue()).await.unwrap(), None);
    store.import(&["ada@example.com", "bo@example.com", "cy@example.com", "di@example.com"]).await;
    let again = StoredIssue { frozen: "other".to_owned(), ..issue() };
    assert_eq!(store.queue(&again).await.unwrap(), Some(issue()));
    assert_eq!(store.counted().await, Counts { queued: 2, waiting: 2, skipped: 1, ..Counts::default() });
    assert_eq!(store.skipped(number()).await.unwrap(), BTreeMap::from([(SkipReason::Unsubscribed, 1)]));
    assert_eq!(store.unfinished().await.unwrap(), [number()]);
    assert_eq!(store.highest_issue().await.unwrap(), Some(number()));
}

#[tokio::test]
async fn everyone_is_leased_once_sent_once_and_settled() {
    let store = TestStore::queued(5).await;
    let mut seen = Vec::new();
    loop {
        let leased = store.lease_some(2).await;
        if leased.is_empty() {
            break;
        }
        let granted = store.write(&intents(&leased), &[]).await;
        assert_eq!(granted.len(), leased.len());
        let done: Vec<_> = granted.iter().map(|id| settlement(*id, Outcome::Accepted(reply(250)))).collect();
        store.write(&[], &done).await;
        store.write(&[], &done).await;
        seen.extend(leased.into_iter().map(|leased| leased.recipient.address.to_string()));
    }
    assert_eq!(
        seen,
        ["r0@example.com", "r1@example.com", "r2@example.com", "r3@example.com", "r4@example.com"]
    );
    assert_eq!(store.counted().await, Counts { queued: 5, accepted: 5, ..Counts::default() });
    store.finish(number(), None).await.unwrap();
    assert_eq!(store.state(number()).await.unwrap(), Some(IssueState::Finished));
    assert_eq!(store.unfinished().await.unwrap(), []);
}

#[tokio::test]
async fn nobody_is_sent_to_without_the_lease() {
    let store = TestStore::queued(2).await;
    let leased = store.lease_some(2).await;
    let other: Vec<_> =
        intents(&leased).into_iter().map(|intent| Intent { by: SenderId(8), ..intent }).collect();
    assert_eq!(store.write(&other, &[]).await, []);
    assert_eq!(store.write(&intents(&leased), &[]).await.len(), 2);
    assert_eq!(store.write(&intents(&leased), &[]).await, [], "a second message must not go out");
    assert_eq!(store.counted().await.waiting, 2);
}

#[tokio::test]
async fn who_leaves_during_the_run_gets_no_message() {
    let store = TestStore::queued(3).await;
    let leased = store.lease_some(3).await;
    store.take_off(&list(), &address("r1@example.com")).await;
    store.suppress(suppressed(&address("r2@example.com"), SuppressionReason::Bounced, NOW)).await.unwrap();
    assert_eq!(store.write(&intents(&leased), &[]).await, [leased[0].recipient.id]);
    assert_eq!(store.skipped(number()).await.unwrap(), BTreeMap::from([(SkipReason::LeftDuringRun, 2)]));
}

#[tokio::test]
async fn who_asks_for_a_pause_during_the_run_gets_no_message_and_who_had_one_before_does() {
    let store = TestStore::queued(3).await;
    let leased = store.lease_some(3).await;
    for (reader, until) in
        [(1, NOW + SignedDuration::from_hours(24 * 7)), (2, NOW - SignedDuration::from_hours(1))]
    {
        let pause = Choices { paused_until: Some(until), ..Choices::default() };
        store.choose(&list(), leased[reader].recipient.id, &pause, judging()).await.unwrap();
    }
    let granted = store.write(&intents(&leased), &[]).await;
    assert_eq!(granted, [leased[0].recipient.id, leased[2].recipient.id]);
    assert_eq!(store.skipped(number()).await.unwrap(), BTreeMap::from([(SkipReason::Paused, 1)]));
}

#[tokio::test]
async fn a_write_dropped_midway_grants_nothing_and_loses_nothing() {
    let store = TestStore::queued(3).await;
    let leased = store.lease_some(3).await;
    for polls in 0..12 {
        let intents = intents(&leased);
        let mut writing = Box::pin(store.journal(number(), &intents, &[], NOW));
        let mut done = None;
        for _ in 0..polls {
            tokio::select! { biased; granted = &mut writing => { done = Some(granted.unwrap()); break }, () = tokio::task::yield_now() => {} }
        }
        drop(writing);
        if let Some(granted) = done {
            assert_eq!(granted.len(), 3);
            return;
        }
        // A write waits until the one before it has ended, dropped or not; this one changes nothing.
        assert_eq!(store.requeue_due(number(), NOW).await.unwrap(), 0);
        let sending = store.deliveries(number(), Among::Missed, None, 9).await.unwrap();
        let kept = sending.iter().filter(|one| matches!(one.status, DeliveryStatus::Leased { .. })).count();
        if kept == 0 {
            assert_eq!(
                store.recover(number(), NOW).await.unwrap().in_doubt,
                3,
                "all were committed, none was granted"
            );
            return;
        }
        assert_eq!(kept, 3, "a transaction is whole or not at all");
    }
}

#[tokio::test]
async fn of_one_who_is_erased_while_they_are_written_to_nothing_is_kept_and_nothing_waits() {
    let store = TestStore::queued(3).await;
    let granted = store.write(&intents(&store.lease_some(3).await), &[]).await;
    for reader in ["r0@example.com", "r1@example.com", "r2@example.com"] {
        store.erase(&address(reader), reader, judging()).await.unwrap();
    }
    let names_them = SmtpReply { text: "<r0@example.com>: so it is".to_owned(), ..reply(451) };
    let outcomes = [
        Outcome::Deferred { reply: names_them.clone(), retry_at: later(30) },
        Outcome::Refused(names_them),
        Outcome::PutBack,
    ];
    let settled: Vec<_> =
        granted.iter().zip(outcomes).map(|(id, outcome)| settlement(*id, outcome)).collect();
    store.write(&[], &settled).await;
    assert_eq!(store.counted().await, Counts { queued: 1, refused: 1, skipped: 2, ..Counts::default() });
    let words = "select count(*) as kept from delivery where reply is not null";
    let row = sql(words).fetch_one(&mut store.read().await.unwrap()).await.unwrap();
    assert_eq!(word::Cells(&row).integer("kept").unwrap(), 0);
}

#[tokio::test]
async fn a_dry_run_works_on_a_copy_of_the_readers() {
    let store = TestStore::queued(3).await;
    store.take_off(&list(), &address("r1@example.com")).await;
    store.suppress(suppressed(&address("r2@example.com"), SuppressionReason::Bounced, NOW)).await.unwrap();
    let copy = store.copy_readers_to(&store.folder.path().join("copy.db")).await.unwrap();
    assert_eq!(copy.audience(&list(), NOW).await.unwrap(), store.audience(&list(), NOW).await.unwrap());
    assert_eq!(
        copy.reader(&address("r1@example.com")).await.unwrap(),
        store.reader(&address("r1@example.com")).await.unwrap()
    );
    assert_eq!(copy.highest_issue().await.unwrap(), None);
    copy.unsubscribe(&list(), &address("r0@example.com"), store.reference().into(), NOW).await.unwrap();
    assert_eq!(copy.audience(&list(), NOW).await.unwrap().active, 0);
    assert_eq!(store.audience(&list(), NOW).await.unwrap().active, 1);
}

#[tokio::test]
async fn a_lane_takes_the_readers_of_its_domain_alone_and_goes_on_behind_the_last() {
    let store = TestStore::new().await;
    let addresses =
        ["a@slow.example", "b@Slow.example", "c@example.com", "d@xslow.example", "e@notslow.example"];
    store.import_entries(addresses.map(entry).into(), false).await;
    store.queue(&issue()).await.unwrap();
    let slow = Domains::Only("slow.example".into());
    let others = Domains::AllBut(vec!["slow.example".into(), "example.com".into()]);
    let lease = async |of: &Domains, after, limit| {
        let leased = store.lease(number(), ME, Share { of, after, limit }, NOW).await.unwrap();
        leased.into_iter().map(|leased| leased.recipient).collect::<Vec<_>>()
    };
    let first = lease(&slow, None, 1).await;
    assert_eq!(first[0].address.as_str(), "a@slow.example");
    let rest = lease(&slow, Some(first[0].id), 9).await;
    assert_eq!(rest.iter().map(|reader| reader.address.as_str()).collect::<Vec<_>>(), ["b@slow.example"]);
    assert_eq!(lease(&others, None, 9).await.len(), 2);
    assert_eq!(lease(&Domains::AllBut(Vec::new()), None, 9).await.len(), 1);
}

#[tokio::test]
async fn a_quota_allows_no_more_in_any_stretch_of_its_window_whoever_books() {
    let store = TestStore::new().await;
    let hour = Duration::from_hours(1);
    let book = async |at, wanted| store.book("relay", 100, Span::at(at, hour), wanted).await.unwrap();
    assert_eq!(book(NOW, 70).await, Booked::Some(70));
    assert_eq!(book(later(1800), 70).await, Booked::Some(30));
    let Booked::UsedUp { until } = book(later(3000), 1).await else { panic!("used up") };
    assert!((later(3600)..=later(3660)).contains(&until), "{until}");
    assert!(matches!(book(later(3599), 1).await, Booked::UsedUp { .. }));
    assert_eq!(
        book(until, 200).await,
        Booked::Some(70),
        "the first have left the window, the second have not"
    );
    store.give_back("relay", Span::at(until, hour), 20).await.unwrap();
    assert_eq!(book(until, 200).await, Booked::Some(20));
    assert_eq!(store.book("another", 1, Span::at(until, hour), 9).await.unwrap(), Booked::Some(1));
}

#[tokio::test]
async fn what_a_clock_booked_that_was_far_ahead_counts_no_more_once_it_is_right() {
    let store = TestStore::new().await;
    let hour = Duration::from_hours(1);
    let book = async |at| store.book("relay", 2, Span::at(at, hour), 2).await.unwrap();
    assert_eq!(book(later(7200)).await, Booked::Some(2));
    assert!(
        matches!(book(later(3600)).await, Booked::UsedUp { .. }),
        "a machine's clock may be a little ahead"
    );
    assert_eq!(book(NOW).await, Booked::Some(2));
}
