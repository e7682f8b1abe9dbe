//! The templates of an issue: read together once, filled together for each issue: subject, issue.mjml, issue.txt and their parts.

use std::borrow::Cow;
use std::ops::Range;

use tera::{Context, Value};

use crate::diagnostic::{Diagnostic, Diagnostics, Source, Spot};
use crate::issue::Issue;
use crate::newsletter::Newsletter;
use crate::render::context::{context, strings};
use crate::render::fields::Fields;
use crate::render::mjml::{self, Fault};
use crate::render::template::{File, ONE_OFF, Template};
use crate::render::{Piece, text};

/// The editor's templates, or the built-in ones: read once, for any number of issues.
#[derive(Debug, Clone)]
pub struct Templates {
    /// templates/issue.mjml and its parts.
    mjml: Template,
    /// templates/issue.txt and its parts.
    text: Template,
    fields: Fields,
}

/// What Tera and MJML made of the templates, with sentinels where fields stood.
pub(super) struct Filled {
    pub(super) subject: Vec<Piece>,
    pub(super) mjml: String,
    pub(super) html: String,
    pub(super) text: String,
    /// Those of the templates and the subject's.
    pub(super) fields: Fields,
}

impl Templates {
    /// The templates that serve where the editor has none.
    ///
    /// # Errors
    /// None: they are tested.
    pub fn built_in() -> Result<Self, Diagnostics> {
        Self::parse(None, None, &[])
    }

    /// templates/issue.mjml (Tera, then MJML) and templates/issue.txt (Tera), where the editor has them, and the other files of
    /// templates/, for `{% include %}` and `{% extends %}`.
    ///
    /// # Errors
    /// All that can be seen to be wrong with them without an issue.
    pub fn parse(mjml: Option<Source>, text: Option<Source>, parts: &[Source]) -> Result<Self, Diagnostics> {
        let built_in = |name, text: &str| Source::new(name, text);
        let mjml = mjml
            .unwrap_or_else(|| built_in("templates/issue.mjml", include_str!("../../templates/issue.mjml")));
        let text = text
            .unwrap_or_else(|| built_in("templates/issue.txt", include_str!("../../templates/issue.txt")));
        let (mut fields, mut faults) = (Fields::default(), Diagnostics::none());
        let mut read = |name: &str, source: &Source| File::read(name, source, &mut fields, &mut faults);
        let mjml = read("issue.mjml", &mjml);
        let text = read("issue.txt", &text);
        let name = |part: &Source| part.name().trim_start_matches("templates/").to_owned();
        let parts: Vec<File> = parts.iter().map(|part| read(&name(part), part)).collect();
        faults.or(())?;
        let files = [&mjml, &text].into_iter().chain(&parts);
        fields.choose(&files.map(|file| file.text.as_str()).collect::<Vec<_>>());
        let with_parts = |file| std::iter::once(file).chain(parts.iter().cloned()).collect();
        let (mjml, text) = both(
            Template::new(with_parts(mjml), &fields, true),
            Template::new(with_parts(text), &fields, false),
        )?;
        Ok(Self { mjml, text, fields })
    }

    /// The files: issue.mjml, issue.txt, then the others.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        let (mjml, text) = (self.mjml.files(), self.text.files());
        mjml.iter().take(1).chain(text).map(|file| &file.source)
    }

    /// All of them, and the subject, filled for an issue.
    pub(super) fn fill(&self, issue: &Issue, newsletter: &Newsletter) -> Result<Filled, Diagnostics> {
        let mut fields = self.fields.clone();
        let subject = subject(issue, &mut fields)?;
        let values = context(issue, newsletter);
        let this = self.apart_from(&subject, &values, &mut fields);
        let mut context = Context::new();
        for (name, value) in values {
            context.insert_value(name, value);
        }
        let line = this.text.fill_line(&subject, &context)?;
        let pieces = subject_line(line.trim(), &subject, &fields)?;
        add_subject(&mut context, line.trim());
        let html = this.mjml.fill(&context).and_then(|filled| {
            let html = this.to_html(&filled, &context)?;
            Ok((filled, html))
        });
        let ((mjml, html), text) = both(html, this.text.fill(&context))?;
        Ok(Filled { subject: pieces, mjml, html, text, fields })
    }

    /// These templates with sentinels for all `fields`, of which nothing that is rendered holds any.
    fn apart_from(&self, subject: &File, values: &[(&str, Value)], fields: &mut Fields) -> Cow<'_, Self> {
        let mut texts = vec![subject.text.as_str()];
        for (_, value) in values {
            strings(value, &mut texts);
        }
        if fields.occur_in(&texts) {
            texts.extend(self.mjml.files().iter().chain(self.text.files()).map(|file| file.text.as_str()));
            fields.choose(&texts);
        }
        if *fields == self.fields {
            return Cow::Borrowed(self);
        }
        let mut own = self.clone();
        own.mjml.answer(fields);
        own.text.answer(fields);
        own.fields.clone_from(fields);
        Cow::Owned(own)
    }

    /// The HTML, or all that is wrong with the MJML, said in the templates it came from.
    fn to_html(&self, filled: &str, context: &Context) -> Result<String, Diagnostics> {
        if let Ok(html) = mjml::to_html(filled) {
            return Ok(html);
        }
        let traced = self.mjml.trace(&self.fields, context)?;
        let faults = mjml::to_html(&traced.text).err().unwrap_or_default();
        Err(diagnostics(faults, |range, label| traced.spot(range, label)))
    }
}

