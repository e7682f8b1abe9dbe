//! `pressroom subscribers`.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::face::Face;
use crate::app::{self, App, Wrong};
use crate::document::nearest;
use crate::id::ListName;
use crate::lists::{self, Added};
use crate::mailbox::{EmailAddress, Mailbox, display_name};
use crate::store::Store;

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
#[command(
    after_help = "Examples:\n  pressroom subscribers import\n  pressroom subscribers import readers --from export.csv"
)]
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
#[command(
    after_help = "Examples:\n  pressroom subscribers add ada@example.com --name \"Ada Example\"\n  pressroom subscribers add ada@example.com --lift-bounce"
)]
struct Add {
    /// Where their mail goes
    address: EmailAddress,
    /// What they are called
    #[arg(long)]
    name: Option<String>,
    /// The list; else the newsletter's
    #[arg(long)]
    list: Option<ListName>,
    /// Write to them again though mail to them bounced; complaints and erasures stand
    #[arg(long)]
    lift_bounce: bool,
}

/// Shows what is held on one reader
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pressroom subscribers show ada@example.com")]
struct Show {
    /// The reader
    address: EmailAddress,
}

/// Takes a reader off a list, for ever; at once, also for a run under way
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pressroom subscribers unsubscribe ada@example.com --list readers")]
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
        runtime.block_on(self.verb.run(&app, face)).map_err(|error| app.naming_store(error))
    }
}

impl Verb {
    async fn run(self, app: &App, face: &Face) -> anyhow::Result<ExitCode> {
        let store = app.store().await?;
        match self {
            Self::Import(import) => import.run(app, &store, face).await,
            Self::Add(add) => add.run(app, &store, face).await,
            Self::Show(show) => {
                face.say(&lists::show(&store, &show.address).await?)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Unsubscribe(leaving) => leaving.run(app, &store, face).await,
        }
    }
}

impl Import {
    async fn run(self, app: &App, store: &Store, face: &Face) -> anyhow::Result<ExitCode> {
        let list = or_usual(self.list, app);
        let path = self.from.unwrap_or_else(|| app.workspace.list_path(&list));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) => {
                let known = known_lists(app, store).await?;
                let lists = named(&list, &known);
                return Err(Wrong(format!("{} cannot be read: {error}; {lists}", path.display())).into());
            }
        };
        let how = lists::Import { allow_shrink: self.allow_shrink, at: app.now() };
        face.say(&lists::import(store, &list, file, how, app::random).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Add {
    async fn run(self, app: &App, store: &Store, face: &Face) -> anyhow::Result<ExitCode> {
        let name = self.name.as_deref().map(display_name).transpose()?.flatten();
        let reader = Mailbox { name, address: self.address };
        if self.lift_bounce {
            store.lift_bounce(&reader.address).await?;
        }
        let added = lists::add(store, &or_usual(self.list, app), reader, app.now(), app::random).await?;
        face.say(&added)?;
        Ok(match added.result {
            Added::Added | Added::AlreadyThere => ExitCode::SUCCESS,
            Added::Left => ExitCode::FAILURE,
        })
    }
}

impl Unsubscribe {
    async fn run(self, app: &App, store: &Store, face: &Face) -> anyhow::Result<ExitCode> {
        let list = or_usual(self.list, app);
        let known = known_lists(app, store).await?;
        if !known.contains(&list) {
            return Err(Wrong(format!("there is no list `{list}`; {}", named(&list, &known))).into());
        }
        face.say(&lists::unsubscribe(store, &list, &self.address, app.now(), app::random).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn or_usual(list: Option<ListName>, app: &App) -> ListName {
    list.unwrap_or_else(|| app.config.newsletter.list.clone())
}

/// The lists that have a file or a reader, and the newsletter's.
async fn known_lists(app: &App, store: &Store) -> anyhow::Result<BTreeSet<ListName>> {
    let mut known: BTreeSet<_> = store.lists().await?.into_iter().chain(app.workspace.lists()).collect();
    known.insert(app.config.newsletter.list.clone());
    Ok(known)
}

/// The lists there are, the one that was probably meant first.
fn named(wanted: &ListName, known: &BTreeSet<ListName>) -> String {
    let meant = nearest(wanted.as_str(), known.iter().map(ListName::as_str));
    let others = known.iter().map(ListName::as_str).filter(|name| Some(*name) != meant);
    let names: Vec<String> = meant.into_iter().chain(others).map(|name| format!("`{name}`")).collect();
    format!("the lists are {}", names.join(", "))
}
