//! What in newsletter.toml is shown to nobody (requirement 69).
//!
//! Judged by lines, for whoever slips a quote or a header leaves no tree to go by, and by what is known to be harmless: a password
//! stands wherever somebody put it, under whatever key.

use std::ops::Range;

/// Tables and keys that hold what every reader may know, or words of ours.
const OPEN: [&str; 35] = [
    "affiliation",
    "base_url",
    "check",
    "clicks",
    "confirmations",
    "disclosure",
    "domains",
    "events",
    "finding",
    "from",
    "give_up_after",
    "in_doubt",
    "language",
    "list",
    "list_id",
    "listen",
    "max_late",
    "name",
    "notify",
    "opens",
    "postal_address",
    "reason",
    "reply_to",
    "require_review",
    "retention",
    "return_path",
    "schedule",
    "send",
    "serve",
    "subject",
    "tagline",
    "time_zone",
    "tracking",
    "trusted_proxies",
    "unsubscribe_mailbox",
];
/// Keys of the other tables: their values are shown if they look as they should.
const PLAIN: [&str; 8] =
    ["chunking", "client_name", "connections", "domain", "rate", "selector", "weight", "window"];
/// What comments speak of that may tell one.
const SECRETS: [&str; 5] = ["pass", "secret", "key", "token", "pwd"];
/// A longer word is rather a key than a name.
const LONGEST: usize = 32;

/// The places where asterisks are shown instead, in their order.
pub(super) fn places(text: &str) -> Vec<Range<usize>> {
    let mut scan = Scan { is_open: true, goes_on: None, quotes: None };
    let mut start = 0;
    let lines = text.split_inclusive(['\n', '\r']).filter_map(|line| {
        let begin = start;
        start += line.len();
        let hidden = begin + scan.shown(line)..begin + line.trim_end().len();
        (!hidden.is_empty()).then_some(hidden)
    });
    lines.collect()
}

/// What holds where a line begins.
struct Scan {
    /// Whether it stands in an open table, or above the first.
    is_open: bool,
    /// What ends the value of several lines that it may continue and that is shown.
    goes_on: Option<&'static str>,
    /// What ends the text of several lines that it stands in and that is not shown.
    quotes: Option<&'static str>,
}

impl Scan {
    /// How many bytes of a line, from its beginning, may be seen.
    fn shown(&mut self, line: &str) -> usize {
        if let Some(quotes) = self.quotes {
            self.quotes = self.quotes.filter(|_| line.matches(quotes).count() % 2 == 0);
            return 0;
        }
        let begins_with = |c| line.trim_start().starts_with(c);
        let more = self.goes_on.take().filter(|closing| is_more(closing, line));
        match line.split_once('=') {
            _ if begins_with('[') => self.header(line),
            None if begins_with('#') && self.is_open && is_remark(line) => line.len(),
            None => more.map_or(0, |closing| self.until(closing, line)),
            Some(_) if begins_with('#') => 0,
            Some((key, value)) => self.entry(line, key.trim(), value),
        }
    }

    fn header(&mut self, line: &str) -> usize {
        let (header, _comment) = line.split_once('#').unwrap_or((line, ""));
        let path = header.trim_start().trim_start_matches('[');
        let name = path.split(['.', ']']).next().unwrap_or_default().trim();
        self.is_open = OPEN.contains(&name);
        if is_name(name) && is_words(path, ". []\"'\r\n") { header.len() } else { 0 }
    }

    fn entry(&mut self, line: &str, key: &str, value: &str) -> usize {
        let segments: Vec<_> = key.split('.').map(str::trim).collect();
        let until_value = line.len() - value.trim_start().len();
        if self.is_open && segments.iter().all(|segment| OPEN.contains(segment)) {
            let first = until_value + self.first(&line[until_value..]);
            let is_all = first == line.len() || is_remark(&line[first..]);
            return without_user(if is_all { line } else { &line[..first] });
        }
        self.quotes = ["\"\"\"", "'''"].into_iter().find(|quotes| value.matches(quotes).count() % 2 == 1);
        let (written, _comment) = value.split_once('#').unwrap_or((value, ""));
        match segments.as_slice() {
            segments if !segments.iter().all(|segment| is_name(segment)) => 0,
            [.., key] if is_harmless(key, unquoted(written)) => until_value + written.trim_start().len(),
            _ => until_value,
        }
    }

