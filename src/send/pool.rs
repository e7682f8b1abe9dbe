//! The relays of a run: which one the next connection leads to, and which ones take nothing for the moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::belief::{Bounced, Bounces, Doubt};
use super::log;
use super::pace::Pace;
use super::quota::Quota;
use super::refusals::Refusals;
use crate::app::relay::Route;
use crate::delivery::Rate;
use crate::id::SubscriberId;
use crate::smtp::{Relay, SmtpError, Step};
use crate::store::{Span, Store, StoreError};

/// The quota of all relays together, as the store names it.
const OVERALL: &str = "*";

/// How long a relay that was given up is left alone, and believed to let us have no more connections than it did.
pub(super) const AWAY: Duration = Duration::from_mins(5);

/// All relays; clones are the same ones.
#[derive(Debug, Clone)]
pub(super) struct Pool(Arc<[Member]>);

#[derive(Debug)]
struct Member {
    route: Route,
    pace: Mutex<Pace>,
    /// Its own, and that of all relays together.
    quotas: Vec<Arc<Quota>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Who has a place at it.
    lines: u32,
    /// How many of them have a connection there, or open one.
    connected: u32,
    /// Messages in a row that it did not take, for no fault of their readers.
    troubles: u32,
    /// Recipients in a row that it would not have, for no fault of theirs.
    turned_away: Refusals,
    /// The same, of messages of which it would have the recipient.
    sent_back: Refusals,
    /// So many connections it lets us have, as far as it has shown, and when that was.
    most_lines: Option<(u32, Instant)>,
    /// Readers in whose messages it would not have our sender, since it last took one.
    sender_refused: Vec<SubscriberId>,
    /// Whether it took a message in this run.
    took_any: bool,
    /// What it says of mailboxes.
    bounces: Bounces,
    /// Readers whom it refused for no fault of theirs, as long as it has taken nothing in this run.
    doubted: Vec<SubscriberId>,
    /// Since when and why it takes nothing.
    away: Option<(Instant, SmtpError)>,
}

/// A connection's place at a relay, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    pool: Pool,
    /// Which of the pool's members.
    index: usize,
    /// Of each quota, the share of which a message is taken, and not handed over yet.
    held: Vec<(Arc<Quota>, Span)>,
    /// Whether it has a connection, or opens one.
    is_connected: bool,
}

/// Whether anything can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Some relay takes messages.
    Open,
    /// Those that are there have no quota left until then.
    UsedUp(Timestamp),
    /// All are away.
    Away,
}

impl Pool {
    /// `overall` is the quota of all relays together.
    pub(super) fn new(routes: Vec<Route>, store: &Arc<Store>, overall: Option<Rate>) -> Self {
        let quota = |name: &str, allowed| Arc::new(Quota::new(Arc::clone(store), name.to_owned(), allowed));
        let overall = overall.map(|allowed| quota(OVERALL, allowed));
        let member = |route: Route| {
            let own = route.window.map(|allowed| quota(&route.name, allowed));
            let quotas = own.into_iter().chain(overall.clone()).collect();
            Member { pace: Mutex::new(Pace::new(route.rate)), quotas, route, state: Mutex::default() }
        };
        Self(routes.into_iter().map(member).collect())
    }

