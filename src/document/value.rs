//! A value of a file, asked to be of a kind.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use jiff::civil;
use toml::Spanned;
use toml::de::{DeString, DeValue};
use toml::value::{Datetime, Offset};

use super::{File, Table, nearest, remedy, within};
use crate::diagnostic::{Diagnostic, Located, Source, Spot};
use crate::mailbox::unfit_for_header;

/// A value under its key.
///
/// Whoever asks for a kind that it is not gets `None`, and the mistake is noted.
pub struct Value<'a> {
    file: &'a File,
    name: &'a str,
    said_name: &'a str,
    span: Range<usize>,
    inner: &'a DeValue<'a>,
    in_array: bool,
}

impl<'a> Value<'a> {
    pub(super) fn new(
        file: &'a File,
        key: &'a Spanned<DeString<'a>>,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Self {
        let name = key.get_ref();
        let said_name = file.said(&key.span(), name);
        Self { file, name, said_name, span: value.span(), inner: value.get_ref(), in_array: false }
    }

    /// Its key; an array's name for what stands in it.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its key as it may be said.
    pub fn said_name(&self) -> &'a str {
        self.said_name
    }

    /// Words that are made of its text, as they may be said.
    pub fn said<'w>(&self, words: &'w str) -> &'w str {
        self.file.said(&self.span, words)
    }

    /// Where it stands.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The file as it may be seen.
    pub fn source(&self) -> &Source {
        &self.file.source
    }

    /// Where it stands, with a few words.
    pub fn spot(&self, label: impl Into<String>) -> Spot {
        self.source().spot(self.span(), label)
    }

    /// The place of a part of its text, as [`Value::text`] gives it.
    pub fn within(&self, part: &Range<usize>) -> Range<usize> {
        within(&self.file.written, &self.span, part)
    }

    /// One more mistake.
    pub fn note(&self, diagnostic: Diagnostic) {
        self.file.note(diagnostic);
    }

    /// A mistake about this value as a whole.
    pub fn refuse<T>(
        &self,
        kind: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.note(Diagnostic::error(kind, message).at(self.spot("")).help(help));
        None
    }

    /// Whether it is a string of nothing but white space, or an array of nothing.
    pub(super) fn is_blank(&self) -> bool {
        let text = self.inner.as_str().is_some_and(|text| text.trim().is_empty());
        text || self.inner.as_array().is_some_and(|array| array.is_empty())
    }

    /// What `read` makes of it, with its place.
    pub fn located<T>(&self, read: impl FnOnce(&Self) -> Option<T>) -> Option<Located<T>> {
        read(self).map(|value| Located { value, span: self.span() })
    }

    /// A string of any kind, as it is; never empty.
    fn string(&self) -> Option<&'a str> {
        let Some(text) = self.inner.as_str() else { return self.mistyped("a string") };
        if text.trim().is_empty() {
            let name = self.said_name;
            return if self.in_array {
                self.refuse("empty", format!("one of `{name}` is empty"), "write something, or take it out")
            } else {
                self.refuse("empty", format!("`{name}` is empty"), "write something, or take the line out")
            };
        }
        Some(text)
    }

    /// One line of text, fit for a header (requirement 63): trimmed, a tab as a space.
    pub fn line(&self) -> Option<String> {
        let line = self.string()?.trim().replace('\t', " ");
        let Some((part, reason)) = unfit_for_header(&line) else { return Some(line) };
        let leading = self.string()?.find(|c: char| !c.is_whitespace()).unwrap_or_default();
        let span = self.within(&(part.start + leading..part.end + leading));
        self.note(
            Diagnostic::error(
                "control-character",
                format!("`{}` must be one plain line: {reason}", self.said_name),
            )
            .at(self.source().spot(span, ""))
            .help("take it out"),
        );
        None
    }

    /// Text of any number of lines, with `\n` for every line end; no other control characters but tabs.
    pub fn text(&self) -> Option<String> {
        let text = self.string()?.replace("\r\n", "\n");
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
            return Some(text);
        }
        let control = |(_, c): &(usize, char)| c.is_control() && !matches!(c, '\n' | '\t');
        let Some((at, c)) = text.char_indices().find(control) else { return Some(text) };
        let message = format!("`{}` holds a control character, U+{:04X}", self.said_name, u32::from(c));
        let spot = self.source().spot(self.within(&(at..at + c.len_utf8())), "");
        self.note(Diagnostic::error("control-character", message).at(spot).help("take it out"));
        None
    }

    /// A line that `parse` understands; its error says what is wrong.
    pub fn parsed<T, E: Display>(
        &self,
        kind: &'static str,
        help: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(&self.line()?) {
            Ok(value) => Some(value),
            Err(_) if self.file.is_secret(&self.span) => {
                self.refuse(kind, format!("`{}` is not as it must be", self.said_name), help)
            }
            Err(error) => self.refuse(kind, error.to_string(), help),
        }
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let word = self.line()?;
        let found = words.iter().find(|(known, _)| *known == word);
        if let Some((_, value)) = found {
            return Some(*value);
        }
        let known: Vec<_> = words.iter().map(|(known, _)| format!("`{known}`")).collect();
        let word = self.said(&word);
        let guess = nearest(word, words.iter().map(|(known, _)| *known));
        let guess = guess.map(|guess| format!("; did you mean `{guess}`?")).unwrap_or_default();
        self.refuse(
            "unknown-word",
            format!("`{}` cannot be `{word}`{guess}", self.said_name),
            format!("write one of {}", known.join(", ")),
        )
    }

    /// A whole number within bounds.
    pub fn integer<T: TryFrom<i64>>(&self, bounds: RangeInclusive<i64>) -> Option<T> {
        let Some(integer) = self.inner.as_integer() else { return self.mistyped("a whole number") };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let fits =
            number.filter(|number| bounds.contains(number)).and_then(|number| T::try_from(number).ok());
        if fits.is_none() {
            let (least, most) = (bounds.start(), bounds.end());
            let message = format!("`{}` must be from {least} to {most}", self.said_name);
            return self.refuse("out-of-range", message, "");
        }
        fits
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        self.inner.as_bool().or_else(|| self.mistyped("true or false"))
    }

    /// A day, as in `2023-07-02`.
    pub fn date(&self) -> Option<civil::Date> {
        match self.inner.as_datetime() {
            Some(Datetime { date: Some(date), time: None, .. }) => civil_date(*date),
            _ => self.mistyped("a date"),
        }
    }

    /// A day and a time, and how far it is from UTC where that is said.
    pub fn date_time(&self) -> Option<(civil::DateTime, Option<jiff::tz::Offset>)> {
        let Some(Datetime { date: Some(date), time: Some(time), offset }) = self.inner.as_datetime() else {
            return self.mistyped("a date and time");
        };
        let seconds = time.second.unwrap_or_default().min(59);
        let fields = [time.hour, time.minute, seconds].map(|field| i8::try_from(field).unwrap_or_default());
        let [hour, minute, second] = fields;
        let nanoseconds = i32::try_from(time.nanosecond.unwrap_or_default()).unwrap_or_default();
        let time = civil::Time::new(hour, minute, second, nanoseconds).ok()?;
        let offset = offset.as_ref().map(|offset| match offset {
            Offset::Z => 0,
            Offset::Custom { minutes } => i32::from(*minutes) * 60,
        });
        let offset = offset.and_then(|seconds| jiff::tz::Offset::from_seconds(seconds).ok());
        Some((civil_date(*date)?.to_datetime(time), offset))
    }

    /// What `read` makes of each of several; those with mistakes are left out.
    pub fn array<T>(&self, mut read: impl FnMut(&Self) -> Option<T>) -> Option<Vec<T>> {
        let Some(array) = self.inner.as_array() else { return self.mistyped("an array") };
        let each = |value: &'a Spanned<DeValue<'a>>| {
            read(&Self { span: value.span(), inner: value.get_ref(), in_array: true, ..*self })
        };
        Some(array.iter().filter_map(each).collect())
    }

    /// What `read` makes of one, or of each of several.
    pub fn one_or_more<T>(&self, mut read: impl FnMut(&Self) -> Option<T>) -> Option<Vec<T>> {
        if self.inner.is_array() { self.array(read) } else { read(self).map(|value| vec![value]) }
    }

    /// What `read` makes of a table.
    pub fn table<T>(&self, read: impl FnOnce(&Table<'a>) -> Option<T>) -> Option<T> {
        let Some(entries) = self.inner.as_table() else { return self.mistyped("a table") };
        Table::inner(self.file, entries, self.span(), self.said_name).ask(read)
    }

    /// Whether it is a table, where a string would do too.
    pub fn is_table(&self) -> bool {
        self.inner.is_table()
    }

    /// It is not what was wanted; nothing is said where the syntax went wrong already.
    fn mistyped<T>(&self, wanted: &'static str) -> Option<T> {
        if self.file.is_damaged(&self.span) {
            return None;
        }
        let is = remedy::kind(self.inner);
        let written = self.file.written.text().get(self.span()).unwrap_or_default();
        let (what, help) = if self.in_array {
            (format!("each of `{}`", self.said_name), String::new())
        } else {
            (
                format!("`{}`", self.said_name),
                remedy::for_type(wanted, self.inner, self.said_name, self.said(written)),
            )
        };
        self.note(
            Diagnostic::error("wrong-type", format!("{what} must be {wanted}, not {is}"))
                .at(self.spot(format!("this is {is}")))
                .help(help),
        );
        None
    }
}

fn civil_date(date: toml::value::Date) -> Option<civil::Date> {
    let [month, day] = [date.month, date.day].map(|field| i8::try_from(field).ok());
    civil::Date::new(i16::try_from(date.year).ok()?, month?, day?).ok()
}
