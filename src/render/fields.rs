//! What differs from reader to reader, on its way through Tera, MJML and CSS inlining.
//!
//! A field is taken out of the template's source before Tera sees it: an expression of the same length stands in its
//! place, so that Tera's errors point where they should, and writes a sentinel that no stage changes. After rendering
//! the sentinels are found again and the issue is cut at them. So no field can be computed with, by construction.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use memchr::memmem::{Finder, find_iter};

use crate::diagnostic::{Diagnostic, Diagnostics, Source, Spot};
use crate::render::Field;
use crate::render::segments::{Kind, Segment, is_word, segments};

/// All fields found in the templates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    nonce: String,
    found: Vec<Found>,
}

/// A field where the editor wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) field: Field,
    pub(super) spot: Spot,
}

impl Found {
    /// Whether it is a whole URL.
    pub(super) fn is_url(&self) -> bool {
        matches!(self.field, Field::Unsubscribe | Field::Preferences)
    }

    /// Its name in templates.
    pub(super) fn name(&self) -> String {
        match &self.field {
            Field::Reader { name, .. } => format!("reader.{name}"),
            Field::Unsubscribe => "unsubscribe_url".to_owned(),
            Field::Preferences => "preferences_url".to_owned(),
            Field::Link(_) | Field::Pixel => String::new(),
        }
    }
}

/// A sentinel in something rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Occurrence {
    /// From and to, in bytes.
    pub(super) range: Range<usize>,
    /// Which field, where it can still be told.
    pub(super) index: Option<usize>,
    /// Whether it came through unchanged.
    pub(super) whole: bool,
}

impl Fields {
    /// `source` with an expression of the same length in place of every field; what stands where it may not goes to `faults`.
    pub(super) fn take(&mut self, source: &Source, faults: &mut Diagnostics) -> String {
        self.take_from(source, 0, source.text(), faults)
    }

    /// The same for a template that stands in a file of its own or within one, from `offset` on.
    pub(super) fn take_from(
        &mut self,
        source: &Source,
        offset: usize,
        template: &str,
        faults: &mut Diagnostics,
    ) -> String {
        let mut text = template.to_owned();
        let mut capturing: Vec<&str> = Vec::new();
        let end = source.text().len();
        let mark = |from: usize, length: usize, label| {
            source.spot((offset + from).min(end)..(offset + from + length).min(end), label)
        };
        for segment in segments(template) {
            track(&segment, &mut capturing);
            let Some((at, name)) = varying(&segment) else { continue };
            let spot = |label| mark(at, name.len(), label);
            let (start, inner) = segment.inner();
            match (segment.kind, parse(inner), capturing.last()) {
                (Kind::Expression, Some(field), None) => {
                    let call = format!("{:1$}", call(self.found.len()), inner.len());
                    self.found.push(Found { field, spot: mark(segment.start, segment.text.len(), "") });
                    text.replace_range(start..start + inner.len(), &call);
                }
                (Kind::Expression, Some(_), Some(block)) => faults.push(
                    Diagnostic::error(
                        "field-place",
                        format!("`{name}` stands inside `{{% {block} %}}`, which would change it"),
                    )
                    .at(spot("differs from reader to reader"))
                    .help(alone(name)),
                ),
                _ => faults.push(
                    misplaced(&segment, name).at(spot("differs from reader to reader")).help(alone(name)),
                ),
            }
        }
        text
    }

    /// Those of a file that would be read as an element's name.
    pub(super) fn as_elements(&self, source: &Source) -> Vec<Diagnostic> {
        let here = self.found.iter().filter(|found| found.spot.source == *source);
        let opened = here.filter(|found| source.text()[..found.spot.span.start].ends_with('<'));
        let fault = |found: &Found| {
            Diagnostic::error("mjml", format!("a `<` before `{}` begins no tag", found.name()))
                .at(found.spot.clone())
                .help("in text, write `&lt;` and `&gt;`")
        };
        opened.map(fault).collect()
    }

    /// Chooses the sentinels: `texts` are all that is rendered, and hold none of them.
    pub(super) fn choose(&mut self, texts: &[&str]) {
        let mut hasher = DefaultHasher::new();
        texts.hash(&mut hasher);
        let mut seed = hasher.finish();
        loop {
            self.nonce = format!("field-{seed:016x}");
            if !self.occur_in(texts) {
                return;
            }
            seed = seed.wrapping_add(1);
        }
    }

    /// Whether a text holds what all sentinels have in common.
    pub(super) fn occur_in(&self, texts: &[&str]) -> bool {
        let nonce = Finder::new(&self.nonce);
        texts.iter().any(|text| nonce.find(text.as_bytes()).is_some())
    }