    /// A place at the relay that has the fewest connections for its weight; `None` while none takes anything.
    pub(super) fn seat(&self, now: Timestamp) -> Option<Seat> {
        let has_room = |state: &mut State| {
            state.most_lines = state.most_lines.filter(|(_, since)| since.elapsed() < AWAY);
            state.most_lines.is_none_or(|(most, _)| state.lines < most)
        };
        let is_open = |index: &usize| {
            let member = &self.0[*index];
            member.standing(now) == Standing::Open && member.state(has_room)
        };
        let present = (0..self.0.len()).filter(is_open);
        // Compared as fractions: lines after this one, over weight.
        let load = |index: &usize| {
            let member = &self.0[*index];
            (u64::from(member.state(|state| state.lines)) + 1, u64::from(member.route.weight.get()))
        };
        let index = present.min_by(|a, b| {
            let ((lines_a, weight_a), (lines_b, weight_b)) = (load(a), load(b));
            (lines_a * weight_b).cmp(&(lines_b * weight_a))
        })?;
        self.0[index].state(|state| state.lines += 1);
        Some(Seat { pool: self.clone(), index, held: Vec::new(), is_connected: false })
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

    /// Whether anything can be sent for the moment.
    pub(super) fn standing(&self, now: Timestamp) -> Standing {
        let all = self.0.iter().map(|member| member.standing(now));
        all.reduce(Standing::or).unwrap_or(Standing::Away)
    }

    /// Those who have no mailbox, as the relays say that took messages from us.
    pub(super) fn bounced(&self) -> Vec<(SubscriberId, String)> {
        let of = |state: &mut State| state.bounces.close();
        self.0.iter().flat_map(|member| member.state(of)).collect()
    }

    /// Readers whom a relay refused that is not to be believed: they are none the worse for it. It has let us write to nobody, and was
    /// given up, or says of too many in a row that they have no mailbox.
    pub(super) fn doubted(&self) -> Vec<SubscriberId> {
        let of = |state: &mut State| {
            let mut doubted = Vec::new();
            if let Some((since, SmtpError::Permanent(_))) = &state.away {
                if !state.took_any || since.elapsed() < AWAY {
                    state.bounces.doubt();
                }
                if !state.took_any {
                    doubted.append(&mut state.doubted);
                }
            }
            doubted.extend(state.bounces.unbelieved());
            doubted
        };
        self.0.iter().flat_map(|member| member.state(of)).collect()
    }

    /// Gives back what was booked of quotas and not needed.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn give_back(&self) -> Result<(), StoreError> {
        for quota in self.0.iter().flat_map(|member| &member.quotas) {
            quota.give_back_all().await?;
        }
        Ok(())
    }
}

impl Standing {
    /// The better of two.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Open, _) | (_, Self::Open) => Self::Open,
            (Self::UsedUp(one), Self::UsedUp(other)) => Self::UsedUp(one.min(other)),
            (Self::UsedUp(until), Self::Away) | (Self::Away, Self::UsedUp(until)) => Self::UsedUp(until),
            (Self::Away, Self::Away) => Self::Away,
        }
    }
}

