//! One connection's work: while messages are on their way, the next is built, recorded and handed over.
//!
//! Where the relay offers nothing more, at most two readers are `sending` and unsettled: the one whose body is out, and
//! the one whose envelope the relay has ([`turns`]). With CHUNKING it is the window and one more ([`window`]).

mod turns;
mod verdict;
mod window;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::destination::{Claim, LineId};
use super::journal::Asked;
use super::log;
use super::pace::Paces;
use super::pool::Seat;
use super::shared::Shared;
use crate::delivery::{Outcome, Settlement};
use crate::message::{Octets, Written};
use crate::smtp::{Connection, Content, Envelope, SmtpError};
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
    /// Where their destination has limits; given back with the letter.
    _claim: Option<Claim>,
    envelope: Envelope,
    /// The reader's first attempt: the message's Date.
    date: Timestamp,
    /// What stands on top of the message.
    signatures: Vec<u8>,
    message: Vec<u8>,
    octets: Octets,
    /// How many mailboxes its relay had said are none.
    begun: u64,
}

struct Line {
    id: LineId,
    shared: Arc<Shared>,
    /// At the relay that the connection leads to.
    seat: Option<Seat>,
    /// The relay at which the next message's moment is taken.
    turn_at: Option<usize>,
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

/// Works until nobody is left, the run is stopped, or no relay takes anything. Answers whether it was for want of a relay that it ended.
///
/// # Errors
/// The journal's, the store's, or a message that cannot be built. What was announced is not sent then.
pub(super) async fn work(shared: Arc<Shared>, id: LineId) -> anyhow::Result<bool> {
    let mut line = Line::new(shared, id);
    let mut wants_relay = true;
    // The pace is kept before anything is recorded or announced: a reader who waits for their turn is in nobody's doubt.
    while line.turn().await? {
        let patience = line.shared.patience();
        let Some(letter) = line.build(Some(patience)).await? else {
            wants_relay = false;
            break;
        };
        let Some(connection) = line.connect().await? else {
            line.put_back(letter).await?;
            break;
        };
        if !line.spend().await? {
            line.connection = Some(connection);
            line.put_back(letter).await?;
            continue;
        }
        let connection = match connection.window() {
            0 => turns::carry(&mut line, connection, letter).await?,
            _ => window::carry(&mut line, connection, letter).await?,
        };
        if !connection.is_usable() {
            line.count_loss();
        }
        line.connection = Some(connection);
    }
    line.leave().await;
    Ok(wants_relay)
}

impl Line {
    fn new(shared: Arc<Shared>, id: LineId) -> Self {
        Self {
            id,
            shared,
            seat: None,
            turn_at: None,
            connection: None,
            carried: 0,
            fruitless: 0,
            trouble: None,
            buffers: Vec::new(),
        }
    }

    /// The next reader to whom a message can be written and whose destination may be tried; those before them are put off.
    async fn next(&mut self, patience: Option<Duration>) -> anyhow::Result<Option<(Leased, Option<Claim>)>> {
        while let Some((leased, claim)) = self.shared.next(self.id, patience).await? {
            let Shared { cooling, edition, .. } = &*self.shared;
            if let Some(pause) = cooling.postpones(leased.recipient.address.domain(), self.shared.now()) {
                let outcome = self.shared.put_off(pause, &leased);
                self.settle(&leased, outcome).await?;
                continue;
            }
            match edition.check(&leased.recipient) {
                Ok(()) => return Ok(Some((leased, claim))),
                Err(missing) => self.wait_for_field(&leased, missing).await?,
            }
        }
        Ok(None)
    }

    /// The next letter; where all that are left have to wait for their destinations, it waits as long as there is `patience`.
    async fn build(&mut self, patience: Option<Duration>) -> anyhow::Result<Option<Letter>> {
        let Some((leased, claim)) = self.next(patience).await? else { return Ok(None) };
        let date = self.date(&leased);
        Ok(Some(self.write(leased, claim, date).await?))
    }

    /// The reader's first attempt.
    fn date(&self, leased: &Leased) -> Timestamp {
        leased.first_attempt_at.unwrap_or_else(|| self.shared.now())
    }

    async fn write(
        &mut self,
        leased: Leased,
        claim: Option<Claim>,
        date: Timestamp,
    ) -> anyhow::Result<Letter> {
        let Shared { edition, keys, signer, hashing, .. } = &*self.shared;
        let mut message = self.buffers.pop().unwrap_or_else(|| Vec::with_capacity(edition.room()));
        let Written { id, mut octets, .. } = edition.write(&leased.recipient, keys, date, &mut message)?;
        let mut signatures = Vec::new();
        if !signer.is_none() {
            let hash;
            (message, hash) = hashing.hash(message).await?;
            signatures = signer.fields(&message, &hash, self.shared.now())?;
            octets = octets.and(Octets::of(&signatures));
        }
        let envelope = Envelope {
            from: edition.envelope_from(&leased.recipient, keys),
            to: leased.recipient.address.clone(),
            id: Some(id),
            smtputf8: edition.needs_smtputf8(&leased.recipient),
            size: Some((signatures.len() + message.len()) as u64),
        };
        let begun = self.seat.as_ref().map_or(0, Seat::heard);
        Ok(Letter { leased, _claim: claim, envelope, date, signatures, message, octets, begun })
    }

    /// The relay waits for a letter's body.
    fn let_in(&self) {
        if let Some(seat) = &self.seat {
            seat.let_in();
        }
    }

    fn reuse(&mut self, letter: Letter) {
        self.buffers.push(letter.message);
    }

