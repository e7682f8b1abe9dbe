//! Destinations that asked for less: for a while their readers are put off untried, and all others are served (requirement 28).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use crate::delivery::{Cause, SmtpReply};

/// The first pause; each further one is twice as long.
const FIRST: SignedDuration = SignedDuration::from_secs(30);
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
/// How long the others wait for what comes of the one who is tried after a pause.
const TRIAL: SignedDuration = SignedDuration::from_secs(5);

/// The destinations that are being left alone, or were of late.
#[derive(Debug)]
pub(super) struct Cooling {
    /// So many refusals in a row for policy are no matter of single readers.
    most_refusals: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pauses: HashMap<String, Pause>,
    /// Refusals for policy since the last message was accepted.
    refusals: HashMap<String, u32>,
}

#[derive(Debug)]
struct Pause {
    until: Timestamp,
    /// How many there were in a row.
    number: u32,
    reply: SmtpReply,
    since_then: SinceThen,
}

/// What is known since a pause was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SinceThen {
    /// Nothing: nobody was tried.
    Nothing,
    /// Somebody was tried, and nothing came of that yet.
    Tried,
    /// It talks to us again.
    Talks,
}

impl Pause {
    /// Whether the readers wait. A time that no pause is as long as was written by a clock that has been set back since.
    fn is_on(&self, now: Timestamp) -> bool {
        now < self.until && self.until.duration_since(now) <= LONGEST
    }
}

/// How long whoever said later so many times in a row is left alone.
pub(crate) fn pause(number: u32) -> SignedDuration {
    (FIRST * 2_i32.pow(number.saturating_sub(1).min(16))).min(LONGEST)
}

impl Cooling {
    /// For so many connections: each may have been refused once before any heard of it.
    pub(super) fn new(connections: u16) -> Self {
        Self { most_refusals: u32::from(connections) + 2, state: Mutex::default() }
    }

    /// Hears what was said to a message for this domain.
    pub(super) fn hear(&self, domain: &str, reply: &SmtpReply, now: Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { pauses, refusals } = &mut *state;
        if reply.is_positive() {
            pauses.remove(domain);
            refusals.remove(domain);
            return;
        }
        let is_refused = reply.cause() == Cause::Policy && {
            let refusals = refusals.entry(domain.to_owned()).or_default();
            *refusals += 1;
            *refusals > self.most_refusals
        };
        if is_refused || asks_for_less(reply) {
            state.leave_alone(domain, reply, now);
        } else if let Some(pause) = pauses.get_mut(domain)
            && pause.since_then == SinceThen::Tried
            && (reply.cause() != Cause::Policy || is_greylisting(reply))
        {
            // What is said of one reader says that the others may be tried.
            (pause.since_then, pause.until) = (SinceThen::Talks, now);
        }
    }

    /// Puts the readers of this domain off for a while: it keeps connections waiting, or is not to be believed.
    pub(super) fn leave_alone(&self, domain: &str, reply: &SmtpReply, now: Timestamp) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).leave_alone(domain, reply, now);
    }

    /// Whether this domain is left alone now.
    pub(super) fn is_on(&self, domain: &str, now: Timestamp) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pauses.get(domain).is_some_and(|pause| pause.is_on(now))
    }

    /// What was said where a reader at this domain is not to be tried now, and until when. Once the pause is over one is tried, and the
    /// others a moment later, when it is known what came of that: else a destination that refuses us costs one on each connection.
    pub(super) fn postpones(&self, domain: &str, now: Timestamp) -> Option<(SmtpReply, Timestamp)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = state.pauses.get_mut(domain)?;
        if pause.is_on(now) {
            return Some((pause.reply.clone(), pause.until));
        }
        if pause.since_then != SinceThen::Talks {
            (pause.since_then, pause.until) = (SinceThen::Tried, now + TRIAL);
        }
        None
    }
}

impl State {
    fn leave_alone(&mut self, domain: &str, reply: &SmtpReply, now: Timestamp) {
        let last = self.pauses.get(domain);
        // Several connections hear of the same pause.
        if last.is_some_and(|last| last.is_on(now) && last.since_then == SinceThen::Nothing) {
            return;
        }
        let number = last.map_or(1, |last| last.number.saturating_add(1));
        let length = pause(number);
        warn!(
            domain,
            seconds = length.as_secs(),
            reply = reply.masked(),
            "destination left alone for a while"
        );
        let pause =
            Pause { until: now + length, number, reply: reply.clone(), since_then: SinceThen::Nothing };
        self.pauses.insert(domain.to_owned(), pause);
    }
}

/// 421, or a policy that may change its mind (RFC 3463: 4.7.x). Greylisting is about one reader, and passes by itself.
fn asks_for_less(reply: &SmtpReply) -> bool {
    let policy = reply.enhanced.as_deref().is_some_and(|code| code.starts_with("4.7."));
    (reply.code == 421 || policy) && !is_greylisting(reply)
}

