//! The finished HTML cut at its fields: links get their places, comments of the template go, sizes are measured.

use std::ops::Range;

use url::Url;

use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::id::Place;
use crate::newsletter::BaseUrl;
use crate::render::entities::decode;
use crate::render::fields::{Fields, Occurrence};
use crate::render::markup::{Attribute, Scanner, Token};
use crate::render::text::changed;
use crate::render::{Field, Link, Part, Piece, written};
use crate::wrap::one_line;

/// HTML in its final form.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) pieces: Vec<Piece>,
    pub(super) links: Vec<Link>,
    /// Bytes by part, links as written, readers' fields empty.
    pub(super) sizes: Vec<(String, usize)>,
}

/// What stands at a place of the HTML instead of what was rendered.
#[derive(Debug)]
enum Edit {
    /// What differs from reader to reader.
    Field(Field),
    /// Nothing: a comment that only the template needs.
    Nothing,
    /// Nothing, and a part begins: a comment `part: NAME`.
    Part(String),
}

/// What an attribute may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Words: a reader's value.
    Words,
    /// The URL of a link: that of leaving or of the preferences, and nothing beside it.
    Link,
    /// Nothing that differs from reader to reader.
    Constant,
}

/// What one pass over the HTML finds.
#[derive(Debug, Default)]
struct Found<'a> {
    /// The readers' side: what leads there is no place of the issue's.
    own: &'a str,
    edits: Vec<(Range<usize>, Edit)>,
    links: Vec<Link>,
    /// Whether words belong to the last link.
    in_link: bool,
    /// URLs that lead nowhere.
    lost: Vec<String>,
    /// Where fields may stand, and which.
    holds: Vec<(Range<usize>, Holds)>,
    faults: Diagnostics,
}

/// Cuts `html`. Links to the readers' side, at `own`, stay as they are: a reader's way to the web edition is not counted.
/// What is wrong with a link is said where `sources` write its URL.
///
/// # Errors
/// Each field that stands where it may not, at its place in the template; a link that leads nowhere.
pub(super) fn cut(
    html: &str,
    fields: &Fields,
    own: &BaseUrl,
    sources: &[&Source],
) -> Result<Cut, Diagnostics> {
    let occurrences = fields.find(html);
    let mut found = scan(html, &occurrences, &own.0);
    for url in std::mem::take(&mut found.lost) {
        let mut fault = Diagnostic::error("link-url", format!("the link to `{url}` leads nowhere"))
            .help("a URL is `https://host/path`, without a user's name or control characters");
        fault.spots.extend(written(&url, sources));
        found.faults.push(fault);
    }
    for occurrence in occurrences {
        match placed(&occurrence, fields, &found.holds) {
            Ok(field) => found.edits.push((occurrence.range, Edit::Field(field))),
            Err(fault) if !found.faults.0.contains(&fault) => found.faults.push(fault),
            Err(_) => {}
        }
    }
    found.faults.or(())?;
    let end = html.rfind("</body>").unwrap_or(html.len());
    found.edits.push((end..end, Edit::Field(Field::Pixel)));
    found.edits.sort_by_key(|(range, _)| range.start);
    let (pieces, sizes) = assemble(html, found.edits);
    Ok(Cut { pieces, links: found.links, sizes })
}

fn scan<'a>(html: &str, occurrences: &[Occurrence], own: &'a str) -> Found<'a> {
    let mut found = Found { own, ..Found::default() };
    let mut scanner = Scanner::new(html);
    while let Some(token) = scanner.next() {
        match token {
            Token::Text(range) => {
                found.words(&html[range.clone()]);
                if stands_within(occurrences, &range) {
                    found.holds.push((range, Holds::Words));
                }
            }
            Token::Tag(tag) => found.tag(tag.name, scanner.attributes(), occurrences),
            Token::Comment(range) => found.comment(range, html),
            Token::Opaque(_) | Token::Doctype(_) => {}
            Token::Broken(_, message, _) => {
                found.faults.push(Diagnostic::error("html", format!("the HTML cannot be read: {message}")));
            }
        }
    }
    for link in &mut found.links {
        link.words = one_line(&decode(&link.words));
    }
    found
}

/// Whether a field stands in `range`.
fn stands_within(occurrences: &[Occurrence], range: &Range<usize>) -> bool {
    let first = occurrences.partition_point(|occurrence| occurrence.range.start < range.start);
    occurrences.get(first).is_some_and(|occurrence| occurrence.range.end <= range.end)
}

