//! Reading a do-not-mail list: addresses, a line each, with or without a header, and why, where the file tells.

use std::borrow::Cow;
use std::io::{self, Read};

use super::fields::{Split, split};
use super::header::{HeaderError, addresses, field_name, shown, sniff};
use super::line::reason;
use super::lines::{Line, Lines};
use super::{BadLine, TOO_LONG};
use crate::mailbox::EmailAddress;
use crate::subscriber::SuppressionReason;

/// What columns with addresses are called here alone; in a list of readers, `address` may be a street.
const ADDRESSES: [&str; 2] = ["address", "recipient"];
/// What columns with reasons are called.
const REASONS: [&str; 7] =
    ["reason", "type", "status", "event", "category", "bounce_type", "pressroom_suppressed"];

/// An address that nobody is to write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// Which.
    pub address: EmailAddress,
    /// Why.
    pub reason: SuppressionReason,
    /// What cannot be read of its line beside the address, which counts all the same.
    pub remark: Option<BadLine>,
}

/// The addresses in a do-not-mail list, one after the other. The outer result is of reading the file itself, the inner one of the line.
#[derive(Debug)]
pub struct SuppressedReader<R> {
    lines: Lines<R>,
    delimiter: u8,
    address: usize,
    reason: Option<usize>,
    /// There is no header: the first line is an address already.
    first: Option<Line>,
}

impl<R: Read> SuppressedReader<R> {
    /// Reads the header, if there is one.
    ///
    /// # Errors
    /// [`HeaderError`] where the file cannot be read, or its first line has neither an address nor the name of a column with addresses.
    pub fn new(file: R) -> Result<Self, HeaderError> {
        let mut lines = Lines::new(file);
        let first = lines.next().transpose()?;
        let text = first.as_ref().and_then(|line| line.text.as_deref()).unwrap_or_default();
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        let delimiter = sniff(text);
        let Split::Fields(fields) = split(text, delimiter) else { return Err(HeaderError::Quote) };
        let whole: Vec<&str> = fields
            .iter()
            .map(|field| str::from_utf8(field))
            .collect::<Result<_, _>>()
            .map_err(|_| HeaderError::NotUtf8)?;
        if let Some(address) = whole.iter().position(|field| EmailAddress::parse(field).is_ok()) {
            let text = Some(text.to_vec());
            let first = first.map(|line| Line { text, ..line });
            return Ok(Self { lines, delimiter, address, reason: None, first });
        }
        let names: Vec<String> = whole.iter().map(|name| field_name(name)).collect();
        let find =
            |known: &[&str]| known.iter().find_map(|known| names.iter().position(|name| name == known));
        let Some(address) = addresses(&names).or_else(|| find(&ADDRESSES)) else {
            return Err(HeaderError::NoEmail { found: shown(&whole) });
        };
        Ok(Self { lines, delimiter, address, reason: find(&REASONS), first: None })
    }

    fn read(&mut self, line: Line) -> io::Result<Result<Suppressed, BadLine>> {
        let bad = |reason: String| BadLine { line: line.number, reason, whose: None };
        let Some(mut text) = line.text else { return Ok(Err(bad(TOO_LONG.to_owned()))) };
        if split(&text, self.delimiter) == Split::Unclosed {
            text = self.lines.whole(&text, self.delimiter)?;
        }
        Ok(match split(&text, self.delimiter) {
            Split::Fields(fields) => {
                let said =
                    self.reason.and_then(|at| fields.get(at)).map(|said| str::from_utf8(said)).transpose();
                let remark =
                    said.is_err().then(|| bad("its reason is not UTF-8; the address counts".to_owned()));
                let reason = why(said.ok().flatten().unwrap_or_default());
                self.address(&fields).map(|address| Suppressed { address, reason, remark }).map_err(bad)
            }
            Split::Unclosed | Split::AfterQuote => self.in_spite_of_quotes(&text, bad),
        })
    }

    fn address(&self, fields: &[Cow<'_, [u8]>]) -> Result<EmailAddress, String> {
        let text = fields.get(self.address).map(|text| str::from_utf8(text)).transpose();
        let text = text.map_err(|_| "it is not UTF-8; save the file as UTF-8")?.unwrap_or_default();
        EmailAddress::parse(text).map_err(|error| reason(&error))
    }

    /// The address of a line whose quotes do not match, if one stands in its place when they count for nothing.
    fn in_spite_of_quotes(
        &self,
        text: &[u8],
        bad: impl Fn(String) -> BadLine,
    ) -> Result<Suppressed, BadLine> {
        let field = text.split(|byte| *byte == self.delimiter).nth(self.address).unwrap_or_default();
        let field = str::from_utf8(field).unwrap_or_default().trim_matches(['"', ' ']);
        let address = EmailAddress::parse(field).map_err(|_| bad("its quotes do not match".to_owned()))?;
        let remark = Some(bad("its quotes do not match; the address counts".to_owned()));
        Ok(Suppressed { address, reason: SuppressionReason::DoNotMail, remark })
    }
}

impl<R: Read> Iterator for SuppressedReader<R> {
    type Item = io::Result<Result<Suppressed, BadLine>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.first.take().map_or_else(|| self.lines.next(), |line| Some(Ok(line)))? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            if !line.is_blank() {
                return Some(self.read(line));
            }
        }
    }
}

/// By the words that services have for it; whatever says nothing of a bounce or a complaint is a wish.
fn why(said: &str) -> SuppressionReason {
    let said = said.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["complain", "spam", "abuse"]) {
        SuppressionReason::Complained
    } else if has(&["bounce", "hard", "invalid", "undeliver", "clean", "unknown"]) {
        SuppressionReason::Bounced
    } else {
        SuppressionReason::DoNotMail
    }
}
