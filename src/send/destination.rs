//! A destination that wants less than its relay would give: `[smtp.domain]`, so many connections, so many messages a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::pace::Pace;
use crate::delivery::DomainPace;

/// Which of a run's connections.
pub(super) type LineId = u16;

/// One domain, and how much of it is in use.
#[derive(Debug)]
pub(super) struct Destination {
    /// As A-labels.
    pub(super) domain: String,
    connections: Option<u16>,
    state: Mutex<State>,
    /// Told whenever a connection has done with a message.
    freed: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    /// When the next message may begin.
    pace: Pace,
    /// Messages in hand, by connection: a connection counts once, however many it has on the way.
    lines: HashMap<LineId, u32>,
}

/// Why a destination is not to be written to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// Its rate allows the next message then.
    Until(Instant),
    /// Its connections are all in use.
    InUse,
}

impl Full {
    /// When the first of both ends, as far as one can tell.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Until(one), Self::Until(other)) => Self::Until(one.min(other)),
            (until @ Self::Until(_), Self::InUse) | (Self::InUse, until) => until,
        }
    }
}

/// A message's claim to its destination, until it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    destination: Arc<Destination>,
    line: LineId,
}

impl Destination {
    pub(super) fn new(domain: &str, pace: DomainPace, freed: Arc<Notify>) -> Self {
        Self {
            domain: domain.to_owned(),
            connections: pace.connections.map(std::num::NonZeroU16::get),
            state: Mutex::new(State { pace: Pace::new(pace.rate), lines: HashMap::new() }),
            freed,
        }
    }

    /// Claims a message's place, if there is one now.
    pub(super) fn claim(self: &Arc<Self>, line: LineId, now: Instant) -> Result<Claim, Full> {
        let mut state = self.state();
        let others = state.lines.keys().filter(|other| **other != line).count();
        if self.connections.is_some_and(|most| others >= usize::from(most)) {
            return Err(Full::InUse);
        }
        if let Some(due) = state.pace.to_come(now) {
            return Err(Full::Until(due));
        }
        state.pace.take(now);
        *state.lines.entry(line).or_default() += 1;
        Ok(Claim { destination: Arc::clone(self), line })
    }

    /// How many messages it takes in so long a time; `None`: any number.
    pub(super) fn takes_in(&self, time: Duration) -> Option<u128> {
        self.state().pace.takes_in(time)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut state = self.destination.state();
        if let Some(in_hand) = state.lines.get_mut(&self.line) {
            *in_hand -= 1;
            if *in_hand == 0 {
                state.lines.remove(&self.line);
            }
        }
        drop(state);
        self.destination.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    #[test]
    fn a_connection_may_have_several_on_the_way_and_another_waits_until_all_are_done() {
        let pace = DomainPace { connections: NonZeroU16::new(1), rate: None };
        let destination = Arc::new(Destination::new("example.com", pace, Arc::default()));
        let now = Instant::now();
        let first = destination.claim(1, now).unwrap();
        let second = destination.claim(1, now).unwrap();
        assert_eq!(destination.claim(2, now).unwrap_err(), Full::InUse);
        drop(first);
        assert_eq!(destination.claim(2, now).unwrap_err(), Full::InUse);
        drop(second);
        assert!(destination.claim(2, now).is_ok());
    }
}
