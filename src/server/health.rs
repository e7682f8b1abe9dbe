//! How the server is, for balancers and for Prometheus.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::answer::{Answer, answer, text};
use super::client;
use super::site::Site;
use crate::store::Pulse;

/// It runs. Beside that this does nothing, so that it is also what a click is measured against.
pub(super) async fn health() -> Answer {
    text(StatusCode::OK, "ok\n")
}

/// It takes traffic. With the store away, or not to be written, it does so too: clicks go where they should, and leaving is written down.
pub(super) async fn ready(State(site): State<Arc<Site>>) -> Answer {
    if !site.ready.load(Ordering::Relaxed) {
        return text(StatusCode::SERVICE_UNAVAILABLE, "ending\n");
    }
    let store = match site.door.pulse().await {
        Pulse::Beats => "there",
        Pulse::ReadOnly => "there to be read, and cannot be written now; clicks and leaving wait on the disk",
        Pulse::Away => "away; clicks and leaving wait on the disk",
    };
    text(StatusCode::OK, format!("ready; the store is {store}\n"))
}

/// The numbers, for those who ask directly: what comes through a proxy comes from the world.
pub(super) async fn metrics(State(site): State<Arc<Site>>, headers: HeaderMap) -> Answer {
    if client::is_proxied(&headers) {
        return site.unknown("/metrics");
    }
    answer(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8",
        site.counters.text(site.door.pulse().await != Pulse::Away),
    )
}
