//! The journal's states under events in any order, beside a small model of what may become of a reader.

#[path = "states/model.rs"]
mod model;

use SuppressionReason::Bounced;
use proptest::prelude::*;

use super::sending::{issue, number, of_all, reply};
use super::*;
use model::{Model, Stand};

const READERS: usize = 4;
const SENDERS: [SenderId; 2] = [SenderId(1), SenderId(2)];

/// What happens to an issue; readers and senders by their place.
#[derive(Debug, Clone)]
enum Event {
    Lease {
        by: usize,
        limit: u16,
    },
    /// How attempts ended, and which readers a sender is about to write to.
    Journal {
        by: usize,
        ended: Vec<(usize, Ended)>,
        intents: Vec<usize>,
    },
    Release {
        by: usize,
    },
    Died,
    Due {
        seconds: i64,
    },
    ResendAllInDoubt,
    Leave(usize),
    Suppress(usize),
    Erase(usize),
    Said(Word),
}

/// What an operator says, or a run at its end.
#[derive(Debug, Clone, Copy)]
enum Word {
    Decide(usize, Decision),
    Pause,
    Resume,
    Cancel,
    Finish,
    QueueAgain,
}

#[derive(Debug, Clone, Copy)]
enum Ended {
    Accepted,
    Deferred,
    Postponed,
    Refused,
    GivenUp,
    InDoubt,
    PutBack,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let (by, reader) = (0..SENDERS.len(), 0..READERS);
    let ended = prop_oneof![
        Just(Ended::Accepted),
        Just(Ended::Deferred),
        Just(Ended::Postponed),
        Just(Ended::Refused),
        Just(Ended::GivenUp),
        Just(Ended::InDoubt),
        Just(Ended::PutBack),
    ];
    let endings = proptest::collection::btree_map(reader.clone(), ended, 0..3);
    let intents = proptest::collection::btree_set(reader.clone(), 0..READERS);
    let decision = prop_oneof![Just(Decision::Resend), Just(Decision::Accepted)];
    let word = prop_oneof![
        2 => (reader.clone(), decision).prop_map(|(reader, decision)| Word::Decide(reader, decision)),
        1 => Just(Word::Pause),
        1 => Just(Word::Resume),
        1 => Just(Word::Cancel),
        1 => Just(Word::Finish),
        1 => Just(Word::QueueAgain),
    ];
    let event = prop_oneof![
        6 => (by.clone(), 1..4_u16).prop_map(|(by, limit)| Event::Lease { by, limit }),
        12 => (by.clone(), endings, intents).prop_map(|(by, ended, intents)| Event::Journal {
            by,
            ended: ended.into_iter().collect(),
            intents: intents.into_iter().collect(),
        }),
        1 => by.prop_map(|by| Event::Release { by }),
        2 => Just(Event::Died),
        2 => (0..90_i64).prop_map(|seconds| Event::Due { seconds }),
        1 => Just(Event::ResendAllInDoubt),
        1 => reader.clone().prop_map(Event::Leave),
        1 => reader.clone().prop_map(Event::Suppress),
        1 => reader.prop_map(Event::Erase),
        6 => word.prop_map(Event::Said),
    ];
    proptest::collection::vec(event, 1..60)
}

/// The store and the model beside it.
struct Pair {
    store: TestStore,
    ids: Vec<SubscriberId>,
    model: Model,
}

impl Pair {
    async fn new() -> Self {
        let store = TestStore::queued(READERS).await;
        let records = store.deliveries(number(), Among::All, None, 10).await.unwrap();
        Self {
            store,
            ids: records.into_iter().map(|record| record.subscriber).collect(),
            model: Model::new(),
        }
    }

    fn address(reader: usize) -> EmailAddress {
        address(&format!("r{reader}@example.com"))
    }

