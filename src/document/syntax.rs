//! What is no TOML at all, in words for those who write it by hand.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::File;
use crate::diagnostic::Diagnostic;

/// Whoever makes more mistakes than these was not writing TOML.
const MOST: usize = 200;

/// The mistakes, each with the bytes that may not be what was meant.
///
/// One bracket left open makes many: of those within one value the first is kept.
pub(super) fn mistakes(file: &File, root: &DeTable<'_>, errors: &[Error]) -> Vec<(Range<usize>, Diagnostic)> {
    let mut errors: Vec<_> =
        errors.iter().map(|error| (error.span().unwrap_or_default(), error.message())).collect();
    errors.sort_by_key(|(span, _)| span.start);
    errors.truncate(MOST);
    let mut values = Vec::new();
    root.values().for_each(|value| brackets(value, &mut values));
    let mut kept: Vec<(Range<usize>, Diagnostic)> = Vec::new();
    for (span, message) in errors {
        let around = values.iter().find(|value| value.start <= span.start && span.end <= value.end);
        if around.is_some_and(|around| kept.iter().any(|(damage, _)| damage == around)) {
            continue;
        }
        let mistake = Mistake { file, root, thing: message, span: span.clone() };
        let damage = around.cloned().unwrap_or_else(|| mistake.damage());
        kept.push((damage, mistake.diagnostic()));
    }
    kept
}

/// The outermost `[…]` of values that are no tables.
fn brackets(value: &Spanned<DeValue<'_>>, found: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => table.values().for_each(|value| brackets(value, found)),
        DeValue::Array(array) if array.iter().any(|value| value.get_ref().is_table()) => {
            array.iter().for_each(|value| brackets(value, found));
        }
        DeValue::Array(_) => found.push(value.span()),
        _ => {}
    }
}

/// What the parser says.
struct Mistake<'a> {
    file: &'a File,
    root: &'a DeTable<'a>,
    thing: &'a str,
    span: Range<usize>,
}

impl Mistake<'_> {
    fn diagnostic(&self) -> Diagnostic {
        let (thing, expected) = self.thing.split_once(", expected ").unwrap_or((self.thing, ""));
        let written = self.said(&self.span);
        let error = |message: String, help: &str| {
            Diagnostic::error("syntax", message).at(self.file.source.spot(self.mark(thing), "")).help(help)
        };
        if thing == "duplicate key" {
            return self.repeated(written);
        }
        if let Some((message, help)) = words(thing) {
            return error(message.to_owned(), help);
        }
        match thing {
            "string values must be quoted" if self.file.is_secret(&self.span) => {
                let help = "text stands in straight quotes; a password never stands in this file: `password_file`, `password_env` or \
                            `password_command` says where it is kept";
                error("this is no TOML, and may be a secret".to_owned(), help)
            }
            "string values must be quoted" => {
                let bare = written.trim_matches(|c| "“”„‟«»‘’\"'".contains(c));
                let help = format!("text stands in straight quotes: `\"{bare}\"`");
                error(format!("`{written}` is no value"), &help)
            }
            "key with no value" => {
                let key = self.said(&self.mark(thing)).trim_end_matches(':');
                error(format!("`{key}` has no value"), &format!("write `{key} = …`"))
            }
            "invalid date" | "invalid time" | "invalid datetime" | "invalid date-time" => {
                let help = "write a date as 2023-07-02, a date and time as 2023-07-02T20:00:00";
                let message = format!("`{written}` is no date: {expected} was expected");
                Diagnostic { kind: "bad-date", ..error(message, help) }
            }
            _ if expected.is_empty() => error(format!("this is no TOML: {thing}"), ""),
            _ => error(format!("this is no TOML: {thing}"), &format!("expected: {expected}")),
        }
    }

    fn repeated(&self, key: &str) -> Diagnostic {
        let second = self.file.source.spot(self.span.clone(), "the second");
        let diagnostic = Diagnostic::error("syntax", format!("`{key}` stands here twice"))
            .at(second)
            .help("keep one of the two");
        match earlier(self.root, key, self.span.start) {
            Some(span) => diagnostic.at(self.file.source.spot(span, "the first")),
            None => diagnostic,
        }
    }

    /// Where to look: a place between two characters says little.
    fn mark(&self, thing: &str) -> Range<usize> {
        let (text, at) = (self.text(), self.span.start);
        let before = &text[..at];
        let last = before.trim_end().char_indices().next_back();
        let last = last.map_or(at..at, |(start, c)| start..start + c.len_utf8());
        match thing {
            "missing escaped value" => last.start..text.ceil_char_boundary(at + 1),
            "key with no value" => key_before(before),
            "unclosed array" | "missing comma between array elements" => last,
            "invalid multi-line basic string" | "invalid multi-line literal string" => {
                opening(self.root, at).unwrap_or(last)
            }
            _ if !self.span.is_empty() => self.span.clone(),
            _ => match text[at..].chars().next() {
                Some(c) if !matches!(c, '\n' | '\r') => at..at + c.len_utf8(),
                _ => last,
            },
        }
    }

    /// A header that went wrong takes with it what stands under it.
    fn damage(&self) -> Range<usize> {
        if !self.thing.starts_with("unclosed") {
            return self.span.clone();
        }
        let rest = &self.text()[self.span.start..];
        self.span.start..self.span.start + rest.find("\n[").unwrap_or(rest.len())
    }

    /// What is written there, as it may be said.
    fn said(&self, span: &Range<usize>) -> &str {
        self.file.said(span, self.text().get(span.clone()).unwrap_or_default())
    }

    fn text(&self) -> &str {
        self.file.written.text()
    }
}

