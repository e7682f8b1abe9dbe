//! What is no TOML at all, in words for those who write it by hand.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use crate::diagnostic::{Diagnostic, Source};

/// The mistakes with their places. One bracket left open makes many: of those within one value the first is kept.
pub(super) fn mistakes(
    source: &Source,
    root: &DeTable<'_>,
    errors: &[Error],
) -> Vec<(Range<usize>, Diagnostic)> {
    let values = bracketed(root);
    let mut seen: Vec<&Range<usize>> = Vec::new();
    let mut kept = Vec::new();
    let mut errors: Vec<_> = errors.iter().collect();
    errors.sort_by_key(|error| error.span().map(|span| span.start));
    for error in errors {
        let span = error.span().unwrap_or_default();
        let around = values.iter().find(|value| value.start <= span.start && span.end <= value.end);
        if let Some(around) = around {
            if seen.contains(&around) {
                continue;
            }
            seen.push(around);
        }
        let damage = around.map_or_else(|| span.clone(), Clone::clone);
        kept.push((damage, diagnostic(source, root, error.message(), span)));
    }
    kept
}

/// The outermost arrays and inline tables.
fn bracketed(table: &DeTable<'_>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for value in table.values() {
        collect(value, &mut found);
    }
    found
}

fn collect(value: &Spanned<DeValue<'_>>, found: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => table.values().for_each(|value| collect(value, found)),
        DeValue::Array(array) => {
            let tables = array.iter().any(|value| value.get_ref().is_table());
            if tables {
                array.iter().for_each(|value| collect(value, found));
            } else {
                found.push(value.span());
            }
        }
        _ => {}
    }
}

fn diagnostic(source: &Source, root: &DeTable<'_>, message: &str, span: Range<usize>) -> Diagnostic {
    let text = source.text();
    let written = text.get(span.clone()).unwrap_or_default();
    let line = line_around(text, span.start).trim();
    let (message, help) = words(message, written, line);
    let span = match opening(root, &span) {
        Some(opening) if message.contains("never closed") => opening,
        _ => widened(text, span),
    };
    let kind = if message.contains("date") || message.contains("time") { "bad-date" } else { "syntax" };
    Diagnostic::error(kind, message).at(source.spot(span, "here")).help(help)
}

/// The parser's message as what is wrong and what to do.
fn words(message: &str, written: &str, line: &str) -> (String, String) {
    let (thing, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let said = |message: &str, help: &str| (message.to_owned(), help.to_owned());
    match thing {
        "string values must be quoted" => {
            let bare = written.trim_matches(|c| "“”„‟«»‘’\"'".contains(c));
            (format!("`{written}` is no value"), format!("text stands in straight quotes: `\"{bare}\"`"))
        }
        "duplicate key" => (format!("`{written}` stands here twice"), "keep one of the two".to_owned()),
        "key with no value" => {
            let key = line.split([' ', ':', '=']).next().unwrap_or_default();
            (format!("`{key}` has no value"), format!("write `{key} = …`"))
        }
        "invalid basic string" | "invalid literal string" => said(
            "the string is not closed on its line",
            "end it with the quote it begins with; text of several lines stands between `\"\"\"` and `\"\"\"`",
        ),
        "invalid multi-line basic string" | "invalid multi-line literal string" => {
            said("the text that begins here is never closed", "end it with the three quotes it begins with")
        }
        "missing escaped value" => said(
            "a backslash stands before something that it cannot escape",
            "write `\\\\` for a backslash, or use single quotes, in which it is a plain character",
        ),
        "unclosed table" | "unclosed array table" => {
            said("the header is not closed", "a header ends as it begins: `[section]`, `[[article]]`")
        }
        "unexpected key or value" => said(
            "more stands on the line than one value",
            "a `\"` within a string is written `\\\"`; another key starts a line of its own",
        ),
        "unclosed array" | "missing comma between array elements" => {
            said("the array is not closed, or lacks a comma", "separate what stands in `[…]` by commas")
        }
        "invalid date" | "invalid time" | "invalid datetime" | "invalid date-time" => (
            format!("`{written}` is no date: {expected} was expected"),
            "write a date as 2023-07-02, a date and time as 2023-07-02T20:00:00".to_owned(),
        ),
        _ if expected.is_empty() => (format!("this is no TOML: {thing}"), String::new()),
        _ => (format!("this is no TOML: {thing}"), format!("expected: {expected}")),
    }
}

/// The three quotes of the text that runs into this place, the end of the file.
fn opening(table: &DeTable<'_>, end: &Range<usize>) -> Option<Range<usize>> {
    table.values().find_map(|value| match value.get_ref() {
        DeValue::String(_) if value.span().end == end.end => {
            Some(value.span().start..(value.span().start + 3).min(end.end))
        }
        DeValue::Table(table) => opening(table, end),
        DeValue::Array(array) => array.iter().find_map(|value| opening(value.get_ref().as_table()?, end)),
        _ => None,
    })
}

fn line_around(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    &text[start..end]
}

/// A place between two characters is marked on the one after it, or on the last of the line.
fn widened(text: &str, span: Range<usize>) -> Range<usize> {
    if !span.is_empty() {
        return span;
    }
    let at = span.start;
    match text[at..].chars().next() {
        Some(c) if !matches!(c, '\n' | '\r') => at..at + c.len_utf8(),
        _ => {
            let before = text[..at].chars().next_back().filter(|c| *c != '\n').map_or(0, char::len_utf8);
            at - before..at
        }
    }
}
