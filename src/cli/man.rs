//! `pressroom man`: manual pages, from the same definitions.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, CommandFactory};

use super::face;

/// Writes a manual page for each command into a folder.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pressroom man ~/.local/share/man/man1 && man pressroom-send")]
pub(super) struct Man {
    /// The folder, made where it is absent
    folder: PathBuf,
}

impl Man {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let failed = || format!("no manual pages can be written to {}", self.folder.display());
        fs::create_dir_all(&self.folder).with_context(failed)?;
        clap_mangen::generate_to(super::Cli::command(), &self.folder).with_context(failed)?;
        face::print(format!("manual pages written to {}\n", self.folder.display()).as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}
