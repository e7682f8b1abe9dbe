//! What a request's headers say of who asked: read once, and nothing of them kept but numbers.

use super::{EventKind, HeaderFlags, Method, Rules, Signals};

/// What was heard of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// What is kept of it; the delay is for the store to add.
    pub signals: Signals,
    /// `Sec-GPC: 1` or `DNT: 1`: nothing of it may be kept about this reader (requirement 51).
    pub objects: bool,
}

/// Reads a request's headers, names and values, in whatever order and number they come. Names count in any letter case.
pub fn hear<'h>(
    method: Method,
    kind: EventKind,
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    rules: &Rules,
) -> Heard {
    let mut flags = HeaderFlags::default();
    let mut agent: &[u8] = b"";
    let mut objects = false;
    for (name, value) in headers {
        let named = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
        if named(&["user-agent"]) {
            agent = value;
        } else if named(&["sec-gpc", "dnt"]) {
            objects |= value.trim_ascii() == b"1";
        } else if named(&["sec-purpose", "purpose", "x-purpose", "x-moz"]) {
            flags = flags.with(HeaderFlags::PREFETCH, speaks_of_prefetching(value));
        } else if named(&["accept-language"]) {
            flags = flags.with(HeaderFlags::LANGUAGE, !value.trim_ascii().is_empty());
        } else if named(&["sec-fetch-mode"]) {
            flags = flags.with(HeaderFlags::NAVIGATION, value.trim_ascii().eq_ignore_ascii_case(b"navigate"));
        } else if named(&["sec-fetch-user"]) {
            flags = flags.with(HeaderFlags::USER, value.trim_ascii() == b"?1");
        } else if named(&["accept"]) {
            flags = flags.with(HeaderFlags::ACCEPTS, accepts(kind, value));
        }
    }
    let told = rules.agents.told(agent);
    let headers = flags.with(HeaderFlags::MODERN, told.is_modern);
    Heard { signals: Signals { agent: told.class, method, headers, delay: None }, objects }
}

fn speaks_of_prefetching(value: &[u8]) -> bool {
    ["prefetch", "prerender", "preview"].iter().any(|word| holds(value, word))
}

/// A page for a link; a picture, or whatever there is, for the pixel.
fn accepts(kind: EventKind, value: &[u8]) -> bool {
    match kind {
        EventKind::Click(_) => holds(value, "text/html"),
        EventKind::Open => holds(value, "image/") || holds(value, "*/*"),
    }
}

fn holds(value: &[u8], word: &str) -> bool {
    value.windows(word.len()).any(|some| some.eq_ignore_ascii_case(word.as_bytes()))
}
