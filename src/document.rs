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
    if source.text().len() > LIMIT {
        return Err(too_large(source.name()).into());
    }
    let source = match source.text().strip_prefix('\u{feff}') {
        Some(text) => Source::new(source.name(), text),
        None => source,
    };
    let (root, errors) = DeTable::parse_recoverable(source.text());
    let file = File::new(&source);
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

/// A file while it is read, and what was found in it so far.
struct File {
    source: Source,
    found: RefCell<Vec<Diagnostic>>,
    damaged: RefCell<Vec<Range<usize>>>,
    concealed: RefCell<Vec<Range<usize>>>,
    strangers: RefCell<Vec<table::Stranger>>,
}

impl File {
    fn new(source: &Source) -> Self {
        Self {
            source: source.clone(),
            found: RefCell::default(),
            damaged: RefCell::default(),
            concealed: RefCell::default(),
            strangers: RefCell::default(),
        }
    }

    fn note(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    fn note_syntax(&self, root: &DeTable<'_>, errors: &[toml::de::Error]) {
        // Where the syntax went wrong nobody will ask for these values, who would conceal them.
        let secrets = if errors.is_empty() { Vec::new() } else { syntax::secrets(self.source.text()) };
        for (span, diagnostic) in syntax::mistakes(&self.source, root, errors) {
            let is_secret = |secret: &Range<usize>| {
                secret.start < span.end.max(span.start + 1) && span.start <= secret.end
            };
            let diagnostic = match secrets.iter().find(|secret| is_secret(secret)) {
                Some(secret) => syntax::unquoted_secret(&self.source, secret.clone()),
                None => diagnostic,
            };
            self.damaged.borrow_mut().push(span);
            self.note(diagnostic);
        }
        self.concealed.borrow_mut().extend(secrets);
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
        conceal(&mut found, &self.source, &self.concealed.into_inner());
        match value {
            Some(value) => Diagnostics(found).or(value),
            None => Err(Diagnostics(found)),
        }
    }
}

/// Shows asterisks for what must appear on no screen and in no log.
fn conceal(found: &mut [Diagnostic], source: &Source, secrets: &[Range<usize>]) {
    if secrets.is_empty() {
        return;
    }
    let hide = |(at, c): (usize, char)| {
        let secret = c != '\n' && secrets.iter().any(|span| span.contains(&at));
        if secret { "*".repeat(c.len_utf8()) } else { c.to_string() }
    };
    let hidden = Source::new(source.name(), source.text().char_indices().map(hide).collect::<String>());
    for spot in found.iter_mut().flat_map(|diagnostic| &mut diagnostic.spots) {
        if spot.source == *source {
            spot.source = hidden.clone();
        }
    }
}

#[cfg(test)]
mod tests;
