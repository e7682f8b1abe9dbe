//! `pressroom subscribers`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::face::{Data, Face, ask, document, note};
use crate::app::{self, App, Wrong, scratch};
use crate::document::nearest;
use crate::event::Rules;
use crate::id::ListName;
use crate::lists::{self, Added, ImportOutcome, OnList, SuppressOutcome};
use crate::mailbox::{EmailAddress, Mailbox, display_name};
use crate::store::{Judging, Store};

/// The lists: import, export, add, show, unsubscribe, erase, stats.
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
    Export(Export),
    Add(Add),
    Show(Show),
    Unsubscribe(Unsubscribe),
    Erase(Erase),
    Stats(Stats),
}

/// Reads a list file into the store, as each send does by itself
///
/// Who left stays gone; who came from the file and is no longer in it leaves the audience; bad lines are reported and skipped. Exports of
/// Mailchimp, Substack, listmonk, Buttondown, Ghost, Kit and beehiiv are known by their headers: who unsubscribed, bounced or complained
/// there gets nothing here.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pressroom subscribers import\n  pressroom subscribers import readers --from export.csv\n  \
        pressroom subscribers import --suppressed do-not-mail.csv"
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
    /// A do-not-mail list, for all lists: addresses, and why where it tells. Alone, no list is read
    #[arg(long, value_name = "FILE")]
    suppressed: Option<PathBuf>,
}

/// Writes a list or the do-not-mail list as CSV that imports again, or all that is held on one reader as JSON
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pressroom subscribers export > readers.csv\n  pressroom subscribers export --suppressed > do-not-mail.csv\n  \
        pressroom subscribers export ada@example.com"
)]
struct Export {
    /// The reader; else the whole list
    address: Option<EmailAddress>,
    /// The list; else the newsletter's
    #[arg(long, conflicts_with = "address")]
    list: Option<ListName>,
    /// The addresses that nobody writes to, on whatever list or none, for `import --suppressed`
    #[arg(long, conflicts_with_all = ["address", "list"])]
    suppressed: bool,
}

