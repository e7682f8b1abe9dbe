//! The relaxed canonical forms of RFC 6376 3.4: what is signed, whatever relays do to white space.
//!
//! Most of a message is in canonical form already. What is not is looked for a stride at a time, without a branch within
//! it, which compiles to SIMD.

use std::borrow::Cow;

const LINE_END: &[u8] = b"\r\n";

/// A body in canonical form: no white space at the end of a line, else one space for each run of it, and no empty lines at
/// the end.
pub(super) fn body(body: &[u8]) -> Cow<'_, [u8]> {
    let whole = calm_body(body);
    let is_ended = whole.is_empty() || whole.ends_with(LINE_END);
    if is_ended && find(whole, is_odd).is_none() {
        Cow::Borrowed(whole)
    } else {
        Cow::Owned(calmed(without_end(body)))
    }
}

/// The same of a body without any white space to change, as [`quoted_printable`](crate::message::quoted_printable) writes it.
pub(super) fn calm_body(body: &[u8]) -> &[u8] {
    match without_end(body) {
        [] => &[],
        lines => body.get(..lines.len() + LINE_END.len()).unwrap_or(body),
    }
}

/// Lines with one space for each run of white space and none at their ends; the last is ended.
fn calmed(lines: &[u8]) -> Vec<u8> {
    let (mut calm, mut rest) = (Vec::with_capacity(lines.len() + LINE_END.len()), lines);
    while let Some(at) = find(rest, is_odd) {
        calm.extend_from_slice(&rest[..at]);
        rest = trim_start(&rest[at..], is_blank);
        if !rest.starts_with(LINE_END) {
            calm.push(b' ');
        }
    }
    calm.extend_from_slice(rest);
    calm.extend_from_slice(LINE_END);
    calm
}

/// Whether white space begins here that is not in canonical form.
fn is_odd(here: u8, next: u8) -> u8 {
    is(here, b'\t') | is(here, b' ') & (is(next, b' ') | is(next, b'\t') | is(next, b'\r'))
}

/// The fields of a header, each with its folds and its line end.
pub(super) fn fields(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = head;
    std::iter::from_fn(move || {
        let mut ends = memchr::memchr_iter(b'\n', rest).map(|at| at + 1);
        let end = ends.find(|end| !rest.get(*end).copied().is_some_and(is_blank));
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

/// Short enough for the lines of a header.
const STRIDE: usize = 16;

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
