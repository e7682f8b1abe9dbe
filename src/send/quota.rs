//! A relay's quota window: in any stretch of its length no more messages than it allows, restarts and other senders included.
//!
//! The store keeps the count; a sender books some messages ahead, for the share of the window that it is in, and gives back what it
//! did not need. Killed, it leaves them booked: too few may go out, never too many.

use std::sync::{Arc, Mutex as Quick, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Mutex;
use tracing::warn;

use crate::delivery::Rate;
use crate::store::{Booked, Span, Store, StoreError};

/// The most messages that are booked at once.
const MOST: u32 = 250;

/// A quota that a run keeps to.
#[derive(Debug)]
pub(super) struct Quota {
    store: Arc<Store>,
    name: String,
    allowed: Rate,
    /// One at a time asks the store.
    asking: Mutex<()>,
    state: Quick<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Booked and not taken, and for which share of the window.
    left: u32,
    of: Option<Span>,
    /// Of which shares others were taken and not needed.
    stale: Vec<Span>,
    /// Used up until then.
    until: Option<Timestamp>,
}

impl Quota {
    /// The quota that the store knows under this name.
    pub(super) fn new(store: Arc<Store>, name: String, allowed: Rate) -> Self {
        Self { store, name, allowed, asking: Mutex::default(), state: Quick::default() }
    }

    /// Until when nothing may be handed over, as far as is known.
    pub(super) fn used_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.state().until.filter(|until| now < *until)
    }

    /// The share of the window that a message is booked for which is handed over now.
    pub(super) fn share(&self, now: Timestamp) -> Span {
        Span::at(now, self.allowed.per)
    }

    /// Takes one message from it, to be handed over in the share that it is booked for; `None`: it is used up.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn take(&self, now: Timestamp) -> Result<Option<Span>, StoreError> {
        let span = self.share(now);
        if self.take_booked(span) {
            return Ok(Some(span));
        }
        let _one = self.asking.lock().await;
        if self.take_booked(span) {
            return Ok(Some(span));
        }
        self.give_back_all().await?;
        let wanted = (self.allowed.messages.get() / 100).clamp(1, MOST);
        let booked = self.store.book(&self.name, self.allowed.messages.get(), span, wanted).await?;
        let mut state = self.state();
        match booked {
            Booked::Some(messages) => (state.left, state.of) = (messages - 1, Some(span)),
            Booked::UsedUp { until } => {
                // Behind whatever user it is of, who may be a person.
                let relay = self.name.rsplit('@').next();
                warn!(relay, %until, "quota used up");
                state.until = Some(until);
            }
        }
        Ok(matches!(booked, Booked::Some(_)).then_some(span))
    }

    fn take_booked(&self, span: Span) -> bool {
        let mut state = self.state();
        let is_there = state.left > 0 && state.of == Some(span);
        state.left -= u32::from(is_there);
        is_there
    }

    /// One that was taken of this share is not needed: another may have it as long as the share lasts.
    pub(super) fn put_back(&self, span: Span) {
        let mut state = self.state();
        if state.of == Some(span) {
            state.left += 1;
        } else {
            state.stale.push(span);
        }
    }

    /// Gives back to the store what was booked and not taken, or not needed.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn give_back_all(&self) -> Result<(), StoreError> {
        let State { left, of, stale, .. } = std::mem::take(&mut *self.state());
        let left = of.filter(|_| left > 0).map(|span| (span, left));
        for (span, messages) in stale.into_iter().map(|span| (span, 1)).chain(left) {
            self.store.give_back(&self.name, span, messages).await?;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    /// Two an hour, each booked by itself.
    async fn two_an_hour() -> (Quota, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&folder.path().join("pressroom.db")).await.unwrap());
        let allowed = Rate { messages: NonZeroU32::new(2).unwrap(), per: Duration::from_hours(1) };
        (Quota::new(store, "relay".to_owned(), allowed), folder)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test]
    async fn what_is_put_back_in_a_later_share_is_given_back_to_its_own_and_spent_in_no_other() {
        let (quota, _folder) = two_an_hour().await;
        let first = quota.take(at(1)).await.unwrap().unwrap();
        assert!(quota.take(at(90)).await.unwrap().is_some());
        quota.put_back(first);
        assert!(quota.take(at(91)).await.unwrap().is_some(), "the first is free again");
        assert_eq!(quota.take(at(92)).await.unwrap(), None);
        assert_eq!(quota.take(at(3660)).await.unwrap(), None, "two within the hour before");
        assert!(quota.take(at(3720)).await.unwrap().is_some());
    }
}