/// Takes a reader out of everything that is kept, for good
///
/// What went to them stays counted, under nobody's name. A hash stays, so that no import brings them back.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pressroom subscribers erase ada@example.com")]
struct Erase {
    /// The reader
    address: EmailAddress,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Counts a list's readers
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pressroom subscribers stats --json")]
struct Stats {
    /// The list; else the newsletter's
    list: Option<ListName>,
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
///
/// With --mail it reads mails to `unsubscribe_mailbox` instead: the subject that the link in an issue's header made says who asks. A mail
/// without it is named, for a person to read, and the exit code is 1; so is what cannot be read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  pressroom subscribers unsubscribe ada@example.com --list readers\n  \
        pressroom subscribers unsubscribe --mail /var/mail/leave/Maildir\n  pressroom subscribers unsubscribe --mail - < mail.eml")]
struct Unsubscribe {
    /// The reader
    #[arg(required_unless_present = "mail")]
    address: Option<EmailAddress>,
    /// The list; else the newsletter's
    #[arg(long)]
    list: Option<ListName>,
    /// A mail, a Maildir whose new mails are read and moved, or `-` for a mail on stdin
    #[arg(long, value_name = "PATH", conflicts_with_all = ["address", "list"])]
    mail: Option<PathBuf>,
}

impl Subscribers {
    pub(super) fn run(self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        let app = App::open(directory, super::clock())?;
        super::complete(&app, self.verb.run(&app, face))
    }
}

impl Verb {
    async fn run(self, app: &App, face: &Face) -> anyhow::Result<ExitCode> {
        let store = app.store().await?;
        if app.is_trial() && matches!(self, Self::Add(_) | Self::Unsubscribe(_) | Self::Erase(_)) {
            let only = "this goes into the trial's own store, of which sending by a relay knows nothing";
            note(&format!("{}{only}", app.mark()));
        }
        match self {
            Self::Import(import) => import.run(app, &store, face).await,
            Self::Add(add) => add.run(app, &store, face).await,
            Self::Show(show) => {
                let keys = app.keys_of_erased(&store).await?;
                face.say(&lists::show(&store, keys.as_deref(), &show.address).await?)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Unsubscribe(leaving) => leaving.run(app, &store, face).await,
            Self::Export(export) => export.run(app, &store, face).await,
            Self::Erase(erase) => erase.run(app, &store, face).await,
            Self::Stats(stats) => {
                let list = known(stats.list, app, &store).await?;
                face.say(&lists::stats(&store, &list, app.now()).await?)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// A do-not-mail list and a list, in one object.
#[derive(Serialize)]
struct Both {
    do_not_mail: SuppressOutcome,
    #[serde(flatten)]
    imported: ImportOutcome,
}

impl Import {
    async fn run(self, app: &App, store: &Store, face: &Face) -> anyhow::Result<ExitCode> {
        let mut suppressed = None;
        if let Some(path) = &self.suppressed {
            let file = File::open(path)
                .map_err(|error| Wrong(format!("{} cannot be read: {error}", path.display())))?;
            let keys = app.keys_of_erased(store).await?;
            let outcome = lists::suppress(store, keys.as_deref(), file, app.now()).await?;
            let is_all = self.list.is_none() && self.from.is_none();
            if is_all || !face.is_json() {
                face.say(&outcome)?;
            }
            if is_all {
                return Ok(taken(&outcome));
            }
            suppressed = Some(outcome);
        }
        let imported = self.list(app, store).await?;
        let code = suppressed.as_ref().map_or(ExitCode::SUCCESS, taken);
        match suppressed {
            Some(do_not_mail) if face.is_json() => document(&Both { do_not_mail, imported })?,
            Some(_) | None => face.say(&imported)?,
        }
        Ok(code)
    }

    async fn list(self, app: &App, store: &Store) -> anyhow::Result<ImportOutcome> {
        let list = or_usual(self.list, app);
        let is_lists_own = self.from.is_none();
        let path = self.from.unwrap_or_else(|| app.workspace.list_path(&list));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_lists_own && error.kind() == ErrorKind::NotFound => {
                let known = known_lists(app, store).await?;
                return Err(Wrong(format!("there is no {}; {}", path.display(), named(&list, &known))).into());
            }
            Err(error) => return Err(Wrong(format!("{} cannot be read: {error}", path.display())).into()),
        };
        let keys = app.keys_of_erased(store).await?;
        let how = lists::Import { allow_shrink: self.allow_shrink, at: app.now(), keys };
        Ok(lists::import(store, &list, file, how, app::random_in_bulk()).await?)
    }
}

/// A line of a do-not-mail list that cannot be read leaves somebody to be written to, unlike one of a list.
fn taken(do_not_mail: &SuppressOutcome) -> ExitCode {
    if do_not_mail.bad.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Add {
    async fn run(self, app: &App, store: &Store, face: &Face) -> anyhow::Result<ExitCode> {
        let name = self.name.as_deref().map(display_name).transpose()?.flatten();
        let reader = Mailbox { name, address: self.address };
        if self.lift_bounce {
            store.lift_bounce(&reader.address).await?;
        }
        let (list, keys) = (or_usual(self.list, app), app.keys_of_erased(store).await?);
        let on = OnList { store, list: &list, keys: keys.as_deref(), at: app.now() };
        let added = lists::add(on, reader, app::random).await?;
        face.say(&added)?;
        Ok(match added.result {
            Added::Added | Added::AlreadyThere => ExitCode::SUCCESS,
            Added::Left | Added::Erased => ExitCode::FAILURE,
        })
    }
}

impl Unsubscribe {
    async fn run(self, app: &App, store: &Store, face: &Face) -> anyhow::Result<ExitCode> {
        if let Some(mail) = &self.mail {
            let left = lists::leave_by_mail(store, &app.keys(store).await?, mail, app.now()).await?;
            face.say(&left)?;
            let is_all = left.unclear.is_empty() && left.failed.is_empty();
            return Ok(if is_all { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        let list = known(self.list, app, store).await?;
        let keys = app.keys_of_erased(store).await?;
        let on = OnList { store, list: &list, keys: keys.as_deref(), at: app.now() };
        if let Some(address) = &self.address {
            face.say(&lists::unsubscribe(on, address, app::random).await?)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Export {
    async fn run(self, app: &App, store: &Store, face: &Face) -> anyhow::Result<ExitCode> {
        if let Some(address) = self.address {
            let keys = app.keys_of_erased(store).await?;
            face.say(&lists::held(store, keys.as_deref(), &address).await?)?;
        } else if self.suppressed {
            lists::export_suppressed(store, BufWriter::new(Data)).await?;
        } else {
            let list = known(self.list, app, store).await?;
            lists::export(store, &list, BufWriter::new(Data)).await?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Erase {
    async fn run(self, app: &App, store: &Store, face: &Face) -> anyhow::Result<ExitCode> {
        let address = &self.address;
        let question = format!("erase {address} from everything, for good?");
        if !self.yes && face.can_ask() && !ask(&question)? {
            face.declined("nothing was erased")?;
            return Ok(ExitCode::FAILURE);
        }
        let keys = app.keys(store).await?;
        let lists = app.workspace.lists().into_iter().map(|list| app.workspace.list_path(&list));
        let files = lists.chain(app.workspace.reviews()).collect();
        let judging = Judging { rules: &Rules::built_in()?, at: app.now() };
        let mut outcome = lists::erase(store, &keys, address, files, judging).await?;
        let swept = scratch::sweep(&app.workspace);
        outcome.copies_in_use = swept.as_ref().copied().unwrap_or_default();
        face.say(&outcome)?;
        swept?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A list that there is, or the newsletter's.
async fn known(list: Option<ListName>, app: &App, store: &Store) -> anyhow::Result<ListName> {
    let list = or_usual(list, app);
    let known = known_lists(app, store).await?;
    if known.contains(&list) {
        return Ok(list);
    }
    Err(Wrong(format!("there is no list `{list}`; {}", named(&list, &known))).into())
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
