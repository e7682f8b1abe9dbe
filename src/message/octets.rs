//! What must not go out, what must be announced before it does, and what must be stuffed (requirements 1, 6 and 33).

/// What a look over a message's octets has found.
///
/// Of pieces that end with a line end each may be looked over by itself: what was found in any of them holds for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Octets {
    /// A CR lacks its LF, an LF its CR, or a NUL is there.
    pub broken: bool,
    /// Some are beyond ASCII.
    pub eight_bit: bool,
    /// A line begins with a dot.
    pub dots: bool,
}

const BROKEN: u8 = 1;
const DOT: u8 = 2;
const EIGHT_BIT: u8 = 0x80;

impl Octets {
    /// Looks over whole lines; the last may lack its end.
    pub fn of(lines: &[u8]) -> Self {
        let found = scan(b'\n', lines, |before, octet| {
            let dot = u8::from(before == b'\n') & u8::from(octet == b'.');
            bad(before, octet) | (dot * DOT) | (octet & EIGHT_BIT)
        });
        Self {
            broken: found & BROKEN != 0 || lines.ends_with(b"\r"),
            eight_bit: found & EIGHT_BIT != 0,
            dots: found & DOT != 0,
        }
    }

    /// Of two pieces.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            broken: self.broken | other.broken,
            eight_bit: self.eight_bit | other.eight_bit,
            dots: self.dots | other.dots,
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
    use super::*;

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
            assert_eq!(Octets::of(b"x\r\n").and(found), found, "{message:?}");
        }
    }
}
