//! `pressroom send`: the review, the test copy and the true run.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use jiff::SignedDuration;
use tokio::signal::unix::{SignalKind, signal};

use super::face::{self, FAILED, Face, INCOMPLETE, LATER};
use crate::app::{App, Later, random};
use crate::compose::counted_warnings;
use crate::mailbox::EmailAddress;
use crate::rehearse::rehearse;
use crate::send::{self, Ending, Progress, review, test_copy};

/// A run ends when nothing can be tried for so long.
pub(super) const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// Sends an issue to everyone on its list, once; run again, it goes on where it stopped.
///
/// On a terminal it asks first, naming number, readers and relay. Freezing the issue and queueing the readers are one step:
/// editing the draft afterwards changes nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pressroom send 214 --dry-run\n  pressroom send 214 --rehearse\n  pressroom send 214 --to editor@example.com\n  pressroom send 214 --yes"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Send {
    /// The draft: its number or its file
    draft: String,
    /// Build every message for every reader, write the review, send none
    #[arg(long, conflicts_with = "to")]
    dry_run: bool,
    /// Send a copy marked [TEST] to these addresses, in no count
    #[arg(long, value_name = "ADDRESS", num_args = 1..)]
    to: Vec<EmailAddress>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Stay until nothing is deferred any more
    #[arg(long, conflicts_with_all = ["dry_run", "to"])]
    wait: bool,
    /// Send to everyone, in a store that is thrown away, to the built-in inbox on a relay's bad days; nothing leaves the machine
    #[arg(long, conflicts_with_all = ["dry_run", "to", "wait"])]
    rehearse: bool,
    /// Have the faults of an earlier rehearsal again
    #[arg(long, value_name = "NUMBER", requires = "rehearse")]
    seed: Option<u32>,
}

impl Send {
    pub(super) fn run(self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        let app = super::open(directory)?;
        super::complete(&app, self.carry_out(&app, face))
    }

    async fn carry_out(self, app: &App, face: &Face) -> anyhow::Result<ExitCode> {
        if self.dry_run {
            let review = Box::pin(review::review(app, &self.draft));
            let review = unless_stopped(face, review, "nothing was sent").await?;
            face.draw(&review.findings);
            face.say(&review)?;
            Ok(ExitCode::SUCCESS)
        } else if self.rehearse {
            self.rehearse(app, face).await
        } else if self.to.is_empty() {
            self.send(app, face).await
        } else {
            self.test(app, face).await
        }
    }

    async fn test(self, app: &App, face: &Face) -> anyhow::Result<ExitCode> {
        let copies = test_copy::send(app, &self.draft, &self.to);
        let copies = unless_stopped(face, copies, "a test copy that was on its way may have arrived").await?;
        face.say(&copies)?;
        Ok(code(copies.ending))
    }

    async fn rehearse(self, app: &App, face: &Face) -> anyhow::Result<ExitCode> {
        let seed = self.seed.unwrap_or_else(|| {
            let mut seed = [0; 4];
            random(&mut seed);
            u32::from_ne_bytes(seed)
        });
        let options =
            send::Options { patience: PATIENCE, stop: stop_signals(face)?, progress: progress(face) };
        let rehearsal = rehearse(app, &self.draft, seed, &options).await?;
        face.draw(&rehearsal.findings);
        face.say(&rehearsal)?;
        Ok(ExitCode::from(if rehearsal.is_sound() { 0 } else { FAILED }))
    }

    async fn send(self, app: &App, face: &Face) -> anyhow::Result<ExitCode> {
        let run = send::prepare(app, &self.draft).await?;
        face.draw(run.findings());
        let mark = app.mark();
        let warnings = counted_warnings(run.findings().0.len());
        for line in warnings.iter().chain(run.notes()).flat_map(|note| note.lines()) {
            face::note(&format!("{mark}{line}"));
        }
        let question = format!("{mark}{}", run.question());
        if run.is_left_to_do() && !self.yes && face.can_ask() && !face::ask(&question)? {
            face.declined(&format!("{mark}nothing was sent"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let options = send::Options {
            patience: if self.wait { SignedDuration::MAX } else { PATIENCE },
            stop: stop_signals(face)?,
            progress: progress(face),
        };
        let sent = run.go(options).await?;
        face.say(&sent)?;
        Ok(code(sent.ending))
    }
}

fn code(ending: Ending) -> ExitCode {
    ExitCode::from(match ending {
        Ending::Done | Ending::NothingToDo => 0,
        Ending::Incomplete | Ending::Cancelled => INCOMPLETE,
        Ending::Deferred | Ending::Stopped | Ending::Paused | Ending::RelayAway => LATER,
        Ending::RelayRefuses => FAILED,
    })
}

/// What `work` comes to; where a signal ends it before, [`Later`], with `what` that means.
pub(super) async fn unless_stopped<T>(
    face: &Face,
    work: impl Future<Output = anyhow::Result<T>>,
    what: &str,
) -> anyhow::Result<T> {
    let mut stop = stop_signals(face)?;
    tokio::select! {
        done = work => done,
        Ok(_) = stop.wait_for(|stop| *stop) => Err(Later(format!("stopped; {what}")).into()),
    }
}

/// Ctrl-C, SIGTERM, or a terminal that is gone: no new message; a second one quits at once, which the journal survives.
pub(super) fn stop_signals(face: &Face) -> anyhow::Result<tokio::sync::watch::Receiver<bool>> {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
    let face = face.clone();
    tokio::spawn(async move {
        let mut asked = async || {
            let gone = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {}, _ = gone => {} }
        };
        asked().await;
        let _ = stop.send(true);
        asked().await;
        // What was on the wire is in doubt now, and the journal says so.
        let words = "stopped at once by a second signal; a message that was on its way may have arrived";
        let exit = face.fail_at_once(Later(words.to_owned()).into()).await;
        #[expect(
            clippy::disallowed_methods,
            reason = "asked twice, it has to end without waiting for what is under way"
        )]
        std::process::exit(i32::from(exit));
    });
    Ok(stopped)
}

/// As under `nohup`, which a handler of ours would undo (proc(5), `SigIgn`).
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// A bar on a terminal, nothing elsewhere.
fn progress(face: &Face) -> Arc<dyn Fn(Progress) + std::marker::Send + Sync> {
    if !face.is_watched() {
        return Arc::new(|_| {});
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos} of {len}, {pace}, {eta} left {msg}") {
        let pace = |state: &ProgressState, out: &mut dyn fmt::Write| {
            // What cannot be drawn is not missed.
            let _ = write!(out, "{:.0}/s", state.per_sec());
        };
        bar.set_style(style.with_key("pace", pace));
    }
    Arc::new(move |progress: Progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.settled);
        if progress.settled >= progress.total {
            bar.finish_and_clear();
        }
    })
}
