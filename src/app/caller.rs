//! Whoever called the command: told what is waited for, and able to end the wait.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// Whoever called the command. Journeys print nothing: what cannot wait for their outcome is said through this.
#[derive(Clone)]
pub struct Caller {
    /// Hears one line.
    hear: Arc<dyn Fn(&str) + Send + Sync>,
    /// Turns true when nothing is to be waited for any more.
    stop: Option<watch::Receiver<bool>>,
}

impl Caller {
    /// Nobody listens, and nobody stops it.
    pub(super) fn absent() -> Self {
        Self { hear: Arc::new(|_| {}), stop: None }
    }

    /// One who hears so.
    pub fn hearing(hear: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { hear: Arc::new(hear), stop: None }
    }

    /// The same one, who can end a wait.
    #[must_use]
    pub fn stopping(self, stop: watch::Receiver<bool>) -> Self {
        Self { stop: Some(stop), ..self }
    }

    pub(super) fn tell(&self, line: &str) {
        (self.hear)(line);
    }

    /// Ends when they stop what has begun now; where they had stopped before, after `grace`, within which the last things are done.
    pub(super) async fn stopped(&self, grace: Duration) {
        let Some(mut stop) = self.stop.clone() else { return pending().await };
        let before = *stop.borrow();
        if stop.wait_for(|stop| *stop).await.is_err() {
            pending::<()>().await;
        }
        if before {
            tokio::time::sleep(grace).await;
        }
    }
}
