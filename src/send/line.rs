//! One connection's work: while messages are on their way, the next is built, recorded and handed over.
//!
//! Where the relay offers nothing more, at most two readers are `sending` and unsettled: the one whose body is out, and
//! the one whose envelope the relay has ([`turns`]). With CHUNKING it is the window and one more ([`window`]).

mod turns;
mod window;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::journal::JournalGone;
use super::pool::Seat;
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

/// A relay that takes longer than this to say that it is not there is given up at once.
const SILENCE: Duration = Duration::from_secs(20);

/// How many letters a connection carries at most: many relays want it so, and it brings back those that were away.
const MOST_CARRIED: u32 = 1000;

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
    /// At the relay that the connection leads to.
    seat: Option<Seat>,
    connection: Option<Connection>,
    /// How many letters the connection has carried.
    carried: u32,
    /// How many connections in a row led to no accepted message.
    fruitless: usize,
    /// What was last said against a letter.
    trouble: Option<SmtpError>,
    /// Buffers of letters that are done, to be written into again.
    buffers: Vec<Vec<u8>>,
}

/// Works until nobody is left, the run is stopped, or all relays are given up.
///
/// # Errors
/// The journal's, the store's, or a message that cannot be built. What was announced is not sent then.
pub(super) async fn work(shared: Arc<Shared>) -> anyhow::Result<()> {
    let mut line = Line::new(shared);
    loop {
        // The pace is kept before anything is recorded or announced: a reader who waits for their turn is in nobody's doubt.
        line.turn().await;
        let Some(letter) = line.build().await? else { break };
        let Some(connection) = line.connect().await else {
            line.put_back(letter).await?;
            break;
        };
        let connection = match connection.window() {
            0 => turns::carry(&mut line, connection, letter).await?,
            _ => window::carry(&mut line, connection, letter).await?,
        };
        if !connection.is_usable() {
            line.count_loss();
        }
        line.connection = Some(connection);
    }
    if let Some(connection) = line.connection {
        connection.quit().await;
    }
    Ok(())
}

