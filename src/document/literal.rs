//! From a place in a string's value back to the place where it was written.

/// Where in `written`, a TOML string with its quotes, the byte at `offset` of its value stands.
///
/// The value is meant with `\n` for every line end. Past the end is the end.
pub(super) fn place_of(written: &str, offset: usize) -> usize {
    let (escapes, mut at) = opening(written);
    let mut passed = 0;
    while let Some(step) = next(&written[at..], escapes) {
        if passed >= offset && step.value > 0 {
            break;
        }
        at += step.written;
        passed += step.value;
    }
    at
}

/// Whether escapes count, and where the value begins: a line end right after `"""` is not part of it.
fn opening(written: &str) -> (bool, usize) {
    let escapes = written.starts_with('"');
    if !(written.starts_with("\"\"\"") || written.starts_with("'''")) {
        return (escapes, usize::from(escapes || written.starts_with('\'')));
    }
    let rest = &written[3..];
    let line_end = ["\r\n", "\n"].into_iter().find(|end| rest.starts_with(end)).map_or(0, str::len);
    (escapes, 3 + line_end)
}

/// A character or escape: its bytes as written, and in the value.
struct Step {
    written: usize,
    value: usize,
}

fn next(rest: &str, escapes: bool) -> Option<Step> {
    let first = rest.chars().next()?;
    Some(match first {
        '\\' if escapes => escape(rest),
        '\r' if rest.starts_with("\r\n") => Step { written: 2, value: 1 },
        _ => Step { written: first.len_utf8(), value: first.len_utf8() },
    })
}

fn escape(rest: &str) -> Step {
    let digits = |count: usize| {
        let end = (2 + count).min(rest.len());
        let code = rest.get(2..end).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code.and_then(char::from_u32) {
            Some(c) => Step { written: end, value: c.len_utf8() },
            None => Step { written: 1, value: 1 },
        }
    };
    match rest[1..].chars().next() {
        Some('x') => digits(2),
        Some('u') => digits(4),
        Some('U') => digits(8),
        // A backslash before a line end swallows all white space that follows.
        Some(' ' | '\t' | '\r' | '\n') => {
            Step { written: rest.len() - rest[1..].trim_start().len(), value: 0 }
        }
        Some(c) => Step { written: 1 + c.len_utf8(), value: 1 },
        None => Step { written: 1, value: 1 },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::place_of;

    fn at(written: &str, value: &str, wanted: &str) -> usize {
        place_of(written, value.find(wanted).unwrap())
    }

    #[test]
    fn a_place_is_found_in_every_kind_of_string() {
        assert_eq!(at("'abc'", "abc", "c"), 3);
        assert_eq!(at("\"\"\"\nab\nc\"\"\"", "ab\nc", "c"), 7);
        assert_eq!(at("'''\r\nab\r\nc'''", "ab\nc", "c"), 9);
        assert_eq!(at(r#""a\"\u00e9\tc""#, "a\"é\tc", "c"), 12);
        assert_eq!(at("\"\"\"a \\\n   b\"\"\"", "a b", "b"), 10);
        assert_eq!(place_of("'abc'", 99), 5);
    }

    proptest! {
        #[test]
        fn any_bytes_and_any_place_are_survived(written in "['\"\\\\ux0\\s\\PC]{0,20}", offset in 0_usize..30) {
            let at = place_of(&written, offset);
            prop_assert!(written.is_char_boundary(at));
        }
    }
}
