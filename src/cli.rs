//! The command line: one command a file. It prints what the journeys return, and decides nothing.
//!
//! Data goes to stdout, all else to stderr. Exit codes: 0 done, 1 failed, 2 something written is wrong and nothing was
//! sent, 3 finished with some refused or in doubt, 75 try again later.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use jiff::Timestamp;
use tokio::runtime::Runtime;

use crate::app::caller::Caller;
use crate::app::{App, Clock};

mod approve;
mod brake;
mod completions;
mod compose;
mod deliveries;
mod dkim;
mod dispatch;
mod face;
mod inbox;
mod keys;
mod log;
mod man;
mod report;
mod send;
mod serve;
mod subscribers;

use face::Face;

const EVERYWHERE: &str = "Options of every command";

const EXIT_CODES: &str = "Exit codes:
   0  done, or nothing to do
   1  failed
   2  the command line, a draft or the configuration is wrong, and nothing was sent
   3  finished, with some refused or in doubt
  75  try again later: relay or store away, disk full, recipients deferred, or stopped";

/// Composes an email newsletter from a TOML draft and sends it to a list, each reader once.
#[derive(Debug, Parser)]
#[command(name = "pressroom", version, propagate_version = true, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// The newsletter's folder, or one inside it
    #[arg(
        short = 'C',
        long = "directory",
        value_name = "DIR",
        default_value = ".",
        global = true,
        help_heading = EVERYWHERE,
        hide_default_value = true
    )]
    directory: PathBuf,
    /// Print one JSON object on stdout instead of text
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
    /// Write a line an event on stderr, readers by number and masked address
    #[arg(
        long,
        value_name = "LEVEL",
        env = "PRESSROOM_LOG",
        global = true,
        help_heading = EVERYWHERE,
        default_value = "off",
        hide_env_values = true
    )]
    log: log::Level,
    /// In what form the log is
    #[arg(
        long,
        value_name = "FORMAT",
        env = "PRESSROOM_LOG_FORMAT",
        global = true,
        help_heading = EVERYWHERE,
        default_value = "text",
        hide_env_values = true
    )]
    log_format: log::Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compose(compose::Compose),
    Send(send::Send),
    Approve(approve::Approve),
    Dispatch(dispatch::Dispatch),
    Pause(brake::Pause),
    Resume(brake::Resume),
    Cancel(brake::Cancel),
    Deliveries(deliveries::Deliveries),
    Report(report::ReportCommand),
    Links(report::LinksCommand),
    Inbox(inbox::InboxCommand),
    Serve(serve::Serve),
    Keys(keys::Keys),
    Subscribers(subscribers::Subscribers),
    Dkim(dkim::Dkim),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Reads the command line, does what it says, and answers with the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start(cli.log, cli.log_format);
    let face = Face::new(cli.json);
    match cli.run(&face) {
        Ok(code) => code,
        Err(error) => face.fail(&error).into(),
    }
}

/// The one place where the clock is read.
fn clock() -> Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the outermost layer, from where time is handed inwards"
    )]
    Arc::new(Timestamp::now)
}

/// The folder, for a command that hands messages to relays or tells of them: what cannot wait for its outcome is said on stderr.
fn open(directory: &Path) -> anyhow::Result<App> {
    Ok(App::open(directory, clock())?.called_by(Caller::hearing(face::note)))
}

/// Does to its end what a command has to do in a newsletter's folder; what is wrong with the store names it.
fn complete<T>(app: &App, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    Runtime::new()?.block_on(work).map_err(|error| app.naming_store(error))
}

impl Cli {
    fn run(self, face: &Face) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Compose(command) => command.run(&self.directory, face),
            Command::Send(command) => command.run(&self.directory, face),
            Command::Approve(command) => command.run(&self.directory, face),
            Command::Dispatch(_) => dispatch::Dispatch::run(&self.directory, face),
            Command::Pause(command) => command.run(&self.directory, face),
            Command::Resume(command) => command.run(&self.directory, face),
            Command::Cancel(command) => command.run(&self.directory, face),
            Command::Deliveries(command) => command.run(&self.directory, face),
            Command::Report(command) => command.run(&self.directory, face),
            Command::Links(command) => command.run(&self.directory, face),
            Command::Inbox(command) => command.run(&self.directory, face),
            Command::Serve(command) => command.run(&self.directory, face),
            Command::Keys(command) => command.run(&self.directory, face),
            Command::Subscribers(command) => command.run(&self.directory, face),
            Command::Dkim(command) => command.run(&self.directory, face),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(),
        }
    }
}
