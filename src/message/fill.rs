//! What one reader's fields hold.

use std::borrow::Cow;

use super::FrozenIssue;
use crate::id::{Place, Reference};
use crate::mailbox::EmailAddress;
use crate::newsletter::Tracking;
use crate::render::{Field, Link, Piece};
use crate::subscriber::Recipient;
use crate::token::{Keys, Purpose, Token, click_url, preferences_url, unsubscribe_url};
use crate::wrap::one_line;

/// One reader's values for one issue: a MAC a purpose, made once.
pub(super) struct Fill<'a> {
    issue: &'a FrozenIssue,
    recipient: &'a Recipient,
    click: Option<Token>,
    open: Option<Token>,
    unsubscribe: Token,
    preferences: Token,
}

impl<'a> Fill<'a> {
    pub(super) fn new(issue: &'a FrozenIssue, recipient: &'a Recipient, keys: &Keys) -> Self {
        let policy = issue.tracking.for_reader(recipient.tracking);
        let token = |purpose, reference| keys.token(purpose, issue.number(), reference);
        let tracked = |purpose, tracking| match tracking {
            Tracking::None => None,
            Tracking::Aggregate => Some(token(purpose, Reference::EVERYONE)),
            Tracking::Individual => Some(token(purpose, recipient.reference)),
        };
        Self {
            issue,
            recipient,
            click: tracked(Purpose::Click, policy.clicks),
            open: tracked(Purpose::Open, policy.opens),
            unsubscribe: token(Purpose::Unsubscribe, recipient.reference),
            preferences: token(Purpose::Preferences, recipient.reference),
        }
    }

    /// What stands in the URLs of a purpose; `None` where this reader is not counted.
    pub(super) fn token(&self, purpose: Purpose) -> Option<&str> {
        match purpose {
            Purpose::Click => self.click.as_ref().map(Token::as_str),
            Purpose::Open => self.open.as_ref().map(Token::as_str),
            Purpose::Unsubscribe => Some(self.unsubscribe.as_str()),
            Purpose::Preferences => Some(self.preferences.as_str()),
        }
    }

    /// As [`said`] of this reader.
    pub(super) fn reader(&self, name: &str, default: Option<&'a str>) -> Result<Cow<'a, str>, MissingField> {
        said(self.recipient, name, default)
    }

    /// Pieces as plain text.
    pub(super) fn text(&self, pieces: &'a [Piece]) -> Result<String, MissingField> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => text += literal,
                Piece::Field(field) => text += &self.field(field)?,
            }
        }
        Ok(text)
    }

    fn field(&self, field: &'a Field) -> Result<Cow<'a, str>, MissingField> {
        let FrozenIssue { base_url: base, rendered, .. } = self.issue;
        Ok(match field {
            Field::Link(place) => match &self.click {
                Some(token) => click_url(base, rendered.number, *place, token.as_str()).into(),
                None => target(&rendered.links, *place).into(),
            },
            Field::Unsubscribe => unsubscribe_url(base, rendered.number, self.unsubscribe.as_str()).into(),
            Field::Preferences => preferences_url(base, rendered.number, self.preferences.as_str()).into(),
            Field::Pixel => "".into(),
            Field::Reader { name, default } => self.reader(name, default.as_deref())?,
        })
    }
}

/// What the list says of a reader, on one line, else the default. What is empty is missing.
pub(super) fn said<'a>(
    recipient: &'a Recipient,
    name: &str,
    default: Option<&'a str>,
) -> Result<Cow<'a, str>, MissingField> {
    let known = match name {
        "email" => Some(Cow::Borrowed(recipient.address.as_str())),
        "name" => recipient.name.as_deref().map(|name| one_line(name).into()),
        "since" => Some(Cow::Owned(recipient.since.strftime("%-d %B %Y").to_string())),
        other => recipient.attributes.get(other).map(|value| one_line(value).into()),
    };
    known
        .filter(|value| !value.is_empty())
        .or(default.map(Cow::Borrowed))
        .ok_or_else(|| MissingField { field: name.to_owned(), reader: recipient.address.clone() })
}

/// Where a place leads; nowhere where the table lacks it.
pub(super) fn target(links: &[Link], place: Place) -> &str {
    let at = usize::from(place.0).checked_sub(1);
    at.and_then(|at| links.get(at)).map_or("", |link| &link.url)
}

/// A reader lacks a field that the issue uses without a default.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{reader} has no `{field}`, which the issue uses; fill the column in, or write `{{{{ reader.{field} | default(value=\"…\") }}}}`"
)]
pub struct MissingField {
    /// By its column.
    pub field: String,
    /// Who.
    pub reader: EmailAddress,
}
