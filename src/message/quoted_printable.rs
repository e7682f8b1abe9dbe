//! Quoted-printable (RFC 2045 6.7), in runs that start and end at the start of a line.
//!
//! White space that a relay may change, and DKIM's canonical form does (RFC 6376 3.4.4), is encoded: tabs, and spaces before white
//! space or the end of a line.
//!
//! A run that does not end with a line end is closed by a soft break. So runs can be strung together in any order, and a
//! field filled in between moves nothing else.

/// Columns of a line before its soft break's `=`; RFC 2045 allows 76 with it.
const WIDTH: usize = 75;

/// Appends `text` as one run. `\n` and `\r\n` become CRLF.
pub(super) fn encode(text: &str, out: &mut Vec<u8>) {
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        if lines.peek().is_some() {
            encode_line(line.strip_suffix('\r').unwrap_or(line).as_bytes(), true, out);
        } else if !line.is_empty() {
            encode_line(line.as_bytes(), false, out);
        }
    }
}

/// `text` as one run.
pub(super) fn encoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 16);
    encode(text, &mut out);
    out
}

/// How many bytes runs stand for.
pub(super) fn decoded_len(encoded: &[u8]) -> usize {
    let mut len = encoded.len();
    for at in memchr::memchr_iter(b'=', encoded) {
        len -= if encoded.get(at + 1) == Some(&b'\r') { 3 } else { 2 };
    }
    len
}

/// What runs stand for; what is no quoted-printable is passed over.
pub(super) fn decode(encoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some(at) = memchr::memchr(b'=', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some((pair, after)) = rest.split_at_checked(2) {
            rest = after;
            let hex = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
            out.extend(hex);
        }
    }
    out.extend_from_slice(rest);
    out
}

fn encode_line(line: &[u8], ended: bool, out: &mut Vec<u8>) {
    let (mut start, mut rest) = (out.len(), line);
    while let Some((&byte, after)) = rest.split_first() {
        let column = out.len() - start;
        // A dot would have to be doubled for SMTP, and mailbox files quote a `From `.
        let is_unsafe = column == 0 && (byte == b'.' || rest.starts_with(b"From "));
        let literal = if is_unsafe { 0 } else { literals(rest, WIDTH - column, ended) };
        if literal > 0 {
            let (run, after) = rest.split_at(literal);
            out.extend_from_slice(run);
            rest = after;
        } else if column + 3 > WIDTH {
            out.extend_from_slice(b"=\r\n");
            start = out.len();
        } else {
            out.extend([b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            rest = after;
        }
    }
    out.extend_from_slice(if ended { b"\r\n" } else { b"=\r\n" });
}

/// How many bytes from here on stand for themselves, at most `room`.
fn literals(rest: &[u8], room: usize, ended: bool) -> usize {
    let is_literal = |at: &usize| match rest[*at] {
        b' ' => rest.get(at + 1).map_or(!ended, |next| !matches!(next, b' ' | b'\t')),
        byte => matches!(byte, b'!'..=b'~') && byte != b'=',
    };
    (0..rest.len().min(room)).take_while(is_literal).count()
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn coded(text: &str) -> String {
        String::from_utf8(encoded(text)).unwrap()
    }

    fn is_wire(encoded: &[u8]) -> bool {
        let text = std::str::from_utf8(encoded).unwrap();
        text.is_ascii()
            && (text.is_empty() || text.ends_with("\r\n"))
            && text.split("\r\n").all(|line| {
                line.len() <= 76
                    && !line.ends_with(' ')
                    && !line.contains("  ")
                    && !line.starts_with('.')
                    && !line.starts_with("From ")
                    && line.bytes().all(|byte| matches!(byte, b' '..=b'~'))
            })
    }

    #[test]
    fn words_stay_readable_and_line_ends_stay_line_ends() {
        assert_eq!(coded("Hello, world\nbye\n"), "Hello, world\r\nbye\r\n");
        assert_eq!(coded("a\r\nb\rc\n"), "a\r\nb=0Dc\r\n");
        assert_eq!(coded("1 + 1 = 2, Grüße\n"), "1 + 1 =3D 2, Gr=C3=BC=C3=9Fe\r\n");
    }

    #[test]
    fn an_open_line_is_closed_by_a_soft_break() {
        assert_eq!(coded("<a href=\""), "<a href=3D\"=\r\n");
        assert_eq!(coded("a\nb "), "a\r\nb =\r\n");
        assert_eq!(coded(""), "");
        assert_eq!(coded("\n"), "\r\n");
    }

    #[test]
    fn nothing_on_the_way_finds_a_line_to_change() {
        assert_eq!(coded("a \nb\t\n"), "a=20\r\nb=09\r\n");
        assert_eq!(coded("a  b\tc \td\n"), "a=20 b=09c=20=09d\r\n");
        assert_eq!(coded(".\n.a\nFrom here\nFromage\n"), "=2E\r\n=2Ea\r\n=46rom here\r\nFromage\r\n");
    }

    #[test]
    fn a_long_line_breaks_before_76_columns_and_in_no_escape() {
        assert_eq!(coded(&"a".repeat(75)), format!("{}=\r\n", "a".repeat(75)));
        assert_eq!(coded(&"a".repeat(76)), format!("{}=\r\na=\r\n", "a".repeat(75)));
        assert_eq!(coded(&("a".repeat(73) + "é")), format!("{}=\r\n=C3=A9=\r\n", "a".repeat(73)));
    }

    proptest! {
        #[test]
        fn whatever_goes_in_comes_out(text in "(\\PC|[ \t\n.=]|From ){0,200}") {
            let encoded = encoded(&text);
            prop_assert!(is_wire(&encoded));
            prop_assert_eq!(decoded_len(&encoded), decode(&encoded).len());
            prop_assert_eq!(decode(&encoded), text.replace('\n', "\r\n").into_bytes());
        }

        #[test]
        fn filling_a_field_moves_nothing_else(before in "\\PC{0,90}", value in "\\PC{0,90}", after in "\\PC{0,90}") {
            let run = [&before, &value, &after].map(|text| encoded(text)).concat();
            prop_assert!(is_wire(&run));
            prop_assert_eq!(decode(&run), format!("{before}{value}{after}").into_bytes());
        }
    }
}
