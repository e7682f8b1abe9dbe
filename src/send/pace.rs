//! How fast: a rate over all connections. Limits of domains and quota windows follow.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Hands out moments to send at, no closer together than the rate allows.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Option<Duration>,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// So many messages a second at most; `None`: as fast as it goes.
    pub(super) fn new(per_second: Option<f64>) -> Self {
        Self { interval: per_second.map(|rate| Duration::from_secs_f64(1.0 / rate)), next: Mutex::new(None) }
    }

    /// Waits for the next moment, and takes it.
    pub(super) async fn turn(&self) {
        let Some(interval) = self.interval else { return };
        let moment = {
            let mut next = self.next.lock().await;
            let now = Instant::now();
            let moment = next.map_or(now, |moment| moment.max(now));
            *next = Some(moment + interval);
            moment
        };
        tokio::time::sleep_until(moment).await;
    }

    /// Takes a moment if one is there already; `false`: it would have to be waited for.
    pub(super) async fn turn_now(&self) -> bool {
        let Some(interval) = self.interval else { return true };
        let mut next = self.next.lock().await;
        let now = Instant::now();
        let is_there = next.is_none_or(|moment| moment <= now);
        if is_there {
            *next = Some(now + interval);
        }
        is_there
    }
}
