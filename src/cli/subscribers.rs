//! `pressroom subscribers`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::face::Face;
use crate::app::{self, App, Wrong};
use crate::id::ListName;
use crate::lists;
use crate::mailbox::{EmailAddress, Mailbox, display_name};

/// The lists: import, add, show, unsubscribe.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pressroom subscribers import\n  pressroom subscribers show ada@example.com"
)]
pub(super) struct Subscribers {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Import(Import),
    Add(Add),
    Show(Show),
    Unsubscribe(Unsubscribe),
}

/// Reads a list file into the store, as each send does by itself
///
/// Who left stays gone; who came from the file and is no longer in it leaves the audience; bad lines are reported and skipped.
#[derive(Debug, Args)]
struct Import {
    /// The list; else the newsletter's
    list: Option<ListName>,
    /// Read this file instead of subscribers/LIST.csv
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Go on though more than a tenth of the list would be gone
    #[arg(long)]
    allow_shrink: bool,
}

/// Adds one reader
#[derive(Debug, Args)]
struct Add {
    /// Where their mail goes
    address: EmailAddress,
    /// What they are called
    #[arg(long)]
    name: Option<String>,
    /// The list; else the newsletter's
    #[arg(long)]
    list: Option<ListName>,
}

/// Shows what is held on one reader
#[derive(Debug, Args)]
struct Show {
    /// The reader
    address: EmailAddress,
}

/// Takes a reader off a list, for ever; at once, also for a run under way
#[derive(Debug, Args)]
struct Unsubscribe {
    /// The reader
    address: EmailAddress,
    /// The list; else the newsletter's
    #[arg(long)]
    list: Option<ListName>,
}

impl Subscribers {
    pub(super) fn run(self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        let app = App::open(directory, super::clock())?;
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(self.verb.run(&app, face))
    }
}

impl Verb {
    async fn run(self, app: &App, face: &Face) -> anyhow::Result<ExitCode> {
        let store = app.store().await?;
        let usual = |list: Option<ListName>| list.unwrap_or_else(|| app.config.newsletter.list.clone());
        match self {
            Self::Import(import) => {
                let list = usual(import.list);
                let path = import.from.unwrap_or_else(|| app.workspace.list_path(&list));
                let file = File::open(&path)
                    .map_err(|error| Wrong(format!("{} cannot be read: {error}", path.display())))?;
                let how = lists::Import { allow_shrink: import.allow_shrink, at: app.now() };
                face.say(&lists::import(&store, &list, file, how, app::random).await?)?;
            }
            Self::Add(add) => {
                let name = add.name.as_deref().map(display_name).transpose()?.flatten();
                let reader = Mailbox { name, address: add.address };
                face.say(&lists::add(&store, &usual(add.list), reader, app.now(), app::random).await?)?;
            }
            Self::Show(show) => face.say(&lists::show(&store, &show.address).await?)?,
            Self::Unsubscribe(leaving) => {
                let list = usual(leaving.list);
                face.say(
                    &lists::unsubscribe(&store, &list, &leaving.address, app.now(), app::random).await?,
                )?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