    /// What Tera calls for each field, and what it answers.
    pub(super) fn sentinels(&self) -> impl Iterator<Item = (String, String)> + '_ {
        (0..self.found.len())
            .map(|index| (call(index).trim_end_matches("()").to_owned(), self.sentinel(index)))
    }

    /// The field of an index.
    pub(super) fn get(&self, index: usize) -> &Found {
        &self.found[index]
    }

    /// All sentinels in a text, also those that something has changed.
    pub(super) fn find(&self, text: &str) -> Vec<Occurrence> {
        let lower = text.to_ascii_lowercase();
        find_iter(lower.as_bytes(), &self.nonce).map(|at| self.occurrence(text, &lower, at)).collect()
    }

    fn occurrence(&self, text: &str, lower: &str, at: usize) -> Occurrence {
        let rest = &lower[at + self.nonce.len()..];
        let number = rest.strip_prefix('-').and_then(|rest| rest.split_once("-z")).map(|(number, _)| number);
        let index = number.and_then(|number| number.parse().ok()).filter(|index| *index < self.found.len());
        let whole = index.and_then(|index| {
            let sentinel = self.sentinel(index);
            let start = at.checked_sub(sentinel.find(&self.nonce)?)?;
            text.get(start..)?.starts_with(&sentinel).then(|| start..start + sentinel.len())
        });
        Occurrence { whole: whole.is_some(), range: whole.unwrap_or(at..at + self.nonce.len()), index }
    }

    fn sentinel(&self, index: usize) -> String {
        let nonce = &self.nonce;
        match self.found[index].field {
            Field::Unsubscribe | Field::Preferences => format!("https://{nonce}-{index}-z.invalid/"),
            Field::Reader { .. } | Field::Link(_) | Field::Pixel => format!("{nonce}-{index}-z"),
        }
    }
}

/// The shortest call that Tera admits: eight bytes for ten thousand fields, as long as `reader.x`.
fn call(index: usize) -> String {
    format!("__{index}()")
}

/// Keeps account of the blocks whose content is changed before it is written.
fn track<'a>(segment: &Segment<'a>, capturing: &mut Vec<&'a str>) {
    if segment.kind != Kind::Tag {
        return;
    }
    let assigns = segment.inner().1.contains('=');
    match segment.keyword() {
        block @ "filter" => capturing.push(block),
        block @ ("set" | "set_global") if !assigns => capturing.push(block),
        "endfilter" | "endset" | "endset_global" => drop(capturing.pop()),
        _ => {}
    }
}

/// The first name in a piece of Tera that differs from reader to reader, with its place.
fn varying<'a>(segment: &Segment<'a>) -> Option<(usize, &'a str)> {
    if !matches!(segment.kind, Kind::Expression | Kind::Tag) {
        return None;
    }
    let (start, inner) = segment.inner();
    let mut before = ' ';
    let mut at = 0;
    while let Some(c) = inner[at..].chars().next() {
        let length = match c {
            '"' | '\'' | '`' => string_length(&inner[at..]),
            c if is_word(c) => inner[at..].find(|c| !is_word(c)).unwrap_or(inner.len() - at),
            c => c.len_utf8(),
        };
        let word = &inner[at..at + length];
        if matches!(word, "reader" | "unsubscribe_url" | "preferences_url") && before != '.' {
            let path = inner[at..].find(|c| !is_word(c) && c != '.').unwrap_or(inner.len() - at);
            return Some((start + at, inner[at..at + path].trim_end_matches('.')));
        }
        if !c.is_whitespace() {
            before = c;
        }
        at += length;
    }
    None
}

/// How long the string is that `text` starts with, its quotes included.
fn string_length(text: &str) -> usize {
    let quote = text.as_bytes()[0];
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == quote && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

/// The field that an expression is, where it is one and nothing else.
fn parse(expression: &str) -> Option<Field> {
    let (subject, filter) = match expression.split_once('|') {
        Some((subject, filter)) => (subject.trim(), Some(filter.trim())),
        None => (expression.trim(), None),
    };
    match (subject, filter) {
        ("unsubscribe_url", None) => Some(Field::Unsubscribe),
        ("preferences_url", None) => Some(Field::Preferences),
        (subject, filter) => {
            let name = subject.strip_prefix("reader")?.trim_start().strip_prefix('.')?.trim_start();
            let starts = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
            let default = match filter {
                Some(filter) => Some(default_value(filter)?),
                None => None,
            };
            (starts && name.chars().all(is_word)).then(|| Field::Reader { name: name.to_owned(), default })
        }
    }
}

/// `friend` in `default(value="friend")`.
fn default_value(filter: &str) -> Option<String> {
    let arguments = filter.strip_prefix("default")?.trim().strip_prefix('(')?.strip_suffix(')')?.trim();
    let value = arguments.strip_prefix("value")?.trim_start().strip_prefix('=')?.trim();
    let quoted =
        value.starts_with(['"', '\'', '`']) && string_length(value) == value.len() && value.len() >= 2;
    quoted.then(|| unescape(&value[1..value.len() - 1]))
}

fn unescape(text: &str) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                unescaped.extend(chars.next().map(|c| if matches!(c, 'n' | 't' | 'r') { ' ' } else { c }));
            }
            c => unescaped.push(c),
        }
    }
    unescaped
}

