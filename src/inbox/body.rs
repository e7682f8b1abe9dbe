//! What follows DATA: where it ends, and what was meant (RFC 5321 4.5.2); and what BDAT brings, as it is (RFC 3030).

use memchr::memmem;

use crate::message::breaks_lines_badly;

/// Only this ends a message; it begins with the CRLF of the last line, or of DATA itself.
const END: &[u8] = b"\r\n.\r\n";

/// A message on its way in.
#[derive(Debug)]
pub(super) struct Body {
    /// What came so far, after the CRLF of DATA; `None` if nobody wants it.
    content: Option<Vec<u8>>,
    /// Octets so far, that CRLF included.
    length: u64,
    /// The most that `length` may be before the rest is dropped.
    limit: u64,
    /// The octet before the next one.
    previous: u8,
    malformed: bool,
}

/// Why a message cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A bare CR, a bare LF or a NUL.
    Octets,
    /// Over the limit.
    Size,
}

impl Flaw {
    /// What its sender is told.
    pub(super) fn complaint(self) -> &'static str {
        match self {
            Self::Size => "552 5.3.4 the message is too big",
            Self::Octets => "554 5.6.0 the message holds a bare CR, a bare LF or a NUL",
        }
    }
}

impl Body {
    /// The first octets it is fed are the CRLF of the DATA line.
    pub(super) fn new(keep: bool, limit: u64) -> Self {
        Self { content: keep.then(Vec::new), length: 0, limit, previous: 0, malformed: false }
    }

    /// Takes what is certain of `input`: how many octets, and whether the message ended with them.
    pub(super) fn take(&mut self, input: &[u8]) -> (usize, bool) {
        if let Some(at) = memmem::find(input, END) {
            self.append(&input[..at + 2]);
            return (at + END.len(), true);
        }
        let certain = input.len().saturating_sub(END.len() - 1);
        self.append(&input[..certain]);
        (certain, false)
    }

    /// Takes octets of the message that nothing can end.
    pub(super) fn append(&mut self, octets: &[u8]) {
        let Some(&last) = octets.last() else { return };
        self.malformed |= breaks_lines_badly(self.previous, octets);
        self.previous = last;
        self.length += octets.len() as u64;
        if self.length > self.limit + 2 {
            self.content = self.content.take().map(|_| Vec::new());
        } else if let Some(content) = &mut self.content {
            content.extend_from_slice(octets);
        }
    }

    /// Octets of the message so far, still dot-stuffed.
    pub(super) fn length(&self) -> u64 {
        self.length.saturating_sub(2)
    }

    pub(super) fn flaw(&self) -> Option<Flaw> {
        let malformed = self.malformed || self.previous == b'\r';
        if self.length() > self.limit { Some(Flaw::Size) } else { malformed.then_some(Flaw::Octets) }
    }

    /// The message as it was before dot-stuffing; `None` if nobody wanted it.
    pub(super) fn unstuffed(&self) -> Option<Vec<u8>> {
        self.content.as_deref().map(unstuff)
    }

    /// The message as it came; `None` if nobody wanted it.
    pub(super) fn verbatim(self) -> Option<Vec<u8>> {
        self.content.map(|mut content| content.split_off(content.len().min(2)))
    }
}

/// Drops the leading CRLF, and the first dot of each line that begins with one.
fn unstuff(content: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(content.len());
    let mut from = 2;
    for at in memmem::find_iter(content, b"\r\n.") {
        message.extend_from_slice(&content[from.min(at + 2)..at + 2]);
        from = at + 3;
    }
    message.extend_from_slice(content.get(from..).unwrap_or_default());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(octets: &[u8], chunk: usize) -> (Body, usize) {
        let mut body = Body::new(true, 1000);
        let (mut start, mut end) = (0, 0);
        loop {
            end = (end + chunk).min(octets.len());
            let (used, ended) = body.take(&octets[start..end]);
            start += used;
            if ended || end == octets.len() {
                return (body, start);
            }
        }
    }

    #[test]
    fn a_message_arrives_as_it_was_before_dot_stuffing_in_any_chunking() {
        let wire = b"\r\n..\r\n...a\r\nb.\r\n\r\n..c\r\n.\r\nNOOP\r\n";
        for chunk in 1..wire.len() {
            let (body, used) = fed(wire, chunk);
            assert_eq!(body.unstuffed().unwrap(), b".\r\n..a\r\nb.\r\n\r\n.c\r\n", "chunks of {chunk}");
            assert_eq!(&wire[used..], b"NOOP\r\n");
            assert_eq!(body.flaw(), None);
        }
    }

    #[test]
    fn an_empty_message_is_one() {
        let (body, used) = fed(b"\r\n.\r\n", 2);
        assert_eq!((body.unstuffed().unwrap(), used), (vec![], 5));
    }

    #[test]
    fn nothing_but_crlf_dot_crlf_ends_a_message_and_bare_line_ends_are_a_flaw() {
        for smuggled in ["\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\r\n\0.\r\n"] {
            let wire = format!("\r\na{smuggled}b\r\n.\r\n");
            for chunk in 1..wire.len() {
                let (body, used) = fed(wire.as_bytes(), chunk);
                assert_eq!(used, wire.len(), "{smuggled:?} ended the message");
                assert_eq!(body.flaw(), Some(Flaw::Octets), "{smuggled:?} in chunks of {chunk}");
            }
        }
    }

    #[test]
    fn a_message_over_the_limit_is_read_to_its_end_and_not_kept() {
        let wire = [b"\r\n".as_slice(), &[b'a'; 1001], b"\r\n.\r\n"].concat();
        let (body, used) = fed(&wire, 7);
        assert_eq!((body.flaw(), used), (Some(Flaw::Size), wire.len()));
        assert_eq!(body.unstuffed().unwrap(), b"");
    }
}
