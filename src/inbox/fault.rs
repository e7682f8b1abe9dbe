//! A relay's bad days, for rehearsals and tests: which fault befalls whom is told by a seed alone, so that it can be had again.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::script::{Action, Envelope, Script, Stage};
use crate::mailbox::EmailAddress;

/// How late the answer of a slow relay is.
const LATE: Duration = Duration::from_millis(50);

/// Of how many attempts a rate speaks.
const ATTEMPTS: u64 = 10_000;

/// The name under which the relay itself stands among its readers.
const RELAY: &str = "";

/// What may go wrong with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// 421 to MAIL: the relay itself has no time, and hangs up.
    Busy,
    /// 421 to RCPT: the reader's destination asks for less, and the relay hangs up.
    SlowDown,
    /// 450 to RCPT: the mailbox is in use.
    MailboxBusy,
    /// 451 to RCPT: greylisted.
    Greylisted,
    /// 550 to RCPT: there is no such mailbox.
    NoSuchMailbox,
    /// The connection is cut in the middle of the message.
    CutWithin,
    /// The connection is cut after the final dot, and the message is lost.
    CutAndLost,
    /// The connection is cut after the final dot, and the message is kept.
    CutAndKept,
    /// The answer to the message is late.
    Late,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Busy,
        Self::SlowDown,
        Self::MailboxBusy,
        Self::Greylisted,
        Self::NoSuchMailbox,
        Self::CutWithin,
        Self::CutAndLost,
        Self::CutAndKept,
        Self::Late,
    ];

    /// Whether it befalls the connection before anybody knows whom the message is for.
    fn is_the_relays(self) -> bool {
        self == Self::Busy
    }

    /// Where it shows, and how.
    fn shows(self) -> (Stage, Action) {
        let says = |reply: &str| Action::Reply(reply.to_owned());
        match self {
            Self::Busy => (Stage::Mail, says("421 4.3.2 no time just now")),
            Self::SlowDown => (Stage::Recipient, says("421 4.7.0 too much mail at once")),
            Self::MailboxBusy => (Stage::Recipient, says("450 4.2.1 the mailbox is in use")),
            Self::Greylisted => (Stage::Recipient, says("451 4.7.1 greylisted, come back later")),
            Self::NoSuchMailbox => (Stage::Recipient, says("550 5.1.1 no such mailbox")),
            Self::CutWithin => (Stage::Within, Action::Cut),
            Self::CutAndLost => (Stage::Body, Action::Cut),
            Self::CutAndKept => (Stage::Kept, Action::Cut),
            Self::Late => (Stage::Kept, Action::Late(LATE)),
        }
    }

    /// How often it befalls an attempt, unless a plan says otherwise: now and then, of ten thousand attempts.
    fn usual_rate(self) -> u16 {
        match self {
            Self::Greylisted => 200,
            Self::MailboxBusy | Self::Late => 100,
            Self::Busy | Self::NoSuchMailbox => 50,
            Self::CutWithin | Self::CutAndLost | Self::CutAndKept => 20,
            // A whole destination waits for it.
            Self::SlowDown => 1,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "421 to MAIL",
            Self::SlowDown => "421 to RCPT",
            Self::MailboxBusy => "450 to RCPT",
            Self::Greylisted => "451 to RCPT",
            Self::NoSuchMailbox => "550 to RCPT",
            Self::CutWithin => "cut within a message",
            Self::CutAndLost => "cut after the final dot, the message lost",
            Self::CutAndKept => "cut after the final dot, the message kept",
            Self::Late => "a late answer",
        })
    }
}

/// Which faults there are to be.
#[derive(Debug, Clone)]
pub struct Plan {
    seed: u64,
    /// Of ten thousand attempts.
    rates: BTreeMap<Fault, u16>,
}

impl Plan {
    /// No fault, but for those that are asked for.
    pub fn quiet(seed: u64) -> Self {
        Self { seed, rates: BTreeMap::new() }
    }

    /// Each fault now and then, as this seed has it.
    pub fn usual(seed: u64) -> Self {
        Fault::ALL.into_iter().fold(Self::quiet(seed), |plan, fault| plan.rate(fault, fault.usual_rate()))
    }

    /// The fault befalls so many of ten thousand attempts.
    #[must_use]
    pub fn rate(mut self, fault: Fault, rate: u16) -> Self {
        self.rates.insert(fault, rate);
        self
    }