impl File {
    /// Takes the fields out, and finds what no filling is needed to see.
    fn read(name: &str, source: &Source, fields: &mut Fields, faults: &mut Diagnostics) -> Self {
        let mut found = Diagnostics::none();
        let text = fields.take(source, &mut found);
        if !name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case("txt")) {
            found.0.extend(fields.as_elements(source));
            let names = mjml::names(&mjml::blanked(source.text()));
            found.0.extend(diagnostics(names, |range, label| Some(source.spot(range, label))).0);
        }
        found.0.sort_by_key(|diagnostic| diagnostic.spots.first().map(|spot| spot.span.start));
        faults.0.extend(found.0);
        Self { name: name.to_owned(), source: source.clone(), text, offset: 0 }
    }
}

/// The subject as a template, with its place in the draft or in newsletter.toml.
fn subject(issue: &Issue, fields: &mut Fields) -> Result<File, Diagnostics> {
    let (source, located) = &issue.subject;
    let value = located.value.as_str();
    let within = source.text().get(located.span.clone()).and_then(|written| written.find(value));
    let offset = located.span.start + within.unwrap_or(0);
    let mut faults = Diagnostics::none();
    let text = fields.take_from(source, offset, value, &mut faults);
    faults.or(File { name: ONE_OFF.to_owned(), source: source.clone(), text, offset })
}

/// One line of words, cut at its fields.
fn subject_line(line: &str, subject: &File, fields: &Fields) -> Result<Vec<Piece>, Diagnostics> {
    let File { source, offset, text, .. } = subject;
    let refused = |message: &str| {
        let range = *offset..(offset + text.len()).min(source.text().len());
        Diagnostics::from(
            Diagnostic::error("subject", message)
                .at(source.spot(range, ""))
                .help("a subject is one line of words"),
        )
    };
    if line.is_empty() {
        return Err(refused("the subject is empty"));
    }
    if line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(refused("the subject holds a line end or another control character"));
    }
    text::pieces(line, fields).map_err(Diagnostics::from)
}

/// `issue.subject` joins what templates see.
fn add_subject(context: &mut Context, line: &str) {
    if let Some(mut issue) = context.remove("issue").and_then(Value::into_map) {
        issue.insert("subject".into(), Value::from(line));
        context.insert_value("issue", Value::from(issue));
    }
}

/// Faults, each said once, where `spot` has them.
pub(super) fn diagnostics(
    faults: Vec<Fault>,
    spot: impl Fn(Range<usize>, &str) -> Option<Spot>,
) -> Diagnostics {
    let mut said = Diagnostics::none();
    for fault in faults {
        let mut diagnostic = Diagnostic::error("mjml", fault.message).help(fault.help);
        diagnostic.spots.extend(spot(fault.range, ""));
        diagnostic.spots.extend(fault.other.and_then(|(range, label)| spot(range, label)));
        if !said.0.contains(&diagnostic) {
            said.push(diagnostic);
        }
    }
    said
}

/// Both, or what is wrong with either, each thing said once.
fn both<A, B>(a: Result<A, Diagnostics>, b: Result<B, Diagnostics>) -> Result<(A, B), Diagnostics> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(faults), Ok(_)) | (Ok(_), Err(faults)) => Err(faults),
        (Err(mut faults), Err(more)) => {
            faults.0.extend(more.0.into_iter().filter(|fault| !faults.0.contains(fault)).collect::<Vec<_>>());
            Err(faults)
        }
    }
}
