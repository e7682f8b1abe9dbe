//! The brake: `pause`, `resume` and `cancel` write into the store, and a run looks there twice a second.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::info;

use super::deliver::{self, Ended};
use super::shared::Shared;
use crate::id::IssueNumber;
use crate::store::{IssueState, Store, StoreError};

/// How long a word of the operator's may stay unseen: `pause` is to act within about a second.
const LOOK: Duration = Duration::from_millis(500);

/// What a run is stopped by: a signal, or the issue's state.
pub(super) struct Brake {
    store: Arc<Store>,
    issue: IssueNumber,
    /// Turns true with a signal, for good.
    asked: watch::Receiver<bool>,
    /// True as long as no new message is to be begun.
    held: watch::Sender<bool>,
}

impl Brake {
    pub(super) fn new(store: Arc<Store>, issue: IssueNumber, asked: watch::Receiver<bool>) -> Self {
        Self { store, issue, asked, held: watch::Sender::new(false) }
    }

    /// For connections.
    pub(super) fn held(&self) -> watch::Receiver<bool> {
        self.held.subscribe()
    }

    /// Delivers; while the issue is paused it waits, as long as it would for anything else.
    ///
    /// # Errors
    /// As [`deliver::run`].
    pub(super) async fn drive(&self, shared: &Arc<Shared>) -> anyhow::Result<Ended> {
        self.look().await;
        tokio::select! {
            ended = self.deliver(shared) => ended,
            never = self.watch() => match never {},
        }
    }

    async fn deliver(&self, shared: &Arc<Shared>) -> anyhow::Result<Ended> {
        let patience = shared.options.patience.unsigned_abs();
        loop {
            let ended = deliver::run(shared).await?;
            let goes_on = matches!(ended, Ended::Stopped)
                && timeout(patience, self.resumed()).await.unwrap_or(Ok(false))?;
            if !goes_on {
                return Ok(ended);
            }
        }
    }

    async fn watch(&self) -> Infallible {
        loop {
            self.wait().await;
            self.look().await;
        }
    }

    async fn look(&self) {
        let held = *self.asked.borrow()
            || match self.store.state(self.issue).await {
                Ok(Some(IssueState::Paused | IssueState::Cancelled)) => true,
                Ok(Some(IssueState::Running | IssueState::Finished) | None) => false,
                // The journal says so better.
                Err(_) => return,
            };
        if self.held.send_replace(held) != held {
            info!(issue = %self.issue, held, "brake");
        }
    }

    /// Whether a paused issue is let go on; it waits for that.
    async fn resumed(&self) -> Result<bool, StoreError> {
        loop {
            if *self.asked.borrow() {
                return Ok(false);
            }
            match self.store.state(self.issue).await? {
                Some(IssueState::Paused) => self.wait().await,
                Some(IssueState::Running) => {
                    self.held.send_replace(false);
                    info!(issue = %self.issue, held = false, "brake");
                    return Ok(true);
                }
                Some(IssueState::Cancelled | IssueState::Finished) | None => return Ok(false),
            }
        }
    }

    /// A while, but no longer than until a signal comes.
    async fn wait(&self) {
        let mut asked = self.asked.clone();
        let is_asked = *asked.borrow();
        tokio::select! {
            () = sleep(LOOK) => {}
            Ok(_) = asked.wait_for(|asked| *asked), if !is_asked => {}
        }
    }
}
