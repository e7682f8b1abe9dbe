//! What becomes of a letter, and of its relay and destination for what was said of it.

use super::{Letter, Line};
use crate::delivery::{Cause, Outcome, Settlement, SmtpReply};
use crate::message::MissingField;
use crate::send::belief::{Bounced, Doubt};
use crate::send::log;
use crate::send::pool::Seat;
use crate::smtp::{Failure, SmtpError};
use crate::store::Leased;

impl Line {
    /// Records what the relay said to a letter whose body is out.
    pub(super) async fn conclude(
        &mut self,
        letter: Letter,
        verdict: Result<SmtpReply, SmtpError>,
    ) -> anyhow::Result<()> {
        match verdict {
            Ok(reply) => {
                self.fruitless = 0;
                if let Some(seat) = &self.seat {
                    seat.took_one(letter.envelope.to.domain(), letter.begun);
                }
                self.hear(&letter, &reply);
                self.settle(&letter.leased, Outcome::Accepted(reply)).await?;
            }
            Err(error) => self.refused(&letter, &error).await?,
        }
        self.reuse(letter);
        Ok(())
    }

    /// What becomes of a letter that was not accepted.
    async fn refused(&mut self, letter: &Letter, error: &SmtpError) -> anyhow::Result<()> {
        let failure = error.failure();
        let outcome = match error {
            SmtpError::InDoubt(_) => Outcome::InDoubt,
            // It fell silent over this reader, and would again at once: a later, as any other, and one that takes long.
            SmtpError::Transient(_) if failure.is_silence_over_reader() => {
                self.shared.cooling.leave_alone(
                    letter.envelope.to.domain(),
                    &failure.reply,
                    self.shared.now(),
                );
                self.shared.judge(failure.reply.clone(), &letter.leased, letter.date)
            }
            // The line broke before the end of the data, or the relay itself is busy: no reader's fault, and nothing has arrived.
            SmtpError::Transient(_) if !failure.said_by_relay || failure.is_about_relay() => {
                self.once_more(letter, failure)
            }
            // It has no room for anything: more readers would only be put off by it, and another relay may take them.
            SmtpError::Transient(_) if failure.is_about_system() => {
                if self.took_none() {
                    self.give_up(error.clone());
                }
                self.once_more(letter, failure)
            }
            // The relay was given up for what it said to the one before.
            SmtpError::Permanent(_) if self.seat.is_none() => Outcome::PutBack,
            // Our sender is not wanted here, whoever reads: that is for the operator to mend.
            SmtpError::Permanent(_) if failure.is_about_sender() && self.is_senders_fault(letter) => {
                self.give_up(error.clone());
                Outcome::PutBack
            }
            // What MAIL says is each reader's own where the return path is.
            SmtpError::Permanent(_) if failure.is_about_sender() => self.once_more(letter, failure),
            // What we know of the relay: another one may do.
            SmtpError::Permanent(_) if failure.is_about_size() && !self.took_any() => {
                self.give_up(error.clone());
                Outcome::PutBack
            }
            SmtpError::Permanent(_) if !failure.said_by_relay && !self.is_at_the_last() => {
                self.once_more(letter, failure)
            }
            SmtpError::Transient(_) | SmtpError::Permanent(_) => {
                if matches!(error, SmtpError::Permanent(_)) {
                    self.blame(letter, error).await?;
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

    /// Back into the queue, unless that has led to nothing too often: who alone makes a relay break off must not keep a run from its end.
    fn once_more(&self, letter: &Letter, failure: &Failure) -> Outcome {
        if self.shared.comebacks.may(letter.leased.recipient.id) {
            return Outcome::PutBack;
        }
        self.shared.judge(failure.reply.clone(), &letter.leased, letter.date)
    }

    fn is_senders_fault(&self, letter: &Letter) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.refused_sender(letter.leased.recipient.id))
    }

    fn took_any(&self) -> bool {
        self.seat.as_ref().is_some_and(Seat::took_any)
    }

    fn is_at_the_last(&self) -> bool {
        self.seat.as_ref().is_none_or(Seat::is_the_last)
    }

    /// After a letter that was refused for good: where too many were in a row for it to be their readers' fault, the destination is left
    /// alone, or the relay given up.
    async fn blame(&mut self, letter: &Letter, error: &SmtpError) -> anyhow::Result<()> {
        let failure = error.failure();
        let Some(seat) = &self.seat else { return Ok(()) };
        let (reader, domain) = (letter.leased.recipient.id, letter.envelope.to.domain());
        let is_last = self.shared.is_last(&letter.leased, letter.date);
        let doubt = match failure.reply.cause() {
            Cause::Mailbox => seat.bounced(Bounced {
                subscriber: reader,
                domain: domain.to_owned(),
                detail: format!("{} (issue {})", failure.reply.masked(), self.shared.issue),
                is_last,
            }),
            // A relay that lets us write to nobody says so in many words.
            Cause::Policy | Cause::Other if failure.said_by_relay && !failure.is_about_mailbox() => {
                let doubt = seat.refused(reader, domain, failure.step, is_last);
                // It has taken nothing yet: where nobody waits at other destinations, it may as well be itself who refuses us.
                let is_open = doubt == Doubt::Destination && !seat.took_any();
                if is_open && !self.shared.is_left_elsewhere(domain).await? { Doubt::Relay } else { doubt }
            }
            Cause::Policy | Cause::Other => Doubt::None,
        };
        match doubt {
            Doubt::None => {}
            Doubt::Destination => {
                self.shared.cooling.leave_alone(domain, &failure.reply, self.shared.now());
            }
            Doubt::Relay => self.give_up(error.clone()),
        }
        Ok(())
    }

    fn hear(&self, letter: &Letter, reply: &SmtpReply) {
        self.shared.cooling.hear(letter.envelope.to.domain(), reply, self.shared.now());
    }

    /// Keeps who is known to have no mailbox, some at a time.
    pub(super) async fn suppress(&mut self) -> anyhow::Result<()> {
        let proven = self.seat.as_ref().map(Seat::proven).unwrap_or_default();
        if !proven.is_empty() {
            self.shared.store.suppress_bounced(&proven, self.shared.now()).await?;
        }
        Ok(())
    }

    /// A reader of whom the list has come to say too little since the issue was queued: they have it once the list says it again, if that
    /// is before they would be given up.
    pub(super) async fn wait_for_field(
        &mut self,
        leased: &Leased,
        MissingField { field, .. }: MissingField,
    ) -> anyhow::Result<()> {
        let text = format!("not sent: the list gives no `{field}`, which the issue uses");
        let reply = SmtpReply { code: 451, enhanced: Some("4.6.0".to_owned()), text };
        let outcome = self.shared.judge(reply, leased, self.date(leased));
        self.shared.lacking.add(leased.recipient.id, field);
        self.settle(leased, outcome).await
    }

    /// Drops a letter whose reader has left meanwhile; the journal knows.
    pub(super) fn withhold(&mut self, letter: Letter) {
        log::withheld(self.shared.issue, &letter.leased);
        self.shared.progress();
        self.reuse(letter);
    }

    /// Back into the queue with a letter of which nothing has gone out.
    pub(super) async fn put_back(&mut self, letter: Letter) -> anyhow::Result<()> {
        self.settle(&letter.leased, Outcome::PutBack).await?;
        self.reuse(letter);
        Ok(())
    }

    pub(super) async fn settle(&mut self, leased: &Leased, outcome: Outcome) -> anyhow::Result<()> {
        let relay = self.seat.as_ref().map_or("", |seat| &seat.relay().host);
        log::settled(self.shared.issue, relay, leased, &outcome);
        if !matches!(outcome, Outcome::PutBack | Outcome::Postponed { .. }) {
            self.shared.count(&outcome);
        }
        if !matches!(outcome, Outcome::PutBack) {
            self.shared.comebacks.forget(leased.recipient.id);
        }
        let settlement = Settlement { subscriber: leased.recipient.id, by: self.shared.sender, outcome };
        Ok(self.shared.journal.settled(settlement).await?)
    }
}
