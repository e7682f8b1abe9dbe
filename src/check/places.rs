//! Where in a file something was written, for what the issue no longer knows the place of.

use std::ops::Range;

use crate::diagnostic::{Source, Spot};

/// The first place where these words stand in quotes.
pub(super) fn quoted(source: &Source, words: &str) -> Option<Spot> {
    let text = source.text();
    let mut quotes = ['"', '\''].into_iter().filter_map(|quote| text.find(&format!("{quote}{words}{quote}")));
    quotes.next().map(|at| source.spot(at..at + words.len() + 2, ""))
}

/// Every place of a URL, in the order of the file; where it is only the beginning of a longer one does not count.
pub(super) fn of_url(source: &Source, url: &str) -> Vec<Range<usize>> {
    let text = source.text();
    let continues = |c: char| c.is_alphanumeric() || "/?&#=%-_~+@:".contains(c);
    text.match_indices(url)
        .map(|(at, _)| at..at + url.len())
        .filter(|span| {
            let mut after = text[span.end..].chars();
            match after.next() {
                // The end of a sentence, unless the URL goes on behind it.
                Some('.' | ',' | ';' | '!') => !after.next().is_some_and(continues),
                next => !next.is_some_and(continues),
            }
        })
        .collect()
}
