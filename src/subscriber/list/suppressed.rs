//! Reading a do-not-mail list: addresses, a line each, with or without a header, and why, where the file tells.

use std::borrow::Cow;
use std::io::{self, Read};

use jiff::Timestamp;

use super::fields::{Split, split};
use super::header::{HeaderError, field_name, names_addresses, shown, sniff};
use super::line::reason;
use super::lines::{Line, Lines};
use super::standing::time;
use super::{BadLine, TOO_LONG};
use crate::mailbox::EmailAddress;
use crate::subscriber::SuppressionReason;
use crate::subscriber::guard::unguarded;

/// What columns with addresses are called here alone; in a list of readers, `address` may be a street.
const ADDRESSES: [&str; 2] = ["address", "recipient"];
/// What columns with reasons are called.
const REASONS: [&str; 7] =
    ["reason", "type", "status", "event", "category", "bounce_type", "pressroom_suppressed"];
/// Words in the names of columns with addresses of others.
const OTHERS: [&str; 6] = ["sender", "from", "by", "reply", "owner", "origin"];

/// A line of addresses that nobody is to write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// Which: one at least.
    pub addresses: Vec<EmailAddress>,
    /// Why.
    pub reason: SuppressionReason,
    /// Since when, if the file tells.
    pub at: Option<Timestamp>,
    /// What cannot be read of the line beside its addresses, which count all the same.
    pub remark: Option<BadLine>,
    /// What may be one more address, and is not taken for one.
    pub missed: Option<BadLine>,
}

/// The addresses in a do-not-mail list, a line after the other. The outer result is of reading the file itself, the inner one of the line.
#[derive(Debug)]
pub struct SuppressedReader<R> {
    lines: Lines<R>,
    delimiter: u8,
    /// Those of the header; without one, addresses may stand anywhere.
    columns: Option<Columns>,
    /// There is no header: the first line is an address already.
    first: Option<Line>,
}

/// What the header says.
#[derive(Debug)]
struct Columns {
    addresses: Vec<usize>,
    reason: Option<usize>,
    at: Option<usize>,
    /// Who suppressed somebody, or wrote to them.
    others: Vec<usize>,
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
        if whole.iter().any(|field| !Found::within(field).addresses.is_empty()) {
            let text = Some(text.to_vec());
            let first = first.map(|line| Line { text, ..line });
            return Ok(Self { lines, delimiter, columns: None, first });
        }
        let names: Vec<String> = whole.iter().map(|name| field_name(name)).collect();
        let columns = Columns::of(&names).ok_or_else(|| HeaderError::NoEmail { found: shown(&whole) })?;
        Ok(Self { lines, delimiter, columns: Some(columns), first: None })
    }

    fn read(&mut self, line: Line) -> io::Result<Result<Suppressed, BadLine>> {
        let bad = |reason: String| BadLine { line: line.number, reason, whose: None };
        let Some(mut text) = line.text else { return Ok(Err(bad(TOO_LONG.to_owned()))) };
        if split(&text, self.delimiter) == Split::Unclosed {
            text = self.lines.whole(&text, self.delimiter)?;
        }
        Ok(match split(&text, self.delimiter) {
            Split::Fields(fields) => self.fields(&fields, bad),
            // Its quotes count for nothing then.
            Split::Unclosed | Split::AfterQuote => {
                let fields: Vec<_> = text
                    .split(|byte| *byte == self.delimiter)
                    .map(|field| Cow::Borrowed(unquoted(field)))
                    .collect();
                let read = self.fields(&fields, bad).map_err(|_| bad("its quotes do not match".to_owned()));
                let remark = || Some(bad("its quotes do not match; the address counts".to_owned()));
                let reason = SuppressionReason::DoNotMail;
                read.map(|read| Suppressed { reason, at: None, remark: remark(), ..read })
            }
        })
    }

    fn fields(
        &self,
        fields: &[Cow<'_, [u8]>],
        bad: impl Fn(String) -> BadLine,
    ) -> Result<Suppressed, BadLine> {
        let columns = self.columns.as_ref();
        // Our own export has no formulas.
        let is_ours = columns.is_some_and(|columns| columns.at.is_some());
        let plain = |text| if is_ours { unguarded(text) } else { text };
        let text = |at: usize| fields.get(at).map_or(Ok(""), |field| str::from_utf8(field).map(plain));
        let all: Vec<usize> = (0..fields.len()).collect();
        let mut found = Found::default();
        for at in columns.map_or(&all, |columns| &columns.addresses) {
            match text(*at) {
                Ok(text) => found.add(text),
                Err(_) => found.wrong("it is not UTF-8; save the file as UTF-8".to_owned()),
            }
        }
        if let Some(columns) = columns {
            let is_other = |at: &usize| !columns.addresses.contains(at) && !columns.others.contains(at);
            let further = all.into_iter().filter(is_other).filter_map(|at| text(at).ok());
            for address in further.filter_map(|text| EmailAddress::parse(text).ok()) {
                if !found.addresses.contains(&address) {
                    found.wrong(
                        "an address stands in a column that is not named as one of addresses, and does not count; call it `email_2`"
                            .to_owned(),
                    );
                }
            }
        }
        let Found { addresses, wrong } = found;
        if addresses.is_empty() {
            let first = columns.and_then(|columns| columns.addresses.first()).map_or(Ok(""), |at| text(*at));
            let error = EmailAddress::parse(first.unwrap_or_default()).err();
            return Err(bad(wrong.or(error.as_ref().map(reason)).unwrap_or_default()));
        }
        let said = columns.and_then(|columns| columns.reason).map_or(Ok(""), text);
        let remark = said.is_err().then(|| bad("its reason is not UTF-8; the address counts".to_owned()));
        let since = columns.and_then(|columns| columns.at).and_then(|at| text(at).ok());
        Ok(Suppressed {
            addresses,
            reason: why(said.unwrap_or_default()),
            at: since.and_then(time),
            remark,
            missed: wrong.map(|wrong| bad(format!("beside what counts of it, {wrong}"))),
        })
    }
}

