//! How the command line speaks: data on stdout, the rest on stderr, colour and progress only on a terminal.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use rustix::termios::tcgetwinsize;
use serde::Serialize;
use serde_json::json;
use tracing::level_filters::LevelFilter;

use crate::app::{Later, Wrong};
use crate::diagnostic::{self, Diagnostics, steers};
use crate::lists::ImportError;
use crate::mailbox::MailboxError;
use crate::message::MissingField;
use crate::store::StoreError;
use crate::workspace::WorkspaceError;

/// It failed.
pub(super) const FAILED: u8 = 1;
/// A draft, the configuration or the command line is wrong, and nothing was sent.
pub(super) const WRONG: u8 = 2;
/// Finished, with some refused or in doubt.
pub(super) const INCOMPLETE: u8 = 3;
/// `EX_TEMPFAIL` of sysexits: try again later.
pub(super) const LATER: u8 = 75;

/// Whether the object that `--json` promises was printed: where a signal cuts in, there is one all the same, and it is whole.
static TOLD: Mutex<bool> = Mutex::new(false);

/// Where and how to print.
#[derive(Debug, Clone)]
pub(super) struct Face {
    json: bool,
    colour: bool,
    terminal: bool,
}

impl Face {
    pub(super) fn new(json: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { json, colour, terminal }
    }

    /// Whether a person is watching, and no log: then progress is drawn.
    pub(super) fn is_watched(&self) -> bool {
        self.terminal && !self.json && LevelFilter::current() == LevelFilter::OFF
    }

    /// Whether data is wanted as JSON.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person can be asked.
    pub(super) fn can_ask(&self) -> bool {
        self.terminal && io::stdin().is_terminal()
    }

    /// The outcome of a journey, on stdout.
    pub(super) fn say<T: Display + Serialize>(&self, outcome: &T) -> anyhow::Result<()> {
        if self.json {
            return document(outcome);
        }
        text(&outcome.to_string())
    }

    /// That nothing was done, since whoever was asked said no.
    pub(super) fn declined(&self, nothing: &str) -> anyhow::Result<()> {
        note(nothing);
        if self.json { document(&json!({ "declined": nothing })) } else { Ok(()) }
    }

    /// One of many, on stdout; in JSON each is an object on a line of its own.
    pub(super) fn line<T: Display + Serialize>(&self, one: &T) -> anyhow::Result<()> {
        let text = if self.json { serde_json::to_string(one)? } else { harmless(&one.to_string()) };
        print(format!("{}\n", text.trim_end()).as_bytes())
    }

    /// Findings, drawn with their places, on stderr.
    pub(super) fn draw(&self, diagnostics: &Diagnostics) {
        let theme = match (self.colour, self.terminal) {
            (true, _) => miette::GraphicalTheme::unicode(),
            (false, true) => miette::GraphicalTheme::unicode_nocolor(),
            (false, false) => miette::GraphicalTheme {
                characters: miette::ThemeCharacters::unicode(),
                styles: miette::ThemeStyles::none(),
            },
        };
        let drawn = diagnostic::render(
            diagnostics,
            &miette::GraphicalReportHandler::new_themed(theme).with_width(100),
        );
        let _ = write!(io::stderr(), "{drawn}");
    }

    /// Says what went wrong on stderr, and answers with the exit code for it.
    pub(super) fn complain(&self, error: &anyhow::Error) -> u8 {
        if let Some(diagnostics) = error.downcast_ref::<Diagnostics>() {
            self.draw(diagnostics);
        } else {
            note(&format!("pressroom: {error:#}"));
        }
        exit_code(error)
    }

    /// Says what ended the command, with `--json` on stdout too, and answers with the exit code.
    pub(super) fn fail(&self, error: &anyhow::Error) -> u8 {
        let exit = self.complain(error);
        if self.json {
            // Where stdout is gone too, the exit code is left.
            let _ = print_object(&format!("{:#}\n", failure(error, exit)), &mut told());
        }
        exit
    }

    /// Says what ended the command in the middle of its work, and answers with the exit code; the object only where there was none. Who does
    /// not read is not waited for long.
    pub(super) async fn fail_at_once(self, error: anyhow::Error) -> u8 {
        const PATIENCE: Duration = Duration::from_secs(1);
        let exit = exit_code(&error);
        let say = move || {
            note(&format!("pressroom: {error:#}"));
            let mut told = told();
            if self.json && !*told {
                let _ = print_object(&format!("{:#}\n", failure(&error, exit)), &mut told);
            }
            // Whoever is about to print an object now never does.
            std::mem::forget(told);
        };
        let _ = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(say)).await;
        exit
    }
}