    /// The next letter for the same connection, unless that has carried enough, its relay was given up, or its turn is not yet. It is
    /// written while the journal records it.
    async fn following(&mut self) -> anyhow::Result<Option<(Letter, Asked)>> {
        self.carried += 1;
        self.suppress().await?;
        if !(self.may_go_on() && self.turn_now().await?) {
            return Ok(None);
        }
        let Some((leased, claim)) = self.next(None).await? else { return Ok(None) };
        if !self.spend().await? {
            self.settle(&leased, Outcome::PutBack).await?;
            return Ok(None);
        }
        let (reader, date) = (leased.recipient.id, self.date(&leased));
        let asked = self.shared.ask(&leased, date).await?;
        match self.write(leased, claim, date).await {
            Ok(letter) => Ok(Some((letter, asked))),
            Err(error) => {
                let (by, outcome) = (self.shared.sender, Outcome::PutBack);
                self.shared.journal.settled(Settlement { subscriber: reader, by, outcome }).await?;
                Err(error)
            }
        }
    }

    fn may_go_on(&self) -> bool {
        self.carried < MOST_CARRIED && self.seat.is_some()
    }

    /// Sits down at a relay and waits until it and the run may send one more, or the run is to stop; `false`: no relay takes one.
    async fn turn(&mut self) -> anyhow::Result<bool> {
        if !(self.may_go_on() && self.connection.as_ref().is_some_and(Connection::is_usable)) {
            self.leave().await;
        }
        if !self.sit().await? {
            return Ok(false);
        }
        self.take_turn().await;
        Ok(true)
    }

    /// Waits for the next message's moment at the relay where it is now, unless it is taken or the run is to stop.
    async fn take_turn(&mut self) {
        let Some(seat) = self.seat.as_ref().filter(|seat| self.turn_at != Some(seat.index())) else { return };
        let paces = Paces { run: &self.shared.pace, relay: seat.pace() };
        if self.shared.unless_stopped(paces.turn()).await.is_some() {
            self.turn_at = Some(seat.index());
        }
    }

    /// Whether the run and the relay may send one more already.
    async fn turn_now(&mut self) -> anyhow::Result<bool> {
        let now = self.shared.now();
        let Some(seat) = &mut self.seat else { return Ok(false) };
        if !seat.take(now).await? {
            return Ok(false);
        }
        let paces = Paces { run: &self.shared.pace, relay: seat.pace() };
        let is_there = self.turn_at == Some(seat.index()) || paces.turn_now(Instant::now());
        self.turn_at = is_there.then(|| seat.index());
        Ok(is_there)
    }

    /// Takes a place where a message is left of the relay's quota: the one it has, else where there is most room.
    async fn sit(&mut self) -> anyhow::Result<bool> {
        loop {
            let now = self.shared.now();
            let Some(mut seat) = self.seat.take().or_else(|| self.shared.pool.seat(now)) else {
                return Ok(false);
            };
            if seat.take(now).await? {
                self.seat = Some(seat);
                return Ok(true);
            }
            self.leave().await;
        }
    }

    /// A message that was taken of the relay's quota is handed over; `false`: while it was waited for, none was left.
    async fn spend(&mut self) -> anyhow::Result<bool> {
        let now = self.shared.now();
        let Some(seat) = &mut self.seat else { return Ok(false) };
        let is_there = seat.spend(now).await?;
        self.turn_at = self.turn_at.filter(|_| !is_there);
        Ok(is_there)
    }

    /// Ends the connection and gives up the place.
    async fn leave(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.quit().await;
        }
        (self.carried, self.seat, self.turn_at) = (0, None, None);
    }

    /// The connection, or a new one to the relay that the line sits at, or where that is away to another; `None` once none takes
    /// anything or the run is to stop.
    async fn connect(&mut self) -> anyhow::Result<Option<Connection>> {
        if let Some(connection) = self.connection.take() {
            return Ok(Some(connection));
        }
        while self.sit().await? {
            let Some(mut seat) = self.seat.take() else { break };
            self.shared.sleep(WAITS[self.fruitless.min(WAITS.len() - 1)]).await;
            if self.shared.is_stopped() {
                break;
            }
            if seat.is_away() {
                continue;
            }
            self.fruitless += 1;
            seat.connect(true);
            let began = Instant::now();
            let opened = self.shared.unless_stopped(Connection::open(seat.relay())).await;
            match opened {
                None => break,
                Some(Ok(connection)) => {
                    log::connected(&seat.relay().host, connection.capabilities());
                    self.seat = Some(seat);
                    // Where it is another relay than the one that was away, its moment is another, too.
                    self.take_turn().await;
                    return Ok(Some(connection));
                }
                Some(Err(error)) => {
                    seat.connect(false);
                    self.count_failure(&seat, error, began.elapsed());
                }
            }
        }
        Ok(None)
    }

    /// After a connection that could not be opened. Patience is for the last one: where there is another relay, nobody waits. A relay that
    /// will not have it for good may still have those that are there; and one that took messages may forget more slowly than we that a
    /// connection has ended, and is given up as one that is away.
    fn count_failure(&mut self, seat: &Seat, error: SmtpError, took: Duration) {
        log::unreached(&seat.relay().host, &error);
        let is_tired = self.fruitless >= WAITS.len();
        let error = match error {
            SmtpError::Permanent(_) if seat.is_too_many() => return self.fruitless = 0,
            SmtpError::Permanent(_) if seat.took_any() && !is_tired => return,
            SmtpError::Permanent(failure) if seat.took_any() => SmtpError::Transient(failure),
            SmtpError::Transient(_) | SmtpError::InDoubt(_)
                if !is_tired && seat.is_the_last() && took < SILENCE =>
            {
                return;
            }
            error => error,
        };
        self.fruitless = 0;
        seat.give_up(error);
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
}

impl Letter {
    fn content(&self) -> Content<'_> {
        Content { top: &self.signatures, message: &self.message, octets: self.octets }
    }
}