/// What went wrong and what to do, where one sentence fits all.
fn words(thing: &str) -> Option<(&'static str, &'static str)> {
    Some(match thing {
        "invalid basic string" | "invalid literal string" => (
            "the string is not closed on its line",
            "end it with the quote it begins with; text of several lines stands between `\"\"\"` and `\"\"\"`",
        ),
        "invalid multi-line basic string" | "invalid multi-line literal string" => {
            ("the text that begins here is never closed", "end it with the three quotes it begins with")
        }
        "missing escaped value" => (
            "a backslash stands before something that it cannot escape",
            "write `\\\\` for a backslash, or use single quotes, in which it is a plain character",
        ),
        "unclosed table" | "unclosed array table" => {
            ("the header is not closed", "a header ends as it begins: `[section]`, `[[article]]`")
        }
        "unexpected key or value" => (
            "more stands on the line than one value",
            "a `\"` within a string is written `\\\"`; another key starts a line of its own",
        ),
        "unclosed array" | "missing comma between array elements" => {
            ("the array is not closed here, or lacks a comma", "separate what stands in `[…]` by commas")
        }
        _ => return None,
    })
}

/// The key that ends here.
fn key_before(text: &str) -> Range<usize> {
    let text = text.trim_end();
    let key = text.rsplit(char::is_whitespace).next().unwrap_or_default();
    text.len() - key.len()..text.len()
}

/// The three quotes of the text that runs on to this place.
fn opening(table: &DeTable<'_>, end: usize) -> Option<Range<usize>> {
    table.values().find_map(|value| match value.get_ref() {
        DeValue::String(_) if value.span().end == end => {
            Some(value.span().start..(value.span().start + 3).min(end))
        }
        DeValue::Table(table) => opening(table, end),
        DeValue::Array(array) => array.iter().find_map(|value| opening(value.get_ref().as_table()?, end)),
        _ => None,
    })
}

/// The last place before this one where the key stands.
fn earlier(table: &DeTable<'_>, key: &str, before: usize) -> Option<Range<usize>> {
    let below = |value: &DeValue<'_>| match value {
        DeValue::Table(table) => earlier(table, key, before),
        DeValue::Array(array) => {
            array.iter().filter_map(|value| earlier(value.get_ref().as_table()?, key, before)).next_back()
        }
        _ => None,
    };
    let here = |name: &Spanned<std::borrow::Cow<'_, str>>| {
        (name.get_ref() == key && name.span().start < before).then(|| name.span())
    };
    table
        .iter()
        .flat_map(|(name, value)| [here(name), below(value.get_ref())])
        .flatten()
        .max_by_key(|span| span.start)
}