/// The outcome of a journey, on stdout, for programs.
pub(super) fn document<T: Serialize>(outcome: &T) -> anyhow::Result<()> {
    print_object(&format!("{}\n", serde_json::to_string_pretty(outcome)?), &mut told())
}

fn failure(error: &anyhow::Error, exit: u8) -> serde_json::Value {
    json!({ "error": format!("{error:#}"), "exit": exit })
}

fn told() -> MutexGuard<'static, bool> {
    TOLD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn print_object(text: &str, told: &mut bool) -> anyhow::Result<()> {
    *told = true;
    print(text.as_bytes())
}

/// An outcome in words, on stdout.
pub(super) fn text(words: &str) -> anyhow::Result<()> {
    print(format!("{}\n", harmless(words).trim_end()).as_bytes())
}

/// How wide the terminal at stdout is, where there is one that says it.
pub(super) fn columns() -> Option<usize> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}

/// Data, on stdout; whoever has read enough may hang up.
pub(super) fn print(bytes: &[u8]) -> anyhow::Result<()> {
    Data.write_all(bytes).and_then(|()| Data.flush()).context("standard output cannot be written")
}

/// Stdout for data; once whoever reads it has hung up, the rest goes nowhere.
pub(super) struct Data;

impl Write for Data {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::stdout().write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match io::stdout().flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

/// Something beside the data, on stderr.
pub(super) fn note(text: &str) {
    // Where stderr is gone, nobody is left to tell.
    let _ = writeln!(io::stderr(), "{}", harmless(text).trim_end());
}

/// Asks a yes-or-no question on stderr; anything but yes is no.
pub(super) fn ask(question: &str) -> anyhow::Result<bool> {
    write!(io::stderr(), "{} [y/N] ", harmless(question))?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn exit_code(error: &anyhow::Error) -> u8 {
    // A store away is a store away, whatever it was wanted for.
    if error.is::<Later>() || error.chain().any(is_transient) {
        LATER
    } else if error.is::<Diagnostics>()
        || error.is::<WorkspaceError>()
        || error.is::<Wrong>()
        || error.downcast_ref::<ImportError>().is_some_and(|error| !matches!(error, ImportError::Store(_)))
        || error.is::<MailboxError>()
        || error.is::<MissingField>()
        || error.chain().any(|cause| matches!(cause.downcast_ref(), Some(StoreError::NoText { .. })))
    {
        WRONG
    } else {
        FAILED
    }
}

/// The store is away, or a disk is full.
fn is_transient(cause: &(dyn Error + 'static)) -> bool {
    let is_full = |error: &io::Error| error.kind() == io::ErrorKind::StorageFull;
    cause.downcast_ref::<StoreError>().is_some_and(StoreError::is_transient)
        || cause.downcast_ref().is_some_and(is_full)
}

/// What comes from drafts, readers and relays may hold escape sequences, or turn a line around; a terminal must never see them.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

    use super::*;

    /// What a statement says where another connection holds the store, without patience.
    async fn busy() -> StoreError {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("pressroom.db"))
            .create_if_missing(true)
            .busy_timeout(Duration::ZERO);
        let mut holder = SqliteConnection::connect_with(&options).await.unwrap();
        let mut waiter = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("begin exclusive").execute(&mut holder).await.unwrap();
        sqlx::query("begin immediate").execute(&mut waiter).await.unwrap_err().into()
    }

    #[tokio::test]
    async fn a_store_that_another_program_holds_is_for_later_whatever_it_was_wanted_for() {
        assert_eq!(exit_code(&busy().await.into()), LATER);
        let import: anyhow::Error = ImportError::Store(busy().await).into();
        assert_eq!(exit_code(&import), LATER);
        assert_eq!(
            format!("{import:#}"),
            "the list cannot be taken in: the store cannot be used: another program holds it; wait until that one ends, and run this again"
        );
    }

    #[test]
    fn what_steers_a_terminal_or_turns_a_line_around_is_not_printed() {
        let hostile = "a\u{1b}[2J\u{202e}b\u{2066}c\u{200f}d\u{61c}e\n\tü 👩\u{200d}💻";
        assert_eq!(harmless(hostile), "a\u{fffd}[2J\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\n\tü 👩\u{200d}💻");
    }

    #[test]
    fn a_full_disk_is_for_later() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(exit_code(&anyhow::Error::new(full).context("build/1 cannot be written")), LATER);
    }
}
