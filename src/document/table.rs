//! A table of a file, asked for its keys.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable};

use super::{File, Value, nearest};
use crate::diagnostic::{Diagnostic, Source};

/// A table: the whole file, what stands under a `[header]`, or `{ … }`.
pub struct Table<'a> {
    file: &'a File,
    entries: &'a DeTable<'a>,
    span: Range<usize>,
    title: String,
    known: RefCell<Vec<&'a str>>,
    forbidden: RefCell<Vec<&'a str>>,
}

/// A key nobody asked for; judged at the end, when it is known what the file as a whole may hold.
pub(super) struct Stranger {
    key: String,
    span: Range<usize>,
    title: String,
    known: Vec<String>,
    outermost: bool,
}

impl<'a> Table<'a> {
    pub(super) fn root(file: &'a File, entries: &'a DeTable<'a>) -> Self {
        Self {
            file,
            entries,
            span: 0..0,
            title: file.written.name().to_owned(),
            known: RefCell::default(),
            forbidden: RefCell::default(),
        }
    }

    /// The table that is the value of `name`.
    pub(super) fn inner(file: &'a File, entries: &'a DeTable<'a>, span: Range<usize>, name: &str) -> Self {
        let written = file.written.text().get(span.clone()).unwrap_or_default();
        let title =
            if written.starts_with('[') { file.said(&span, written).to_owned() } else { format!("`{name}`") };
        Self { file, entries, span, title, known: RefCell::default(), forbidden: RefCell::default() }
    }

    /// What `read` makes of it; whatever it did not ask for is a mistake.
    pub(super) fn ask<T>(self, read: impl FnOnce(&Self) -> Option<T>) -> Option<T> {
        let value = read(&self);
        self.note_strangers();
        value
    }

    /// The file as it may be seen, its byte order mark taken off: spans count in its text.
    pub fn source(&self) -> &Source {
        &self.file.source
    }

    /// What `read` makes of a key that must be there; `example` is how it could be written.
    pub fn required<T>(
        &self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key);
        if value.is_none() && !self.file.has_damage() {
            let message = format!("`{key}` is missing in {}", self.title);
            let spot = self.source().spot(self.span.clone(), format!("lacks `{key}`"));
            self.note(
                Diagnostic::error("missing-key", message).at(spot).help(format!("add `{key} = {example}`")),
            );
        }
        read(&value?)
    }

    /// What `read` makes of a key that may be there. An empty string or array is as good as none.
    pub fn optional<T>(&self, key: &'static str, read: impl FnOnce(&Value<'a>) -> Option<T>) -> Option<T> {
        self.get(key).and_then(|value| read(&value))
    }

    /// What `read` makes of the table under `[key]`.
    pub fn table<T>(&self, key: &'static str, read: impl FnOnce(&Table<'a>) -> Option<T>) -> Option<T> {
        self.optional(key, |value| value.table(read))
    }

    /// What `read` makes of each table under `[[key]]`, in order; those with mistakes are left out.
    pub fn each<T>(&self, key: &'static str, mut read: impl FnMut(&Table<'_>) -> Option<T>) -> Vec<T> {
        self.optional(key, |value| value.array(|value| value.table(&mut read))).unwrap_or_default()
    }

    /// What `read` makes of every entry, whatever its key.
    pub fn entries<T>(&self, mut read: impl FnMut(&Value<'a>) -> Option<T>) -> Vec<T> {
        let keys: Vec<&'a str> = self.entries.keys().map(|key| key.get_ref().as_ref()).collect();
        keys.into_iter().filter_map(|key| read(&self.value(key)?)).collect()
    }

    /// The value of a key that may be there, empty strings and arrays apart.
    pub fn get(&self, key: &'static str) -> Option<Value<'a>> {
        self.value(key).filter(|value| !value.is_blank())
    }

    /// The value of a key that must not be there: whoever asks says why.
    pub fn forbidden(&self, key: &'static str) -> Option<Value<'a>> {
        self.forbidden.borrow_mut().push(key);
        self.entry(key)
    }

    /// The value of a key, which is known from now on.
    fn value(&self, key: &'a str) -> Option<Value<'a>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.entry(key)
    }

    fn entry(&self, key: &str) -> Option<Value<'a>> {
        let (key, value) = self.entries.get_key_value(key)?;
        Some(Value::new(self.file, key, value))
    }

    /// One more mistake.
    pub fn note(&self, diagnostic: Diagnostic) {
        self.file.note(diagnostic);
    }

    fn note_strangers(&self) {
        let outermost = self.span == (0..0);
        for (key, value) in self.entries {
            let span = if value.get_ref().is_table() { value.span() } else { key.span() };
            if !self.is_expected(key.get_ref()) && !self.file.is_damaged(&span) {
                self.file.strangers.borrow_mut().push(self.stranger(key, outermost));
            }
        }
        if outermost {
            for stranger in self.file.strangers.take() {
                self.note(stranger.diagnostic(self.source(), &self.known.borrow()));
            }
        }
    }

    fn is_expected(&self, key: &str) -> bool {
        self.known.borrow().contains(&key) || self.forbidden.borrow().contains(&key)
    }

    fn stranger(&self, key: &Spanned<DeString<'_>>, outermost: bool) -> Stranger {
        Stranger {
            key: self.file.said(&key.span(), key.get_ref()).to_owned(),
            span: key.span(),
            title: self.title.clone(),
            known: self.known.borrow().iter().map(|key| (*key).to_owned()).collect(),
            outermost,
        }
    }
}

impl Stranger {
    fn diagnostic(self, source: &Source, outermost: &[&str]) -> Diagnostic {
        let Self { key, span, title, known, .. } = &self;
        let message = format!("unknown key `{key}` in {title}");
        let at_home = !self.outermost && outermost.contains(&key.as_str());
        let guess = nearest(key, known.iter().map(String::as_str));
        let (label, help) = match guess {
            _ if at_home => (
                format!("stands under {title}"),
                format!("`{key}` belongs to the whole file: move it up, above the first `[…]`"),
            ),
            Some(guess) => (format!("did you mean `{guess}`?"), format!("known here: {}", known.join(", "))),
            None => ("unknown".to_owned(), format!("known here: {}", known.join(", "))),
        };
        Diagnostic::error("unknown-key", message).at(source.spot(span.clone(), label)).help(help)
    }
}
