//! The way to a store that may be away: asked for anew by whoever needs it, opened at most once a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::App;
use crate::store::{Pulse, Store};

/// Between two attempts to open a store that is away.
const PAUSE: Duration = Duration::from_secs(1);

/// How long whoever only looks waits for somebody who opens it.
const SOON: Duration = Duration::from_millis(400);

/// How long what was felt holds, however many ask.
const SECOND: Duration = Duration::from_secs(1);

/// A store, once it could be opened.
#[derive(Debug)]
pub struct Door {
    app: App,
    behind: Mutex<Behind>,
    /// How the store was when somebody last felt, and when that was.
    felt: Mutex<Option<(Instant, Pulse)>>,
    /// Whether it could be read then: what is told to whoever watches.
    is_up: AtomicBool,
    /// Whether somebody has met with an error since.
    is_doubted: AtomicBool,
}

#[derive(Debug)]
enum Behind {
    Open(Arc<Store>),
    /// Since when nobody has tried.
    Shut(Option<Instant>),
}

impl Door {
    /// The way to the app's store; nothing is opened yet.
    pub fn new(app: App) -> Self {
        Self {
            app,
            behind: Mutex::new(Behind::Shut(None)),
            felt: Mutex::default(),
            is_up: AtomicBool::new(false),
            is_doubted: AtomicBool::new(false),
        }
    }

    /// The store.
    ///
    /// # Errors
    /// Whatever keeps it from being opened.
    pub async fn store(&self) -> anyhow::Result<Arc<Store>> {
        let mut behind = self.behind.lock().await;
        match &*behind {
            Behind::Open(store) if store.refuse_gone().is_ok() => return Ok(Arc::clone(store)),
            Behind::Shut(Some(since)) if since.elapsed() < PAUSE => {
                anyhow::bail!("the store could not be opened a moment ago")
            }
            Behind::Open(_) | Behind::Shut(_) => {}
        }
        *behind = Behind::Shut(Some(Instant::now()));
        let store = Arc::new(self.open().await?);
        *behind = Behind::Open(Arc::clone(&store));
        Ok(store)
    }

    /// What the store, if it is open, lets be done with it: felt now, or within the last second by somebody else; nothing is opened.
    /// Answers soon. That it went away, or is back, is logged once.
    pub async fn pulse(&self) -> Pulse {
        let mut felt = self.felt.lock().await;
        let is_doubted = self.is_doubted.swap(false, Ordering::Relaxed);
        if let Some((at, pulse)) = *felt
            && !is_doubted
            && at.elapsed() < SECOND
        {
            return pulse;
        }
        let pulse = self.feel().await;
        *felt = Some((Instant::now(), pulse));
        let is_up = pulse != Pulse::Away;
        if self.is_up.swap(is_up, Ordering::Relaxed) != is_up {
            if is_up {
                tracing::info!("the store is there");
            } else {
                tracing::warn!("the store is away");
            }
        }
        pulse
    }

    /// Whether the store could be read when somebody last felt its pulse.
    pub fn was_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// The store did not do what it was to: whoever asks next how it is feels anew.
    pub fn doubt(&self) {
        self.is_doubted.store(true, Ordering::Relaxed);
    }

    async fn feel(&self) -> Pulse {
        let Ok(behind) = timeout(SOON, self.behind.lock()).await else { return Pulse::Away };
        let store = match &*behind {
            Behind::Open(store) if store.refuse_gone().is_ok() => Arc::clone(store),
            Behind::Open(_) | Behind::Shut(_) => return Pulse::Away,
        };
        drop(behind);
        store.pulse().await
    }

    /// On a thread that may wait: bringing tables up to date cannot move from thread to thread.
    async fn open(&self) -> anyhow::Result<Store> {
        let (app, runtime) = (self.app.clone(), Handle::current());
        tokio::task::spawn_blocking(move || runtime.block_on(app.store())).await?
    }
}
