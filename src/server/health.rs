//! How the server is, for balancers and for Prometheus.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};

use super::answer::{Answer, answer, text};
use super::client;
use super::site::Site;

/// It runs. Beside that this does nothing, so that it is also what a click is measured against.
pub(super) async fn health() -> Answer {
    text(StatusCode::OK, "ok\n")
}

/// It takes traffic. With the store away it does so too: clicks go where they should, and leaving is written down.
pub(super) async fn ready(State(site): State<Arc<Site>>) -> Answer {
    let store = if site.counters.store_up.load(Ordering::Relaxed) == 1 { "there" } else { "away" };
    if site.ready.load(Ordering::Relaxed) {
        text(StatusCode::OK, format!("ready; the store is {store}\n"))
    } else {
        text(StatusCode::SERVICE_UNAVAILABLE, "ending\n")
    }
}

/// The numbers, for those who ask directly: what comes through a proxy comes from the world.
pub(super) async fn metrics(
    State(site): State<Arc<Site>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Answer {
    if client::is_proxied(peer, &headers, &site.app.config.serve.trusted_proxies) {
        return site.unknown("/metrics");
    }
    answer(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", site.counters.text())
}
