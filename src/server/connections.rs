//! Connections: so many at once, none for ever, and slow ones in nobody's way.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::site::Site;
use super::{clicks, routes};

/// How long a connection lasts at most: also against those who never read an answer.
const LIFE: Duration = Duration::from_mins(10);
/// A request's head at most, in octets.
const LARGEST: usize = 16 * 1024;
/// After this no request is waited for any more when the server stops.
const GRACE: Duration = Duration::from_secs(10);

/// Takes connections until it is told to stop, then waits for those that are open.
pub(super) async fn accept(listener: TcpListener, site: Arc<Site>, stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(site.app.config.serve.connections as usize));
    let routes = routes::routes(Arc::clone(&site));
    let mut open = JoinSet::new();
    let mut told = stop.clone();
    loop {
        tokio::select! {
            // What ended is cleared away.
            Some(_) = open.join_next(), if !open.is_empty() => {}
            taken = take(&listener, &room) => match taken {
                Ok((stream, permit)) => {
                    let connection = Connection { routes: routes.clone(), site: Arc::clone(&site), stop: stop.clone() };
                    open.spawn(connection.serve(stream, permit));
                }
                Err(error) => {
                    // Too many open files, say: others must end first.
                    tracing::warn!(%error, "a connection cannot be taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            () = ended(&mut told) => break,
        }
    }
    drop(listener);
    // What takes longer is cut off.
    let _ = tokio::time::timeout(GRACE, async { while open.join_next().await.is_some() {} }).await;
}

/// Waits until the server is told to stop.
async fn ended(stop: &mut watch::Receiver<bool>) {
    // Whoever could tell is gone: that is the end too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The next connection, as soon as there is room.
async fn take(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}

struct Connection {
    routes: Router,
    site: Arc<Site>,
    stop: watch::Receiver<bool>,
}

impl Connection {
    async fn serve(mut self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let open = &self.site.counters.connections;
        open.fetch_add(1, Ordering::Relaxed);
        let peer = stream.peer_addr();
        let routes = TowerToHyperService::new(self.routes);
        let site = Arc::clone(&self.site);
        let answer = service_fn(move |mut request: Request<Incoming>| {
            // What panics here is the routes' to answer for.
            let at_once =
                catch_unwind(AssertUnwindSafe(|| clicks::at_once(&site, &request))).unwrap_or_default();
            let answer = at_once.ok_or_else(|| {
                if let Ok(peer) = &peer {
                    request.extensions_mut().insert(ConnectInfo(*peer));
                }
                hyper::service::Service::call(&routes, request)
            });
            async move {
                match answer {
                    Ok(answer) => Ok::<Response<Body>, Infallible>(answer),
                    Err(later) => later.await,
                }
            }
        });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.site.timeouts.head)
                .max_buf_size(LARGEST)
                .serve_connection(TokioIo::new(stream), answer)
        );
        let ended = tokio::select! {
            // Clients that hang up or send nonsense are no news.
            _ = connection.as_mut() => true,
            () = ended(&mut self.stop) => false,
            () = tokio::time::sleep(LIFE) => false,
        };
        if !ended {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(GRACE, connection).await;
        }
        open.fetch_sub(1, Ordering::Relaxed);
        drop(permit);
    }
}
