//! MJML to HTML, with what mrml passes over found before: names it does not know, elements where they may not stand.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;

use mrml::prelude::parser::Error;
use mrml::prelude::render::RenderOptions;

use crate::document::nearest;
use crate::render::components::{Component, Content};
use crate::render::inline::Sheet;
use crate::render::markup::{Attribute, Scanner, Shape, Tag, Token, VOID};
use crate::render::segments::{Kind, segments};

/// Something wrong with MJML, in bytes of what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) range: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
    /// The other side, with a few words on it.
    pub(super) other: Option<(Range<usize>, &'static str)>,
}

impl Fault {
    fn new(range: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { range, message: message.into(), help: help.into(), other: None }
    }
}

/// What an expression is blanked with: no name of MJML or HTML holds it.
const BLANK: &str = "_";

/// A template without its Tera, every byte of the rest in its place.
pub(super) fn blanked(template: &str) -> String {
    let blank = |segment: &crate::render::segments::Segment<'_>| match segment.kind {
        Kind::Text => segment.text.to_owned(),
        Kind::Expression => BLANK.repeat(segment.text.len()),
        Kind::Tag | Kind::Comment => " ".repeat(segment.text.len()),
    };
    segments(template).iter().map(blank).collect()
}

/// Elements, attributes and values that MJML does not have, wherever they stand, also in branches that are not taken.
pub(super) fn names(blanked: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for token in Scanner::new(blanked) {
        let tag = match token {
            Token::Tag(tag) => tag,
            Token::Opaque(css) => {
                let at = blanked[css.clone()].to_ascii_lowercase().find("data:");
                faults.extend(at.map(|at| barred_url(css.start + at..css.start + at + 5, "data:")));
                continue;
            }
            Token::Text(_) | Token::Comment(_) | Token::Doctype(_) | Token::Broken(..) => continue,
        };
        faults.extend(barred(&tag));
        if tag.shape == Shape::Closes || !tag.name.starts_with("mj") || tag.name.contains(BLANK) {
            continue;
        }
        match Component::of(tag.name) {
            Some(component) => {
                faults.extend(tag.attributes.iter().filter_map(|each| attribute(component, each)));
            }
            None if matches!(tag.name, "mj-all" | "mj-class") => {}
            None => faults.push(unknown_element(&tag)),
        }
        faults.extend(tag.attributes.iter().filter_map(value));
    }
    faults
}

/// Elements that mail programs strip, or take a message for an attack by (requirement 61).
const BARRED: &[&str] = &["embed", "form", "iframe", "input", "object", "script", "svg"];

/// Attributes that hold a URL.
const URLS: &[&str] = &["background", "background-url", "href", "src", "srcset", "style", "thumbnails-src"];

/// What no mail may hold.
fn barred(tag: &Tag<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    if tag.shape != Shape::Closes && BARRED.iter().any(|name| tag.name.eq_ignore_ascii_case(name)) {
        let name = tag.range.start + 1..tag.range.start + 1 + tag.name.len();
        let help = "mail programs strip it or refuse the message; link to a page that has it";
        faults.push(Fault::new(name, format!("`{}` may not stand in a mail", tag.name), help));
    }
    for attribute in tag.attributes.iter().filter(|attribute| URLS.contains(&attribute.name)) {
        let value = attribute.value.to_ascii_lowercase().replace([' ', '"', '\''], "");
        let is_in = |scheme: &&str| value.starts_with(*scheme) || value.contains(&format!("url({scheme}"));
        let scheme = ["data:", "javascript:"].into_iter().find(is_in);
        faults.extend(scheme.map(|scheme| barred_url(attribute.value_range(), scheme)));
    }
    faults
}

fn barred_url(range: Range<usize>, scheme: &str) -> Fault {
    let help = "put it on a server and write its `https://` URL";
    Fault::new(range, format!("a `{scheme}` URL may not stand in a mail"), help)
}

fn unknown_element(tag: &Tag<'_>) -> Fault {
    let range = tag.range.start + 1..tag.range.start + 1 + tag.name.len();
    if tag.name == "mj-include" {
        let help = "use Tera's `{% include \"name.mjml\" %}`, which finds files of templates/";
        return Fault::new(range, "`mj-include` is not available", help);
    }
    let help = match nearest(tag.name, Component::names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("MJML's elements are: {}", Component::names().collect::<Vec<_>>().join(", ")),
    };
    Fault::new(range, format!("MJML has no element `{}`", tag.name), help)
}

fn attribute(component: &Component, attribute: &Attribute<'_>) -> Option<Fault> {
    if component.takes(attribute.name) || attribute.name.contains(BLANK) {
        return None;
    }
    let known: Vec<String> = component.attributes().collect();
    let help = match nearest(attribute.name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has: {}", known.join(", ")),
    };
    let message = format!("`{}` has no attribute `{}`", component.name, attribute.name);
    Some(Fault::new(attribute.name_range(), message, help))
}

