//! `pressroom pause`, `resume` and `cancel`.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::face::Face;
use crate::brake::{self, Pull};
use crate::id::IssueNumber;

/// Holds an issue on its way: no new message within a second, until `resume`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pressroom pause 214")]
pub(super) struct Pause {
    /// The issue
    issue: IssueNumber,
}

/// Lets a paused issue go on; a sender that waits for it does so within a second.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pressroom resume 214")]
pub(super) struct Resume {
    /// The issue
    issue: IssueNumber,
}

/// Gives an issue up, for good: whoever does not have it yet is skipped.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pressroom cancel 214")]
pub(super) struct Cancel {
    /// The issue
    issue: IssueNumber,
}

impl Pause {
    pub(super) fn run(&self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        run(directory, face, self.issue, Pull::Pause)
    }
}

impl Resume {
    pub(super) fn run(&self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        run(directory, face, self.issue, Pull::Resume)
    }
}

impl Cancel {
    pub(super) fn run(&self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        run(directory, face, self.issue, Pull::Cancel)
    }
}

fn run(directory: &Path, face: &Face, issue: IssueNumber, pull: Pull) -> anyhow::Result<ExitCode> {
    let app = super::open(directory)?;
    face.say(&super::complete(&app, brake::pull(&app, issue, pull))?)?;
    Ok(ExitCode::SUCCESS)
}
