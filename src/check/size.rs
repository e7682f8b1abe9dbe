//! The weight of the HTML: Gmail cuts at 102 kB, the footer and its way out too (requirement 21).

use crate::diagnostic::{Diagnostic, Severity};
use crate::issue::Issue;
use crate::newsletter::Newsletter;
use crate::render::{Field, Piece, RenderedIssue};

/// Bytes from which on an issue is near the limit.
const LARGE: usize = 90_000;

/// Bytes at which Gmail cuts.
const CUT: usize = 102_000;

/// Bytes of a tracked URL behind the newsletter's address: issue, place, token.
const TOKEN: usize = 52;

/// Bytes of the pixel's element beside its URL.
const PIXEL: usize = 110;

/// Bytes that a reader's own words are taken for.
const WORDS: usize = 40;

/// How many parts are named.
const NAMED: usize = 3;

/// Too large for the largest mailbox provider, or nearly so, with the parts that weigh most.
pub(super) fn html(issue: &Issue, rendered: &RenderedIssue, newsletter: &Newsletter) -> Option<Diagnostic> {
    let bytes: usize = rendered.html.iter().map(|piece| weight(piece, rendered, newsletter)).sum();
    if bytes <= LARGE {
        return None;
    }
    let (kind, severity) =
        if bytes <= CUT { ("html-large", Severity::Warning) } else { ("html-too-large", Severity::Error) };
    let (number, size, cut) = (issue.number, kilobytes(bytes), kilobytes(CUT));
    let message = format!("issue {number} is about {size} of HTML; Gmail cuts at {cut}");
    let help = format!("shorten what weighs most: {}", heaviest(rendered));
    Some(Diagnostic { severity, ..Diagnostic::warning(kind, message) }.help(help))
}

fn heaviest(rendered: &RenderedIssue) -> String {
    let mut parts: Vec<&(String, usize)> = rendered.sizes.iter().collect();
    parts.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let named = parts.iter().take(NAMED).map(|(part, size)| format!("{part} ({})", kilobytes(*size)));
    named.collect::<Vec<_>>().join(", ")
}

/// Bytes of a piece in the largest message, or nearly.
fn weight(piece: &Piece, rendered: &RenderedIssue, newsletter: &Newsletter) -> usize {
    let tracked = newsletter.base_url.0.len() + TOKEN;
    match piece {
        Piece::Literal(html) => html.len(),
        Piece::Field(Field::Link(place)) => {
            let link = rendered.links.get(usize::from(place.0).saturating_sub(1));
            tracked.max(link.map_or(0, |link| link.url.len()))
        }
        Piece::Field(Field::Unsubscribe | Field::Preferences) => tracked,
        Piece::Field(Field::Pixel) => tracked + PIXEL,
        Piece::Field(Field::Reader { default, .. }) => WORDS.max(default.as_ref().map_or(0, String::len)),
    }
}

/// As in `31.3 kB`, a kB being 1,000 bytes.
pub(crate) fn kilobytes(bytes: usize) -> String {
    let tenths = (bytes + 50) / 100;
    format!("{}.{} kB", tenths / 10, tenths % 10)
}
