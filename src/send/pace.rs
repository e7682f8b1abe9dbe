//! How fast: moments to send at, no closer together than a rate allows, be it a destination's, a relay's or that of the whole run.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::delivery::Rate;

/// So late whoever waited for a moment may come; it is not less than the time between two. Nobody is woken to the point.
const LATE: Duration = Duration::from_millis(10);

/// Moments for so many messages a time; without a rate there is always one.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Option<Duration>,
    next: Option<Instant>,
}

impl Pace {
    pub(super) fn new(rate: Option<Rate>) -> Self {
        Self { interval: rate.map(|rate| rate.per / rate.messages.get()), next: None }
    }

    /// The next moment, if it is still to come; looking takes nothing.
    pub(super) fn to_come(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|next| *next > now)
    }

    /// Takes the next moment, which may be still to come.
    pub(super) fn take(&mut self, now: Instant) -> Instant {
        let Some(interval) = self.interval else { return now };
        // Who comes a little late for theirs does not put off the next one.
        let earliest = now.checked_sub(interval.max(LATE)).unwrap_or(now);
        let moment = self.next.map_or(now, |next| next.max(earliest));
        self.next = Some(moment + interval);
        moment
    }

    /// How many messages it has moments for in so long a time; `None`: for any number.
    pub(super) fn takes_in(&self, time: Duration) -> Option<u128> {
        self.interval.map(|interval| time.as_nanos() / interval.as_nanos().max(1))
    }
}

/// The paces that a message has to keep to at its relay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paces<'a> {
    pub(super) run: &'a Mutex<Pace>,
    pub(super) relay: &'a Mutex<Pace>,
}

impl Paces<'_> {
    /// Takes a moment of each, and waits for both.
    pub(super) async fn turn(self) {
        for pace in [self.run, self.relay] {
            let now = Instant::now();
            let moment = lock(pace).take(now);
            // A timer takes a millisecond even for what is over.
            if moment > now {
                sleep_until(moment).await;
            }
        }
    }

    /// Takes a moment of each if both have come; `false`: one would have to be waited for, and neither is taken.
    pub(super) fn turn_now(self, now: Instant) -> bool {
        let (mut run, mut relay) = (lock(self.run), lock(self.relay));
        let is_there = run.to_come(now).or(relay.to_come(now)).is_none();
        if is_there {
            run.take(now);
            relay.take(now);
        }
        is_there
    }
}

fn lock(pace: &Mutex<Pace>) -> MutexGuard<'_, Pace> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;
    use std::num::NonZeroU32;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn a_second(messages: u32) -> Pace {
        let messages = NonZeroU32::new(messages).unwrap();
        Pace::new(Some(Rate { messages, per: Duration::from_secs(1) }))
    }

    /// What a connection does next.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Step {
        Ask,
        WaitForRelay,
        Send,
    }

    /// How many messages each relay gets in a hundred seconds, over so many connections to each that take so long for a message, and
    /// are woken a millisecond late. The clock is reckoned, not waited for.
    fn sent(run: Pace, relays: Vec<Pace>, connections: usize, each: Duration) -> Vec<u32> {
        let (run, start) = (Mutex::new(run), Instant::now());
        let relays: Vec<_> = relays.into_iter().map(Mutex::new).collect();
        let woken = |moment: Instant, now: Instant| {
            if moment > now { moment + Duration::from_millis(1) } else { now }
        };
        let lines = (0..relays.len() * connections).map(|line| Reverse((start, line, Step::Ask)));
        let (mut coming, mut sent) = (lines.collect::<BinaryHeap<_>>(), vec![0; relays.len()]);
        while let Some(Reverse((now, line, step))) = coming.pop() {
            if now >= start + Duration::from_secs(100) {
                break;
            }
            let at = line % relays.len();
            let paces = Paces { run: &run, relay: &relays[at] };
            coming.push(Reverse(match step {
                Step::Ask if paces.turn_now(now) => (now, line, Step::Send),
                Step::Ask => (woken(lock(paces.run).take(now), now), line, Step::WaitForRelay),
                Step::WaitForRelay => (woken(lock(paces.relay).take(now), now), line, Step::Send),
                Step::Send => {
                    sent[at] += 1;
                    (now + each, line, Step::Ask)
                }
            }));
        }
        sent
    }

    #[test]
    fn under_a_rate_for_all_near_those_of_the_relays_as_much_goes_out_as_the_lowest_allows() {
        // One connection each, which is just enough: whoever has to wait for nothing is in time.
        let each = Duration::from_micros(19_600);
        for (all, each_relay) in [(100, 50), (100, 60), (130, 50)] {
            let sent = sent(a_second(all), vec![a_second(each_relay), a_second(each_relay)], 1, each);
            assert!(
                (9950..=10_050).contains(&sent.iter().sum::<u32>()),
                "{all} a second in all, {each_relay} a relay: {sent:?}"
            );
        }
    }

    #[test]
    fn a_rate_finer_than_timers_are_is_reached_all_the_same() {
        let sent = sent(a_second(3000), vec![Pace::new(None)], 8, Duration::from_micros(700));
        assert!((298_000..=300_100).contains(&sent[0]), "{sent:?}");
    }

    #[tokio::test]
    async fn whose_moment_has_come_waits_for_no_timer() {
        let (run, relay) = (Mutex::new(Pace::new(None)), Mutex::new(a_second(1)));
        let paces = Paces { run: &run, relay: &relay };
        let mut waker = Context::from_waker(Waker::noop());
        assert!(pin!(paces.turn()).poll(&mut waker).is_ready());
        assert!(pin!(paces.turn()).poll(&mut waker).is_pending(), "a second later");
    }

    #[test]
    fn who_comes_a_little_late_for_a_moment_does_not_put_off_the_next_one() {
        let (mut pace, start) = (a_second(10), Instant::now());
        let mut sent = 0;
        for millisecond in (0..1000).step_by(7) {
            let now = start + Duration::from_millis(millisecond);
            if pace.to_come(now).is_none() {
                pace.take(now);
                sent += 1;
            }
        }
        assert_eq!(sent, 10);
        let late = start + Duration::from_mins(1);
        let burst = (0..10).filter(|_| pace.to_come(late).is_none() && pace.take(late) <= late).count();
        assert!(burst <= 2, "{burst} at once after a silence");
    }
}
