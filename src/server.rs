//! The readers' side: clicks, the pixel, leaving, preferences, joining, an issue's web edition; and how it is, for whoever watches it.
//!
//! A face: it hears requests and answers them, and leaves to the journeys ([`crate::track`], [`crate::joining`]) what they mean. Nothing
//! that a click or a pixel needs waits for the store. GET, HEAD and OPTIONS never change a subscription (requirement 48).

mod answer;
mod client;
mod clicks;
mod connections;
mod form;
mod health;
mod joining;
mod leaving;
mod notice;
mod pages;
mod preferences;
mod routes;
mod site;
mod web;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::app::{App, Wrong};
use crate::track::{self, Keeping};
use site::Site;

/// How long requests under way may take once it is told to stop, and then what waits for the store.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long clients may take: each keeps a slow one out of everybody's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a request's head, and idle before it.
    pub head: Duration,
    /// Until an answer is ready, its request's body included.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { head: Duration::from_secs(20), answer: Duration::from_secs(10) }
    }
}

/// A server that runs.
pub struct Server {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    connections: JoinHandle<()>,
    watching: JoinHandle<()>,
    site: Arc<Site>,
    keeping: Keeping,
    mailing: JoinHandle<()>,
}

impl Server {
    /// Listens on `[serve] listen`, or on `listen` if it is given. The store may be away.
    ///
    /// # Errors
    /// [`Wrong`] for an address that cannot be listened on; keys that are missing; a folder beside the store that cannot be written.
    pub async fn start(app: &App, listen: Option<SocketAddr>) -> anyhow::Result<Self> {
        Self::start_within(app, listen, Timeouts::default()).await
    }

    /// The same, with other limits on time.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_within(
        app: &App,
        listen: Option<SocketAddr>,
        timeouts: Timeouts,
    ) -> anyhow::Result<Self> {
        let listen = listen.unwrap_or(app.config.serve.listen);
        let listener = TcpListener::bind(listen).await.map_err(|error| refused(listen, error))?;
        let addr = listener.local_addr()?;
        let (site, keeping, mailing) = Site::open(app, timeouts).await?;
        let (stop, stopped) = watch::channel(false);
        let watched = Arc::clone(&site);
        let stop_watching = stopped.clone();
        let watching = tokio::spawn(async move { watched.tracker.watch(stop_watching).await });
        let connections = tokio::spawn(connections::accept(listener, Arc::clone(&site), stopped));
        tracing::info!(%addr, "listening");
        Ok(Self { addr, stop, connections, watching, site, keeping, mailing })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Why the store was away at the start, if it was: what is heard waits for it on the disk.
    pub fn away(&self) -> Option<&str> {
        self.site.away.as_deref()
    }

    /// Takes no more connections, ends the requests under way, and brings what was heard to the store, or leaves it on the disk.
    pub async fn stop(self) {
        self.site.ready.store(false, Ordering::Relaxed);
        // Nobody listens any more where all has ended already.
        let _ = self.stop.send(true);
        let _ = self.connections.await;
        let _ = self.watching.await;
        let app = self.site.app.clone();
        drop(self.site);
        tokio::join!(self.keeping.end(PATIENCE), end(self.mailing));
        match track::waiting(&app) {
            Ok(0) => tracing::info!("stopped"),
            Ok(waiting) => tracing::warn!(
                waiting,
                "stopped; what waits on the disk goes into the store when `serve` runs again, and who left is heeded by `send` before"
            ),
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "stopped; whether anything waits on the disk cannot be seen"
                );
            }
        }
    }
}

/// Waits for a confirmation on its way, and not for long: then its store or its relay says nothing, and it goes out again.
async fn end(mut mailing: JoinHandle<()>) {
    if timeout(PATIENCE, &mut mailing).await.is_err() {
        mailing.abort();
        let _ = mailing.await;
    }
}

/// What to do about an address that cannot be listened on.
fn refused(listen: SocketAddr, error: io::Error) -> anyhow::Error {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "it is in use; end the program that listens there, or choose another with --listen or `[serve] listen`"
        }
        io::ErrorKind::PermissionDenied => {
            "that is not allowed; choose a port from 1024 on, and let a proxy listen on 443"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; choose another with `[serve] listen`"
        }
        _ => return anyhow::Error::new(error).context(format!("{listen} cannot be listened on")),
    };
    Wrong(format!("{listen} cannot be listened on: {remedy}")).into()
}
