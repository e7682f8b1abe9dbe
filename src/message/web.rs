//! An issue as it stands on the web: for nobody in particular, with no reader's token in it.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::fill::MissingField;
use super::preview::preview;
use super::{FrozenIssue, Preview};
use crate::id::{Place, Reference, SubscriberId};
use crate::mailbox::EmailAddress;
use crate::render::{Field, Piece, TextBlock};
use crate::subscriber::{Format, Recipient};

/// The web edition: links lead straight to their targets, `mended` ones where they lead now; a reader's fields hold their default, or
/// what fits anybody; Unsubscribe and Preferences lead to pages that say where one's own link is.
///
/// # Errors
/// None in practice: nothing of a reader is asked for.
pub fn web_edition(mut issue: FrozenIssue, mended: &[(Place, &str)]) -> Result<Preview, MissingField> {
    let base = issue.base_url.0.clone();
    for (place, url) in mended {
        let at = usize::from(place.0).checked_sub(1);
        if let Some(link) = at.and_then(|at| issue.rendered.links.get_mut(at)) {
            (*url).clone_into(&mut link.url);
        }
    }
    let address = issue.from.address.clone();
    let rendered = &mut issue.rendered;
    let text = rendered.text.iter_mut().flat_map(|block| match block {
        TextBlock::Lines(pieces) | TextBlock::Paragraph { pieces, .. } => pieces,
    });
    for piece in rendered.subject.iter_mut().chain(&mut rendered.html).chain(text) {
        if let Piece::Field(field) = piece
            && let Some(instead) = for_anybody(&base, field)
        {
            *piece = instead;
        }
    }
    preview(&issue, &anybody(address))
}

fn for_anybody(base: &str, field: &Field) -> Option<Piece> {
    Some(match field {
        Field::Link(_) | Field::Pixel => return None,
        Field::Unsubscribe => Piece::Literal(format!("{base}/unsubscribe")),
        Field::Preferences => Piece::Literal(format!("{base}/preferences")),
        Field::Reader { name, default } => {
            let words = match name.as_str() {
                "email" => "your address",
                "since" => "the day you joined",
                _ => "…",
            };
            let default = default.clone().unwrap_or_else(|| words.to_owned());
            Piece::Field(Field::Reader { name: String::new(), default: Some(default) })
        }
    })
}

fn anybody(address: EmailAddress) -> Recipient {
    Recipient {
        id: SubscriberId(0),
        reference: Reference::EVERYONE,
        address,
        name: None,
        since: Date::ZERO,
        tracking: None,
        format: Format::Html,
        attributes: BTreeMap::new(),
    }
}
