//! A mistake with its place in a file: the thing, the place and the remedy.
//!
//! Words of the house. Every stage that reads what a person wrote answers with [`Diagnostics`]: all that was found, together.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A file as it was read: its name as shown to the editor (relative to the newsletter's folder) and its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
}

impl Source {
    /// A file's name and text.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The name as shown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text, offsets into which every [`Spot`] counts.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A place in this file, in bytes, with a few words on what stands there.
    pub fn spot(&self, span: Range<usize>, label: impl Into<String>) -> Spot {
        Spot { source: self.clone(), span, label: label.into() }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}, {} bytes)", self.name, self.text.len())
    }
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The file.
    pub source: Source,
    /// From and to, in bytes of its text.
    pub span: Range<usize>,
    /// A few words under the mark; may be empty.
    pub label: String,
}

/// A value with the place it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// What was read.
    pub value: T,
    /// Where, in bytes of its file's text.
    pub span: Range<usize>,
}

/// Whether it stops the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The work goes on.
    Warning,
    /// The work stops here.
    Error,
}

/// One mistake, or one thing worth a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// By what name `[[check.silence]]` and `--json` know it, as in `unknown-key`.
    pub kind: &'static str,
    /// Whether it stops the work.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it: lower case, no full stop; empty where the message says it all.
    pub help: String,
    /// Where; the first is the culprit, others the other side (also in other files).
    pub spots: Vec<Spot>,
}

impl Diagnostic {
    /// An error of this kind.
    pub fn error(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            severity: Severity::Error,
            message: message.into(),
            help: String::new(),
            spots: Vec::new(),
        }
    }

    /// A warning of this kind.
    pub fn warning(kind: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(kind, message) }
    }

    /// With its place.
    #[must_use]
    pub fn at(mut self, spot: Spot) -> Self {
        self.spots.push(spot);
        self
    }

    /// With its remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

/// All that was found, in the order of the files; an error if any of it is one. Never empty as an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Nothing found yet.
    pub fn none() -> Self {
        Self::default()
    }

    /// One more.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Whether any of it stops the work.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// `value` if nothing here stops the work, else all of this.
    ///
    /// # Errors
    /// These diagnostics, where one is an error.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.has_errors() { Err(self) } else { Ok(value) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    /// Without colour, 100 columns: for logs and tests. The command line draws them itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render(
            self,
            &miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
                .with_width(100),
        ))
    }
}

/// The diagnostics drawn by `handler`, one below the other.
pub fn render(diagnostics: &Diagnostics, handler: &miette::GraphicalReportHandler) -> String {
    let mut drawn = String::new();
    for diagnostic in &diagnostics.0 {
        // Writing to a String cannot fail.
        let _ = handler.render_report(&mut drawn, &Drawn::new(diagnostic));
    }
    drawn
}

/// Whether a character steers the terminal or turns the line around (UAX #9): none of a stranger's may reach a screen (requirement 72).
pub fn steers(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

/// A text as a terminal may show it: a stand-in for whatever steers, of the same length in bytes and as wide as a letter, so that marks stay in place.
fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut drawn = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c.len_utf8() {
            _ if !steers(c) || c == '\r' && rest.peek() == Some(&'\n') => drawn.push(c),
            1 => drawn.push('?'),
            2 => drawn.push('¿'),
            _ => drawn.push(char::REPLACEMENT_CHARACTER),
        }
    }
    Cow::Owned(drawn)
}

impl Source {
    fn harmless(&self) -> Self {
        let harmless = |text: &Arc<str>| match harmless(text) {
            Cow::Borrowed(_) => text.clone(),
            Cow::Owned(drawn) => drawn.into(),
        };
        Self { name: harmless(&self.name), text: harmless(&self.text) }
    }
}

/// A diagnostic in the shape that miette draws: one file a report, further files as related reports.
#[derive(Debug)]
struct Drawn<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<Source>,
    labels: Vec<miette::LabeledSpan>,
    elsewhere: Vec<Elsewhere>,
}

