//! One connection's work: while messages are on their way, the next is built, recorded and handed over.
//!
//! Where the relay offers nothing more, at most two readers are `sending` and unsettled: the one whose body is out, and
//! the one whose envelope the relay has ([`turns`]). With CHUNKING it is the window and one more ([`window`]).

mod turns;
mod window;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::journal::JournalGone;
use super::shared::Shared;
use crate::delivery::{Intent, Outcome, Settlement, SmtpReply};
use crate::smtp::{Connection, Envelope, SmtpError};
use crate::store::Leased;

/// How long to wait before each further connection, after so many that led to nothing.
const WAITS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// A message, built, with whom it is for.
struct Letter {
    leased: Leased,
    envelope: Envelope,
    /// The reader's first attempt: the message's Date.
    date: Timestamp,
    message: Vec<u8>,
}

struct Line {
    shared: Arc<Shared>,
    connection: Option<Connection>,
    /// How many connections in a row led to no accepted message.
    fruitless: usize,
    /// Buffers of letters that are done, to be written into again.
    buffers: Vec<Vec<u8>>,
}

/// Works until nobody is left, the run is stopped, or the relay is given up.
///
/// # Errors
/// The journal's, the store's, or a message that cannot be built. What was announced is not sent then.
pub(super) async fn work(shared: Arc<Shared>) -> anyhow::Result<()> {
    let mut line = Line { shared, connection: None, fruitless: 0, buffers: Vec::new() };
    while let Some(letter) = line.build().await? {
        let Some(connection) = line.connect().await else {
            line.settle(&letter, Outcome::PutBack).await?;
            break;
        };
        line.connection = Some(match connection.window() {
            0 => turns::carry(&mut line, connection, letter).await?,
            _ => window::carry(&mut line, connection, letter).await?,
        });
    }
    if let Some(connection) = line.connection {
        connection.quit().await;
    }
    Ok(())
}

impl Line {
    async fn build(&mut self) -> anyhow::Result<Option<Letter>> {
        let Some(leased) = self.shared.next().await? else { return Ok(None) };
        let Shared { edition, keys, .. } = &*self.shared;
        let date = leased.first_attempt_at.unwrap_or_else(|| self.shared.now());
        let mut message = self.buffers.pop().unwrap_or_default();
        edition.write(&leased.recipient, keys, date, &mut message)?;
        let envelope = Envelope {
            from: edition.envelope_from(&leased.recipient, keys),
            to: leased.recipient.address.clone(),
            size: Some(message.len() as u64),
        };
        Ok(Some(Letter { leased, envelope, date, message }))
    }

    /// Records what the relay said to a letter whose body is out.
    async fn conclude(
        &mut self,
        letter: Letter,
        verdict: Result<SmtpReply, SmtpError>,
    ) -> anyhow::Result<()> {
        match verdict {
            Ok(reply) => {
                self.fruitless = 0;
                self.settle(&letter, Outcome::Accepted(reply)).await?;
            }
            Err(error) => self.refused(&letter, &error).await?,
        }
        self.reuse(letter);
        Ok(())
    }

    /// Drops a letter whose reader has left meanwhile; the journal knows.
    fn withhold(&mut self, letter: Letter) {
        self.shared.count();
        self.reuse(letter);
    }

    fn reuse(&mut self, letter: Letter) {
        self.buffers.push(letter.message);
    }

    /// The connection, opened anew where it is of no more use; `None` once the relay is given up or the run is to stop.
    async fn connect(&mut self) -> Option<Connection> {
        if let Some(connection) = self.connection.take().filter(Connection::is_usable) {
            return Some(connection);
        }
        while let Some(wait) = WAITS.get(self.fruitless) {
            self.shared.sleep(*wait).await;
            if self.shared.is_stopped() || self.shared.away.get().is_some() {
                return None;
            }
            self.fruitless += 1;
            let error = match Connection::open(&self.shared.relay).await {
                Ok(connection) => return Some(connection),
                Err(error) => error,
            };
            if matches!(error, SmtpError::Permanent(_)) || self.fruitless == WAITS.len() {
                self.shared.give_up(error);
            }
        }
        None
    }

    /// What becomes of a letter that was not accepted.
    async fn refused(&mut self, letter: &Letter, error: &SmtpError) -> anyhow::Result<()> {
        let failure = error.failure();
        let outcome = match error {
            SmtpError::InDoubt(_) => Outcome::InDoubt,
            // The line broke before the end of the data: nobody's fault, and nothing has arrived.
            SmtpError::Transient(_) if !failure.said_by_relay => Outcome::PutBack,
            SmtpError::Transient(_) | SmtpError::Permanent(_) => {
                self.shared.judge(failure.reply.clone(), &letter.leased, letter.date)
            }
        };
        if self.fruitless == WAITS.len() {
            self.shared.give_up(error.clone());
        }
        self.settle(letter, outcome).await
    }

    async fn settle(&mut self, letter: &Letter, outcome: Outcome) -> anyhow::Result<()> {
        if !matches!(outcome, Outcome::PutBack) {
            self.shared.count();
        }
        let settlement =
            Settlement { subscriber: letter.leased.recipient.id, by: self.shared.sender, outcome };
        Ok(self.shared.journal.settled(settlement).await?)
    }
}

impl Letter {
    fn intent(&self, shared: &Shared) -> Intent {
        Intent { subscriber: self.leased.recipient.id, by: shared.sender, date: self.date }
    }
}

/// Records that a letter is about to go; `false`: it must not, or there is none.
async fn granted(shared: &Shared, letter: Option<&Letter>) -> Result<bool, JournalGone> {
    match letter {
        Some(letter) => shared.journal.sending(letter.intent(shared)).await,
        None => Ok(false),
    }
}
