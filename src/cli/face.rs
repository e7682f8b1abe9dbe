//! How the command line speaks: data on stdout, the rest on stderr, colour and progress only on a terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::app::{Later, Wrong};
use crate::diagnostic::{self, Diagnostics};
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

/// Where and how to print.
#[derive(Debug)]
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

    /// Whether a person is watching: then progress is drawn.
    pub(super) fn is_watched(&self) -> bool {
        self.terminal && !self.json
    }

    /// Whether a person can be asked.
    pub(super) fn can_ask(&self) -> bool {
        self.terminal && io::stdin().is_terminal()
    }

    /// The outcome of a journey, on stdout.
    pub(super) fn say<T: Display + Serialize>(&self, outcome: &T) -> anyhow::Result<()> {
        let text =
            if self.json { serde_json::to_string_pretty(outcome)? } else { harmless(&outcome.to_string()) };
        print(&text)
    }

    /// One of many, on stdout; in JSON each is an object on a line of its own.
    pub(super) fn line<T: Display + Serialize>(&self, one: &T) -> anyhow::Result<()> {
        print(&if self.json { serde_json::to_string(one)? } else { harmless(&one.to_string()) })
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

    /// Says what went wrong and chooses the exit code.
    pub(super) fn fail(&self, error: &anyhow::Error) -> u8 {
        if let Some(diagnostics) = error.downcast_ref::<Diagnostics>() {
            self.draw(diagnostics);
        } else {
            let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            note(&format!("pressroom: {}", causes.join(": ")));
        }
        exit_code(error)
    }
}

/// Where nobody reads any more, nothing is lost.
fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
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
    if error.is::<Diagnostics>()
        || error.is::<WorkspaceError>()
        || error.is::<Wrong>()
        || error.is::<ImportError>()
        || error.is::<MailboxError>()
        || error.is::<MissingField>()
    {
        WRONG
    } else if error.is::<Later>() || error.downcast_ref::<StoreError>().is_some_and(StoreError::is_transient)
    {
        LATER
    } else {
        FAILED
    }
}

/// What comes from readers and relays may hold escape sequences; a terminal must never see them.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}
