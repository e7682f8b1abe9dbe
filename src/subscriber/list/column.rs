//! What the columns of a list file hold.

use super::telling::Question;

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    Email,
    Name,
    /// Half of a name, and `reader.first_name`.
    FirstName,
    /// Half of a name, and `reader.last_name`.
    LastName,
    Tracking,
    Format,
    /// `reader.FIELD`.
    Attribute(String),
    /// `reader.FIELD`, and perhaps who is on the list.
    Telling(Question),
    /// A JSON object of attributes.
    Attributes,
    /// Since when they read; of several the first that is not empty.
    Since,
    /// A service's word for a reader's standing.
    Status,
    /// When they left; not empty, it says that they did.
    LeftAt,
    /// When they left, if they did: another column says so.
    DateLeft,
    /// When mail to them bounced for good; not empty, it says that it did.
    BouncedAt,
    /// Since when nobody writes to them, if so: another column says it.
    DateSuppressed,
    /// `true`: they want no mail.
    Unwanted,
    /// `false`: they want no mail.
    Wanted,
    Suppressed,
    PausedUntil,
    /// How they came.
    Origin,
    /// Which of the other columns are their own word.
    Chosen,
    ConsentedAt,
    AskedAt,
    ConsentedFrom,
    ConsentWording,
    /// Without a name: nobody can ask for it.
    Nameless,
    /// Of use to nobody but the service that wrote it.
    Dropped,
}

/// What a column is for.
pub(super) enum Kind {
    Field,
    Standing,
    Dropped,
    Nothing,
}

impl Column {
    /// The field of a reader that it fills.
    pub(super) fn attribute(&self) -> Option<&str> {
        match self {
            Self::Attribute(name) => Some(name),
            Self::Telling(question) => Some(&question.field),
            Self::FirstName => Some("first_name"),
            Self::LastName => Some("last_name"),
            _ => None,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Email
            | Self::Name
            | Self::FirstName
            | Self::LastName
            | Self::Tracking
            | Self::Format
            | Self::Attribute(_)
            | Self::Attributes => Kind::Field,
            Self::Telling(_)
            | Self::Since
            | Self::Status
            | Self::LeftAt
            | Self::DateLeft
            | Self::BouncedAt
            | Self::DateSuppressed
            | Self::Unwanted
            | Self::Wanted
            | Self::Suppressed
            | Self::PausedUntil
            | Self::Origin
            | Self::Chosen
            | Self::ConsentedAt
            | Self::AskedAt
            | Self::ConsentedFrom
            | Self::ConsentWording => Kind::Standing,
            Self::Dropped => Kind::Dropped,
            Self::Nameless => Kind::Nothing,
        }
    }
}