    /// Lets it happen to both, and sees that the store's answer is the model's.
    async fn happen(&mut self, event: &Event) {
        let (store, now) = (&self.store, self.model.now);
        let model = &mut self.model;
        match event {
            Event::Lease { by, limit } => {
                let leased = store.lease(number(), SENDERS[*by], of_all(*limit), now).await.unwrap();
                let leased: Vec<_> = leased.iter().map(|leased| leased.recipient.id).collect();
                let expected = model.lease(*by, *limit).into_iter().map(|reader| self.ids[reader]);
                assert_eq!(leased, expected.collect::<Vec<_>>());
            }
            Event::Journal { by, ended, intents } => self.journal(*by, ended, intents).await,
            Event::Release { by } => {
                store.release(number(), SENDERS[*by], now).await.unwrap();
                model.move_all(|stand| if stand == Stand::Leased(*by) { Stand::Queued } else { stand });
            }
            Event::Died => {
                let _ = store.recover(number(), now).await.unwrap();
                model.die();
            }
            Event::Due { seconds } => {
                model.now = now + SignedDuration::from_secs(*seconds);
                let now = model.now;
                store.requeue_due(number(), now).await.unwrap();
                model.move_all(|stand| match stand {
                    Stand::Deferred { retry_at } if retry_at <= now => Stand::Queued,
                    stand => stand,
                });
            }
            Event::ResendAllInDoubt => {
                let (policy, late) = (
                    crate::delivery::RetryPolicy { give_up_after: SignedDuration::from_hours(1_000_000) },
                    SignedDuration::from_hours(6),
                );
                store.requeue_in_doubt(number(), policy, now + late).await.unwrap();
                model.resend_all_in_doubt();
            }
            Event::Leave(reader) => {
                store.take_off(&list(), &Self::address(*reader)).await;
                model.people[*reader].is_gone = true;
            }
            Event::Suppress(reader) => {
                store.suppress(suppressed(&Self::address(*reader), Bounced, now)).await.unwrap();
                model.people[*reader].is_gone = true;
            }
            Event::Erase(reader) => self.erase(*reader).await,
            Event::Said(word) => self.hear(*word).await,
        }
    }

    async fn erase(&mut self, reader: usize) {
        let hash = format!("hash of {}", Self::address(reader).key());
        self.store.erase(&Self::address(reader), &hash, judging()).await.unwrap();
        self.model.erase(reader);
    }

    async fn journal(&mut self, by: usize, ended: &[(usize, Ended)], intents: &[usize]) {
        let model = &mut self.model;
        let settlements: Vec<_> = ended
            .iter()
            .map(|(reader, ended)| Settlement {
                subscriber: self.ids[*reader],
                by: SENDERS[by],
                outcome: outcome(*ended, model.retry_at()),
            })
            .collect();
        let intents_there: Vec<_> = intents
            .iter()
            .map(|reader| Intent { subscriber: self.ids[*reader], by: SENDERS[by], date: model.now })
            .collect();
        let mut granted =
            self.store.journal(number(), &intents_there, &settlements, model.now).await.unwrap();
        for (reader, ended) in ended {
            model.settle(by, *reader, *ended);
        }
        let mut expected = Vec::new();
        for reader in intents {
            if model.start(by, *reader) {
                assert!(!model.people[*reader].may_have_it, "reader {reader} would get it twice");
                model.people[*reader].may_have_it = true;
                expected.push(self.ids[*reader]);
            }
        }
        granted.sort();
        assert_eq!(granted, expected);
    }

    async fn hear(&mut self, word: Word) {
        let (store, now) = (&self.store, self.model.now);
        let model = &mut self.model;
        match word {
            Word::Decide(reader, decision) => {
                let undecidable =
                    store.decide(number(), decision, &[Self::address(reader)], now).await.unwrap();
                assert_eq!(undecidable.is_empty(), model.decide(reader, decision));
            }
            Word::Pause => {
                let paused = store.pause(number()).await.unwrap();
                assert_eq!(paused, model.state == IssueState::Running);
                if paused {
                    model.state = IssueState::Paused;
                }
            }
            Word::Resume => {
                let resumed = store.resume(number()).await.unwrap();
                assert_eq!(resumed, model.state == IssueState::Paused);
                if resumed {
                    model.state = IssueState::Running;
                }
            }
            Word::Cancel => {
                store.cancel(number(), now).await.unwrap();
                model.cancel();
            }
            Word::Finish => {
                store.finish(number(), None).await.unwrap();
                if model.is_over() && model.state != IssueState::Cancelled {
                    model.state = IssueState::Finished;
                }
            }
            Word::QueueAgain => {
                let queued = store.queue(&issue()).await.unwrap();
                assert!(queued.is_some());
            }
        }
    }

