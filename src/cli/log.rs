//! The log: a line an event on stderr, for cron and systemd; nothing unless asked for.
//!
//! Only this program's own events are in it, whatever the level: they name readers by number and masked address, never a secret.

use std::io::{self, Write};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Subscriber;

use super::face::harmless;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// And what an operator should look at.
    Warn,
    /// And what was done: a line a message.
    Info,
    /// And how: connections, leases, quotas.
    Debug,
}

/// In what form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// Starts the log, for as long as the program runs.
pub(super) fn start(level: Level, format: Format) {
    let level = match level {
        Level::Off => return,
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
    };
    let log = Subscriber::builder()
        .with_env_filter(EnvFilter::new(format!("pressroom={level}")))
        .with_ansi(false)
        // A line that cannot be written, as where the disk is full or a pipe's reader is gone, is not worth a message that then stays.
        .log_internal_errors(false)
        .with_writer(|| Harmless(io::stderr()));
    // Two logs cannot be; the first stands.
    let _ = match format {
        Format::Text => tracing::subscriber::set_global_default(log.finish()),
        Format::Json => tracing::subscriber::set_global_default(log.json().flatten_event(true).finish()),
    };
}

/// What comes from relays may hold escape sequences; a terminal must never see them. Each write is a whole event.
struct Harmless<W>(W);

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(harmless(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_sequence_gets_through() {
        let mut written = Harmless(Vec::new());
        written.write_all("550 \u{1b}]0;owned\u{7} \u{9b}31mno\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(written.0).unwrap(), "550 \u{fffd}]0;owned\u{fffd} \u{fffd}31mno\n");
    }
}
