//! One connection's work: while one message is on its way, the next is built, recorded and announced.
//!
//! At most two readers are `sending` and unsettled: the one whose body is out, and the one whose envelope the relay has.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::join;

use super::shared::Shared;
use crate::delivery::{Intent, Outcome, Settlement};
use crate::smtp::{Connection, Envelope, Ready, SmtpError};
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

/// A letter whose body is all that the relay waits for, recorded as `sending`.
struct Announced {
    letter: Letter,
    ready: Ready,
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
    let mut announced = None;
    loop {
        announced = match announced {
            Some(announced) => line.send(announced).await?,
            None => match line.announce().await? {
                Some(announced) => Some(announced),
                None => break,
            },
        };
    }
    if let Some(connection) = line.connection {
        connection.quit().await;
    }
    Ok(())
}

impl Line {
    /// Gets a next letter to the point where only its body is missing; `None`: nobody is left.
    async fn announce(&mut self) -> anyhow::Result<Option<Announced>> {
        while let Some(letter) = self.build().await? {
            let Some(mut connection) = self.connect().await else {
                self.settle(&letter, Outcome::PutBack).await?;
                return Ok(None);
            };
            let answer = connection.envelope(&letter.envelope).await;
            self.connection = Some(connection);
            let granted = match &answer {
                Ok(_) => self.shared.journal.sending(letter.intent(&self.shared)).await?,
                Err(_) => false,
            };
            if let Some(announced) = self.announced(letter, answer, granted).await? {
                return Ok(Some(announced));
            }
        }
        Ok(None)
    }

    /// What the relay said to an envelope, and whether the journal lets its body follow.
    async fn announced(
        &mut self,
        letter: Letter,
        answer: Result<Ready, SmtpError>,
        granted: bool,
    ) -> anyhow::Result<Option<Announced>> {
        match answer {
            Ok(ready) if granted => return Ok(Some(Announced { letter, ready })),
            Ok(_) => {
                // The reader has left meanwhile, and the relay waits for a body that must not come: only hanging up takes it back.
                self.connection = None;
                self.shared.count();
            }
            Err(error) => self.refused(&letter, &error).await?,
        }
        self.reuse(letter);
        Ok(None)
    }

    /// Sends the body, and with it the next letter's envelope; answers with the next letter once it is ready for its body.
    async fn send(&mut self, Announced { letter, ready }: Announced) -> anyhow::Result<Option<Announced>> {
        let next = self.build().await?;
        self.shared.pace.turn().await;
        let Some(connection) = self.connection.as_mut() else {
            anyhow::bail!("a letter was announced on no connection")
        };
        let granting = async {
            match &next {
                Some(next) => self.shared.journal.sending(next.intent(&self.shared)).await,
                None => Ok(false),
            }
        };
        let envelope = next.as_ref().map(|next| &next.envelope);
        let (granted, turn) = join!(granting, connection.body(ready, &letter.message, envelope));
        match turn.message {
            Ok(reply) => {
                self.fruitless = 0;
                self.settle(&letter, Outcome::Accepted(reply)).await?;
            }
            Err(error) => self.refused(&letter, &error).await?,
        }
        self.reuse(letter);
        match (next, turn.next) {
            (Some(next), Some(answer)) => self.announced(next, answer, granted?).await,
            (Some(next), None) => {
                self.settle(&next, Outcome::PutBack).await?;
                self.reuse(next);
                Ok(None)
            }
            (None, _) => Ok(None),
        }
    }

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
