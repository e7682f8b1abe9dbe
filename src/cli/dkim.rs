//! `pressroom dkim`.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::face::Face;
use crate::app::App;
use crate::dkim;
use crate::message::dkim::Algorithm;

/// The keys that sign messages: new.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pressroom dkim new\n  pressroom dkim new --algorithm ed25519 --selector pager2023"
)]
pub(super) struct Dkim {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    New(New),
}

/// Makes a key pair, and shows its DNS record and the table that newsletter.toml needs
///
/// The private key goes to dkim/SELECTOR.pem, for its owner's eyes only. Nothing is overwritten, and newsletter.toml is left
/// alone: publish the record first.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pressroom dkim new\n  pressroom dkim new --algorithm ed25519 --selector pager2023"
)]
struct New {
    /// What the DNS record is published under; else the algorithm and the month
    #[arg(long)]
    selector: Option<String>,
    /// rsa, which every receiver verifies, or ed25519, which is fast and may stand beside it
    #[arg(long, default_value = "rsa")]
    algorithm: Algorithm,
}

impl Dkim {
    pub(super) fn run(self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        let app = App::open(directory, super::clock())?;
        let Verb::New(New { selector, algorithm }) = self.verb;
        face.say(&dkim::new(&app, algorithm, selector.as_deref())?)?;
        Ok(ExitCode::SUCCESS)
    }
}
