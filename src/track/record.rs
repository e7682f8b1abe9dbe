//! What is heard, as a server's own file keeps it: records of one length, each with a checksum, so that a torn one is known.

use jiff::Timestamp;

use crate::event::{Event, EventKind, HeaderFlags, Signals};
use crate::id::{IssueNumber, Place, Reference};
use crate::store::{Arrival, agent, agent_number, method, method_number};
use crate::subscriber::{Leaving, Way};

/// Octets a record.
pub(super) const LENGTH: usize = 40;

/// What waits for the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    /// A click or an open.
    Event(Arrival),
    /// Somebody left by the link of an issue while the store could not be asked.
    Leaving { reference: Reference, leaving: Leaving },
}

impl Record {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        match self {
            Self::Event(arrival) => write_event(arrival, out),
            Self::Leaving { reference, leaving } => write_leaving(*reference, leaving, out),
        }
        out.resize(start + LENGTH - 4, 0);
        let sum = checksum(&out[start..]);
        out.extend(sum.to_be_bytes());
    }

    /// `None` for a record that is torn, or that no version wrote.
    pub(super) fn read(record: &[u8; LENGTH]) -> Option<Self> {
        let (body, sum) = record.split_last_chunk()?;
        if checksum(body) != u32::from_be_bytes(*sum) {
            return None;
        }
        let (kind, mut rest) = body.split_first()?;
        let issue = u32::from_be_bytes(take(&mut rest)?);
        let reference = Reference(u64::from_be_bytes(take(&mut rest)?));
        let at = Timestamp::from_millisecond(i64::from_be_bytes(take(&mut rest)?)).ok()?;
        match kind {
            1 => read_event(IssueNumber::new(issue.into())?, reference, at, rest),
            2 => {
                let way = way(take::<1>(&mut rest)?[0])?;
                let leaving = Leaving { at, issue: IssueNumber::new(issue.into()), way };
                Some(Self::Leaving { reference, leaving })
            }
            _ => None,
        }
    }
}

fn write_event(arrival: &Arrival, out: &mut Vec<u8>) {
    let Event { kind, at, signals } = arrival.event;
    let place = match kind {
        EventKind::Click(place) => place.0,
        EventKind::Open => 0,
    };
    head(1, Some(arrival.issue), arrival.reference, at, out);
    out.extend(arrival.seq.to_be_bytes());
    out.extend(place.to_be_bytes());
    // Both numbers are far below 256.
    out.push(u8::try_from(agent_number(signals.agent)).unwrap_or_default());
    out.push(u8::try_from(method_number(signals.method)).unwrap_or_default());
    out.extend(signals.headers.0.to_be_bytes());
}

fn read_event(issue: IssueNumber, reference: Reference, at: Timestamp, mut rest: &[u8]) -> Option<Record> {
    let seq = i64::from_be_bytes(take(&mut rest)?);
    let place = u16::from_be_bytes(take(&mut rest)?);
    let [agent_number, method_number] = take(&mut rest)?;
    let signals = Signals {
        agent: agent(agent_number.into()).ok()?,
        method: method(method_number.into()).ok()?,
        headers: HeaderFlags(u16::from_be_bytes(take(&mut rest)?)),
        delay: None,
    };
    let kind = if place == 0 { EventKind::Open } else { EventKind::Click(Place(place)) };
    Some(Record::Event(Arrival { issue, reference, seq, event: Event { kind, at, signals } }))
}

fn write_leaving(reference: Reference, leaving: &Leaving, out: &mut Vec<u8>) {
    head(2, leaving.issue, reference, leaving.at, out);
    out.push(match leaving.way {
        Way::OneClick => 1,
        Way::Page => 2,
        Way::Mail => 3,
        Way::Command => 4,
        Way::File => 5,
    });
}

fn way(number: u8) -> Option<Way> {
    Some(match number {
        1 => Way::OneClick,
        2 => Way::Page,
        3 => Way::Mail,
        4 => Way::Command,
        5 => Way::File,
        _ => return None,
    })
}

fn head(kind: u8, issue: Option<IssueNumber>, reference: Reference, at: Timestamp, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend(issue.map_or(0, IssueNumber::get).to_be_bytes());
    out.extend(reference.0.to_be_bytes());
    out.extend(at.as_millisecond().to_be_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*first)
}

/// FNV-1a: against torn writes, not against people.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{AgentClass, Method};

    fn arrival() -> Arrival {
        let signals = Signals {
            agent: AgentClass::Scanner,
            method: Method::Head,
            headers: HeaderFlags(37),
            delay: None,
        };
        let event =
            Event { kind: EventKind::Click(Place(44)), at: Timestamp::constant(1_700_000_000, 0), signals };
        Arrival { issue: IssueNumber::new(379).unwrap(), reference: Reference(u64::MAX - 1), seq: -7, event }
    }

    fn written(record: &Record) -> [u8; LENGTH] {
        let mut out = Vec::new();
        record.write(&mut out);
        out.try_into().unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let open = Event { kind: EventKind::Open, ..arrival().event };
        let leaving = Leaving { at: arrival().event.at, issue: Some(arrival().issue), way: Way::OneClick };
        for record in [
            Record::Event(arrival()),
            Record::Event(Arrival { event: open, ..arrival() }),
            Record::Leaving { reference: Reference(9), leaving },
        ] {
            assert_eq!(Record::read(&written(&record)), Some(record));
        }
    }

    #[test]
    fn a_record_with_one_bit_changed_is_none() {
        let record = written(&Record::Event(arrival()));
        for bit in 0..LENGTH * 8 {
            let mut torn = record;
            torn[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::read(&torn), None, "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(record: [u8; LENGTH]) {
            let _ = Record::read(&record);
        }
    }
}
