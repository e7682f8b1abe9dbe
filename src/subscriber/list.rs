//! Reading a list file: a header, then one reader a line, as exports have them.
//!
//! Part of the stage `subscriber`. The file is hostile until read: a line at a time, each of bounded length, so that memory
//! does not grow with the list, and what is wrong with a line costs that line alone.

mod column;
mod fields;
mod header;
mod line;
mod lines;
mod service;
mod sheet;
mod standing;
mod suppressed;

use std::fmt;
use std::io::{self, Read};

use serde::Serialize;

use self::column::Column;
use self::fields::{Split, split};
use self::header::Header;
use self::lines::{Line, Lines};

pub use self::header::{HeaderError, Recognised};
pub use self::service::Service;
pub use self::sheet::ListWriter;
pub use self::standing::{More, Row, Standing};
pub use self::suppressed::{Suppressed, SuppressedReader};

/// Of a line.
const TOO_LONG: &str = "it is longer than 64 KiB";
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
        self.header.columns.iter().filter_map(Column::attribute)
    }

    /// Whose export it is, if it is one of another service.
    pub fn recognised(&self) -> Option<Recognised> {
        self.header.recognised()
    }

    fn read(&mut self, line: Line) -> io::Result<Result<Row, BadLine>> {
        let number = line.number;
        let row = match line.text.as_deref().map(|text| split(text, self.header.delimiter)) {
            None => Err(TOO_LONG.to_owned()),
            Some(Split::Fields(fields)) => self.header.row(&fields),
            Some(Split::AfterQuote) => {
                Err("there is something between a closing quote and the next column".to_owned())
            }
            Some(Split::Unclosed) => Err(self.skip_quote(line)?.to_owned()),
        };
        Ok(row.map_err(|reason| BadLine { line: number, reason }))
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
    type Item = io::Result<Result<Row, BadLine>>;

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

#[cfg(test)]
mod tests;