/// Values that mrml reads wrongly without a word.
fn value(attribute: &Attribute<'_>) -> Option<Fault> {
    let words: Vec<&str> = attribute.value.split_whitespace().collect();
    let padding = matches!(attribute.name, "padding" | "inner-padding");
    if padding && words.len() > 1 && words.contains(&"0") {
        let help = format!(
            "write `{}`",
            words.iter().map(|word| if *word == "0" { "0px" } else { word }).collect::<Vec<_>>().join(" ")
        );
        let message =
            format!("a `0` without a unit makes Outlook's columns too wide in `{}`", attribute.name);
        return Some(Fault::new(attribute.value_range(), message, help));
    }
    if attribute.quote == b'\'' && attribute.value.contains('"') {
        let message = "a `\"` within single quotes comes out broken";
        return Some(Fault::new(
            attribute.value_range(),
            message,
            "quote the value with `\"` and write `&quot;` in it",
        ));
    }
    None
}

/// What is not closed, or stands where it may not.
pub(super) fn structure(mjml: &str) -> Vec<Fault> {
    let mut structure = Structure { mjml, open: Vec::new(), faults: Vec::new() };
    for token in Scanner::new(mjml) {
        match token {
            Token::Comment(_) | Token::Opaque(_) => {}
            Token::Doctype(range) => {
                let help = "leave it out; MJML writes the doctype itself";
                structure.faults.push(Fault::new(range, "MJML has no place for this", help));
            }
            Token::Text(range) => structure.text(range),
            // What follows cannot be told apart for sure.
            Token::Broken(range, message, help) => return vec![Fault::new(range, message, help)],
            Token::Tag(tag) if tag.shape == Shape::Closes => structure.close(&tag),
            Token::Tag(tag) => structure.open(tag),
        }
    }
    structure.end()
}

struct Structure<'a> {
    mjml: &'a str,
    open: Vec<Tag<'a>>,
    faults: Vec<Fault>,
}

impl<'a> Structure<'a> {
    fn text(&mut self, range: Range<usize>) {
        let text = self.mjml[range.clone()].trim_start();
        let start = range.end - text.len();
        let Some(parent) = self.open.last().filter(|_| !text.is_empty()) else { return };
        if let Some(Component { content: Content::Elements(known), .. }) = Component::of(parent.name) {
            let help = format!("text goes into an `mj-text`; `{}` holds {}", parent.name, list(known));
            let end = start + text.find(['\n', '<']).unwrap_or(text.len()).min(text.trim_end().len());
            self.faults.push(Fault::new(
                start..end,
                format!("text may not stand in `{}`", parent.name),
                help,
            ));
        }
    }

    fn open(&mut self, tag: Tag<'a>) {
        if let Some(parent) = self.open.last()
            && let Some(component) = Component::of(parent.name)
            && !may_hold(component, tag.name)
        {
            let help = match component.content {
                Content::Elements(known) => format!("it holds {}", list(known)),
                Content::Html | Content::Nothing => "close it first".to_owned(),
            };
            let message = format!("`{}` may not stand in `{}`", tag.name, parent.name);
            let name = tag.range.start + 1..tag.range.start + 1 + tag.name.len();
            let other = Some((parent.range.clone(), "in this"));
            self.faults.push(Fault { other, ..Fault::new(name, message, help) });
        }
        if tag.shape == Shape::Opens && !VOID.contains(&tag.name) {
            self.open.push(tag);
        }
    }

    fn close(&mut self, tag: &Tag<'a>) {
        match self.open.iter().rposition(|open| open.name == tag.name) {
            Some(position) => {
                for unclosed in self.open.drain(position..).skip(1) {
                    let other = Some((tag.range.clone(), "missing before this"));
                    self.faults.push(Fault { other, ..unclosed_tag(&unclosed) });
                }
            }
            None if VOID.contains(&tag.name) => {}
            None => {
                let message = format!("`</{}>` closes nothing", tag.name);
                self.faults.push(Fault::new(
                    tag.range.clone(),
                    message,
                    "take it away, or open the element before it",
                ));
            }
        }
    }

    fn end(mut self) -> Vec<Fault> {
        self.faults.extend(self.open.iter().map(unclosed_tag));
        self.faults.sort_by_key(|fault| fault.range.start);
        self.faults
    }
}

fn unclosed_tag(tag: &Tag<'_>) -> Fault {
    let message = format!("`<{}>` is never closed", tag.name);
    Fault::new(tag.range.clone(), message, format!("write `</{}>` where it ends", tag.name))
}

/// Names that are not MJML's are for [`names`] to refuse, but HTML stands only where HTML may.
fn may_hold(parent: &Component, child: &str) -> bool {
    let component = Component::of(child).is_some();
    match parent.content {
        _ if parent.name == "mj-attributes" => true,
        Content::Elements(known) => known.contains(&child) || child == "mj-raw",
        Content::Html => !component,
        Content::Nothing => false,
    }
}

