//! `pressroom approve`.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::face::Face;
use super::send::unless_stopped;
use crate::app::App;
use crate::send::review;

/// Reviews an issue and writes drafts/N.approved, to be committed with the draft.
///
/// The digest in it covers what readers will see; where newsletter.toml says `require_review`, a later change stops dispatch.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pressroom approve 214 --by \"Ada Example\"")]
pub(super) struct Approve {
    /// The draft: its number or its file
    draft: String,
    /// Who approves; else who is logged in
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    by: String,
}

impl Approve {
    pub(super) fn run(self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        let app = App::open(directory, super::clock())?;
        let approving = Box::pin(review::approve(&app, &self.draft, &self.by));
        let approved = super::complete(&app, unless_stopped(face, approving, "nothing was approved"))?;
        face.draw(&approved.review.findings);
        face.say(&approved)?;
        Ok(ExitCode::SUCCESS)
    }
}
