//! `pressroom inbox`.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::face::{self, Face};
use crate::app::Wrong;
use crate::inbox::{Faults, Inbox, Keep, Options, Plan};

/// Runs the built-in SMTP server on loopback, which keeps what it gets in a Maildir and passes nothing on.
#[derive(Debug, Args)]
#[command(
    name = "inbox",
    after_help = "Examples:\n  pressroom inbox --maildir build/inbox\n  pressroom inbox --listen 127.0.0.1:2525 --discard\n  pressroom inbox --discard --faults 7"
)]
pub(super) struct InboxCommand {
    /// The address to listen on; loopback only
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:2525")]
    listen: SocketAddr,
    /// The Maildir; else build/inbox in the newsletter's folder
    #[arg(long, value_name = "DIR", conflicts_with = "discard")]
    maildir: Option<PathBuf>,
    /// Count messages and throw them away, for benchmarks
    #[arg(long)]
    discard: bool,
    /// Offer CHUNKING, by which a sender may have several messages on the way
    #[arg(long)]
    chunking: bool,
    /// Have a relay's bad days: now and then 421, 450, 451, 550, a cut connection or a late answer, the same ones for the same number
    #[arg(long, value_name = "SEED")]
    faults: Option<u32>,
}

impl InboxCommand {
    pub(super) fn run(self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        let keep = match (self.discard, self.maildir) {
            (true, _) => Keep::Discard,
            (false, Some(maildir)) => Keep::Maildir(maildir),
            (false, None) => Keep::Maildir(crate::workspace::Workspace::find(directory)?.inbox_dir()),
        };
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async {
            let faults = self.faults.map(|seed| Faults::new(Plan::usual(seed.into())));
            let script = faults.as_ref().map(Faults::script);
            let options = Options { keep, script, chunking: self.chunking };
            let inbox =
                Inbox::start(self.listen, options).await.map_err(|error| refused(self.listen, error))?;
            face::note(&format!("listening on {}; Ctrl-C ends it", inbox.addr()));
            tokio::signal::ctrl_c().await?;
            let counts = inbox.stop().await;
            face.say(&counts)?;
            for (fault, times) in faults.iter().flat_map(Faults::dealt) {
                face::note(&format!("{fault}: {times}"));
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// What to do about an address that cannot be listened on.
fn refused(listen: SocketAddr, error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::InvalidInput => Wrong(error.to_string()).into(),
        io::ErrorKind::AddrInUse => {
            let remedy = "end the program that listens there, or choose another port with --listen";
            Wrong(format!("{listen} is in use; {remedy}")).into()
        }
        _ => anyhow::Error::new(error).context(format!("the inbox cannot be opened on {listen}")),
    }
}
