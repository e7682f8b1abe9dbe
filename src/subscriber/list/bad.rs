//! Lines that were skipped.

use std::fmt;

use serde::Serialize;

use crate::mailbox::EmailAddress;

/// A line that was skipped, and why. The reason names no address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// Counted from 1, the header included.
    pub line: u64,
    /// Lower case, no full stop.
    pub reason: String,
    /// Who gets no mail by the file's other lines either: this one asks for none, or may do so.
    #[serde(skip)]
    pub whose: Option<EmailAddress>,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// The lines that were skipped: how many, and the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BadLines {
    /// All of them.
    pub count: u64,
    /// At most twenty.
    pub first: Vec<BadLine>,
}

impl BadLines {
    /// How many are kept.
    const KEPT: usize = 20;

    /// One more, that comes after them.
    pub fn add(&mut self, line: BadLine) {
        self.count += 1;
        if self.first.len() < Self::KEPT {
            self.first.push(line);
        }
    }

    /// Others of the same file.
    pub fn join(&mut self, others: Self) {
        self.count += others.count;
        self.first.extend(others.first);
        self.first.sort_by_key(|bad| bad.line);
        self.first.truncate(Self::KEPT);
    }
}

/// Each on a line of its own, after a line break; nothing where there are none.
impl fmt::Display for BadLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.first {
            write!(f, "\n  {line}")?;
        }
        match self.count - self.first.len() as u64 {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}
