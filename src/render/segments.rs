//! A template's source cut into what Tera copies and what it computes.

use memchr::memchr_iter;

/// What a piece of a template is to Tera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Copied as it stands.
    Text,
    /// `{{ … }}`
    Expression,
    /// `{% … %}`
    Tag,
    /// `{# … #}`
    Comment,
}

/// A piece of a template with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) start: usize,
}

impl<'a> Segment<'a> {
    /// What stands between the delimiters and their `-`, with its place.
    pub(super) fn inner(&self) -> (usize, &'a str) {
        let inner = self.text.get(2..self.text.len().saturating_sub(2)).unwrap_or_default();
        let dash = usize::from(inner.starts_with('-'));
        let inner = &inner[dash..];
        (self.start + 2 + dash, inner.strip_suffix('-').unwrap_or(inner))
    }

    /// The first word: `if` in `{% if x %}`.
    pub(super) fn keyword(&self) -> &'a str {
        let (_, inner) = self.inner();
        let inner = inner.trim_start();
        &inner[..inner.find(|c| !is_word(c)).unwrap_or(inner.len())]
    }
}

/// Whether a character may stand in a name.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// All of `source`, in order. What is never closed reaches to the end; Tera will say so.
pub(super) fn segments(source: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let mut start = 0;
    while start < source.len() {
        let rest = &source[start..];
        let raw = segments
            .last()
            .is_some_and(|last: &Segment<'_>| last.kind == Kind::Tag && last.keyword() == "raw");
        let (kind, length) = if raw { (Kind::Text, end_of_raw(rest)) } else { first(rest) };
        if length > 0 {
            segments.push(Segment { kind, text: &rest[..length], start });
        }
        start += length;
        if raw {
            let (kind, length) = first(&source[start..]);
            segments.extend((length > 0).then(|| Segment {
                kind,
                text: &source[start..start + length],
                start,
            }));
            start += length;
        }
    }
    segments
}

fn first(rest: &str) -> (Kind, usize) {
    let (kind, end) = match rest.as_bytes() {
        [b'{', b'{', ..] => (Kind::Expression, closing(rest, *b"}}")),
        [b'{', b'%', ..] => (Kind::Tag, closing(rest, *b"%}")),
        [b'{', b'#', ..] => (Kind::Comment, rest.find("#}").map(|at| at + 2)),
        _ => (Kind::Text, opening(rest)),
    };
    (kind, end.unwrap_or(rest.len()))
}

/// Where the next `{{`, `{%` or `{#` stands.
fn opening(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr_iter(b'{', bytes).find(|at| matches!(bytes.get(at + 1), Some(b'{' | b'%' | b'#')))
}

/// Where what was opened ends, strings skipped.
fn closing(text: &str, end: [u8; 2]) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut quote = None;
    let mut at = 2;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            (None, byte @ (b'"' | b'\'' | b'`')) => quote = Some(byte),
            (None, _) if bytes[at..].starts_with(&end) => return Some(at + 2),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The innermost block that is never ended: its tag.
pub(super) fn unended(source: &str) -> Option<Segment<'_>> {
    let mut open: Vec<Segment<'_>> = Vec::new();
    for segment in segments(source).into_iter().filter(|segment| segment.kind == Kind::Tag) {
        match segment.keyword() {
            "set" | "set_global" if segment.inner().1.contains('=') => {}
            "if" | "for" | "block" | "filter" | "component" | "set" | "set_global" | "raw" => {
                open.push(segment);
            }
            keyword if keyword.starts_with("end") => drop(open.pop()),
            _ => {}
        }
    }
    open.pop()
}

/// Where the `{% endraw %}` stands that ends a raw block.
fn end_of_raw(text: &str) -> usize {
    let is_end = |at: &usize| {
        text[at + 2..]
            .trim_start_matches('-')
            .trim_start()
            .strip_prefix("endraw")
            .is_some_and(|rest| !rest.starts_with(is_word))
    };
    text.match_indices("{%").map(|(at, _)| at).find(is_end).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<(Kind, &str)> {
        segments(source).into_iter().map(|segment| (segment.kind, segment.text)).collect()
    }

    #[test]
    fn a_template_is_cut_into_what_is_copied_and_what_is_computed() {
        assert_eq!(
            kinds("a{# b #}{% if x %}{{- y -}}z"),
            [
                (Kind::Text, "a"),
                (Kind::Comment, "{# b #}"),
                (Kind::Tag, "{% if x %}"),
                (Kind::Expression, "{{- y -}}"),
                (Kind::Text, "z"),
            ]
        );
    }

    #[test]
    fn a_delimiter_in_a_string_ends_nothing() {
        assert_eq!(kinds(r#"{{ "}}\"" }}b"#), [(Kind::Expression, r#"{{ "}}\"" }}"#), (Kind::Text, "b")]);
    }

    #[test]
    fn what_stands_in_a_raw_block_is_text() {
        assert_eq!(
            kinds("{% raw %}{{ reader.name }}{%- endraw %}b"),
            [
                (Kind::Tag, "{% raw %}"),
                (Kind::Text, "{{ reader.name }}"),
                (Kind::Tag, "{%- endraw %}"),
                (Kind::Text, "b"),
            ]
        );
    }

    #[test]
    fn the_block_that_is_never_ended_is_found() {
        let unended = |source| unended(source).map(|segment| segment.keyword().to_owned());
        assert_eq!(unended("{% if a %}{% set x = 1 %}{% for b in c %}{% endfor %}").as_deref(), Some("if"));
        assert_eq!(unended("{% if a %}{% elif b %}{% else %}{% endif %}{% raw %}{% if %}{% endraw %}"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_source_loses_a_byte(source in "([{}%#\"'\\\\ a-]|raw|endraw)*") {
            let whole: String = segments(&source).iter().map(|segment| segment.text).collect();
            proptest::prop_assert_eq!(whole, source);
        }
    }
}
