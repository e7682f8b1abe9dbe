//! `pressroom completions`: for the shell, from the same definitions.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::face;

/// Prints completions for a shell.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  pressroom completions bash > ~/.local/share/bash-completion/completions/pressroom"
)]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "pressroom", &mut script);
        face::print(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}
