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
    let text = &tidy(&visible(text));
    let mut cutter = Cutter {
        text,
        fields,
        occurrences: &fields.find(text),
        links,
        sources,
        used: vec![false; links.len()],
        next: 0,
        blocks: Vec::new(),
        pending: Vec::new(),
        findings: Diagnostics::none(),
    };
    let mut faults = Diagnostics::none();
    let mut rest = lines(text).into_iter().peekable();
    while let Some(mut together) = rest.next() {
        if cutter.is_words(&together) {
            while let Some(more) = rest.next_if(|line| cutter.is_words(line)) {
                together.end = more.end;
            }
        }
        if let Err(fault) = cutter.lines(together) {
            faults.push(fault);
        }
    }
    cutter.end_lines();
    cutter.missing();
    faults.or((cutter.blocks, cutter.findings))
}

/// No space at a line's end, no more than two blank lines together, none at either end of the text.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut blank = 0;
    for line in text.lines().map(str::trim_end) {
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

/// Where each line stands, without its end.
fn lines(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let line = |line: &str| {
        let range = start..start + line.len() - 1;
        start += line.len();
        range
    };
    text.split_inclusive('\n').map(line).collect()
}

struct Cutter<'a> {
    /// Lines, each ended.
    text: &'a str,
    fields: &'a Fields,
    /// The fields in the text.
    occurrences: &'a [Occurrence],
    links: &'a [Link],
    sources: &'a [&'a Source],
    used: Vec<bool>,
    /// Behind the last place that was taken in order.
    next: usize,
    blocks: Vec<TextBlock>,
    /// The lines that the next block begins with.
    pending: Vec<Piece>,
    findings: Diagnostics,
}

impl<'a> Cutter<'a> {
    /// The fields in a part of the text.
    fn fields_in(&self, range: &Range<usize>) -> &'a [Occurrence] {
        let place = |at: usize| self.occurrences.partition_point(|occurrence| occurrence.range.start < at);
        &self.occurrences[place(range.start)..place(range.end)]
    }

    /// Whether a line is neither blank nor a URL.
    fn is_words(&self, line: &Range<usize>) -> bool {
        let (within, bare) = bare(&self.text[line.clone()]);
        let whole = line.start + within.start..line.end;
        let is_url = |found: &Occurrence| {
            found.range == whole && found.index.is_some_and(|index| self.fields.get(index).is_url())
        };
        let is_link = self.links.iter().any(|link| link.url == bare);
        !bare.is_empty() && !is_link && !self.fields_in(line).first().is_some_and(is_url)
    }

    /// Lines that belong together: a paragraph, or one line.
    fn lines(&mut self, range: Range<usize>) -> Result<(), Diagnostic> {
        let text = &self.text[range.clone()];
        let found = self.fields_in(&range);
        let pieces = cut_at(text, range.start, found, self.fields)?;
        if pieces.iter().any(|piece| matches!(piece, Piece::Field(Field::Reader { .. }))) {
            self.end_lines();
            self.blocks.push(paragraph(text, pieces));
            return Ok(());
        }
        let (bare, url) = bare(text);
        match self.place(url).filter(|_| found.is_empty()) {
            Some(place) => {
                push(&mut self.pending, &text[..bare.start]);
                self.pending.push(Piece::Field(Field::Link(place)));
            }
            None => pieces.into_iter().for_each(|piece| add(&mut self.pending, piece)),
        }
        push(&mut self.pending, "\n");
        Ok(())
    }

    fn end_lines(&mut self) {
        if !self.pending.is_empty() {
            self.blocks.push(TextBlock::Lines(std::mem::take(&mut self.pending)));
        }
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
}

/// Lines with a reader's field among them, as one that is wrapped for each reader.
fn paragraph(text: &str, mut pieces: Vec<Piece>) -> TextBlock {
    let indent: String = text.chars().take_while(|c| *c == ' ').collect();
    for piece in &mut pieces {
        if let Piece::Literal(words) = piece {
            let ended = words.split('\n').enumerate();
            let lines: Vec<&str> =
                ended.map(|(index, line)| if index == 0 { line } else { line.trim_start() }).collect();
            *words = lines.join(" ");
        }
    }
    if let Some(Piece::Literal(words)) = pieces.first_mut() {
        words.drain(..indent.len());
    }
    pieces.retain(|piece| !matches!(piece, Piece::Literal(words) if words.is_empty()));
    TextBlock::Paragraph { indent, pieces }
}

/// A text cut at its sentinels.
///
/// # Errors
/// A field that the template changed.
pub(super) fn pieces(text: &str, fields: &Fields) -> Result<Vec<Piece>, Diagnostic> {
    cut_at(text, 0, &fields.find(text), fields)
}

/// A text cut at its `occurrences`, which count from `offset` bytes before it.
fn cut_at(
    text: &str,
    offset: usize,
    occurrences: &[Occurrence],
    fields: &Fields,
) -> Result<Vec<Piece>, Diagnostic> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for found in occurrences {
        let field = found.index.map(|index| fields.get(index));
        let Some(whole) = field.filter(|_| found.whole) else { return Err(changed(field)) };
        push(&mut pieces, &text[at..found.range.start - offset]);
        pieces.push(Piece::Field(whole.field.clone()));
        at = found.range.end - offset;
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

/// Adds a piece; words to the last piece, if that is words.
fn add(pieces: &mut Vec<Piece>, piece: Piece) {
    match (piece, pieces.last_mut()) {
        (Piece::Literal(words), Some(Piece::Literal(last))) => last.push_str(&words),
        (piece, _) => pieces.push(piece),
    }
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
