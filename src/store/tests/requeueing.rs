//! What comes back into the queue: after a sender's death, and when its time has come.

use super::sending::*;
use super::*;
use crate::delivery::RetryPolicy;

#[tokio::test]
async fn after_a_kill_only_what_may_have_gone_out_is_in_doubt() {
    let store = TestStore::queued(4).await;
    let leased = store.lease_some(3).await;
    let granted = store.write(&intents(&leased[..2]), &[]).await;
    store.write(&[], &[settlement(granted[0], Outcome::Accepted(reply(250)))]).await;

    let store = store.again().await;
    assert_eq!(
        store.recover(number(), later(1)).await.unwrap(),
        Recovered { queued: 1, in_doubt: 1, at_work: false }
    );
    assert_eq!(store.recover(number(), later(2)).await.unwrap(), Recovered::default());
    let counts = store.counts(number()).await.unwrap();
    assert_eq!(counts, Counts { queued: 4, accepted: 1, in_doubt: 1, waiting: 2, ..Counts::default() });
    let missed = store.deliveries(number(), Among::Missed, None, 10).await.unwrap();
    let statuses: Vec<_> =
        missed.into_iter().map(|delivery| (delivery.address.to_string(), delivery.status)).collect();
    assert_eq!(
        statuses,
        [
            ("r1@example.com".to_owned(), DeliveryStatus::InDoubt { since: later(1) }),
            ("r2@example.com".to_owned(), DeliveryStatus::Queued),
            ("r3@example.com".to_owned(), DeliveryStatus::Queued),
        ]
    );
    let policy = RetryPolicy { give_up_after: SignedDuration::from_mins(1) };
    assert_eq!(store.requeue_in_doubt(number(), policy, later(30)).await.unwrap(), 0);
    let over = RetryPolicy { give_up_after: SignedDuration::from_secs(1) };
    assert_eq!(store.requeue_in_doubt(number(), over, later(99)).await.unwrap(), 0, "tried for long enough");
    assert_eq!(store.requeue_in_doubt(number(), policy, later(39)).await.unwrap(), 1);
    let again = store.lease(number(), ME, of_all(9), later(39)).await.unwrap();
    assert_eq!((again.len(), again[0].attempts, again[0].first_attempt_at), (3, 1, Some(NOW)));
}

#[tokio::test]
async fn however_many_are_in_doubt_all_are_sent_it_again() {
    // More than SQLite takes values in one statement.
    const READERS: usize = 33_000;
    let store = TestStore::queued(READERS).await;
    let doubt = "update delivery set status = 'in-doubt', attempts = 1, since = $1, first_attempt_at = $1";
    sql(doubt).bind(NOW).execute(&mut store.store.write().await.unwrap()).await.unwrap();
    let policy = RetryPolicy { give_up_after: SignedDuration::from_mins(1) };
    assert_eq!(store.requeue_in_doubt(number(), policy, later(39)).await.unwrap(), READERS as u64);
}

#[tokio::test]
async fn who_was_refused_to_a_run_that_was_killed_before_anything_was_taken_from_it_waits_again() {
    for (took_one, is_killed) in [(false, true), (true, true), (false, false)] {
        let store = TestStore::queued(4).await;
        let leased = store.lease_some(3).await;
        let granted = store.write(&intents(&leased), &[]).await;
        let said = if took_one { Outcome::Accepted(reply(250)) } else { Outcome::PutBack };
        let settled = [settlement(granted[0], Outcome::Refused(reply(554))), settlement(granted[1], said)];
        store.write(&[], &settled).await;
        if !is_killed {
            store.write(&[], &[settlement(granted[2], Outcome::PutBack)]).await;
        }
        let store = store.again().await;
        let recovered = store.recover(number(), later(1)).await.unwrap();
        let is_forgotten = is_killed && !took_one;
        assert_eq!(recovered.queued, u64::from(is_forgotten), "{took_one} {is_killed}");
        let counts = store.counts(number()).await.unwrap();
        assert_eq!(counts.refused, u64::from(!is_forgotten), "{took_one} {is_killed}");
    }
}

#[tokio::test]
async fn who_was_left_waiting_and_is_nobody_is_waited_for_no_more() {
    let store = TestStore::queued(2).await;
    store.erase(&address("r0@example.com"), "hash", judging()).await.unwrap();
    let of_before = "update delivery set status = 'queued', reason = null where status = 'skipped'";
    sql(of_before).execute(&mut store.store.write().await.unwrap()).await.unwrap();
    assert_eq!(store.recover(number(), NOW).await.unwrap(), Recovered::default());
    assert_eq!(store.counted().await, Counts { queued: 1, waiting: 1, skipped: 1, ..Counts::default() });
}

