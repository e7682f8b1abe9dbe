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

    /// Takes one message from it; `false`: it is used up.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn take(&self, now: Timestamp) -> Result<bool, StoreError> {
        let span = Span::at(now, self.allowed.per);
        if self.take_booked(span) {
            return Ok(true);
        }
        let _one = self.asking.lock().await;
        if self.take_booked(span) {
            return Ok(true);
        }
        self.give_back_all().await?;
        let wanted = (self.allowed.messages.get() / 100).clamp(1, MOST);
        let booked = self.store.book(&self.name, self.allowed.messages.get(), span, wanted).await?;
        let mut state = self.state();
        match booked {
            Booked::Some(messages) => *state = State { left: messages - 1, of: Some(span), until: None },
            Booked::UsedUp { until } => {
                // Behind whatever user it is of, who may be a person.
                let relay = self.name.rsplit('@').next();
                warn!(relay, %until, "quota used up");
                state.until = Some(until);
            }
        }
        Ok(matches!(booked, Booked::Some(_)))
    }

    fn take_booked(&self, span: Span) -> bool {
        let mut state = self.state();
        let is_there = state.left > 0 && state.of == Some(span);
        state.left -= u32::from(is_there);
        is_there
    }

    /// One that was taken is not needed.
    pub(super) fn put_back(&self) {
        self.state().left += 1;
    }

    /// Gives back to the store what was booked and not taken.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn give_back_all(&self) -> Result<(), StoreError> {
        let State { left, of, .. } = std::mem::take(&mut *self.state());
        match of {
            Some(span) if left > 0 => self.store.give_back(&self.name, span, left).await,
            Some(_) | None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
