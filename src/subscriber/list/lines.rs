//! The physical lines of a file, each of bounded length.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

use memchr::{memchr_iter, memchr2};

use super::fields::{Split, split};

/// The longest line that is read, in bytes; the rest of a longer one is skipped.
const LONGEST_LINE: usize = 64 * 1024;
/// How many lines a quoted value may run over before its quote counts as forgotten.
const LONGEST_QUOTE: usize = 100;

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

/// Lines ended by LF or CRLF, or all by CR, as old spreadsheets on a Mac do; the last one may lack its end.
#[derive(Debug)]
pub(super) struct Lines<R> {
    file: BufReader<R>,
    /// What ends a line, once the first one is read.
    end: Option<u8>,
    number: u64,
    put_back: VecDeque<Line>,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(file: R) -> Self {
        let file = BufReader::with_capacity(LONGEST_LINE, file);
        Self { file, end: None, number: 0, put_back: VecDeque::new() }
    }

    /// A line whose quote is not closed, with those that the quoted value runs on to, which are no readers of their own; together they are
    /// no longer than a line may be. As it was where the quote was forgotten: that must not swallow the readers after it.
    pub(super) fn whole(&mut self, text: &[u8], delimiter: u8) -> io::Result<Vec<u8>> {
        let mut whole = text.to_vec();
        let mut taken = Vec::new();
        while taken.len() < LONGEST_QUOTE && whole.len() <= LONGEST_LINE {
            let Some(next) = self.next().transpose()? else { break };
            let Some(more) = next.text.as_deref() else {
                taken.push(next);
                break;
            };
            whole.push(b'\n');
            whole.extend_from_slice(more);
            taken.push(next);
            match split(&whole, delimiter) {
                Split::Fields(_) if whole.len() <= LONGEST_LINE => return Ok(whole),
                Split::Fields(_) | Split::AfterQuote => break,
                Split::Unclosed => {}
            }
        }
        self.put_back(taken);
        Ok(text.to_vec())
    }

    /// These come next again, in this order.
    fn put_back(&mut self, lines: Vec<Line>) {
        for line in lines.into_iter().rev() {
            self.put_back.push_front(line);
        }
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        let mut text = Vec::new();
        let limit = LONGEST_LINE as u64 + 1;
        let end = match self.end {
            Some(end) => end,
            None => *self.end.insert(end_of_lines(self.file.fill_buf()?)),
        };
        if self.file.by_ref().take(limit).read_until(end, &mut text)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let ended = text.pop_if(|byte| *byte == end).is_some();
        if !ended && text.len() > LONGEST_LINE {
            self.file.skip_until(end)?;
            return Ok(Some(Line { number: self.number, text: None }));
        }
        text.pop_if(|byte| *byte == b'\r');
        Ok(Some(Line { number: self.number, text: Some(text) }))
    }
}

/// CR where the first line ends in one alone and most others do; else LF.
fn end_of_lines(start: &[u8]) -> u8 {
    let first = memchr2(b'\r', b'\n', start).and_then(|at| start.get(at..at + 2));
    let is_alone = matches!(first, Some([b'\r', next]) if !b"\r\n".contains(next));
    let count = |end| memchr_iter(end, start).count();
    if is_alone && count(b'\r') > count(b'\n') { b'\r' } else { b'\n' }
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