    /// What befalls a reader's attempt, counted from 1; or the relay itself ([`RELAY`]) at a MAIL.
    fn chosen(&self, whom: &str, attempt: u32) -> Option<Fault> {
        let lot = self.lot(whom, attempt) % ATTEMPTS;
        let mut passed = 0;
        let befalling = self.rates.iter().filter(|(fault, _)| fault.is_the_relays() == (whom == RELAY));
        befalling.into_iter().find_map(|(fault, rate)| {
            passed += u64::from(*rate);
            (lot < passed).then_some(*fault)
        })
    }

    fn lot(&self, whom: &str, attempt: u32) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, whom, attempt).hash(&mut hasher);
        hasher.finish()
    }
}

/// A plan at work; clones are the same one.
#[derive(Debug, Clone)]
pub struct Faults(Arc<AtWork>);

#[derive(Debug)]
struct AtWork {
    plan: Plan,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Attempts by the reader's key.
    attempts: HashMap<String, u32>,
    /// By the reader's key: what befalls their first attempt.
    first: HashMap<String, Fault>,
    dealt: BTreeMap<Fault, u64>,
}

impl Faults {
    /// Puts a plan to work.
    pub fn new(plan: Plan) -> Self {
        Self(Arc::new(AtWork { plan, seen: Mutex::default() }))
    }

    /// This fault befalls this reader's first attempt, or the relay's first MAIL if it is the relay's, whatever the plan says.
    pub fn surely(&self, fault: Fault, reader: &EmailAddress) {
        let whom = if fault.is_the_relays() { RELAY.to_owned() } else { reader.key() };
        self.seen().first.insert(whom, fault);
    }

    /// A reader's lot: who has the lowest ones is as the seed has it.
    pub fn lot(&self, reader: &EmailAddress) -> u64 {
        self.0.plan.lot(&reader.key(), 0)
    }

    /// What makes an inbox act by the plan.
    pub fn script(&self) -> Script {
        let faults = Self::clone(self);
        Script::new(move |envelope, stage| faults.action(envelope, stage))
    }

    /// How often each fault befell somebody so far.
    pub fn dealt(&self) -> BTreeMap<Fault, u64> {
        self.seen().dealt.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn action(&self, envelope: &Envelope, stage: Stage) -> Option<Action> {
        let whom = envelope.to.last().map_or_else(|| RELAY.to_owned(), EmailAddress::key);
        let mut seen = self.seen();
        let fault = seen.befalls(&self.0.plan, &whom, stage)?;
        let (at, action) = fault.shows();
        if at != stage {
            return None;
        }
        *seen.dealt.entry(fault).or_default() += 1;
        Some(action)
    }
}

impl Seen {
    /// What befalls the attempt that RCPT begins, or MAIL for the relay itself.
    fn befalls(&mut self, plan: &Plan, whom: &str, stage: Stage) -> Option<Fault> {
        let attempt = self.attempts.entry(whom.to_owned()).or_default();
        *attempt += u32::from(matches!(stage, Stage::Mail | Stage::Recipient));
        let sure = self.first.get(whom).filter(|_| *attempt == 1);
        sure.copied().or_else(|| plan.chosen(whom, *attempt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults of so many readers' first attempts.
    fn dealt(plan: &Plan, readers: u32) -> Vec<Option<Fault>> {
        (0..readers).map(|n| plan.chosen(&format!("r{n}@example.com"), 1)).collect()
    }

    #[test]
    fn the_same_seed_deals_the_same_faults_and_another_one_others() {
        let plan = Plan::usual(7);
        assert_eq!(dealt(&plan, 5000), dealt(&plan.clone(), 5000));
        assert_ne!(dealt(&plan, 5000), dealt(&Plan::usual(8), 5000));
        let attempts: Vec<_> = (1..500).map(|attempt| plan.chosen("a@example.com", attempt)).collect();
        assert!(attempts.iter().any(Option::is_some) && attempts.iter().any(Option::is_none));
    }

    #[test]
    fn each_fault_is_as_frequent_as_its_rate_has_it() {
        let plan = Plan::usual(1);
        let faults = dealt(&plan, 100_000);
        for fault in Fault::ALL.into_iter().filter(|fault| !fault.is_the_relays()) {
            let times = faults.iter().filter(|dealt| **dealt == Some(fault)).count();
            let expected = usize::from(fault.usual_rate()) * 10;
            assert!(times.abs_diff(expected) <= expected / 4 + 12, "{fault}: {times} for {expected}");
        }
        let relays = (1..=100_000).filter(|mail| plan.chosen(RELAY, *mail) == Some(Fault::Busy)).count();
        assert!(relays.abs_diff(500) < 125, "{relays}");
        assert!(dealt(&Plan::quiet(1), 1000).iter().all(Option::is_none));
    }
}
