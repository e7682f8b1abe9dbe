//! Reading a list file: a header, then one reader a line, as exports have them.
//!
//! Part of the stage `subscriber`. The file is hostile until read: a line at a time, each of bounded length, so that memory
//! does not grow with the list, and what is wrong with a line costs that line alone.

mod bad;
mod breaks;
mod column;
mod fields;
mod header;
mod line;
mod lines;
mod service;
mod sheet;
mod standing;
mod suppressed;
mod telling;
mod wording;

use std::io::{self, Read};

use self::column::Column;
use self::fields::{Split, split};
use self::header::Header;
use self::line::Refused;
use self::lines::{Line, Lines};
use self::telling::Telling;

pub use self::bad::{BadLine, BadLines};
pub use self::header::{HeaderError, Recognised};
pub use self::service::Service;
pub use self::sheet::{ListWriter, SuppressedWriter};
pub use self::standing::{More, Row, Standing};
pub use self::suppressed::{Suppressed, SuppressedReader};
pub use self::telling::{Attribute, Doubts, Settled};

/// Of a line.
const TOO_LONG: &str = "it is longer than 64 KiB";

/// The readers in a list file, one after the other.
///
/// The outer result is of reading the file itself, the inner one of the line.
#[derive(Debug)]
pub struct ListReader<R> {
    lines: Lines<R>,
    header: Header,
    telling: Telling,
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
        Ok(Self { lines, header, telling: Telling::default() })
    }

    /// The columns that are attributes.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.header.columns.iter().filter_map(Column::attribute)
    }

    /// Whose export it is, if it is one of another service.
    pub fn recognised(&self) -> Option<Recognised> {
        self.header.recognised()
    }

    /// What becomes of those of whom the file says in no known words whether they are on the list, once it was read to its end.
    pub fn settle(self) -> Settled {
        self.telling.settle()
    }

    fn read(&mut self, line: Line) -> io::Result<Result<Row, BadLine>> {
        let bad = |reason: String| BadLine { line: line.number, reason, whose: None };
        let Some(text) = line.text else { return Ok(Err(bad(TOO_LONG.to_owned()))) };
        let delimiter = self.header.delimiter;
        let whole;
        let mut fields = split(&text, delimiter);
        if fields == Split::Unclosed {
            whole = self.lines.whole(&text, delimiter)?;
            fields = split(&whole, delimiter);
            if let Some(swallowed) = self.reader_within(&whole) {
                let other = line.number + swallowed;
                return Ok(Err(bad(format!(
                    "its quoted value runs on to line {other}, which reads as a reader's own; close the quote, or change that line"
                ))));
            }
        }
        let fields = match fields {
            Split::Fields(fields) => fields,
            Split::AfterQuote => {
                return Ok(Err(bad(
                    "there is something between a closing quote and the next column".to_owned()
                )));
            }
            Split::Unclosed => return Ok(Err(bad("a quote is not closed".to_owned()))),
        };
        Ok(match self.header.row(&fields) {
            Ok((row, told)) => Ok(Row { doubts: self.telling.hear(line.number, told), ..row }),
            Err(Refused { reason, whose, understood }) => {
                self.telling.understand(understood);
                Err(BadLine { whose, ..bad(reason) })
            }
        })
    }

    /// The first line of a quoted value, after the one it began in, that would be a reader if the quote were a forgotten one. Who is right
    /// cannot be told: nobody is to be swallowed without a word, and nobody to be written to because a note names them.
    fn reader_within(&self, whole: &[u8]) -> Option<u64> {
        let is_reader = |text: &[u8]| match split(text, self.header.delimiter) {
            Split::Fields(fields) => self.header.row(&fields).is_ok(),
            Split::AfterQuote | Split::Unclosed => false,
        };
        let more = whole.split(|byte| *byte == b'\n').enumerate().skip(1);
        more.filter(|(_, text)| is_reader(text)).map(|(at, _)| at as u64).next()
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