impl Member {
    fn standing(&self, now: Timestamp) -> Standing {
        let used_until = self.quotas.iter().filter_map(|quota| quota.used_until(now)).max();
        match used_until {
            _ if self.trouble().is_some() => Standing::Away,
            Some(until) => Standing::UsedUp(until),
            None => Standing::Open,
        }
    }

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
        &self.pool.0[self.index]
    }

    pub(super) fn relay(&self) -> &Relay {
        &self.member().route.relay
    }

    /// Takes one message of each of the relay's quotas, for the message that is handed over next; `false`: one is used up. What was taken
    /// of a share that is over is taken anew: it would count for too short a time.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn take(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        if !self.held.is_empty() && self.held.iter().all(|(quota, share)| quota.share(now) == *share) {
            return Ok(true);
        }
        self.put_back();
        let quotas = self.member().quotas.clone();
        for quota in quotas {
            let Some(share) = quota.take(now).await? else {
                self.put_back();
                return Ok(false);
            };
            self.held.push((quota, share));
        }
        Ok(true)
    }

    /// A message is handed over now; `false`: no, for a quota was used up while it was waited for.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn spend(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let is_taken = self.take(now).await?;
        self.held.clear();
        Ok(is_taken)
    }

    fn put_back(&mut self) {
        self.held.drain(..).for_each(|(quota, share)| quota.put_back(share));
    }

    /// The relay's own rate.
    pub(super) fn pace(&self) -> &Mutex<Pace> {
        &self.member().pace
    }

    /// How many mailboxes the relay has said are none, for a message that is begun now.
    pub(super) fn heard(&self) -> u64 {
        self.member().state(|state| state.bounces.heard())
    }

    /// The relay took a message for this domain, which was begun after so many bounces.
    pub(super) fn took_one(&self, domain: &str, begun: u64) {
        self.member().state(|state| {
            (state.troubles, state.took_any) = (0, true);
            state.turned_away.end();
            state.sent_back.end();
            state.doubted.clear();
            state.sender_refused.clear();
            state.bounces.took_one(domain, begun);
        });
    }

    /// The relay says that a mailbox is none; who is not to be believed for having said so of too many.
    pub(super) fn bounced(&self, bounced: Bounced) -> Doubt {
        self.member().state(|state| state.bounces.add(bounced))
    }

    /// Those who are believed to have no mailbox, once there are some; each is answered once.
    pub(super) fn proven(&self) -> Vec<(SubscriberId, String)> {
        self.member().state(|state| state.bounces.proven())
    }

    /// The relay would have a recipient: it lets us write to some.
    pub(super) fn let_in(&self) {
        self.member().state(|state| state.turned_away.end());
    }

    /// The relay refused a reader at this domain for no fault of theirs, at this step; who is to blame for so many in a row, if anybody.
    /// `is_last`: they have been tried for long enough, and the refusal stands.
    pub(super) fn refused(&self, subscriber: SubscriberId, domain: &str, step: Step, is_last: bool) -> Doubt {
        self.member().state(|state| {
            if !state.took_any && !is_last {
                state.doubted.push(subscriber);
            }
            let refusals =
                if step == Step::Recipient { &mut state.turned_away } else { &mut state.sent_back };
            refusals.add(domain, state.lines + 1)
        })
    }

    /// Whether there is a connection from here, or one is being opened.
    pub(super) fn connect(&mut self, is_connected: bool) {
        if self.is_connected != is_connected {
            self.is_connected = is_connected;
            self.member()
                .state(|state| if is_connected { state.connected += 1 } else { state.connected -= 1 });
        }
    }

    /// The relay would not have another connection, for good. Answers whether there are some: then those are what it lets us have for a while.
    pub(super) fn is_too_many(&self) -> bool {
        let most = self.member().state(|state| {
            state.most_lines = (state.connected > 0).then(|| (state.connected, Instant::now()));
            state.connected
        });
        if most > 0 {
            log::limited(&self.relay().host, most);
        }
        most > 0
    }

    /// Which relay it is.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// The relay would not have our sender in this reader's message; whether it would in nobody's: it says so of more than there are
    /// connections, or of the same reader again and has taken nothing. The return path is each reader's own, and so may be the trouble.
    pub(super) fn refused_sender(&self, subscriber: SubscriberId) -> bool {
        self.member().state(|state| {
            let again = state.sender_refused.contains(&subscriber);
            if !again {
                state.sender_refused.push(subscriber);
            }
            state.sender_refused.len() > state.lines as usize + 1 || again && !state.took_any
        })
    }

    /// The relay did not take a message, for no fault of its reader; whether that has happened on every connection, and once more.
    pub(super) fn took_none(&self) -> bool {
        self.member().state(|state| {
            state.troubles += 1;
            state.troubles > state.lines + 1
        })
    }

    /// Whether it has taken a message in this run.
    pub(super) fn took_any(&self) -> bool {
        self.member().state(|state| state.took_any)
    }

    /// Whether the relay has been given up meanwhile.
    pub(super) fn is_away(&self) -> bool {
        self.member().trouble().is_some()
    }

    /// Whether all other relays are away.
    pub(super) fn is_the_last(&self) -> bool {
        let mut others = self.pool.0.iter().enumerate().filter(|(index, _)| *index != self.index);
        others.all(|(_, member)| member.trouble().is_some())
    }

    /// Leaves the relay alone for a while.
    pub(super) fn give_up(&self, error: SmtpError) {
        log::given_up(&self.relay().host, &error);
        self.member().state(|state| state.away = Some((Instant::now(), error)));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.put_back();
        self.connect(false);
        self.member().state(|state| state.lines -= 1);
    }
}

#[cfg(test)]
mod tests;