    /// Sees that both stand alike, and that the counts are the sum of what stands there: those too of whom no record leads to anybody.
    async fn compare(&self) {
        let records = self.store.deliveries(number(), Among::All, None, 10).await.unwrap();
        let there: Vec<Stand> = records.iter().map(|record| stand(&record.status)).collect();
        let expected = self.model.people.iter().filter(|person| !person.is_erased);
        assert_eq!(there, expected.map(|person| known(person.stand)).collect::<Vec<_>>());
        let stands: Vec<Stand> = self.model.people.iter().map(|person| known(person.stand)).collect();
        let count = |is: fn(&Stand) -> bool| stands.iter().filter(|stand| is(stand)).count() as u64;
        let counts = Counts {
            queued: count(|stand| *stand != Stand::Skipped),
            waiting: count(|stand| matches!(stand, Stand::Queued | Stand::Leased(_) | Stand::Sending(_))),
            accepted: count(|stand| matches!(stand, Stand::Accepted(_))),
            deferred: count(|stand| matches!(stand, Stand::Deferred { .. })),
            refused: count(|stand| matches!(stand, Stand::Refused(_))),
            in_doubt: count(|stand| matches!(stand, Stand::InDoubt(_))),
            skipped: count(|stand| *stand == Stand::Skipped),
        };
        assert_eq!(self.store.counts(number()).await.unwrap(), counts);
        assert_eq!(counts.queued + counts.skipped, READERS as u64);
        assert_eq!(self.store.state(number()).await.unwrap(), Some(self.model.state));
    }
}

fn outcome(ended: Ended, retry_at: Timestamp) -> Outcome {
    match ended {
        Ended::Accepted => Outcome::Accepted(reply(250)),
        Ended::Deferred => Outcome::Deferred { reply: reply(451), retry_at },
        Ended::Postponed => Outcome::Postponed { reply: reply(421), retry_at, since: NOW },
        Ended::Refused => Outcome::Refused(reply(550)),
        Ended::GivenUp => Outcome::GivenUp(reply(421)),
        Ended::InDoubt => Outcome::InDoubt,
        Ended::PutBack => Outcome::PutBack,
    }
}

/// A record as the model has it; whose it was, once it is over, does not show.
fn stand(status: &DeliveryStatus) -> Stand {
    let sender = |by: &SenderId| SENDERS.iter().position(|sender| sender == by).unwrap();
    match status {
        DeliveryStatus::Queued => Stand::Queued,
        DeliveryStatus::Leased { by } => Stand::Leased(sender(by)),
        DeliveryStatus::Sending { by, .. } => Stand::Sending(sender(by)),
        DeliveryStatus::Accepted(_) => Stand::Accepted(None),
        DeliveryStatus::Deferred { retry_at, .. } => Stand::Deferred { retry_at: *retry_at },
        DeliveryStatus::Refused(_) => Stand::Refused(0),
        DeliveryStatus::InDoubt { .. } => Stand::InDoubt(0),
        DeliveryStatus::Skipped { .. } => Stand::Skipped,
    }
}

fn known(stand: Stand) -> Stand {
    match stand {
        Stand::InDoubt(_) => Stand::InDoubt(0),
        Stand::Refused(_) => Stand::Refused(0),
        Stand::Accepted(_) => Stand::Accepted(None),
        Stand::Queued | Stand::Leased(_) | Stand::Sending(_) | Stand::Deferred { .. } | Stand::Skipped => {
            stand
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(TestStore::CASES * 2))]
    #[test]
    fn whatever_happens_in_whatever_order_nobody_is_written_to_twice_and_the_counts_add_up(events in events()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new().await;
            for event in &events {
                let before = pair.model.people;
                pair.happen(event).await;
                pair.compare().await;
                for (before, after) in before.iter().zip(&pair.model.people) {
                    let is_settled = matches!(before.stand, Stand::Accepted(_) | Stand::Skipped);
                    let is_resent = matches!(event, Event::Said(Word::Decide(_, Decision::Resend)) | Event::Died);
                    let is_refused = matches!(before.stand, Stand::Refused(_)) && !is_resent;
                    assert!(after.stand == before.stand || !is_settled && !is_refused, "{event:?}");
                }
            }
        });
    }
}
