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

    /// Waits for the next moment.
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
}