impl Line {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            seat: None,
            connection: None,
            carried: 0,
            fruitless: 0,
            trouble: None,
            buffers: Vec::new(),
        }
    }

    /// The next reader whose destination may be tried; those before them are put off.
    async fn next(&mut self) -> anyhow::Result<Option<Leased>> {
        while let Some(leased) = self.shared.next().await? {
            let Shared { cooling, .. } = &*self.shared;
            match cooling.postpones(leased.recipient.address.domain(), self.shared.now()) {
                None => return Ok(Some(leased)),
                Some(outcome) => self.settle(&leased, outcome).await?,
            }
        }
        Ok(None)
    }

    async fn build(&mut self) -> anyhow::Result<Option<Letter>> {
        let Some(leased) = self.next().await? else { return Ok(None) };
        let Shared { edition, keys, signer, .. } = &*self.shared;
        let date = leased.first_attempt_at.unwrap_or_else(|| self.shared.now());
        let mut message = self.buffers.pop().unwrap_or_default();
        edition.write(&leased.recipient, keys, date, &mut message)?;
        signer.sign(&mut message, self.shared.now())?;
        let envelope = Envelope {
            from: edition.envelope_from(&leased.recipient, keys),
            to: leased.recipient.address.clone(),
            id: Some(edition.envelope_id(&leased.recipient, keys)),
            smtputf8: edition.needs_smtputf8(&leased.recipient),
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
                if let Some(seat) = &self.seat {
                    seat.took_one();
                }
                self.hear(&letter, &reply);
                self.settle(&letter.leased, Outcome::Accepted(reply)).await?;
            }
            Err(error) => self.refused(&letter, &error).await?,
        }
        self.reuse(letter);
        Ok(())
    }

    fn hear(&self, letter: &Letter, reply: &SmtpReply) {
        self.shared.cooling.hear(letter.envelope.to.domain(), reply, self.shared.now());
    }

    /// Drops a letter whose reader has left meanwhile; the journal knows.
    fn withhold(&mut self, letter: Letter) {
        self.shared.count();
        self.reuse(letter);
    }

    fn reuse(&mut self, letter: Letter) {
        self.buffers.push(letter.message);
    }

    /// The next letter for the same connection, unless that has carried enough, its relay was given up, or its turn is not yet.
    async fn following(&mut self) -> anyhow::Result<Option<Letter>> {
        self.carried += 1;
        if self.may_go_on() && self.turn_now().await { self.build().await } else { Ok(None) }
    }

    fn may_go_on(&self) -> bool {
        self.carried < MOST_CARRIED && self.seat.is_some()
    }

    /// Waits until the run and the relay may send one more, or the run is to stop.
    async fn turn(&mut self) {
        self.shared.unless_stopped(self.shared.pace.turn()).await;
        if let Some(seat) = &self.seat {
            self.shared.unless_stopped(seat.pace().turn()).await;
        }
    }

    /// Whether the run and the relay may send one more already.
    async fn turn_now(&mut self) -> bool {
        match &self.seat {
            Some(seat) => seat.pace().turn_now().await && self.shared.pace.turn_now().await,
            None => self.shared.pace.turn_now().await,
        }
    }

    /// Back into the queue with a letter of which nothing has gone out.
    async fn put_back(&mut self, letter: Letter) -> anyhow::Result<()> {
        self.settle(&letter.leased, Outcome::PutBack).await?;
        self.reuse(letter);
        Ok(())
    }

    /// The connection, or where it is of no more use a new one to the relay that has most room; `None` once all relays are
    /// away or the run is to stop.
    async fn connect(&mut self) -> Option<Connection> {
        match self.connection.take().filter(Connection::is_usable) {
            Some(connection) if self.may_go_on() => return Some(connection),
            Some(connection) => connection.quit().await,
            None => {}
        }
        (self.carried, self.seat) = (0, None);
        loop {
            let seat = self.shared.pool.seat()?;
            self.shared.sleep(WAITS[self.fruitless.min(WAITS.len() - 1)]).await;
            if self.shared.is_stopped() {
                return None;
            }
            if seat.is_away() {
                continue;
            }
            self.fruitless += 1;
            let began = Instant::now();
            let error = match self.shared.unless_stopped(Connection::open(seat.relay())).await? {
                Ok(connection) => {
                    self.seat = Some(seat);
                    return Some(connection);
                }
                Err(error) => error,
            };
            // Patience is for the last one: where there is another, nobody waits.
            let patience = self.fruitless < WAITS.len() && seat.is_the_last() && began.elapsed() < SILENCE;
            if matches!(error, SmtpError::Permanent(_)) || !patience {
                self.fruitless = 0;
                seat.give_up(error);
            }
        }
    }

    /// After a connection that was lost: the relay is given up once too many in a row led to nothing, or to doubt.
    fn count_loss(&mut self) {
        let is_hopeless = self.fruitless >= WAITS.len();
        let Some(error) = self.trouble.take() else { return };
        if matches!(error, SmtpError::InDoubt(_)) && self.took_none() || is_hopeless {
            self.give_up(error);
        }
    }

    /// A message was not taken for no fault of its reader; whether that has happened too often in a row. A relay that refuses
    /// the issue, or breaks off again and again, must not cost the whole list.
    fn took_none(&self) -> bool {
        self.seat.as_ref().is_some_and(Seat::took_none)
    }

    fn give_up(&mut self, error: SmtpError) {
        self.fruitless = 0;
        if let Some(seat) = self.seat.take() {
            seat.give_up(error);
        }
    }

    /// What becomes of a letter that was not accepted.
    async fn refused(&mut self, letter: &Letter, error: &SmtpError) -> anyhow::Result<()> {
        let failure = error.failure();
        let outcome = match error {
            SmtpError::InDoubt(_) => Outcome::InDoubt,
            // The line broke before the end of the data: nobody's fault, and nothing has arrived.
            SmtpError::Transient(_) if !failure.said_by_relay => Outcome::PutBack,
            // Our sender is not wanted here, whoever reads: that is for the operator to mend.
            SmtpError::Permanent(_) if failure.is_about_sender() => {
                self.give_up(error.clone());
                Outcome::PutBack
            }
            // The relay itself is busy; the reader has no part in it.
            SmtpError::Transient(_) if failure.is_about_relay() => Outcome::PutBack,
            SmtpError::Transient(_) | SmtpError::Permanent(_) => {
                let refuses_issue = failure.is_about_message() && matches!(error, SmtpError::Permanent(_));
                if refuses_issue && self.took_none() {
                    self.give_up(error.clone());
                }
                self.hear(letter, &failure.reply);
                self.shared.judge(failure.reply.clone(), &letter.leased, letter.date)
            }
        };
        // What followed a doubt on the same connection says less.
        if !matches!(self.trouble, Some(SmtpError::InDoubt(_))) {
            self.trouble = Some(error.clone());
        }
        self.settle(&letter.leased, outcome).await
    }

    async fn settle(&mut self, leased: &Leased, outcome: Outcome) -> anyhow::Result<()> {
        if !matches!(outcome, Outcome::PutBack | Outcome::Postponed { .. }) {
            self.shared.count();
        }
        let settlement = Settlement { subscriber: leased.recipient.id, by: self.shared.sender, outcome };
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
