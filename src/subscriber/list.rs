//! Reading a list file: a header, then one reader a line, as exports have them.
//!
//! Part of the stage `subscriber`. The file is hostile until read: a line at a time, each of bounded length, so that memory
//! does not grow with the list, and what is wrong with a line costs that line alone.

mod fields;
mod header;
mod lines;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};

use serde::Serialize;
use serde::de::{DeserializeOwned, IntoDeserializer, value};

use self::fields::{Split, split};
use self::header::{Column, Header};
use self::lines::{Line, Lines};
use super::Entry;
use crate::mailbox::{self, EmailAddress, MailboxError};

pub use self::header::HeaderError;

/// The longest value of a column, in characters.
const LONGEST_VALUE: usize = 1000;
/// How many lines a quoted value may run over before its quote counts as forgotten.
const LONGEST_QUOTE: usize = 20;

/// A line that was skipped, and why. The reason names no address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// Counted from 1, the header included.
    pub line: u64,
    /// Lower case, no full stop.
    pub reason: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// The readers in a list file, one after the other.
///
/// The outer result is of reading the file itself, the inner one of the line.
#[derive(Debug)]
pub struct ListReader<R> {
    lines: Lines<R>,
    header: Header,
}

impl<R: Read> ListReader<R> {
    /// Reads the header: `email` (letter case aside), `name`, `tracking`, `format`, and any other column as an attribute.
    ///
    /// # Errors
    /// [`HeaderError`] where the file cannot be read or its header names no `email`.
    pub fn new(file: R) -> Result<Self, HeaderError> {
        let mut lines = Lines::new(file);
        let first = lines.next().transpose()?;
        let header = Header::parse(first.as_ref().and_then(|line| line.text.as_deref()).unwrap_or_default())?;
        Ok(Self { lines, header })
    }

    /// The columns that are attributes.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.header.columns.iter().filter_map(|column| match column {
            Column::Attribute(name) => Some(name.as_str()),
            Column::Email | Column::Name | Column::Tracking | Column::Format | Column::Nameless => None,
        })
    }

    fn read(&mut self, line: Line) -> io::Result<Result<Entry, BadLine>> {
        let number = line.number;
        let entry = match line.text.as_deref().map(|text| split(text, self.header.delimiter)) {
            None => Err("it is longer than 64 KiB".to_owned()),
            Some(Split::Fields(fields)) => self.header.entry(&fields),
            Some(Split::AfterQuote) => {
                Err("there is something between a closing quote and the next column".to_owned())
            }
            Some(Split::Unclosed) => Err(self.skip_quote(line)?.to_owned()),
        };
        Ok(entry.map_err(|reason| BadLine { line: number, reason }))
    }

    /// A quote that is not closed on its line: either a value with line breaks, whose lines are no readers of their own,
    /// or a forgotten quote, which must not swallow the readers after it.
    fn skip_quote(&mut self, line: Line) -> io::Result<&'static str> {
        let mut joined = line.text.unwrap_or_default();
        let mut taken = Vec::new();
        while taken.len() < LONGEST_QUOTE {
            let Some(next) = self.lines.next().transpose()? else { break };
            let Some(text) = next.text.as_deref() else {
                taken.push(next);
                break;
            };
            joined.push(b'\n');
            joined.extend_from_slice(text);
            taken.push(next);
            match split(&joined, self.header.delimiter) {
                Split::Fields(_) => return Ok("a value holds a line break"),
                Split::AfterQuote => break,
                Split::Unclosed => {}
            }
        }
        self.lines.put_back(taken);
        Ok("a quote is not closed")
    }
}

impl<R: Read> Iterator for ListReader<R> {
    type Item = io::Result<Result<Entry, BadLine>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.lines.next()? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            if !line.is_blank() {
                return Some(self.read(line));
            }
        }
    }
}

impl Header {
    fn entry(&self, fields: &[Vec<u8>]) -> Result<Entry, String> {
        if fields.len() != self.columns.len() {
            return Err(format!("it has {} columns, the header {}", fields.len(), self.columns.len()));
        }
        let mut address = Err("the address is empty".to_owned());
        let (mut name, mut tracking, mut format, mut attributes) = (None, None, None, BTreeMap::new());
        for (column, field) in self.columns.iter().zip(fields) {
            let text =
                std::str::from_utf8(field).map_err(|_| "it is not UTF-8; save the file as UTF-8")?.trim();
            match column {
                _ if text.is_empty() => {}
                Column::Email => address = EmailAddress::parse(text).map_err(|error| reason(&error)),
                Column::Name => {
                    name = mailbox::display_name(short("name", text)?).map_err(|error| error.to_string())?;
                }
                Column::Tracking => {
                    tracking = Some(choice("tracking", text, "`individual`, `aggregate` or `none`")?);
                }
                Column::Format => format = Some(choice("format", text, "`html` or `text`")?),
                Column::Attribute(field) => {
                    attributes.insert(field.clone(), attribute(field, text)?);
                }
                Column::Nameless => {}
            }
        }
        Ok(Entry { address: address?, name, tracking, format, attributes })
    }
}

/// What was wrong, without the address itself.
fn reason(error: &MailboxError) -> String {
    match error {
        MailboxError::Address { reason, .. } => format!("the address is malformed: {reason}"),
        MailboxError::Name { .. } => error.to_string(),
    }
}

fn choice<T: DeserializeOwned>(column: &str, text: &str, choices: &str) -> Result<T, String> {
    let word = text.to_ascii_lowercase();
    let read: Result<T, value::Error> = T::deserialize(word.as_str().into_deserializer());
    read.map_err(|_| {
        let start: String = text.chars().take(20).collect();
        format!("`{}` is no {column}; it is {choices}, or empty", start.escape_debug())
    })
}

fn short<'t>(column: &str, text: &'t str) -> Result<&'t str, String> {
    match text.chars().nth(LONGEST_VALUE) {
        None => Ok(text),
        Some(_) => Err(format!("its `{column}` is longer than {LONGEST_VALUE} characters")),
    }
}

fn attribute(column: &str, text: &str) -> Result<String, String> {
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(format!("its `{column}` holds a control character"));
    }
    short(column, text).map(str::to_owned)
}

#[cfg(test)]
mod tests;
