//! Plain text wrapped at a display width: for the text edition, and for paragraphs that differ from reader to reader.
//!
//! Words of the house. What an inbox shows as plain text obeys a few rules, and they all live here: no invisible
//! characters, no trailing spaces, no line that a mail program takes for something else.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memrchr};
use textwrap::WordSeparator;
use textwrap::core::display_width;

/// `text` in lines of at most `width` columns, indent included: the first line starts with `first_indent`, the others
/// with `indent`. A `\n` in the text stays a line end, other white space becomes one space.
///
/// Lines are joined by `\n`, without one at the end. A word wider than the line stands alone on it, and URLs are never
/// broken; CJK and emoji count the columns they fill. No line starts with `-- ` (a signature) or `From ` (an mbox's
/// next message): there the space becomes a no-break space, which looks the same.
pub fn wrap(text: &str, width: usize, first_indent: &str, indent: &str) -> String {
    let mut page = Page { lines: String::with_capacity(text.len() * 5 / 4), indent: first_indent };
    for line in text.split('\n') {
        let line = flat(line);
        if breaks_at_spaces_alone(&line) {
            page.push_simple(&line, width, indent);
        } else {
            page.push_words(&line, words(&line), width, indent);
        }
    }
    page.lines.truncate(page.lines.len() - 1);
    page.lines
}

struct Page<'a> {
    lines: String,
    /// What the next line starts with.
    indent: &'a str,
}

impl<'a> Page<'a> {
    /// A line of ASCII that breaks at its single spaces alone: one column a byte.
    fn push_simple(&mut self, mut line: &str, width: usize, indent: &'a str) {
        loop {
            let room = width.saturating_sub(columns(self.indent));
            if line.len() <= room {
                return self.push(line, indent);
            }
            let bytes = line.as_bytes();
            let fits = memrchr(b' ', &bytes[..=room]);
            let Some(end) = fits.or_else(|| memchr(b' ', bytes)) else { return self.push(line, indent) };
            self.push(&line[..end], indent);
            line = &line[end + 1..];
        }
    }

    /// A line that breaks between its `words`.
    fn push_words<'b>(
        &mut self,
        line: &str,
        words: impl Iterator<Item = &'b str>,
        width: usize,
        indent: &'a str,
    ) {
        let (mut start, mut at, mut column) = (0, 0, columns(self.indent));
        for word in words {
            let spaceless = word.trim_end_matches(' ');
            let end = column + columns(spaceless);
            if end > width && at > start {
                self.push(&line[start..at], indent);
                start = at;
                column = columns(indent);
            }
            column += columns(word);
            at += word.len();
        }
        self.push(&line[start..], indent);
    }

    /// One more line; those after it start with `indent`.
    fn push(&mut self, words: &str, indent: &'a str) {
        let start = self.lines.len();
        self.lines.extend([self.indent, words]);
        self.lines.truncate(self.lines.trim_end_matches(' ').len().max(start));
        for taken in ["-- ", "From "] {
            if self.lines[start..].starts_with(taken) {
                let space = start + taken.len() - 1;
                self.lines.replace_range(space..=space, "\u{a0}");
            }
        }
        self.lines.push('\n');
        self.indent = indent;
    }
}

fn columns(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { display_width(text) }
}

/// A line as plain text shows it: white space collapsed to single spaces, invisible characters dropped.
pub fn one_line(text: &str) -> String {
    flat(text).into_owned()
}

/// The same, of which most texts are one already.
fn flat(text: &str) -> Cow<'_, str> {
    let spaced = |pair: &[u8]| pair == b"  ";
    let bytes = text.as_bytes();
    if !text.starts_with(' ')
        && !text.ends_with(' ')
        && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && !bytes.windows(2).any(spaced)
    {
        return Cow::Borrowed(text);
    }
    let visible = visible(text);
    let mut line = String::with_capacity(visible.len());
    for word in visible.split(breaks).map(str::trim).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    Cow::Owned(line)
}

/// Whether it is white space at which a line may end.
fn breaks(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

/// Without control characters (line ends and tabs stay) and without characters of no width.
///
/// Joiners stay where they join: without them Persian is misspelt and a family of emoji falls apart.
pub fn visible(text: &str) -> Cow<'_, str> {
    let is_seen = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    if text.bytes().all(is_seen) || !text.contains(|c: char| is_joiner(c) || is_invisible(c)) {
        return Cow::Borrowed(text);
    }
    let mut seen = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let kept = if is_joiner(c) {
            seen.chars().next_back().is_some_and(joins) && rest.peek().is_some_and(|&next| joins(next))
        } else {
            !is_invisible(c)
        };
        if kept {
            seen.push(c);
        }
    }
    Cow::Owned(seen)
}

/// Whether it joins its neighbours, or keeps them apart.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Whether it is a control character, or one of no width that joins nothing.
fn is_invisible(c: char) -> bool {
    match c {
        '\n' | '\r' | '\t' => false,
        '\u{ad}' | '\u{34f}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => true,
        _ => c.is_control(),
    }
}

/// Whether a joiner beside it can mean anything.
fn joins(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !is_joiner(c)
}

