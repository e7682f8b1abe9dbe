//! Replies as they come over the wire (RFC 5321 4.2), and as they are kept.

use memchr::memchr;

use crate::delivery::SmtpReply;

/// The longest reply that is listened to.
const MAX_REPLY: usize = 16 * 1024;
/// The most characters of a reply that are kept.
const MAX_TEXT: usize = 500;

/// A whole reply: all lines had the same code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// The words of each line, as they came.
    pub(super) lines: Vec<String>,
}

/// It is no SMTP reply, or far too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads the first reply and says how many octets it took; `None` if there is more to come.
///
/// A line may end with LF alone, and the space after the code may be absent where no words follow.
pub(super) fn parse(input: &[u8]) -> Result<Option<(Reply, usize)>, Malformed> {
    let mut reply: Option<Reply> = None;
    let mut start = 0;
    while let Some(length) = memchr(b'\n', &input[start..]) {
        let line = &input[start..start + length];
        let (code, last, words) = parse_line(line.strip_suffix(b"\r").unwrap_or(line)).ok_or(Malformed)?;
        start += length + 1;
        let reply = reply.get_or_insert_with(|| Reply { code, lines: Vec::new() });
        if reply.code != code || start > MAX_REPLY {
            return Err(Malformed);
        }
        reply.lines.push(String::from_utf8_lossy(words).into_owned());
        if last {
            return Ok(Some((std::mem::replace(reply, Reply { code, lines: Vec::new() }), start)));
        }
    }
    if input.len() > MAX_REPLY { Err(Malformed) } else { Ok(None) }
}

/// The code, whether this line is the last, and its words.
fn parse_line(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code: u16 =
        str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
    let known = (200..600).contains(&code);
    match rest.split_first() {
        None => known.then_some((code, true, rest)),
        Some((b' ', words)) => known.then_some((code, true, words)),
        Some((b'-', words)) => known.then_some((code, false, words)),
        Some(_) => None,
    }
}

impl From<Reply> for SmtpReply {
    fn from(reply: Reply) -> Self {
        let enhanced =
            reply.lines.first().and_then(|line| enhanced_code(reply.code, line)).map(str::to_owned);
        let mut text = String::new();
        for line in &reply.lines {
            // Some relays repeat the enhanced code on every line.
            let words = enhanced.as_deref().and_then(|code| line.strip_prefix(code)).unwrap_or(line);
            for word in
                words.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty())
            {
                text.extend((!text.is_empty()).then_some(' '));
                text.extend(word.chars().filter(|c| !is_invisible(*c)));
            }
        }
        let text = text.chars().take(MAX_TEXT).collect();
        Self { code: reply.code, enhanced, text }
    }
}

/// The first word, if it is an enhanced code that agrees with the reply's (RFC 2034).
fn enhanced_code(code: u16, line: &str) -> Option<&str> {
    let word = line.split(' ').next()?;
    let mut parts = word.split('.');
    let class: u16 = parts.next()?.parse().ok()?;
    let number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let whole = number(parts.next()?) && number(parts.next()?) && parts.next().is_none();
    (whole && class == code / 100).then_some(word)
}

/// What a terminal would act on without showing it: marks that turn the writing direction, and separators.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(input: &str) -> SmtpReply {
        parse(input.as_bytes()).unwrap().unwrap().0.into()
    }

    #[test]
    fn a_reply_of_many_lines_is_kept_as_one_with_its_enhanced_code_once() {
        let reply = kept("550-5.7.25 [192.0.2.1] no PTR\r\n550-5.7.25 record\r\n550 5.7.25 found\r\n");
        let text = "[192.0.2.1] no PTR record found".to_owned();
        assert_eq!(reply, SmtpReply { code: 550, enhanced: Some("5.7.25".into()), text });
    }

    #[test]
    fn an_enhanced_code_of_another_class_is_only_words() {
        let reply = kept("250 4.1.1 odd\n");
        assert_eq!((reply.enhanced, reply.text.as_str()), (None, "4.1.1 odd"));
        assert_eq!(kept("250\r\n").text, "");
    }

    #[test]
    fn escape_sequences_and_hidden_marks_never_reach_who_reads_it() {
        let reply = kept("554 5.7.1 \x1b[2J\x1b]0;owned\x07 \u{9b}31m no\u{202e}pe\t\0!\r\n");
        assert_eq!(reply.text, "[2J ]0;owned 31m nope !");
    }

    #[test]
    fn a_long_reply_is_cut_and_an_endless_one_refused() {
        assert_eq!(kept(&format!("250 {}\r\n", "ü".repeat(2000))).text.chars().count(), 500);
        assert_eq!(parse("250-more\r\n".repeat(2000).as_bytes()), Err(Malformed));
        assert_eq!(parse("2".repeat(20_000).as_bytes()), Err(Malformed));
    }

    #[test]
    fn what_is_no_reply_is_refused_and_half_a_reply_awaited() {
        for text in [
            "\r\n",
            "25\r\n",
            "2x0 ok\r\n",
            "099 ok\r\n",
            "650 ok\r\n",
            "250+ok\r\n",
            "250-a\r\n550 b\r\n",
            "+25 ok\r\n",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(Malformed), "{text:?}");
        }
        for text in ["", "2", "250 ok", "250-ok\r\n", "250-ok\r\n250"] {
            assert_eq!(parse(text.as_bytes()), Ok(None), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_harm(input in proptest::collection::vec(any::<u8>(), 0..300)) {
            let hostile = [b"550 ".as_slice(), &input, b"\r\n"].concat();
            if let Ok(Some((reply, used))) = parse(&hostile) {
                prop_assert!(used <= hostile.len());
                prop_assert!(!SmtpReply::from(reply).text.chars().any(char::is_control));
            }
            let _any = parse(&input);
        }
    }
}
