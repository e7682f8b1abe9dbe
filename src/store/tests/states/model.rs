//! What may become of a reader, in memory.

use super::*;

/// Where the model has a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    Queued,
    Leased(usize),
    Sending(usize),
    /// By a relay of this sender, or as an operator says.
    Accepted(Option<usize>),
    Deferred {
        retry_at: Timestamp,
    },
    /// To this sender.
    Refused(usize),
    /// The sender, if it still can say what became of it.
    InDoubt(usize),
    Skipped,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Person {
    pub(super) stand: Stand,
    /// They left, or are suppressed.
    pub(super) is_gone: bool,
    pub(super) is_erased: bool,
    /// A message may have reached them, and nobody has decided to risk another.
    pub(super) may_have_it: bool,
}

/// The issue as it should stand.
pub(super) struct Model {
    pub(super) people: [Person; READERS],
    pub(super) now: Timestamp,
    pub(super) state: IssueState,
}

impl Model {
    pub(super) fn new() -> Self {
        let person = Person { stand: Stand::Queued, is_gone: false, is_erased: false, may_have_it: false };
        Self { people: [person; READERS], now: NOW, state: IssueState::Running }
    }

    pub(super) fn lease(&mut self, by: usize, limit: u16) -> Vec<usize> {
        let waiting = (0..READERS).filter(|reader| self.people[*reader].stand == Stand::Queued);
        let leased: Vec<usize> = waiting.take(usize::from(limit)).collect();
        for reader in &leased {
            self.people[*reader].stand = Stand::Leased(by);
        }
        leased
    }

    pub(super) fn settle(&mut self, by: usize, reader: usize, ended: Ended) {
        let retry_at = self.retry_at();
        let person = &mut self.people[reader];
        let is_theirs = [Stand::Leased(by), Stand::Sending(by), Stand::InDoubt(by)].contains(&person.stand);
        if !is_theirs {
            return;
        }
        person.stand = match ended {
            Ended::Accepted => Stand::Accepted(Some(by)),
            Ended::Deferred | Ended::Postponed | Ended::PutBack if person.is_erased => Stand::Skipped,
            Ended::Deferred | Ended::Postponed => Stand::Deferred { retry_at },
            Ended::Refused | Ended::GivenUp => Stand::Refused(by),
            Ended::InDoubt => Stand::InDoubt(by),
            Ended::PutBack => Stand::Queued,
        };
        person.may_have_it = matches!(ended, Ended::Accepted | Ended::InDoubt);
    }

    /// Whether the message may go out.
    pub(super) fn start(&mut self, by: usize, reader: usize) -> bool {
        let person = &mut self.people[reader];
        if person.stand != Stand::Leased(by) {
            return false;
        }
        person.stand = if person.is_gone { Stand::Skipped } else { Stand::Sending(by) };
        !person.is_gone
    }

    pub(super) fn retry_at(&self) -> Timestamp {
        self.now + SignedDuration::from_secs(30)
    }

    /// Whether it can be decided so about them.
    pub(super) fn decide(&mut self, reader: usize, decision: Decision) -> bool {
        let person = &self.people[reader];
        let is_over = person.is_gone || self.state == IssueState::Cancelled;
        if person.is_erased || decision == Decision::Resend && is_over {
            return false;
        }
        let stand = match (decision, self.people[reader].stand) {
            (Decision::Resend, Stand::InDoubt(_) | Stand::Refused(_)) => Stand::Queued,
            (Decision::Accepted, Stand::InDoubt(_)) => Stand::Accepted(None),
            (Decision::Resend | Decision::Accepted, _) => return false,
        };
        self.people[reader].stand = stand;
        self.people[reader].may_have_it &= decision == Decision::Accepted;
        let is_left = self.people.iter().any(|person| person.stand == Stand::Queued);
        if is_left && self.state == IssueState::Finished {
            self.state = IssueState::Running;
        }
        true
    }

    /// Whoever was at work is dead. What was refused to one from whom nothing was taken says nothing.
    pub(super) fn die(&mut self) {
        let is_any = |stand| self.people.iter().any(|person| person.stand == stand);
        let unproven = [0, 1].map(|by| {
            let was_at_work = is_any(Stand::Leased(by)) || is_any(Stand::Sending(by));
            was_at_work && !is_any(Stand::Accepted(Some(by)))
        });
        self.move_all(|stand| match stand {
            Stand::Leased(_) => Stand::Queued,
            Stand::Refused(by) if unproven[by] => Stand::Queued,
            Stand::Sending(by) => Stand::InDoubt(by),
            Stand::Queued
            | Stand::Accepted(_)
            | Stand::Deferred { .. }
            | Stand::Refused(_)
            | Stand::InDoubt(_)
            | Stand::Skipped => stand,
        });
        for person in self.people.iter_mut().filter(|person| person.is_erased) {
            if person.stand == Stand::Queued {
                person.stand = Stand::Skipped;
            }
        }
        self.skip_cancelled();
    }

    /// Nobody waits who is nobody.
    pub(super) fn erase(&mut self, reader: usize) {
        let person = &mut self.people[reader];
        (person.is_gone, person.is_erased) = (true, true);
        if matches!(person.stand, Stand::Queued | Stand::Leased(_) | Stand::Deferred { .. }) {
            person.stand = Stand::Skipped;
        }
    }

    pub(super) fn resend_all_in_doubt(&mut self) {
        if self.state == IssueState::Cancelled {
            return;
        }
        for person in &mut self.people {
            if matches!(person.stand, Stand::InDoubt(_)) && !person.is_gone {
                (person.stand, person.may_have_it) = (Stand::Queued, false);
            }
        }
    }

    /// Moves everybody who stands somewhere.
    pub(super) fn move_all(&mut self, to: impl Fn(Stand) -> Stand) {
        for person in &mut self.people {
            person.stand = to(person.stand);
        }
    }

    pub(super) fn cancel(&mut self) {
        if matches!(self.state, IssueState::Running | IssueState::Paused) {
            self.state = IssueState::Cancelled;
        }
        self.skip_cancelled();
    }

    /// Nobody waits for what was cancelled.
    fn skip_cancelled(&mut self) {
        if self.state == IssueState::Cancelled {
            self.move_all(|stand| match stand {
                Stand::Queued | Stand::Leased(_) | Stand::Deferred { .. } => Stand::Skipped,
                Stand::Sending(_)
                | Stand::Accepted(_)
                | Stand::Refused(_)
                | Stand::InDoubt(_)
                | Stand::Skipped => stand,
            });
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.people.iter().all(|person| match person.stand {
            Stand::Queued | Stand::Leased(_) | Stand::Sending(_) | Stand::Deferred { .. } => false,
            Stand::Accepted(_) | Stand::Refused(_) | Stand::InDoubt(_) | Stand::Skipped => true,
        })
    }
}