#[tokio::test]
async fn the_deferred_come_back_when_their_time_has_come() {
    let store = TestStore::queued(3).await;
    let leased = store.lease_some(3).await;
    let granted = store.write(&intents(&leased), &[]).await;
    let outcomes = [
        Outcome::Deferred { reply: reply(451), retry_at: later(30) },
        Outcome::Refused(reply(550)),
        Outcome::PutBack,
    ];
    let settled: Vec<_> =
        granted.iter().zip(outcomes).map(|(id, outcome)| settlement(*id, outcome)).collect();
    store.write(&[], &settled).await;
    let counts = Counts { queued: 3, waiting: 1, deferred: 1, refused: 1, ..Counts::default() };
    assert_eq!(store.counted().await, counts);
    assert_eq!(store.waits(number()).await.unwrap(), [Some(later(30)); 2]);
    assert_eq!(store.requeue_due(number(), later(29)).await.unwrap(), 0);
    assert_eq!(store.requeue_due(number(), later(30)).await.unwrap(), 1);
    assert_eq!(store.waits(number()).await.unwrap(), [None; 2]);
    let attempts: Vec<_> = store.lease_some(9).await.iter().map(|leased| leased.attempts).collect();
    assert_eq!(attempts, [1, 0]);
    store.finish(number(), None).await.unwrap();
    assert_eq!(store.state(number()).await.unwrap(), Some(IssueState::Running));
}

#[tokio::test]
async fn who_was_deferred_under_a_clock_that_was_years_ahead_need_not_wait_for_it() {
    let store = TestStore::queued(2).await;
    let ahead = later(100_000_000);
    let granted = store.write(&intents(&store.lease_some(2).await), &[]).await;
    let deferred = Outcome::Deferred { reply: reply(451), retry_at: ahead + SignedDuration::from_secs(30) };
    store.write(&[], &[settlement(granted[0], deferred)]).await;
    let doubt = "update delivery set status = 'in-doubt', attempts = 1, since = $1, first_attempt_at = $1 where status = 'sending'";
    sql(doubt).bind(ahead).execute(&mut store.store.write().await.unwrap()).await.unwrap();
    let policy = RetryPolicy { give_up_after: SignedDuration::from_hours(72) };
    assert_eq!(store.requeue_due(number(), ahead).await.unwrap(), 0);
    assert_eq!(store.requeue_in_doubt(number(), policy, ahead).await.unwrap(), 0);
    assert_eq!(store.requeue_due(number(), later(1)).await.unwrap(), 1);
    assert_eq!(store.requeue_in_doubt(number(), policy, later(1)).await.unwrap(), 1);
}

#[tokio::test]
async fn what_a_clock_that_was_years_ahead_took_for_the_first_attempt_is_now_once_it_is_right() {
    let store = TestStore::queued(2).await;
    let ahead = later(100_000_000);
    let leased = store.lease_some(2).await;
    let intent = Intent { date: ahead, ..intents(&leased)[0] };
    let untried = Outcome::Postponed { reply: reply(421), retry_at: ahead, since: ahead };
    let settled = [settlement(leased[1].recipient.id, untried)];
    store.journal(number(), &[intent], &settled, ahead).await.unwrap();
    let tried = Outcome::Deferred { reply: reply(451), retry_at: ahead };
    store.journal(number(), &[], &[settlement(intent.subscriber, tried)], ahead).await.unwrap();
    store.requeue_due(number(), later(1)).await.unwrap();
    for now in [later(1), later(90)] {
        let leased = store.lease(number(), ME, of_all(9), now).await.unwrap();
        let times = leased.iter().map(|one| (one.first_attempt_at, one.due_since())).collect::<Vec<_>>();
        assert_eq!(times, [(Some(later(1)), Some(later(1))), (None, Some(later(1)))], "at {now}");
        store.release(number(), ME, now).await.unwrap();
    }
}

#[tokio::test]
async fn a_sender_that_ends_puts_back_what_it_holds() {
    let store = TestStore::queued(3).await;
    let leased = store.lease_some(3).await;
    store.write(&intents(&leased[..1]), &[]).await;
    assert_eq!(store.release(number(), ME, NOW).await.unwrap(), 2);
    assert_eq!(store.lease_some(9).await.len(), 2);
}