impl Columns {
    fn of(names: &[String]) -> Option<Self> {
        let find =
            |known: &[&str]| known.iter().find_map(|known| names.iter().position(|name| name == known));
        let all = |is: &dyn Fn(&str) -> bool| -> Vec<usize> {
            (0..names.len()).filter(|at| names.get(*at).is_some_and(|name| is(name))).collect()
        };
        let is_others = |name: &str| OTHERS.iter().any(|word| name.split('_').any(|part| part == *word));
        let is_address = |name: &str| {
            let name = name.trim_end_matches(|c: char| c == '_' || c.is_ascii_digit());
            names_addresses(name) || ADDRESSES.contains(&name)
        };
        let addresses = Some(all(&is_address)).filter(|addresses| !addresses.is_empty())?;
        Some(Self {
            addresses,
            reason: find(&REASONS),
            at: find(&["pressroom_suppressed_at"]),
            others: all(&is_others),
        })
    }
}

/// The addresses in a line.
#[derive(Debug, Default)]
struct Found {
    addresses: Vec<EmailAddress>,
    /// What may be another, and cannot be read.
    wrong: Option<String>,
}

impl Found {
    fn within(text: &str) -> Self {
        let mut found = Self::default();
        found.add(text);
        found
    }

    fn wrong(&mut self, reason: String) {
        self.wrong.get_or_insert(reason);
    }

    /// Those of a cell: one, or several as a mail program writes them, `Ada <ada@example.com>; bo@example.com`. An address amid
    /// other words may be whoever wrote them.
    fn add(&mut self, text: &str) {
        if !text.contains('@') {
            return;
        }
        let error = match EmailAddress::parse(text) {
            Ok(address) => return self.push(address),
            Err(error) => error,
        };
        let is_between = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
        let (mut has_words, mut named) = (false, Vec::new());
        for piece in text.split(is_between).filter(|piece| !piece.is_empty()) {
            let angle = piece.strip_prefix('<').and_then(|piece| piece.strip_suffix('>'));
            match EmailAddress::parse(angle.unwrap_or(piece)) {
                Ok(address) if angle.is_some() || !has_words => {
                    has_words = false;
                    named.push(address);
                }
                Ok(address) if self.addresses.contains(&address) => {}
                Err(_) if !piece.contains('@') => has_words = true,
                Ok(_) | Err(_) => self.wrong(reason(&error)),
            }
        }
        if has_words && named.iter().any(|address| !self.addresses.contains(address)) {
            return self.wrong(reason(&error));
        }
        for address in named {
            self.push(address);
        }
    }

    fn push(&mut self, address: EmailAddress) {
        if !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
    }
}

fn unquoted(field: &[u8]) -> &[u8] {
    let is_around = |byte: &u8| matches!(byte, b'"' | b' ');
    let start = field.iter().position(|byte| !is_around(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !is_around(byte)).map_or(start, |last| last + 1);
    field.get(start..end).unwrap_or_default()
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