/// What may be written instead.
fn alone(name: &str) -> String {
    let name = if name == "reader" { "reader.name" } else { name };
    let default = if name.starts_with("reader") {
        format!(" or `{{{{ {name} | default(value=\"…\") }}}}`")
    } else {
        String::new()
    };
    format!("a template is filled once for all readers; write `{{{{ {name} }}}}`{default} by itself")
}

fn misplaced(segment: &Segment<'_>, name: &str) -> Diagnostic {
    let message = match segment.kind {
        Kind::Tag => format!("`{name}` stands in `{{% {} %}}`", segment.keyword()),
        Kind::Expression | Kind::Text | Kind::Comment => {
            format!("`{name}` does not stand alone")
        }
    };
    Diagnostic::error("field-place", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> (Fields, String, Diagnostics) {
        let mut fields = Fields::default();
        let mut faults = Diagnostics::none();
        let text = fields.take(&Source::new("issue.mjml", text), &mut faults);
        fields.choose(&[&text]);
        (fields, text, faults)
    }

    #[test]
    fn a_field_leaves_the_template_as_long_as_it_was() {
        let source = "Dear {{ reader.name | default(value=\"friend\") }},{{reader.x}}{{- unsubscribe_url -}}";
        let (fields, text, faults) = taken(source);
        assert_eq!(faults, Diagnostics::none());
        assert_eq!(text.len(), source.len());
        assert!(text.starts_with("Dear {{__0() "), "{text}");
        assert!(text.contains("{{__1()   }}{{-__2() "), "{text}");
        assert_eq!(
            fields.get(0).field,
            Field::Reader { name: "name".into(), default: Some("friend".into()) }
        );
        assert_eq!(fields.get(2).field, Field::Unsubscribe);
    }

    #[test]
    fn the_shortest_field_is_still_as_long_as_its_call() {
        let (_, text, _) = taken("{{reader.x}}");
        assert_eq!(text.len(), "{{reader.x}}".len());
    }

    #[test]
    fn a_field_in_a_condition_a_loop_another_filter_or_a_capture_is_refused_at_its_place() {
        for source in [
            "{% if reader.name %}x{% endif %}",
            "{% for x in reader %}x{% endfor %}",
            "{{ reader.name | upper }}",
            "{{ reader.name | default(value=x) }}",
            "{{ \"Dear \" ~ reader.name }}",
            "{{ reader }}",
            "{% set x = reader.name %}",
            "{% set x %}{{ reader.name }}{% endset %}",
            "{% filter upper %}{{ reader.name }}{% endfilter %}",
            "{{ unsubscribe_url | upper }}",
        ] {
            let (fields, _, faults) = taken(source);
            assert_eq!(faults.0.len(), 1, "{source}");
            assert!(fields.found.is_empty(), "{source}");
        }
    }

    #[test]
    fn what_only_looks_like_a_field_is_left_alone() {
        let source = "reader.name {# reader.name #}{{ \"reader\" }}{{ issue.reader }}{% raw %}{{ reader.name }}{% endraw %}";
        let (fields, text, faults) = taken(source);
        assert_eq!((text.as_str(), faults), (source, Diagnostics::none()));
        assert!(fields.found.is_empty());
    }

    #[test]
    fn sentinels_are_found_again_and_changed_ones_are_told_apart() {
        let (fields, _, _) = taken("{{ reader.name }}{{ unsubscribe_url }}");
        let (name, url) = (fields.sentinel(0), fields.sentinel(1));
        let text = format!("é{name} {} {url}", name.to_uppercase());
        let found = fields.find(&text);
        assert_eq!(found.iter().map(|found| found.whole).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(&text[found[0].range.clone()], name);
        assert_eq!(&text[found[2].range.clone()], url);
        assert_eq!(found[1].index, Some(0));
    }

    #[test]
    fn the_same_input_gives_the_same_sentinels_and_another_input_others() {
        let nonce = |texts: &[&str]| {
            let mut fields = Fields::default();
            fields.choose(texts);
            fields.nonce
        };
        assert_eq!(nonce(&["a", "b"]), nonce(&["a", "b"]));
        assert_ne!(nonce(&["a", "b"]), nonce(&["a", &nonce(&["a", "b"])]));
    }

    proptest::proptest! {
        #[test]
        fn no_template_panics(source in "([{}%#\"'\\\\|. é=()-]|reader|name|default|value|set|raw|unsubscribe_url)*") {
            let (_, text, _) = taken(&source);
            proptest::prop_assert_eq!(text.len(), source.len());
        }
    }
}
