//! A TOML file read key by key: every mistake found is kept with its place, an unknown key names the nearest known one.
//!
//! Words of the house. serde stops at the first mistake and loses places, so the tree is walked here: a reader of a file
//! asks a [`Table`] for its keys and a [`Value`] for what it wants it to be; whatever is wrong is noted, `None` is given,
//! and reading goes on.

mod kinds;
mod literal;
mod nearest;
mod remedy;
mod syntax;
mod table;
mod value;

use std::cell::RefCell;
use std::ops::Range;

use toml::de::DeTable;

use crate::diagnostic::{Diagnostic, Diagnostics, Source};

pub use kinds::web_address;
pub use nearest::nearest;
pub use table::Table;
pub use value::Value;

/// Bytes of a file that is read at all: a thousand times an ordinary draft.
pub const LIMIT: usize = 1 << 20;

/// More mistakes than anybody mends in one go are counted, not shown.
const SHOWN: usize = 50;

/// Bytes as a file's text: UTF-8, its byte order mark taken off.
///
/// # Errors
/// A diagnostic at the first byte that is no UTF-8.
pub fn decode(name: &str, bytes: &[u8]) -> Result<Source, Diagnostics> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(name, text)),
        Err(error) => {
            let at = error.valid_up_to();
            let lossy = Source::new(name, String::from_utf8_lossy(bytes));
            let mark = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
            Err(Diagnostic::error("not-utf-8", format!("{name} is not UTF-8 text"))
                .at(lossy.spot(mark, "this byte belongs to another encoding"))
                .help("save the file as UTF-8")
                .into())
        }
    }
}

/// Reads a file; `read` asks its outermost table for what it should hold.
///
/// # Errors
/// All mistakes found, in the order of the file.
pub fn read<T>(source: Source, read: impl FnOnce(&Table<'_>) -> Option<T>) -> Result<T, Diagnostics> {
    read_concealing(source, |_| Vec::new(), read)
}

/// Reads a file that may hold secrets: what stands at the places that `secrets` finds in its text is in no mistake, neither in words nor
/// where the file is shown.
///
/// # Errors
/// All mistakes found, in the order of the file.
pub fn read_concealing<T>(
    source: Source,
    secrets: impl FnOnce(&str) -> Vec<Range<usize>>,
    read: impl FnOnce(&Table<'_>) -> Option<T>,
) -> Result<T, Diagnostics> {
    if source.text().len() > LIMIT {
        return Err(too_large(source.name()).into());
    }
    let source = match source.text().strip_prefix('\u{feff}') {
        Some(text) => Source::new(source.name(), text),
        None => source,
    };
    let (root, errors) = DeTable::parse_recoverable(source.text());
    let file = File::new(&source, secrets(source.text()));
    file.note_syntax(root.get_ref(), &errors);
    let value = Table::root(&file, root.get_ref()).ask(read);
    file.finish(value)
}

/// The refusal of a file that no person wrote.
pub fn too_large(name: &str) -> Diagnostic {
    Diagnostic::error("too-large", format!("{name} is larger than {} KiB", LIMIT / 1024))
        .help("it is not read at all: see whether it is the file you mean")
}

/// The place of `part`, in bytes of a string's value, within the file that writes the string at `literal`.
pub fn within(source: &Source, literal: &Range<usize>, part: &Range<usize>) -> Range<usize> {
    let written = source.text().get(literal.clone()).unwrap_or_default();
    let place = |offset| literal.start + literal::place_of(written, offset);
    place(part.start)..place(part.end)
}

/// A file as it may be seen: asterisks for what stands at the places of its secrets, in bytes of its text.
pub fn concealed(source: &Source, secrets: &[Range<usize>]) -> Source {
    if secrets.is_empty() {
        return source.clone();
    }
    let is_secret = |at: usize| {
        let next = secrets.partition_point(|secret| secret.end <= at);
        secrets.get(next).is_some_and(|secret| secret.start <= at)
    };
    let hide = |(at, c): (usize, char)| {
        if is_secret(at) && c != '\n' { "*".repeat(c.len_utf8()) } else { c.to_string() }
    };
    Source::new(source.name(), source.text().char_indices().map(hide).collect::<String>())
}

/// What is said in place of words that are a secret, or may be.
const SECRET: &str = "***";

/// A file while it is read, and what was found in it so far.
struct File {
    /// As it was written.
    written: Source,
    /// As it may be seen.
    source: Source,
    /// What may not, in the order of the file.
    secrets: Vec<Range<usize>>,
    found: RefCell<Vec<Diagnostic>>,
    damaged: RefCell<Vec<Range<usize>>>,
    strangers: RefCell<Vec<table::Stranger>>,
}

impl File {
    fn new(source: &Source, secrets: Vec<Range<usize>>) -> Self {
        Self {
            written: source.clone(),
            source: concealed(source, &secrets),
            secrets,
            found: RefCell::default(),
            damaged: RefCell::default(),
            strangers: RefCell::default(),
        }
    }

    fn note(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    fn note_syntax(&self, root: &DeTable<'_>, errors: &[toml::de::Error]) {
        for (span, diagnostic) in syntax::mistakes(self, root, errors) {
            self.damaged.borrow_mut().push(span);
            self.note(diagnostic);
        }
    }

    /// Words that stand at this place, or are made of what does, as they may be said.
    fn said<'a>(&self, span: &Range<usize>, words: &'a str) -> &'a str {
        if self.is_secret(span) { SECRET } else { words }
    }

    /// Whether a secret is within these bytes.
    fn is_secret(&self, span: &Range<usize>) -> bool {
        self.secrets.iter().any(|secret| secret.start < span.end && span.start < secret.end)
    }

    /// Whether the syntax went wrong within these bytes, so that what stands there may not be what was meant.
    fn is_damaged(&self, span: &Range<usize>) -> bool {
        self.damaged.borrow().iter().any(|damage| damage.start <= span.end && span.start <= damage.end)
    }

    fn has_damage(&self) -> bool {
        !self.damaged.borrow().is_empty()
    }

    fn finish<T>(self, value: Option<T>) -> Result<T, Diagnostics> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|diagnostic| diagnostic.spots.first().map(|spot| spot.span.start));
        if let Some(more) = found.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            found.truncate(SHOWN);
            let name = self.source.name();
            found.push(Diagnostic::error("more", format!("{more} more mistakes in {name}")));
        }
        match value {
            Some(value) => Diagnostics(found).or(value),
            None => Err(Diagnostics(found)),
        }
    }
}

#[cfg(test)]
mod tests;