fn is_greylisting(reply: &SmtpReply) -> bool {
    let text = reply.text.to_ascii_lowercase();
    text.contains("greylist") || text.contains("graylist")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, enhanced: &str, text: &str) -> SmtpReply {
        SmtpReply { code, enhanced: Some(enhanced.to_owned()), text: text.to_owned() }
    }

    #[test]
    fn each_pause_is_longer_and_an_accepted_message_ends_them() {
        let cooling = Cooling::new(1);
        let mut now = Timestamp::UNIX_EPOCH;
        let slow_down = reply(421, "4.7.0", "slow down");
        let mut lengths = Vec::new();
        for _ in 0..7 {
            cooling.hear("example.com", &slow_down, now);
            cooling.hear("example.com", &slow_down, now + SignedDuration::from_secs(1));
            let Some((_, retry_at)) = cooling.postpones("example.com", now) else {
                panic!("no pause");
            };
            lengths.push(retry_at.duration_since(now).as_secs());
            now = retry_at;
            assert_eq!(cooling.postpones("example.com", now), None);
        }
        assert_eq!(lengths, [30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(pause(u32::MAX), LONGEST);
        assert_eq!(cooling.postpones("example.org", Timestamp::UNIX_EPOCH), None);
        cooling.hear("example.com", &reply(250, "2.0.0", "ok"), now);
        cooling.hear("example.com", &slow_down, now);
        assert_eq!(cooling.postpones("example.com", now + FIRST), None);
    }

    #[test]
    fn after_a_pause_one_is_tried_and_the_others_once_it_is_known_what_came_of_that() {
        let (cooling, mut now) = (Cooling::new(1), Timestamp::UNIX_EPOCH);
        let tried = |now| (0..8).filter(|_| cooling.postpones("example.com", now).is_none()).count();
        cooling.leave_alone("example.com", &reply(550, "5.7.1", "blocked"), now);
        for length in [30, 60, 120] {
            assert_eq!(tried(now), 0);
            now += SignedDuration::from_secs(length);
            assert_eq!((tried(now), tried(now)), (1, 0));
            cooling.leave_alone("example.com", &reply(550, "5.7.1", "blocked"), now);
        }
        now += SignedDuration::from_secs(240);
        assert_eq!((tried(now), tried(now + TRIAL)), (1, 1), "also where nothing comes of it");
        cooling.hear("example.com", &reply(250, "2.0.0", "ok"), now);
        assert_eq!(tried(now), 8);
    }

    #[test]
    fn after_a_pause_what_is_said_of_one_reader_lets_the_others_be_tried_and_the_next_pause_is_longer() {
        for (reader, tried_then) in [
            (reply(550, "5.1.1", "no such user"), 8),
            (reply(451, "4.7.1", "greylisted"), 8),
            (reply(550, "5.7.1", "blocked"), 0),
        ] {
            let (cooling, mut now) = (Cooling::new(9), Timestamp::UNIX_EPOCH);
            let tried = |now| (0..8).filter(|_| cooling.postpones("example.com", now).is_none()).count();
            let slow_down = reply(450, "4.7.28", "slow down");
            cooling.hear("example.com", &slow_down, now);
            now += SignedDuration::from_secs(30);
            assert_eq!(tried(now), 1);
            cooling.hear("example.com", &reader, now);
            assert_eq!(tried(now), tried_then, "{reader:?}");
            cooling.hear("example.com", &slow_down, now);
            assert_eq!(
                (tried(now + SignedDuration::from_secs(59)), tried(now + SignedDuration::from_mins(1))),
                (0, 1)
            );
        }
    }

    #[test]
    fn a_pause_of_a_clock_that_was_set_back_is_over() {
        let (cooling, ahead) = (Cooling::new(1), Timestamp::UNIX_EPOCH + SignedDuration::from_hours(7200));
        cooling.hear("example.com", &reply(450, "4.7.28", "slow down"), ahead);
        assert!(cooling.is_on("example.com", ahead) && !cooling.is_on("example.com", Timestamp::UNIX_EPOCH));
        assert_eq!(cooling.postpones("example.com", Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn a_destination_that_refuses_us_for_policy_again_and_again_costs_few_readers() {
        let (cooling, now) = (Cooling::new(2), Timestamp::UNIX_EPOCH);
        let (blocked, unknown) = (reply(554, "5.7.1", "blocked"), reply(550, "5.1.1", "no such user"));
        for _ in 0..9 {
            cooling.hear("example.com", &unknown, now);
        }
        (0..4).for_each(|_| cooling.hear("example.com", &blocked, now));
        assert_eq!(cooling.postpones("example.com", now), None);
        cooling.hear("example.com", &blocked, now);
        assert!(cooling.postpones("example.com", now).is_some());
        cooling.hear("example.com", &reply(250, "2.0.0", "ok"), now);
        assert_eq!(cooling.postpones("example.com", now), None);
    }

    #[test]
    fn a_reader_who_is_greylisted_or_has_a_full_mailbox_slows_nobody_down() {
        for (said, slows) in [
            (reply(421, "4.3.2", "busy"), true),
            (reply(450, "4.7.28", "unusual rate of mail"), true),
            (reply(451, "4.7.1", "Greylisted, come back later"), false),
            (reply(452, "4.2.2", "mailbox full"), false),
            (reply(550, "5.7.1", "no"), false),
        ] {
            assert_eq!(asks_for_less(&said), slows, "{said:?}");
        }
    }
}
