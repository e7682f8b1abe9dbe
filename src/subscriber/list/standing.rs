//! What a list file says of a reader beside who they are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::telling::Doubts;
use crate::mailbox::EmailAddress;
use crate::subscriber::{Choices, Consent, Entry, Origin, SuppressionReason};

/// One line of a list file, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Who.
    pub entry: Entry,
    /// Whether mail may go to them.
    pub standing: Standing,
    /// Where that is to be settled by the rest of the file.
    pub doubts: Doubts,
    /// Since when they read, if the file tells.
    pub since: Option<Timestamp>,
    /// Why nobody writes to them any more, on whatever list.
    pub suppressed: Option<SuppressionReason>,
    /// Since when nobody writes to them, if the file tells.
    pub suppressed_at: Option<Timestamp>,
    /// What few files tell.
    pub more: Option<Box<More>>,
}

/// What only `subscribers export` writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct More {
    /// How they came to the list, if not by its file.
    pub origin: Option<Origin>,
    /// What is their own word. In the entry it stands too.
    pub choices: Choices,
    /// To what they agreed.
    pub consent: Option<Consent>,
}

/// Whether a file has a reader on its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// They are on it.
    Subscribed,
    /// They are not: they never confirmed, or nothing says that they did.
    Outside,
    /// They are not, since another file did not have them any more; what they chose there is kept.
    Gone,
    /// They left it, when if the file tells.
    Left(Option<Timestamp>),
    /// They are not on it, and nobody writes to them any more.
    Suppressed(SuppressionReason),
}

impl Row {
    /// What keeps somebody off a list whatever else its file says of them.
    pub fn nobody(address: EmailAddress) -> Self {
        let entry = Entry { address, name: None, tracking: None, format: None, attributes: BTreeMap::new() };
        let (standing, doubts) = (Standing::Subscribed, Doubts::SETTLED);
        Self { entry, standing, doubts, since: None, suppressed: None, suppressed_at: None, more: None }
    }
}

impl Standing {
    /// Of two words of one line, the one that asks for less mail.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Left(None), Self::Left(at)) => Self::Left(at),
            _ if other.rank() > self.rank() => other,
            _ => self,
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Subscribed => 0,
            Self::Outside | Self::Gone => 1,
            Self::Left(_) => 2,
            Self::Suppressed(_) => 3,
        }
    }
}

/// A time as services write it: RFC 3339, or a date with or without a time, then in UTC. `None` where it is none.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let zoned = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    if let Some(time) = text.get(..19).and_then(|time| time.parse::<DateTime>().ok()) {
        return zoned(time);
    }
    let date: Date = text.get(..10)?.parse().ok()?;
    zoned(date.to_datetime(jiff::civil::Time::midnight()))
}
