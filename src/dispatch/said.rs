//! What a dispatch did, in words and for programs.

use std::fmt;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::{Dispatched, Done, Fault};
use crate::delivery::Counts;
use crate::send::Ending;

impl fmt::Display for Dispatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sent.iter().try_for_each(|done| writeln!(f, "{done}"))
    }
}

impl Serialize for Dispatched {
    /// The issue where it is one, the counts of all that were worked on, and each with its own.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let issue = match &self.sent[..] {
            [Done(sent)] => Some(sent.issue),
            _ => None,
        };
        let sum = |count: fn(&Counts) -> u64| self.sent.iter().map(|done| count(&done.0.counts)).sum::<u64>();
        let faults: Vec<_> = self.faults.iter().flat_map(Fault::findings).collect();
        let mut object = serializer.serialize_struct("Dispatched", 12)?;
        object.serialize_field("issue", &issue)?;
        object.serialize_field("queued", &sum(|counts| counts.queued))?;
        object.serialize_field("waiting", &sum(|counts| counts.waiting))?;
        object.serialize_field("accepted", &sum(|counts| counts.accepted))?;
        object.serialize_field("deferred", &sum(|counts| counts.deferred))?;
        object.serialize_field("refused", &sum(|counts| counts.refused))?;
        object.serialize_field("in_doubt", &sum(|counts| counts.in_doubt))?;
        object.serialize_field("skipped", &sum(|counts| counts.skipped))?;
        object.serialize_field("issues", &self.sent)?;
        object.serialize_field("said", &self.said)?;
        object.serialize_field("faults", &faults)?;
        object.serialize_field("notes", &self.notes)?;
        object.end()
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = &self.0;
        let trial = if sent.trial { "trial: " } else { "" };
        let Counts { queued, waiting, accepted, deferred, refused, in_doubt, skipped } = sent.counts;
        write!(
            f,
            "{trial}issue {}: {} accepted now; of {queued}, {accepted} accepted, {deferred} deferred, {refused} refused, \
             {in_doubt} in doubt, {waiting} not tried; {skipped} skipped",
            sent.issue, sent.accepted_now
        )?;
        match sent.ending {
            Ending::Done | Ending::NothingToDo | Ending::Incomplete => Ok(()),
            Ending::Deferred => match sent.next_attempt {
                Some(at) => write!(f, "; again from {at:.0} on"),
                None => Ok(()),
            },
            Ending::Stopped => f.write_str("; stopped"),
            Ending::Paused => write!(f, "; paused, `pressroom resume {}` to go on", sent.issue),
            Ending::Cancelled => f.write_str("; cancelled"),
            Ending::RelayAway | Ending::RelayRefuses => {
                write!(f, "; the relay takes nothing: {}", sent.relay_said.as_deref().unwrap_or_default())
            }
        }
    }
}
