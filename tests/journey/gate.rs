//! A store that is taken away and put back, whichever it is.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::folder::Fixture;

/// A store that is away.
pub(crate) enum Away {
    /// The file stands aside, and a folder in its place.
    File { store: PathBuf, aside: PathBuf },
    /// The way to its server is shut.
    Server(Gate),
}

impl<const ON_SERVER: bool> Fixture<ON_SERVER> {
    /// Whoever asks for the store from now on does not find it.
    pub(crate) fn take_store_away(&self) -> Away {
        let Some(url) = self.server_url() else { return Away::file(self.path().join("trial.db")) };
        let url = Url::parse(&url).expect("a URL");
        let server = format!("{}:{}", url.host_str().expect("a host"), url.port().expect("a port"));
        let gate = Gate::before(server.parse().expect("an address"));
        self.edit("newsletter.toml", &format!("@{server}/"), &format!("@{}/", gate.addr));
        Away::Server(gate)
    }
}

impl Away {
    fn file(store: PathBuf) -> Self {
        let aside = store.with_extension("aside");
        fs::rename(&store, &aside).expect("a store");
        fs::create_dir(&store).expect("a folder");
        Self::File { store, aside }
    }

    pub(crate) fn put_back(&self) {
        match self {
            Self::File { store, aside } => {
                fs::remove_dir(store).expect("the folder");
                fs::rename(aside, store).expect("the store");
            }
            Self::Server(gate) => gate.is_open.store(true, Ordering::Relaxed),
        }
    }
}

/// Stands before a server. Shut, as it is at first, it hangs up on whoever comes.
pub(crate) struct Gate {
    addr: SocketAddr,
    is_open: Arc<AtomicBool>,
}

impl Gate {
    /// Lives as long as the test's runtime.
    fn before(server: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let is_open = Arc::new(AtomicBool::new(false));
        let listener = TcpListener::from_std(listener).expect("a runtime");
        tokio::spawn(guard(listener, server, Arc::clone(&is_open)));
        Self { addr, is_open }
    }
}

async fn guard(listener: TcpListener, server: SocketAddr, is_open: Arc<AtomicBool>) {
    while let Ok((mut inside, _)) = listener.accept().await {
        if is_open.load(Ordering::Relaxed) {
            tokio::spawn(async move {
                let mut outside = TcpStream::connect(server).await?;
                copy_bidirectional(&mut inside, &mut outside).await
            });
        }
    }
}
