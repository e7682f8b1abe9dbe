//! One line of delimited text, cut at its delimiters (RFC 4180).

/// A line, cut.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// Its fields, quotes taken off.
    Fields(Vec<Vec<u8>>),
    /// A quote was opened and not closed.
    Unclosed,
    /// A quote was closed, and the field went on.
    AfterQuote,
}

/// Cuts a line. A quote counts where a field begins with it, spaces aside; doubled, it stands for itself.
pub(super) fn split(line: &[u8], delimiter: u8) -> Split {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = if let Some(quoted) = spaces_off(rest).strip_prefix(b"\"") {
            let Some((field, after)) = unquote(quoted) else { return Split::Unclosed };
            (field, spaces_off(after))
        } else {
            let end = rest.iter().position(|byte| *byte == delimiter).unwrap_or(rest.len());
            (rest[..end].to_vec(), &rest[end..])
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
fn unquote(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut field = Vec::new();
    loop {
        let quote = rest.iter().position(|byte| *byte == b'"')?;
        field.extend_from_slice(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix(b"\"") {
            None => return Some((field, rest)),
            Some(after) => {
                field.push(b'"');
                rest = after;
            }
        }
    }
}
