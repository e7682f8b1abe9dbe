//! Header fields: folded at 78 columns, encoded-words where words need them (RFC 5322, RFC 2047).
//!
//! Nothing that comes in here can break out of its field: line breaks become spaces, other controls go (requirement 63).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::mailbox::Mailbox;
use crate::wrap::one_line;

/// Columns of a line where a fold can keep to it; RFC 5322 2.1.1.
const WIDTH: usize = 78;

/// A longer word is encoded instead, which can be folded.
const LONGEST_WORD: usize = 60;

/// Columns of an encoded-word; RFC 2047 2.
const ENCODED_WORD: usize = 75;

/// A header field being written.
pub(super) struct Field<'a> {
    out: &'a mut Vec<u8>,
    column: usize,
    first: bool,
}

impl<'a> Field<'a> {
    /// Starts `Name:`.
    pub(super) fn new(out: &'a mut Vec<u8>, name: &str) -> Self {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        Self { out, column: name.len() + 1, first: true }
    }

    /// Adds a word that is never broken, on a new line where this one is full. Controls are dropped, whoever let them in.
    pub(super) fn word(&mut self, word: &str) {
        if !self.first && self.column + 1 + word.len() > WIDTH {
            self.out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
        self.out.push(b' ');
        self.out.extend(word.bytes().filter(|byte| !byte.is_ascii_control()));
        self.column += 1 + word.len();
        self.first = false;
    }

    /// Adds a word that is long for certain, below the field's name where it does not fit beside it.
    pub(super) fn uri(&mut self, uri: &str) {
        self.first = self.first && self.column + 1 + uri.len() <= WIDTH;
        self.word(uri);
    }

    /// Adds words, as they are where every server can read them, else as encoded-words.
    pub(super) fn text(&mut self, text: &str) {
        let text = one_line(text);
        if is_plain(&text) {
            text.split(' ').for_each(|word| self.word(word));
        } else {
            self.encoded(&text);
        }
    }

    /// Adds a phrase: atoms, a quoted string, or encoded-words.
    pub(super) fn phrase(&mut self, text: &str) {
        let text = one_line(text);
        if !is_plain(&text) {
            self.encoded(&text);
        } else if text.bytes().all(|byte| byte == b' ' || is_atext(byte)) {
            text.split(' ').for_each(|word| self.word(word));
        } else {
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            quoted.split(' ').for_each(|word| self.word(word));
        }
    }

    /// Adds `Name <address>`, or the address alone.
    pub(super) fn mailbox(&mut self, name: Option<&str>, address: &str) {
        match name {
            Some(name) if !name.trim().is_empty() => {
                self.phrase(name);
                self.word(&format!("<{address}>"));
            }
            Some(_) | None => self.word(address),
        }
    }

    /// Ends the field.
    pub(super) fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    /// Adds encoded-words: Q where most stays readable, else B.
    fn encoded(&mut self, text: &str) {
        let q: usize = text.bytes().map(q_len).sum();
        let code: Code = if q < text.len() * 2 { Code::Q } else { Code::B };
        let mut rest = text;
        while !rest.is_empty() {
            // The first word stays beside the field's name, so that it gets what is left there.
            let room = if self.first { WIDTH.saturating_sub(self.column + 1) } else { ENCODED_WORD };
            let (word, after) = rest.split_at(code.fitting(rest, room.min(ENCODED_WORD)));
            self.word(&code.encode(word));
            rest = after;
        }
    }
}

/// A whole field that holds words.
pub(super) fn text(out: &mut Vec<u8>, name: &str, text: &str) {
    let mut field = Field::new(out, name);
    field.text(text);
    field.end();
}

/// A whole field that holds a mailbox.
pub(super) fn mailbox(out: &mut Vec<u8>, name: &str, mailbox: &Mailbox) {
    let mut field = Field::new(out, name);
    field.mailbox(mailbox.name.as_deref(), mailbox.address.as_str());
    field.end();
}

/// Whether a text may stand in a header as it is: ASCII, nothing that reads like an encoded-word, foldable at every space.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && !text.contains("=?")
        && text.split(' ').all(|word| (1..=LONGEST_WORD).contains(&word.len()))
}

/// RFC 5322 3.2.3.
fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// The two encodings of RFC 2047.
#[derive(Clone, Copy)]
enum Code {
    B,
    Q,
}

impl Code {
    /// How many bytes of `text`, whole characters and at least one, fit an encoded-word of `room` columns.
    fn fitting(self, text: &str, room: usize) -> usize {
        let room = room.saturating_sub("=?utf-8?q??=".len());
        let (mut bytes, mut columns) = (0, 0);
        for c in text.chars() {
            columns += match self {
                Self::B => 0,
                Self::Q => c.encode_utf8(&mut [0; 4]).bytes().map(q_len).sum(),
            };
            let whole = match self {
                Self::B => (bytes + c.len_utf8()).div_ceil(3) * 4,
                Self::Q => columns,
            };
            if whole > room && bytes > 0 {
                break;
            }
            bytes += c.len_utf8();
        }
        bytes
    }

    fn encode(self, text: &str) -> String {
        match self {
            Self::B => format!("=?utf-8?b?{}?=", STANDARD.encode(text)),
            Self::Q => format!("=?utf-8?q?{}?=", text.bytes().map(q_encode).collect::<String>()),
        }
    }
}

/// Whether Q leaves a byte as it is, in a phrase too (RFC 2047 5).
fn q_keeps(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!*+-/".contains(&byte)
}

fn q_len(byte: u8) -> usize {
    if q_keeps(byte) || byte == b' ' { 1 } else { 3 }
}

fn q_encode(byte: u8) -> String {
    match byte {
        b' ' => "_".to_owned(),
        kept if q_keeps(kept) => char::from(kept).to_string(),
        other => format!("={other:02X}"),
    }
}

#[cfg(test)]
mod tests;
