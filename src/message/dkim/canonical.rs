//! The relaxed canonical forms of RFC 6376 3.4: what is signed, whatever relays do to white space.
//!
//! Most of a message is in canonical form already. What is not is looked for a stride at a time, without a branch within
//! it, which compiles to SIMD.

/// Feeds a body in canonical form, piece by piece: no white space at the end of a line, else one space for each run of it,
/// and no empty lines at the end. `blanks` are the body's, as [`blanks`] finds them.
pub(super) fn body(body: &[u8], blanks: impl Iterator<Item = usize>, mut feed: impl FnMut(&[u8])) {
    let body = without_end(body);
    if body.is_empty() {
        return;
    }
    let mut rest = body;
    for at in blanks.take_while(|at| *at < body.len()) {
        let (before, blank) = rest.split_at(at - (body.len() - rest.len()));
        feed(before);
        rest = trim_start(blank, is_blank);
        if !rest.starts_with(b"\r\n") {
            feed(b" ");
        }
    }
    feed(rest);
    feed(b"\r\n");
}

/// Where in whole lines the runs of white space begin that are not in canonical form.
pub(in crate::message) fn blanks(lines: &[u8]) -> impl Iterator<Item = usize> {
    let odd =
        |here, next| is(here, b'\t') | is(here, b' ') & (is(next, b' ') | is(next, b'\t') | is(next, b'\r'));
    let mut rest = lines;
    std::iter::from_fn(move || {
        let run = &rest[find(rest, odd)?..];
        rest = trim_start(run, is_blank);
        Some(lines.len() - run.len())
    })
}

/// The fields of a header, each with its folds and its line end.
pub(super) fn fields(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = head;
    std::iter::from_fn(move || {
        let ends = memchr::memmem::find_iter(rest, b"\r\n").map(|at| at + 2);
        let end = ends.into_iter().find(|end| !rest.get(*end).copied().is_some_and(is_blank));
        let (field, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        (!field.is_empty()).then_some(field)
    })
}

/// What a field goes by.
pub(super) fn name(field: &[u8]) -> &[u8] {
    halves(field).0
}

/// Writes a field in canonical form, without its line end: its name in lower case, its value unfolded, one space for each
/// run of white space and none at either end.
pub(super) fn field(field: &[u8], out: &mut Vec<u8>) {
    let (name, value) = halves(field);
    out.extend(name.iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let mut rest = trim_end(trim_start(value, is_white), is_white);
    let white = |byte| is(byte, b' ') | is(byte, b'\t') | is(byte, b'\r') | is(byte, b'\n');
    let odd = |here, next| white(here) & ((is(here, b' ') ^ 1) | white(next));
    while let Some(at) = find(rest, odd) {
        out.extend_from_slice(&rest[..at]);
        out.push(b' ');
        rest = trim_start(&rest[at..], is_white);
    }
    out.extend_from_slice(rest);
}

/// Name and value.
fn halves(field: &[u8]) -> (&[u8], &[u8]) {
    let colon = memchr::memchr(b':', field).unwrap_or(field.len());
    (trim_end(&field[..colon], is_white), field.get(colon + 1..).unwrap_or_default())
}

/// A body without the empty lines at its end, those of white space alone among them, and without the end of its last line.
fn without_end(mut body: &[u8]) -> &[u8] {
    loop {
        body = trim_end(body, is_blank);
        match body.strip_suffix(b"\r\n") {
            Some(shorter) => body = shorter,
            None => return body,
        }
    }
}

const STRIDE: usize = 64;

/// Where the first byte stands that is odd (1, not 0) before the one after it; the last byte is before none.
fn find(bytes: &[u8], odd: impl Fn(u8, u8) -> u8) -> Option<usize> {
    let odd = |(here, next): (&u8, &u8)| odd(*here, *next);
    let next = bytes.get(1..)?;
    let strides = bytes.chunks_exact(STRIDE).zip(next.chunks_exact(STRIDE));
    let is_calm =
        |(here, next): (&[u8], &[u8])| here.iter().zip(next).fold(0, |any, pair| any | odd(pair)) == 0;
    let calm = strides.take_while(|stride| is_calm(*stride)).count() * STRIDE;
    bytes[calm..].iter().zip(&next[calm..]).position(|pair| odd(pair) == 1).map(|at| calm + at)
}

/// Equality as a number: of booleans the compiler makes branches.
fn is(byte: u8, other: u8) -> u8 {
    u8::from(byte == other)
}

/// WSP of RFC 6376 2.8.
fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// White space with the line ends of folds.
fn is_white(byte: u8) -> bool {
    is_blank(byte) || byte == b'\r' || byte == b'\n'
}

fn trim_start(bytes: &[u8], is_space: impl Fn(u8) -> bool) -> &[u8] {
    let start = bytes.iter().position(|byte| !is_space(*byte));
    &bytes[start.unwrap_or(bytes.len())..]
}

fn trim_end(bytes: &[u8], is_space: impl Fn(u8) -> bool) -> &[u8] {
    let last = bytes.iter().rposition(|byte| !is_space(*byte));
    &bytes[..last.map_or(0, |last| last + 1)]
}