impl Found<'_> {
    fn tag(&mut self, name: &str, attributes: &[Attribute<'_>], occurrences: &[Occurrence]) {
        let link = name.eq_ignore_ascii_case("a");
        if link {
            self.in_link = false;
        }
        for attribute in attributes {
            let range = attribute.value_range();
            if stands_within(occurrences, &range) {
                self.holds.push((range, holds(link, attribute.name)));
            } else if attribute.name.eq_ignore_ascii_case("href") && matches!(name, "a" | "A" | "area") {
                self.link(range, attribute.value);
            } else if attribute.name == "alt" {
                self.words(attribute.value);
            }
        }
    }

    fn link(&mut self, range: Range<usize>, raw: &str) {
        let url = decode(raw);
        let url = url.trim();
        let scheme = url.split(':').next().unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return;
        }
        if url.strip_prefix(self.own).is_some_and(|path| path.is_empty() || path.starts_with('/')) {
            return;
        }
        let place = u16::try_from(self.links.len() + 1).ok().map(Place);
        match (place, leads_somewhere(url)) {
            (Some(place), true) => {
                self.links.push(Link { url: url.to_owned(), words: String::new(), part: Part::default() });
                self.edits.push((range, Edit::Field(Field::Link(place))));
                self.in_link = true;
            }
            (_, false) => self.lost.push(url.to_owned()),
            (None, true) => {
                self.faults.push(Diagnostic::error("link-count", "an issue has at most 65,535 links"));
            }
        }
    }

    fn words(&mut self, words: &str) {
        if let Some(link) = self.links.last_mut().filter(|_| self.in_link) {
            link.words.push_str(words);
        }
    }

    /// Comments of the template stay behind; Outlook's (`[if …]`) are for it to read.
    fn comment(&mut self, range: Range<usize>, html: &str) {
        let text = html[range.clone()].trim_start_matches("<!--").trim_end_matches("-->");
        if let Some(name) = text.trim().strip_prefix("part:") {
            self.edits.push((range, Edit::Part(decode(name).trim().to_owned())));
        } else if !text.starts_with("[if") && !text.starts_with("<![endif]") {
            self.edits.push((range, Edit::Nothing));
        }
    }
}

fn leads_somewhere(url: &str) -> bool {
    let parsed = Url::parse(url).ok();
    let parsed =
        parsed.filter(|url| url.host().is_some() && url.username().is_empty() && url.password().is_none());
    parsed.is_some() && !url.chars().any(char::is_control)
}

fn holds(link: bool, attribute: &str) -> Holds {
    match attribute.to_ascii_lowercase().as_str() {
        "href" if link => Holds::Link,
        "alt" | "title" | "aria-label" | "summary" | "content" | "label" | "placeholder" | "value" => {
            Holds::Words
        }
        name if name.starts_with("data-") => Holds::Words,
        _ => Holds::Constant,
    }
}

/// The field of an occurrence, if it may stand there.
fn placed(
    occurrence: &Occurrence,
    fields: &Fields,
    holds: &[(Range<usize>, Holds)],
) -> Result<Field, Diagnostic> {
    let field = occurrence.index.map(|index| fields.get(index));
    let Some(found) = field.filter(|_| occurrence.whole) else { return Err(changed(field)) };
    let name = found.name();
    let refused = |place: &str, help: &str| {
        let message = format!("`{name}` may not stand {place}");
        Err(Diagnostic::error("field-place", message).at(found.spot.clone()).help(help))
    };
    let range = &occurrence.range;
    let around = holds.iter().find(|(around, _)| around.start <= range.start && range.end <= around.end);
    let fills = around.is_some_and(|(around, _)| around == range);
    match around.map(|(_, holds)| holds) {
        Some(Holds::Words) => Ok(found.field.clone()),
        Some(Holds::Link) if found.is_url() && fills => Ok(found.field.clone()),
        Some(Holds::Link) if found.is_url() => {
            refused("in a longer URL", &format!("write `href=\"{{{{ {name} }}}}\"` and nothing beside it"))
        }
        Some(Holds::Link) => refused(
            "in a link's URL",
            "it would tell the link's owner who reads; clicks are counted as `[tracking]` of newsletter.toml says",
        ),
        Some(Holds::Constant) | None => refused(
            "here",
            "fields stand in text, and in attributes that hold words, as `alt` and `title`; not in styles and comments",
        ),
    }
}

/// The pieces, and the bytes of each part.
fn assemble(html: &str, edits: Vec<(Range<usize>, Edit)>) -> (Vec<Piece>, Vec<(String, usize)>) {
    let mut pieces = Vec::new();
    let mut sizes = vec![("head".to_owned(), 0)];
    let mut literal = String::new();
    let mut at = 0;
    for (range, edit) in edits {
        literal.push_str(&html[at..range.start]);
        let link = if matches!(edit, Edit::Field(Field::Link(_))) { range.len() } else { 0 };
        if let Some((_, size)) = sizes.last_mut() {
            *size += range.start - at + link;
        }
        match edit {
            Edit::Field(field) => {
                flush(&mut literal, &mut pieces);
                pieces.push(Piece::Field(field));
            }
            Edit::Nothing => {}
            Edit::Part(name) => sizes.push((name, 0)),
        }
        at = range.end;
    }
    literal.push_str(&html[at..]);
    flush(&mut literal, &mut pieces);
    if let Some((_, size)) = sizes.last_mut() {
        *size += html.len() - at;
    }
    (pieces, sizes)
}

fn flush(literal: &mut String, pieces: &mut Vec<Piece>) {
    if !literal.is_empty() {
        pieces.push(Piece::Literal(std::mem::take(literal)));
    }
}