impl<'a> Drawn<'a> {
    fn new(diagnostic: &'a Diagnostic) -> Self {
        let first = diagnostic.spots.first().map(|spot| &spot.source);
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            diagnostic.spots.iter().partition(|spot| Some(&spot.source) == first);
        Self {
            diagnostic,
            source: first.map(Source::harmless),
            labels: here.into_iter().enumerate().map(|(index, spot)| labelled(spot, index == 0)).collect(),
            elsewhere: elsewhere.into_iter().map(Elsewhere::new).collect(),
        }
    }
}

impl miette::SourceCode for Source {
    /// Columns are characters, as editors count them; miette's own are octets.
    fn read_span<'a>(
        &'a self,
        span: &miette::SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'a> + 'a>, miette::MietteError> {
        let contents = self.text().read_span(span, lines_before, lines_after)?;
        let before = self.text().get(..span.offset()).unwrap_or_default();
        let column = match lines_before {
            0 => before.chars().rev().take_while(|c| *c != '\n').count(),
            _ => contents.column(),
        };
        Ok(Box::new(miette::MietteSpanContents::new_named(
            self.name().to_owned(),
            contents.data(),
            *contents.span(),
            contents.line(),
            column,
            contents.line_count(),
        )))
    }
}

/// The culprit is the primary one: its line and column head the drawing.
fn labelled(spot: &Spot, culprit: bool) -> miette::LabeledSpan {
    let label = (!spot.label.is_empty()).then(|| harmless(&spot.label).into_owned());
    let span = (spot.span.start, spot.span.len());
    if culprit {
        miette::LabeledSpan::new_primary_with_span(label, span)
    } else {
        miette::LabeledSpan::new_with_span(label, span)
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&harmless(&self.diagnostic.message))
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.diagnostic.help.is_empty())
            .then(|| Box::new(harmless(&self.diagnostic.help)) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source.as_ref().map(|source| source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        (!self.labels.is_empty())
            .then(|| Box::new(self.labels.iter().cloned()) as Box<dyn Iterator<Item = _>>)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        (!self.elsewhere.is_empty()).then(|| {
            Box::new(self.elsewhere.iter().map(|spot| spot as &dyn miette::Diagnostic))
                as Box<dyn Iterator<Item = _>>
        })
    }
}

/// The other side of a diagnostic, in another file.
#[derive(Debug)]
struct Elsewhere {
    spot: Spot,
}

impl Elsewhere {
    fn new(spot: &Spot) -> Self {
        Self { spot: Spot { source: spot.source.harmless(), ..spot.clone() } }
    }
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the other side")
    }
}

impl std::error::Error for Elsewhere {}

impl miette::Diagnostic for Elsewhere {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.spot.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(labelled(&self.spot, true))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_holds_never_steers_the_terminal_and_marks_stay_in_place() {
        let text = "a = \"\u{1b}[2J\u{7}\0\u{7f}\u{9b}1m\u{202e}\u{2069}\tü\" x\r\n";
        let (draft, other) = (Source::new("drafts/\u{1b}7.toml", text), Source::new("list.csv", text));
        let at = text.find('x').unwrap();
        let fault = Diagnostic::error("x", "no `\u{1b}]0;`")
            .at(draft.spot(at..at + 1, "\u{1b}c"))
            .at(other.spot(0..1, ""))
            .help("not\u{8}");
        let drawn = Diagnostics::from(fault).to_string();
        assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "{drawn:?}");
        insta::assert_snapshot!(drawn, @r#"
  × no `?]0;`
   ╭─[drafts/?7.toml:1:22]
 1 │ a = "?[2J???¿1m��   ü" x
   ·                        ┬
   ·                        ╰── ?c
   ╰────
  help: not?

Advice: 
  ☞ the other side
   ╭─[list.csv:1:1]
 1 │ a = "?[2J???¿1m��   ü" x
   · ─
   ╰────
"#);
    }

    proptest::proptest! {
        #[test]
        fn a_stand_in_is_as_long_as_what_it_stands_for(text in "[\\x00-\\x1f\\x7f-\\xa0a\\u{61c}\\u{200e}\\u{2028}-\\u{202e}\\u{2066}-\\u{206f}]*") {
            let drawn = harmless(&text);
            proptest::prop_assert_eq!(drawn.len(), text.len());
            proptest::prop_assert_eq!(drawn.lines().count(), text.lines().count());
        }
    }
}
