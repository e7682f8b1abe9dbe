//! `pressroom completions`: for the shell, from the same definitions.

use std::io;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

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
    pub(super) fn run(self) -> ExitCode {
        clap_complete::generate(self.shell, &mut super::Cli::command(), "pressroom", &mut io::stdout());
        ExitCode::SUCCESS
    }
}
