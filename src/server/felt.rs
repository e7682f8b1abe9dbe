//! How the store is, for the many who may ask.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::app::door::Door;
use crate::store::Pulse;

/// The store's pulse, felt once a second at most, however many ask.
#[derive(Default)]
pub(super) struct Felt(Mutex<Option<(Instant, Pulse)>>);

const SECOND: Duration = Duration::from_secs(1);

impl Felt {
    pub(super) async fn pulse(&self, door: &Door) -> Pulse {
        let mut felt = self.0.lock().await;
        if let Some((at, pulse)) = *felt
            && at.elapsed() < SECOND
        {
            return pulse;
        }
        let pulse = door.pulse().await;
        *felt = Some((Instant::now(), pulse));
        pulse
    }
}
