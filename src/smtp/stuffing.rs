//! Transparency of the message within DATA (RFC 5321 4.5.2).

use memchr::memmem;

/// Appends `message` with a dot before each line that begins with one, and the CRLF that its last line may lack.
pub(super) fn stuff(message: &[u8], out: &mut Vec<u8>) {
    if message.starts_with(b".") {
        out.push(b'.');
    }
    let mut from = 0;
    for at in memmem::find_iter(message, b"\r\n.") {
        out.extend_from_slice(&message[from..at + 3]);
        out.push(b'.');
        from = at + 3;
    }
    out.extend_from_slice(&message[from..]);
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
}

/// What a look over a message's octets has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Octets {
    /// A CR lacks its LF, an LF its CR, or a NUL is there.
    pub(super) broken: bool,
    /// Some are beyond ASCII.
    pub(super) eight_bit: bool,
    /// A line begins with a dot.
    pub(super) dots: bool,
}

const BROKEN: u8 = 1;
const DOT: u8 = 2;
const EIGHT_BIT: u8 = 0x80;

impl Octets {
    pub(super) fn of(message: &[u8]) -> Self {
        let found = scan(b'\n', message, |before, octet| {
            let dot = u8::from(before == b'\n') & u8::from(octet == b'.');
            bad(before, octet) | (dot * DOT) | (octet & EIGHT_BIT)
        });
        Self {
            broken: found & BROKEN != 0 || message.ends_with(b"\r"),
            eight_bit: found & EIGHT_BIT != 0,
            dots: found & DOT != 0,
        }
    }
}

/// Whether a CR lacks its LF, an LF its CR, or a NUL is there; a CR at the very end is left to the octet that follows.
/// `previous` is the octet before.
pub(crate) fn breaks_lines_badly(previous: u8, octets: &[u8]) -> bool {
    scan(previous, octets, bad) != 0
}

fn bad(before: u8, octet: u8) -> u8 {
    u8::from((before == b'\r') != (octet == b'\n')) | u8::from(octet == 0)
}

/// What is found in any octet with the one before it. One branchless pass, which the compiler turns into vector instructions.
fn scan(previous: u8, octets: &[u8], find: impl Fn(u8, u8) -> u8) -> u8 {
    let Some(&first) = octets.first() else { return 0 };
    octets.iter().zip(&octets[1..]).fold(find(previous, first), |found, (a, b)| found | find(*a, *b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuffed(message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        stuff(message, &mut out);
        out
    }

    /// What a receiver undoes (RFC 5321 4.5.2), line by line.
    fn unstuffed(wire: &[u8]) -> Vec<u8> {
        let lines = wire.split_inclusive(|b| *b == b'\n');
        lines.flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect()
    }

    #[test]
    fn lines_that_begin_with_a_dot_get_another() {
        assert_eq!(stuffed(b".\r\n..\r\n\r\n.a.b\r\nc."), b"..\r\n...\r\n\r\n..a.b\r\nc.\r\n");
        assert_eq!(stuffed(b""), b"");
    }

    #[test]
    fn bare_line_ends_and_nul_are_seen() {
        for (octets, bad) in [
            (b"a\r\nb\r\n".as_slice(), false),
            (b"\r\n\r\n", false),
            (b"", false),
            (b"\na", true),
            (b"a\rb", true),
            (b"a\n", true),
            (b"a\r\r\n", true),
            (b"a\0b", true),
        ] {
            assert_eq!(breaks_lines_badly(0, octets), bad, "{octets:?}");
        }
        assert!(!breaks_lines_badly(b'\r', b"\n"));
        assert!(breaks_lines_badly(b'\r', b"a"));
    }

    #[test]
    fn one_look_tells_what_must_not_go_out_and_what_must_be_stuffed() {
        let octets = |broken, eight_bit, dots| Octets { broken, eight_bit, dots };
        for (message, found) in [
            ("a.\r\n\r\nb\r\n", octets(false, false, false)),
            (".a\r\n", octets(false, false, true)),
            ("a\r\n.\r\n", octets(false, false, true)),
            ("\u{fc}", octets(false, true, false)),
            ("a\r", octets(true, false, false)),
            ("\n.", octets(true, false, true)),
            ("", Octets::default()),
        ] {
            assert_eq!(Octets::of(message.as_bytes()), found, "{message:?}");
            let far = "x".repeat(100) + "\r\n" + message + if found.broken { "" } else { "x" };
            assert_eq!(Octets::of(far.as_bytes()), found, "{far:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_stuffed_is_unstuffed_to_itself_and_holds_no_end(lines in proptest::collection::vec("[.a\u{fc}]{0,3}", 0..20)) {
            let message = lines.iter().fold(String::new(), |message, line| message + line + "\r\n");
            let wire = stuffed(message.as_bytes());
            prop_assert_eq!(unstuffed(&wire), message.as_bytes());
            let after_data = [b"\r\n".as_slice(), &wire].concat();
            prop_assert_eq!(memmem::find(&after_data, b"\r\n.\r\n"), None);
        }
    }
}
