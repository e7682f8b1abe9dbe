//! One line of delimited text, cut at its delimiters (RFC 4180).

use std::borrow::Cow;

use memchr::memchr;

/// A line, cut.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Split<'l> {
    /// Its fields, quotes taken off.
    Fields(Vec<Cow<'l, [u8]>>),
    /// A quote was opened and not closed.
    Unclosed,
    /// A quote was closed, and the field went on.
    AfterQuote,
}

/// Cuts a line. A quote counts where a field begins with it, spaces aside; doubled, it stands for itself.
pub(super) fn split(line: &[u8], delimiter: u8) -> Split<'_> {
    let mut fields = Vec::with_capacity(8);
    let mut rest = line;
    loop {
        let (field, after) = if let Some(quoted) = spaces_off(rest).strip_prefix(b"\"") {
            let Some((field, after)) = unquote(quoted) else { return Split::Unclosed };
            (field, spaces_off(after))
        } else {
            let end = memchr(delimiter, rest).unwrap_or(rest.len());
            (Cow::Borrowed(&rest[..end]), &rest[end..])
        };
        fields.push(field);
        match after.split_first() {
            None => return Split::Fields(fields),
            Some((byte, next)) if *byte == delimiter => rest = next,
            Some(_) => return Split::AfterQuote,
        }
    }
}

/// Not tabs: they may be what delimits.
fn spaces_off(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|byte| **byte == b' ').count()..]
}

/// What stands before the closing quote, and what after it.
fn unquote(quoted: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let mut field = Cow::Borrowed(&quoted[..0]);
    let mut rest = quoted;
    loop {
        let quote = memchr(b'"', rest)?;
        let (text, after) = (&rest[..quote], &rest[quote + 1..]);
        if field.is_empty() {
            field = Cow::Borrowed(text);
        } else {
            field.to_mut().extend_from_slice(text);
        }
        match after.strip_prefix(b"\"") {
            None => return Some((field, after)),
            Some(after) => {
                field.to_mut().push(b'"');
                rest = after;
            }
        }
    }
}