    /// How many bytes of a line's rest are its first value: what a slip drew onto the line stands behind it, as a comment does.
    fn first(&mut self, rest: &str) -> usize {
        let closing = |opening: &&str| rest.starts_with(opening);
        if let Some(quotes) = ["\"\"\"", "'''"].into_iter().find(closing) {
            quotes.len() + self.until(quotes, &rest[quotes.len()..])
        } else if rest.starts_with('[') {
            self.until("]", rest)
        } else if let Some(quote) = ["\"", "'"].into_iter().find(closing) {
            1 + harmless_start(quote, &rest[1..])
        } else {
            // Of a table written on one line, the first key.
            let ends = |c: char| c.is_whitespace() && !rest.starts_with('{') || "\"'#,".contains(c);
            rest.find(ends).unwrap_or(rest.len())
        }
    }

    /// How many bytes of a line belong to a value that ends with this, here or further down.
    fn until(&mut self, closing: &'static str, line: &str) -> usize {
        let here = through(closing, line);
        self.goes_on = here.is_none().then_some(closing);
        here.unwrap_or(line.len())
    }
}

/// Whether a comment, or nothing, stands there, and tells no secret.
fn is_remark(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.starts_with('#') && is_harmless_text(text)
}

/// Whether it is of words and of numbers, and speaks of no secret.
fn is_harmless_text(text: &str) -> bool {
    let is_word = |word: &str| {
        let is_one = |is: fn(char) -> bool| word.chars().all(is);
        word.len() <= LONGEST && (is_one(char::is_alphabetic) || is_one(|c| c.is_ascii_digit()))
    };
    let words = text.split(|c: char| c.is_whitespace() || "#.,:;!?()'`/-_…".contains(c));
    !speaks_of_secret(text) && words.filter(|word| !word.is_empty()).all(is_word)
}

/// Whether a line looks like more of a value that ends with this: a text's own words, or a list's next entry.
fn is_more(closing: &str, line: &str) -> bool {
    let words = line.split(closing).next().unwrap_or_default().trim_start();
    let is_entry = closing == "]" && words.starts_with(['"', '\'']);
    !line.contains('@') && (is_entry || !words.contains('\'') && is_harmless_text(words))
}

/// How many bytes may be seen of a line behind a quote: to the one that ends the text, or to a comment, if a slip drew none of another line
/// into it.
fn harmless_start(quote: &str, rest: &str) -> usize {
    let end = through(quote, rest).unwrap_or_else(|| rest.find('#').unwrap_or(rest.len()));
    if speaks_of_secret(&rest[..end]) { 0 } else { end }
}

fn speaks_of_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    SECRETS.iter().any(|secret| text.contains(secret))
}

/// How many bytes it takes to come to the end of a text and its quotes.
fn through(closing: &str, text: &str) -> Option<usize> {
    let is_escaped = |at: usize| closing == "\"" && text[..at].ends_with('\\');
    text.match_indices(closing).find(|(at, _)| !is_escaped(*at)).map(|(at, _)| at + closing.len())
}

/// How much of a line may be seen that holds nothing but what every reader may know: not what a slip drew onto it from the next line, nor a
/// URL with a user in it.
fn without_user(line: &str) -> usize {
    let before = line.rsplit_once('@').map_or("", |(before, _)| before);
    let mut ends = line.match_indices('=').map(|(at, _)| at);
    let (value, other) = (ends.next(), ends.next());
    match value {
        _ if !(before.contains(':') && before.contains('/')) => other.unwrap_or(line.len()),
        Some(value) => value + 1,
        None => 0,
    }
}

/// Whether a value in a table that may hold a secret is none.
fn is_harmless(key: &str, value: &str) -> bool {
    if key == "url" { is_bare_url(value) } else { PLAIN.contains(&key) && is_words(value, "./ ") }
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let within = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

/// Whether it looks like a key of ours, and not like what could stand for its value.
fn is_name(word: &str) -> bool {
    (1..=LONGEST).contains(&word.len()) && word.chars().all(|c| c.is_ascii_alphabetic() || "_-".contains(c))
}

/// Words with these between them.
fn is_words(text: &str, between: &str) -> bool {
    let is_word = |word: &str| {
        word.len() <= LONGEST && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    text.split(|c| between.contains(c)).all(is_word)
}

/// A URL of a scheme, a host or a file, and perhaps a port: nobody is named in it.
fn is_bare_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return text == "inbox" };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = host.split_once(':').unwrap_or((host, ""));
    let is_port = port.len() <= 5 && port.chars().all(|c| c.is_ascii_digit());
    is_name(scheme) && is_port && is_words(host, ".") && is_words(path, "./")
}

#[cfg(test)]
mod tests;
