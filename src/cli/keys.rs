//! `pressroom keys`.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::face::Face;
use crate::app::{App, keys};

/// Makes new keys for links; those in mail already sent live on.
#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Signs links with a new key from the next run on; the keys before it go on verifying
    ///
    /// A running `serve` believes the new key within a second or two. Message-IDs and the hashes of suppressed addresses have keys that
    /// never change.
    #[command(after_help = "Example:\n  pressroom keys rotate")]
    Rotate,
}

#[derive(Debug, Serialize)]
struct Rotated {
    keys: usize,
}

impl fmt::Display for Rotated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = match self.keys - 1 {
            1 => "the one before it goes".to_owned(),
            before => format!("the {before} before it go"),
        };
        write!(f, "a new key signs links from the next run on; {before} on verifying")
    }
}

impl Keys {
    pub(super) fn run(&self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        match self.command {
            KeysCommand::Rotate => {
                let app = App::open(directory, super::clock())?;
                let path = app.workspace.keys_path(&app.workspace.store(&app.config));
                face.say(&Rotated { keys: keys::rotate(&path)? })?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
