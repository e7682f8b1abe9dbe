//! The relays of a run: which one the next connection leads to, and which ones take nothing for the moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::pace::Pace;
use crate::app::relay::Route;
use crate::smtp::{Relay, SmtpError};

/// How long a relay that was given up is left alone.
const AWAY: Duration = Duration::from_mins(5);

/// All relays; clones are the same ones.
#[derive(Debug, Clone)]
pub(super) struct Pool(Arc<[Member]>);

#[derive(Debug)]
struct Member {
    route: Route,
    pace: Pace,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Connections that lead to it.
    lines: u32,
    /// Messages in a row that it did not take, for no fault of their readers.
    troubles: u32,
    /// Since when and why it takes nothing.
    away: Option<(Instant, SmtpError)>,
}

/// A connection's place at a relay, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    pool: Pool,
    place: usize,
}

impl Pool {
    pub(super) fn new(routes: Vec<Route>) -> Self {
        let member = |route: Route| Member { pace: Pace::new(route.rate), route, state: Mutex::default() };
        Self(routes.into_iter().map(member).collect())
    }

    /// A place at the relay that has the fewest connections for its weight; `None` while all are away.
    pub(super) fn seat(&self) -> Option<Seat> {
        let present = (0..self.0.len()).filter(|place| self.0[*place].trouble().is_none());
        // Compared as fractions: lines after this one, over weight.
        let load = |place: &usize| {
            let member = &self.0[*place];
            (u64::from(member.state(|state| state.lines)) + 1, u64::from(member.route.weight.get()))
        };
        let place = present.min_by(|a, b| {
            let ((lines_a, weight_a), (lines_b, weight_b)) = (load(a), load(b));
            (lines_a * weight_b).cmp(&(lines_b * weight_a))
        })?;
        self.0[place].state(|state| state.lines += 1);
        Some(Seat { pool: self.clone(), place })
    }

    /// Why the relays that are away take nothing.
    pub(super) fn troubles(&self) -> Vec<String> {
        let several = self.0.len() > 1;
        let trouble = |member: &Member| {
            let error = member.trouble()?;
            Some(if several { format!("{}: {error}", member.route.relay.host) } else { error.to_string() })
        };
        self.0.iter().filter_map(trouble).collect()
    }

    /// Whether nothing can be sent, and trying again would not help.
    pub(super) fn refuses(&self) -> bool {
        self.0.iter().all(|member| matches!(member.trouble(), Some(SmtpError::Permanent(_))))
    }

    /// Whether nothing can be sent for the moment.
    pub(super) fn is_away(&self) -> bool {
        self.0.iter().all(|member| member.trouble().is_some())
    }
}

impl Member {
    fn trouble(&self) -> Option<SmtpError> {
        self.state(|state| {
            let (since, error) = state.away.as_ref()?;
            (since.elapsed() < AWAY).then(|| error.clone())
        })
    }

    fn state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seat {
    fn member(&self) -> &Member {
        &self.pool.0[self.place]
    }

    pub(super) fn relay(&self) -> &Relay {
        &self.member().route.relay
    }

    /// The relay's own rate.
    pub(super) fn pace(&self) -> &Pace {
        &self.member().pace
    }

    /// The relay took a message.
    pub(super) fn took_one(&self) {
        self.member().state(|state| state.troubles = 0);
    }

    /// The relay did not take a message, for no fault of its reader; whether that has happened on every connection, and once more.
    pub(super) fn took_none(&self) -> bool {
        self.member().state(|state| {
            state.troubles += 1;
            state.troubles > state.lines + 1
        })
    }

    /// Whether the relay has been given up meanwhile.
    pub(super) fn is_away(&self) -> bool {
        self.member().trouble().is_some()
    }

    /// Whether all other relays are away.
    pub(super) fn is_the_last(&self) -> bool {
        let mut others = self.pool.0.iter().enumerate().filter(|(place, _)| *place != self.place);
        others.all(|(_, member)| member.trouble().is_some())
    }

    /// Leaves the relay alone for a while.
    pub(super) fn give_up(&self, error: SmtpError) {
        self.member().state(|state| state.away = Some((Instant::now(), error)));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.member().state(|state| state.lines -= 1);
    }
}