/// The words between which a line may break (UAX #14), with the space behind them. URLs, paths, options and the like stay
/// whole.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut urls = urls(line).into_iter().peekable();
    let (mut start, mut end) = (0, 0);
    let mut breaks = WordSeparator::UnicodeBreakProperties.find_words(line);
    std::iter::from_fn(move || {
        for word in breaks.by_ref() {
            end += word.word.len() + word.whitespace.len();
            while urls.next_if(|url| url.end <= end).is_some() {}
            if urls.peek().is_none_or(|url| end <= url.start) && !within_ascii(line, end) {
                let whole = &line[start..end];
                start = end;
                return Some(whole);
            }
        }
        None
    })
}

/// Whether the rules come down to this: ASCII in which no mark stands behind a space, as French has it.
fn breaks_at_spaces_alone(line: &str) -> bool {
    let spaced_mark = |pair: &[u8]| pair[0] == b' ' && b"!?:;.,)]}/".contains(&pair[1]);
    line.is_ascii() && !line.as_bytes().windows(2).any(spaced_mark)
}

/// Whether ASCII stands on both sides, and no space.
fn within_ascii(line: &str, at: usize) -> bool {
    let (before, after) = line.as_bytes().split_at(at);
    before.last().is_some_and(u8::is_ascii_graphic) && after.first().is_some_and(u8::is_ascii_graphic)
}

/// Where the URLs of a line are: from their scheme to the next space.
fn urls(line: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in line.match_indices("://") {
        if found.last().is_some_and(|last| at < last.end) {
            continue;
        }
        let scheme = line[..at].bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
        let length = line[at..].find(' ').unwrap_or(line.len() - at);
        found.push(at - scheme..at + length);
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plainly(text: &str, width: usize) -> String {
        wrap(text, width, "", "")
    }

    #[test]
    fn lines_count_their_indent() {
        assert_eq!(wrap("one two three four", 11, "* ", "  "), "* one two\n  three\n  four");
    }

    #[test]
    fn a_mark_is_not_parted_from_its_word_as_french_writes_it() {
        assert_eq!(plainly("Quoi ? Rien !", 6), "Quoi ?\nRien !");
        assert_eq!(plainly("Quoi ? Rien !", 5), "Quoi ?\nRien !");
    }

    #[test]
    fn a_url_is_never_broken_and_other_words_are_where_their_script_allows() {
        let url = "https://example.com/a/long/path?with=a-query&and/more";
        assert_eq!(plainly(&format!("see ({url}) there"), 12), format!("see\n({url})\nthere"));
        assert_eq!(plainly("読みやすい文章を書く", 10), "読みやすい\n文章を書く");
        assert_eq!(plainly("👩‍💻👩‍💻 👩‍💻", 8), "👩‍💻👩‍💻\n👩‍💻");
        assert_eq!(plainly("a well-known/known --flag", 7), "a\nwell-known/known\n--flag");
    }

    #[test]
    fn no_line_looks_like_a_signature_or_the_next_message_of_an_mbox() {
        assert_eq!(plainly("words From here -- there", 9), "words\nFrom\u{a0}here\n--\u{a0}there");
        assert_eq!(wrap("From here", 20, "  ", ""), "  From here");
    }

    #[test]
    fn line_ends_stay_and_other_white_space_collapses() {
        assert_eq!(plainly(" a \t b\r\nc\n", 72), "a b\nc\n");
        assert_eq!(wrap("", 72, "* ", "  "), "*");
    }

    #[test]
    fn invisible_characters_go_but_joiners_that_join_stay() {
        assert_eq!(visible("a\u{200b}b\u{feff}c\u{ad}d\u{200d}e\u{1b}[31m\u{2060}"), "abcde[31m");
        assert_eq!(visible("می\u{200c}خواهم"), "می\u{200c}خواهم");
        assert_eq!(visible("👩\u{200d}💻 \u{200d}\u{200c}"), "👩\u{200d}💻 ");
    }

    proptest! {
        #[test]
        fn every_line_fits_or_is_a_single_word(text in "(?s)[ a-z/:.\\-\u{200b}語😀\n]{0,80}|.{0,80}", width in 1_usize..30) {
            let lines: Vec<String> = text.split('\n').map(one_line).collect();
            let words = |line: &String| -> Vec<String> {
                if breaks_at_spaces_alone(line) {
                    return line.split(' ').map(str::to_owned).collect();
                }
                words(line).map(|word| word.trim_end().to_owned()).collect()
            };
            let singles: Vec<String> = lines.iter().flat_map(words).collect();
            for line in plainly(&text, width).lines() {
                prop_assert!(!line.ends_with(' ') && !line.starts_with(' '), "{line:?}");
                prop_assert!(!line.starts_with("From ") && !line.starts_with("-- "), "{line:?}");
                prop_assert!(columns(line) <= width || singles.contains(&line.replace('\u{a0}', " ")) || singles.iter().any(|single| single == line), "{line:?}");
            }
        }

        #[test]
        fn what_breaks_at_spaces_alone_is_wrapped_word_by_word(text in "[ -~]{0,120}|([a-c.]{1,9} ){0,20}", width in 0_usize..40) {
            let line = one_line(&text);
            if breaks_at_spaces_alone(&line) {
                let mut pages = ["* ", "* "].map(|indent| Page { lines: String::new(), indent });
                pages[0].push_simple(&line, width, "    ");
                pages[1].push_words(&line, line.split_inclusive(' '), width, "    ");
                prop_assert_eq!(&pages[0].lines, &pages[1].lines);
            }
        }

        #[test]
        fn wrapping_loses_no_word(text in "[a-z ]{0,80}|[語 :/a-z]{0,40}") {
            let without_spaces = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(without_spaces(&plainly(&text, 10)), without_spaces(&text));
        }
    }
}
