//! The physical lines of a file, each of bounded length.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

/// The longest line that is read, in bytes; the rest of a longer one is skipped.
const LONGEST_LINE: usize = 64 * 1024;

/// A line without its end.
#[derive(Debug)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    /// `None` where it was too long.
    pub(super) text: Option<Vec<u8>>,
}

impl Line {
    pub(super) fn is_blank(&self) -> bool {
        self.text.as_ref().is_some_and(|text| text.trim_ascii().is_empty())
    }
}

/// Lines ended by LF or CRLF; the last one may lack its end.
#[derive(Debug)]
pub(super) struct Lines<R> {
    file: BufReader<R>,
    number: u64,
    put_back: VecDeque<Line>,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(file: R) -> Self {
        Self { file: BufReader::with_capacity(LONGEST_LINE, file), number: 0, put_back: VecDeque::new() }
    }

    /// These come next again, in this order.
    pub(super) fn put_back(&mut self, lines: Vec<Line>) {
        for line in lines.into_iter().rev() {
            self.put_back.push_front(line);
        }
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        let mut text = Vec::new();
        let limit = LONGEST_LINE as u64 + 1;
        if self.file.by_ref().take(limit).read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let ended = text.pop_if(|byte| *byte == b'\n').is_some();
        if !ended && text.len() > LONGEST_LINE {
            self.file.skip_until(b'\n')?;
            return Ok(Some(Line { number: self.number, text: None }));
        }
        text.pop_if(|byte| *byte == b'\r');
        Ok(Some(Line { number: self.number, text: Some(text) }))
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.put_back.pop_front() {
            Some(line) => Some(Ok(line)),
            None => self.read().transpose(),
        }
    }
}
