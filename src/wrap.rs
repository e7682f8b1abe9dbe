//! Plain text wrapped at a display width: for the text edition, and for paragraphs that differ from reader to reader.
//!
//! Words of the house. What an inbox shows as plain text obeys a few rules, and they all live here: no invisible
//! characters, no trailing spaces, no line that a mail program takes for something else.

use std::ops::Range;

use textwrap::core::Word;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// `text` in lines of at most `width` columns, indent included: the first line starts with `first_indent`, the others
/// with `indent`. A `\n` in the text stays a line end, other white space becomes one space.
///
/// Lines are joined by `\n`, without one at the end. A word wider than the line stands alone on it, and URLs are never
/// broken; CJK and emoji count the columns they fill. No line starts with `-- ` (a signature) or `From ` (an mbox's
/// next message): there the space becomes a no-break space, which looks the same.
pub fn wrap(text: &str, width: usize, first_indent: &str, indent: &str) -> String {
    let options = Options::new(width)
        .initial_indent(first_indent)
        .subsequent_indent(indent)
        .break_words(false)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
        .word_splitter(WordSplitter::NoHyphenation)
        .word_separator(WordSeparator::Custom(words));
    let clean = text.split('\n').map(one_line).collect::<Vec<_>>().join("\n");
    let lines = textwrap::wrap(&clean, options);
    lines.iter().map(|line| harmless(line)).collect::<Vec<_>>().join("\n")
}

/// A line as plain text shows it: white space collapsed to single spaces, invisible characters dropped.
pub fn one_line(text: &str) -> String {
    let ends = [' ', '\t', '\r', '\n', '\u{2028}', '\u{2029}'];
    visible(text).split(ends).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Without control characters (line ends and tabs stay) and without characters of no width.
///
/// Joiners stay where they join: without them Persian is misspelt and a family of emoji falls apart.
pub fn visible(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let kept = match c {
            '\n' | '\r' | '\t' => true,
            '\u{200c}' | '\u{200d}' => {
                seen.chars().next_back().is_some_and(joins) && rest.peek().is_some_and(|&next| joins(next))
            }
            '\u{ad}' | '\u{34f}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => false,
            _ => !c.is_control(),
        };
        if kept {
            seen.push(c);
        }
    }
    seen
}

/// Whether a joiner beside it can mean anything.
fn joins(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !matches!(c, '\u{200c}' | '\u{200d}')
}

fn harmless(line: &str) -> String {
    let line = line.trim_end();
    for start in ["-- ", "From "] {
        if let Some(rest) = line.strip_prefix(start) {
            return format!("{}\u{a0}{rest}", start.trim_end());
        }
    }
    line.to_owned()
}

/// The words between which a line may break (UAX #14), URLs whole.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut urls = urls(line).into_iter().peekable();
    let (mut start, mut end) = (0, 0);
    let mut breaks = WordSeparator::UnicodeBreakProperties.find_words(line);
    Box::new(std::iter::from_fn(move || {
        for word in breaks.by_ref() {
            end += word.word.len() + word.whitespace.len();
            while urls.next_if(|url| url.end <= end).is_some() {}
            if urls.peek().is_none_or(|url| end <= url.start) {
                let whole = &line[start..end];
                start = end;
                return Some(Word::from(whole));
            }
        }
        None
    }))
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
