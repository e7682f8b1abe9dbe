//! `pressroom dispatch`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::face::{self, FAILED, Face, INCOMPLETE, LATER, WRONG};
use super::send::{PATIENCE, stop_signals};
use crate::dispatch::{Dispatched, dispatch};
use crate::send::{Ending, Options, Sent};

/// Sends what is due: what cron calls, as often as it likes.
///
/// Goes on with interrupted issues, tries the deferred again, and starts each ready draft whose time has come. Nothing due, or
/// another sender at work: it says nothing. With --json one object all the same: `issues` that were worked on, what was `said` once,
/// `faults` of single issues.
#[derive(Debug, Args)]
#[command(after_help = "Example, for a crontab:\n  */10 * * * *  pressroom -C /srv/weekly dispatch")]
pub(super) struct Dispatch {}

impl Dispatch {
    pub(super) fn run(directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        let app = super::open(directory)?;
        let dispatched = super::complete(&app, async {
            let options =
                Options { patience: PATIENCE, stop: stop_signals(face)?, progress: Arc::new(|_| {}) };
            dispatch(&app.clone().stopped_by(options.stop.clone()), &options).await
        })?;
        // Nothing done is silence, but for a program that asked for an object.
        if face.is_json() || !dispatched.sent.is_empty() {
            face.say(&dispatched)?;
        }
        for note in dispatched.notes.iter().chain(&dispatched.said) {
            face::note(note);
        }
        let faults: Vec<u8> = dispatched.faults.iter().map(|fault| face.complain(&fault.error)).collect();
        Ok(code(&dispatched, &faults).into())
    }
}

/// The worst of all; what was wrong with one issue is a failure, not a mistake of the command, once another was sent.
fn code(dispatched: &Dispatched, faults: &[u8]) -> u8 {
    let sent = dispatched.sent.iter().map(|done| of(&done.0));
    let said = dispatched.said.iter().map(|_| FAILED);
    let is_wrong = faults.contains(&WRONG) && dispatched.sent.is_empty();
    let faults = faults.iter().map(|code| if *code == WRONG { FAILED } else { *code });
    let codes: Vec<u8> = sent.chain(said).chain(faults).collect();
    let worst = [FAILED, LATER, INCOMPLETE].into_iter().find(|code| codes.contains(code));
    if is_wrong { WRONG } else { worst.unwrap_or_default() }
}

/// What is deferred is nothing to come back for: the next dispatch does.
fn of(sent: &Sent) -> u8 {
    match sent.ending {
        Ending::Done | Ending::NothingToDo | Ending::Deferred | Ending::Paused => 0,
        Ending::Incomplete | Ending::Cancelled => INCOMPLETE,
        Ending::Stopped | Ending::RelayAway => LATER,
        Ending::RelayRefuses => FAILED,
    }
}
