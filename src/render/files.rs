//! The templates of an issue, read together and filled together: subject, issue.mjml, issue.txt and their parts.

use std::ops::Range;

use tera::{Context, Value};

use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::issue::Issue;
use crate::render::context::strings;
use crate::render::fields::Fields;
use crate::render::mjml::{self, Fault};
use crate::render::template::{File, Template};
use crate::render::{Piece, Templates, text};

/// All of it, fields taken out.
pub(super) struct Files<'a> {
    subject: File<'a>,
    mjml: File<'a>,
    text: File<'a>,
    parts: Vec<File<'a>>,
}

/// What Tera and MJML made of it, with sentinels where fields stood.
pub(super) struct Filled {
    pub(super) subject: Vec<Piece>,
    pub(super) mjml: String,
    pub(super) html: String,
    pub(super) text: String,
}

impl<'a> Files<'a> {
    /// Takes the fields out, and finds what no filling is needed to see.
    pub(super) fn read(
        issue: &'a Issue,
        templates: &'a Templates,
        fields: &mut Fields,
    ) -> Result<Self, Diagnostics> {
        let mut faults = Diagnostics::none();
        let subject = subject(issue, fields, &mut faults);
        let mut read = |name, source: &'a Source| {
            let mut found = Diagnostics::none();
            let text = fields.take(source, &mut found);
            if !name_ends(name, "txt") {
                found.0.extend(fields.as_elements(source));
                let names = mjml::names(&mjml::blanked(source.text())).into_iter();
                found.0.extend(
                    names.map(|fault| diagnostic(fault, |range, label| Some(source.spot(range, label)))),
                );
            }
            found.0.sort_by_key(|diagnostic| diagnostic.spots.first().map(|spot| spot.span.start));
            faults.0.extend(found.0);
            File { name, source, text, offset: 0 }
        };
        let mjml = read("issue.mjml", &templates.mjml);
        let text = read("issue.txt", &templates.text);
        let parts = templates.parts.iter();
        let parts = parts.map(|part| read(part.name().trim_start_matches("templates/"), part)).collect();
        faults.or(Self { subject, mjml, text, parts })
    }

    /// Every text that an issue may be made of.
    pub(super) fn texts<'b>(&'b self, values: &'b [(&'static str, Value)]) -> Vec<&'b str> {
        let files = [&self.subject, &self.mjml, &self.text].into_iter().chain(&self.parts);
        let mut texts: Vec<&str> = files.map(|file| file.text.as_str()).collect();
        for (_, value) in values {
            strings(value, &mut texts);
        }
        texts
    }

    /// Fills all of it.
    pub(super) fn fill(
        &self,
        values: Vec<(&'static str, Value)>,
        fields: &Fields,
    ) -> Result<Filled, Diagnostics> {
        let templates = [(&self.subject, false), (&self.mjml, true), (&self.text, false)];
        let [subject, mjml, text] = templates.map(|(file, escape)| self.template(file, fields, escape));
        let (mjml, text) = both(mjml, text)?;
        let mut context = Context::new();
        for (name, value) in values {
            context.insert_value(name, value);
        }
        let line = subject?.fill(&context)?;
        let subject = self.subject_line(&line, fields)?;
        add_subject(&mut context, line.trim());
        let html = mjml.fill(&context).and_then(|filled| {
            let html = to_html(&filled, &mjml, fields, &context)?;
            Ok((filled, html))
        });
        let ((mjml, html), text) = both(html, text.fill(&context))?;
        Ok(Filled { subject, mjml, html, text })
    }

    fn template<'b>(
        &'b self,
        file: &'b File<'a>,
        fields: &Fields,
        escape: bool,
    ) -> Result<Template<'b>, Diagnostics>
    where
        'a: 'b,
    {
        Template::new(std::iter::once(file).chain(&self.parts).collect(), fields, escape)
    }

    /// One line of words, cut at its fields.
    fn subject_line(&self, line: &str, fields: &Fields) -> Result<Vec<Piece>, Diagnostics> {
        let line = line.trim();
        let File { source, offset, text, .. } = &self.subject;
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
}

/// The subject as a template, with its place in the draft or in newsletter.toml.
fn subject<'a>(issue: &'a Issue, fields: &mut Fields, faults: &mut Diagnostics) -> File<'a> {
    let (source, located) = &issue.subject;
    let value = located.value.as_str();
    let within = source.text().get(located.span.clone()).and_then(|written| written.find(value));
    let offset = located.span.start + within.unwrap_or(0);
    let text = fields.take_from(source, offset, value, faults);
    File { name: "subject", source, text, offset }
}

fn name_ends(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case(extension))
}

/// `issue.subject` joins what templates see.
fn add_subject(context: &mut Context, line: &str) {
    if let Some(mut issue) = context.remove("issue").and_then(Value::into_map) {
        issue.insert("subject".into(), Value::from(line));
        context.insert_value("issue", Value::from(issue));
    }
}

/// The HTML, or all that is wrong with the MJML, said in the templates it came from.
fn to_html(
    filled: &str,
    template: &Template<'_>,
    fields: &Fields,
    context: &Context,
) -> Result<String, Diagnostics> {
    if let Ok(html) = checked(filled) {
        return Ok(html);
    }
    let traced = template.trace(fields, context)?;
    let faults = checked(&traced.text).err().unwrap_or_default();
    let mut said = Diagnostics::none();
    for fault in faults {
        let fault = diagnostic(fault, |range, label| traced.spot(range, label));
        if !said.0.contains(&fault) {
            said.push(fault);
        }
    }
    Err(said)
}

fn checked(mjml: &str) -> Result<String, Vec<Fault>> {
    let mjml = mjml::readable(mjml);
    let faults = mjml::structure(&mjml);
    if faults.is_empty() { mjml::to_html(&mjml).map_err(|fault| vec![fault]) } else { Err(faults) }
}

fn diagnostic(
    fault: Fault,
    spot: impl Fn(Range<usize>, &str) -> Option<crate::diagnostic::Spot>,
) -> Diagnostic {
    let mut diagnostic = Diagnostic::error("mjml", fault.message).help(fault.help);
    diagnostic.spots.extend(spot(fault.range, ""));
    diagnostic.spots.extend(fault.other.and_then(|(range, label)| spot(range, label)));
    diagnostic
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
