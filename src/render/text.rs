//! The text alternative cut at its fields: a URL that stands alone on a line takes the place of its link in the HTML.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::id::Place;
use crate::render::fields::{Fields, Found, Occurrence};
use crate::render::{Field, Link, Piece, TextBlock, written};
use crate::wrap::visible;

/// Cuts what issue.txt gave, and says which places of the HTML it lacks or has out of order (R74).
///
/// # Errors
/// A field that the template changed.
pub(super) fn cut(
    text: &str,
    fields: &Fields,
    links: &[Link],
    sources: &[&Source],
) -> Result<(Vec<TextBlock>, Diagnostics), Diagnostics> {
    let text = tidy(text);
    let mut cutter = Cutter {
        fields,
        links,
        sources,
        used: vec![false; links.len()],
        next: 0,
        blocks: Vec::new(),
        findings: Diagnostics::none(),
    };
    let mut faults = Diagnostics::none();
    let mut rest = text.lines().peekable();
    while let Some(line) = rest.next() {
        let mut together = vec![line];
        if cutter.is_words(line) {
            while let Some(more) = rest.next_if(|line| cutter.is_words(line)) {
                together.push(more);
            }
        }
        if let Err(fault) = cutter.lines(&together) {
            faults.push(fault);
        }
    }
    cutter.missing();
    faults.or((cutter.blocks, cutter.findings))
}

/// Nothing unseen, no space at a line's end, no more than two blank lines together, none at either end of the text.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut blank = 0;
    for line in text.lines().map(visible) {
        let line = line.trim_end_matches(|c: char| c.is_whitespace() || c == '\r');
        if line.is_empty() {
            blank += 1;
            continue;
        }
        if !tidy.is_empty() {
            tidy.extend(std::iter::repeat_n('\n', blank.min(2)));
        }
        blank = 0;
        tidy.push_str(line);
        tidy.push('\n');
    }
    tidy
}

struct Cutter<'a> {
    fields: &'a Fields,
    links: &'a [Link],
    sources: &'a [&'a Source],
    used: Vec<bool>,
    /// Behind the last place that was taken in order.
    next: usize,
    blocks: Vec<TextBlock>,
    findings: Diagnostics,
}

impl Cutter<'_> {
    /// Whether a line is neither blank nor a URL.
    fn is_words(&self, line: &str) -> bool {
        let bare = bare(line).1;
        let whole = |found: &Occurrence| {
            found.range == (0..bare.len()) && found.index.is_some_and(|index| self.fields.get(index).is_url())
        };
        let url = self.links.iter().any(|link| link.url == bare)
            || self.fields.find(bare).first().is_some_and(whole);
        !bare.is_empty() && !url
    }

    /// Lines that belong together: a paragraph, or one line.
    fn lines(&mut self, lines: &[&str]) -> Result<(), Diagnostic> {
        let whole = lines.join("\n");
        let cut = pieces(&whole, self.fields)?;
        let personal = cut.iter().any(|piece| matches!(piece, Piece::Field(Field::Reader { .. })));
        if personal {
            let indent: String = whole.chars().take_while(|c| *c == ' ').collect();
            let words: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
            let pieces = pieces(&words.join(" "), self.fields)?;
            self.blocks.push(TextBlock::Paragraph { indent, pieces });
        } else {
            let pieces = self.linked(&whole).unwrap_or(cut);
            self.append(pieces);
        }
        Ok(())
    }

    /// The pieces of a line that is the URL of a link.
    fn linked(&mut self, line: &str) -> Option<Vec<Piece>> {
        let (range, url) = bare(line);
        let place = self.place(url)?;
        let mut pieces = Vec::new();
        push(&mut pieces, &line[..range.start]);
        pieces.push(Piece::Field(Field::Link(place)));
        push(&mut pieces, &line[range.end..]);
        Some(pieces)
    }

    /// The next place that leads there; one that was passed over already is out of order.
    fn place(&mut self, url: &str) -> Option<Place> {
        let free = |index: &usize| !self.used[*index] && self.links[*index].url == url;
        let index = (self.next..self.links.len()).find(free).or_else(|| (0..self.next).find(free))?;
        if index < self.next {
            let message = "the text alternative has this link out of order";
            self.find("text-order", message, url, "let issue.txt name the links in the order of issue.mjml");
        }
        self.used[index] = true;
        self.next = self.next.max(index + 1);
        u16::try_from(index + 1).ok().map(Place)
    }

    fn missing(&mut self) {
        let links = self.links;
        for index in (0..links.len()).filter(|index| !self.used[*index]).collect::<Vec<_>>() {
            let message = format!("the text alternative lacks the link to {}", links[index].url);
            self.find(
                "text-link",
                message,
                &links[index].url,
                "let issue.txt write its URL on a line of its own",
            );
        }
    }

    fn find(&mut self, kind: &'static str, message: impl Into<String>, url: &str, help: &str) {
        let mut finding = Diagnostic::warning(kind, message).help(help);
        finding.spots.extend(written(url, self.sources));
        self.findings.push(finding);
    }

    fn append(&mut self, mut pieces: Vec<Piece>) {
        push(&mut pieces, "\n");
        let Some(TextBlock::Lines(lines)) = self.blocks.last_mut() else {
            self.blocks.push(TextBlock::Lines(pieces));
            return;
        };
        for piece in pieces {
            match piece {
                Piece::Literal(words) => push(lines, &words),
                Piece::Field(field) => lines.push(Piece::Field(field)),
            }
        }
    }
}

/// A text cut at its sentinels.
///
/// # Errors
/// A field that the template changed.
pub(super) fn pieces(text: &str, fields: &Fields) -> Result<Vec<Piece>, Diagnostic> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for found in fields.find(text) {
        let field = found.index.map(|index| fields.get(index));
        let Some(whole) = field.filter(|_| found.whole) else { return Err(changed(field)) };
        push(&mut pieces, &text[at..found.range.start]);
        pieces.push(Piece::Field(whole.field.clone()));
        at = found.range.end;
    }
    push(&mut pieces, &text[at..]);
    Ok(pieces)
}

/// A sentinel that is not what it was.
pub(super) fn changed(field: Option<&Found>) -> Diagnostic {
    let mut diagnostic = Diagnostic::error("field-place", "a reader's field was changed by the template")
        .help("a field is written as it is, without filters and captures");
    diagnostic.spots.extend(field.map(|field| field.spot.clone()));
    diagnostic
}

/// Adds words to the last piece, or as another.
fn push(pieces: &mut Vec<Piece>, words: &str) {
    match pieces.last_mut() {
        _ if words.is_empty() => {}
        Some(Piece::Literal(last)) => last.push_str(words),
        Some(Piece::Field(_)) | None => pieces.push(Piece::Literal(words.to_owned())),
    }
}

/// A line without what lists and quotes put before it, with its place.
fn bare(line: &str) -> (Range<usize>, &str) {
    let mut rest = line.trim_start();
    while let Some(shorter) =
        rest.strip_prefix(['>', '*', '-', '+']).or_else(|| numbered(rest)).map(str::trim_start)
    {
        rest = shorter;
    }
    let start = line.len() - rest.len();
    (start..line.len(), rest)
}

/// What follows `12. `.
fn numbered(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.strip_prefix(['.', ')']).filter(|_| rest.len() < line.len())
}
