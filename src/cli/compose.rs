//! `pressroom compose`.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::face::Face;
use crate::compose;
use crate::mailbox::EmailAddress;
use crate::workspace::Workspace;

/// Composes an issue into build/N: issue.html, issue.txt, issue.eml.
///
/// Prints its contents, sizes and warnings. Opens neither store nor keys, stays offline; the same files give the same bytes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pressroom compose 214\n  pressroom compose drafts/214.toml --as ada@example.com"
)]
pub(super) struct Compose {
    /// The draft: its number or its file
    draft: String,
    /// Whose message issue.eml is to be; else an invented reader's
    #[arg(long = "as", value_name = "ADDRESS")]
    reader: Option<EmailAddress>,
}

impl Compose {
    pub(super) fn run(self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        let workspace = Workspace::find(directory)?;
        let composition = compose::compose(&workspace, &self.draft, self.reader.as_ref())?;
        face.draw(&composition.findings);
        face.say(&composition)?;
        Ok(ExitCode::SUCCESS)
    }
}