fn list(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// `mjml` with a space for every character that XML does not have, and so mrml neither; every other in its place.
pub(super) fn readable(mjml: &str) -> Cow<'_, str> {
    let foreign = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if !mjml.contains(foreign) {
        return Cow::Borrowed(mjml);
    }
    let blank = |c: char| {
        if foreign(c) { [" ", "\u{2002}"][usize::from(c.len_utf8() > 1)].to_owned() } else { c.to_string() }
    };
    Cow::Owned(mjml.chars().map(blank).collect())
}

/// The HTML of MJML that [`structure`] has passed.
///
/// No font is loaded from anywhere and no comment but Outlook's is left out.
pub(super) fn to_html(mjml: &str) -> Result<String, Fault> {
    let (bare, css) = without_inline(mjml);
    match Sheet::parse(&css) {
        Some(sheet) => Ok(sheet.apply(&rendered(&bare)?)),
        None => rendered(mjml),
    }
}

fn rendered(mjml: &str) -> Result<String, Fault> {
    let document =
        mrml::parse(plain(mjml)).or_else(|_| mrml::parse(mjml)).map_err(|error| fault(&error, mjml))?;
    let options = RenderOptions { fonts: HashMap::new(), ..RenderOptions::default() };
    let html = document.element.render(&options);
    let html = html.map_err(|error| Fault::new(0..0, format!("MJML: {error}"), ""))?;
    Ok(html.replacen("<!doctype html>", "<!DOCTYPE html>", 1))
}

/// The MJML with references for what mrml would write as Rust does, `\\` as `\\\\`: it quotes the title and all attributes that way.
fn plain(mjml: &str) -> String {
    let mut plain = String::with_capacity(mjml.len() + 64);
    let (mut at, mut in_title) = (0, false);
    let mut refer = |range: Range<usize>| {
        plain.push_str(&mjml[at..range.start]);
        at = range.end;
        for c in mjml[range].chars() {
            match c {
                '\'' => plain.push(c),
                c if c.escape_debug().count() == 1 => plain.push(c),
                // Writing to a String cannot fail.
                c => drop(write!(plain, "&#x{:x};", u32::from(c))),
            }
        }
    };
    for token in Scanner::new(mjml) {
        match token {
            Token::Text(range) if in_title => refer(range),
            Token::Tag(tag) => {
                in_title = tag.name == "mj-title";
                if tag.name.starts_with("mj") {
                    tag.attributes.iter().for_each(|attribute| refer(attribute.value_range()));
                }
            }
            Token::Text(_) | Token::Opaque(_) | Token::Comment(_) | Token::Doctype(_) | Token::Broken(..) => {
            }
        }
    }
    plain.push_str(&mjml[at..]);
    plain
}

/// The MJML with spaces for every `<mj-style inline="inline">`, and their CSS.
fn without_inline(mjml: &str) -> (String, String) {
    let (mut bare, mut css) = (mjml.to_owned(), String::new());
    let mut tokens =
        Scanner::new(mjml).skip_while(|token| !matches!(token, Token::Tag(tag) if tag.name == "mj-head"));
    while let Some(token) =
        tokens.next().filter(|token| !matches!(token, Token::Tag(tag) if tag.name == "mj-body"))
    {
        let Token::Tag(Tag { name: "mj-style", shape: Shape::Opens, range, attributes }) = token else {
            continue;
        };
        if attributes.iter().any(|attribute| attribute.name == "inline" && attribute.value == "inline")
            && let (Some(Token::Opaque(text)), Some(Token::Tag(end))) = (tokens.next(), tokens.next())
        {
            css.push_str(&mjml[text]);
            let whole = range.start..end.range.end;
            bare.replace_range(whole.clone(), &" ".repeat(whole.len()));
        }
    }
    (bare, css)
}

fn fault(error: &Error, mjml: &str) -> Fault {
    let help = "every element must be closed, every attribute quoted, and `<` and `&` in text written `&lt;` and `&amp;`";
    let (span, message) = match error {
        Error::UnexpectedElement { position, .. } => {
            (Some(position), "MJML has no place for this element here")
        }
        Error::UnexpectedToken { position, .. } => (Some(position), "MJML has no place for this here"),
        Error::MissingAttribute { name, position, .. } => {
            let range = position.start..position.end;
            return Fault::new(range, format!("the attribute `{name}` is missing"), "");
        }
        Error::InvalidAttribute { position, .. } => {
            (Some(position), "MJML does not understand this attribute")
        }
        Error::InvalidFormat { position, .. } => (Some(position), "MJML does not understand this"),
        Error::IncludeLoaderError { position, .. } => (Some(position), "`mj-include` is not available"),
        Error::ParserError { source, .. } => {
            let place = source.pos();
            let at = super::template::offset(mjml, place.row as usize, place.col as usize).unwrap_or(0);
            return Fault::new(at..at, "MJML cannot be read here", help);
        }
        Error::NoRootNode => (None, "there is no `<mjml>` element"),
        Error::EndOfStream { .. } => (None, "the template ends too early"),
        Error::SizeLimit { .. } => (None, "the template is larger than MJML can be"),
    };
    Fault::new(span.map_or(0..0, |span| span.start..span.end), message, help)
}
