//! `pressroom serve`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::face::{self, Face};
use super::send::stop_signals;
use crate::server::Server;

/// Runs the readers' side: clicks, opens, leaving, preferences, joining, web editions, health and metrics.
///
/// It listens where `[serve]` says, behind a proxy that speaks TLS for `base_url`. Ctrl-C or SIGTERM end it: requests under way are
/// answered, and what was heard goes into the store. Several may run on one store.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pressroom serve\n  pressroom serve --listen 127.0.0.1:8081\n  curl http://127.0.0.1:8080/metrics"
)]
pub(super) struct Serve {
    /// The address to listen on, instead of the one in newsletter.toml
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) fn run(&self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        let app = super::open(directory)?;
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async {
            let mut stop = stop_signals(face)?;
            let app = app.stopped_by(stop.clone());
            let server = Server::start(&app, self.listen).await?;
            let (mark, addr) = (app.mark(), server.addr());
            if let Some(why) = server.away() {
                face::note(&format!("{mark}what is heard waits on the disk for the store: {why}"));
            }
            face::note(&format!("{mark}listening on {addr}; Ctrl-C or SIGTERM ends it"));
            stop.wait_for(|stop| *stop).await?;
            server.stop().await;
            Ok(ExitCode::SUCCESS)
        })
    }
}
