//! MJML to HTML, with what mrml passes over found before: names it does not know, elements where they may not stand.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;

use mrml::prelude::parser::Error;
use mrml::prelude::render::RenderOptions;

use crate::document::nearest;
use crate::render::components::{Component, Content};
use crate::render::inline::{MARK, Sheet};
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
    let mut scanner = Scanner::new(blanked);
    while let Some(token) = scanner.next() {
        let attributes = scanner.attributes();
        let tag = match token {
            Token::Tag(tag) => tag,
            Token::Opaque(css) => {
                let at = blanked[css.clone()].to_ascii_lowercase().find("data:");
                faults.extend(at.map(|at| barred_url(css.start + at..css.start + at + 5, "data:")));
                continue;
            }
            Token::Text(_) | Token::Comment(_) | Token::Doctype(_) | Token::Broken(..) => continue,
        };
        faults.extend(barred(&tag, attributes));
        if tag.shape == Shape::Closes || !tag.name.starts_with("mj") || tag.name.contains(BLANK) {
            continue;
        }
        match Component::of(tag.name) {
            Some(component) => {
                faults.extend(attributes.iter().filter_map(|each| attribute(component, each)));
            }
            None if matches!(tag.name, "mj-all" | "mj-class") => {}
            None => faults.push(unknown_element(&tag)),
        }
        faults.extend(attributes.iter().filter_map(value));
    }
    faults
}

/// Elements that mail programs strip, or take a message for an attack by (requirement 61).
const BARRED: &[&str] = &["embed", "form", "iframe", "input", "object", "script", "svg"];

/// Attributes that hold a URL.
const URLS: &[&str] = &["background", "background-url", "href", "src", "srcset", "style", "thumbnails-src"];

/// What no mail may hold.
fn barred(tag: &Tag<'_>, attributes: &[Attribute<'_>]) -> Vec<Fault> {
    let mut faults = Vec::new();
    if tag.shape != Shape::Closes && BARRED.iter().any(|name| tag.name.eq_ignore_ascii_case(name)) {
        let name = tag.range.start + 1..tag.range.start + 1 + tag.name.len();
        let help = "mail programs strip it or refuse the message; link to a page that has it";
        faults.push(Fault::new(name, format!("`{}` may not stand in a mail", tag.name), help));
    }
    for attribute in attributes.iter().filter(|attribute| URLS.contains(&attribute.name)) {
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
fn structure(mjml: &str) -> Vec<Fault> {
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

/// `mjml` with a space for every character that XML does not have, and so mrml neither, and for [`MARK`]; every other in its place.
fn readable(mjml: &str) -> Cow<'_, str> {
    let foreign = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | MARK | '\u{fffe}' | '\u{ffff}');
    // The first byte of each of them; looking at bytes without an end in sight is many times faster.
    let is_suspect = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r') || byte == 0xef;
    if !mjml.bytes().fold(false, |found, byte| found | is_suspect(byte)) || !mjml.contains(foreign) {
        return Cow::Borrowed(mjml);
    }
    let blank = |c: char| {
        if foreign(c) { [" ", "\u{2002}"][usize::from(c.len_utf8() > 1)].to_owned() } else { c.to_string() }
    };
    Cow::Owned(mjml.chars().map(blank).collect())
}

/// The HTML of MJML, or all that is wrong with it.
///
/// No font is loaded from anywhere and no comment but Outlook's is left out.
pub(super) fn to_html(mjml: &str) -> Result<String, Vec<Fault>> {
    let mjml = &readable(mjml);
    let faults = structure(mjml);
    if !faults.is_empty() {
        return Err(faults);
    }
    let skeleton = Skeleton::of(mjml, true);
    let bare = || rendered(&skeleton.mjml).ok();
    let inlined = Sheet::parse(&skeleton.css)
        .and_then(|sheet| bare().map(|html| sheet.apply(&html, &skeleton.contents)));
    // Other CSS is left to css-inline, and what is wrong is said about the whole.
    inlined
        .map_or_else(|| rendered(&Skeleton::of(mjml, false).mjml).or_else(|_| rendered(mjml)), Ok)
        .map_err(|error| vec![*error])
}

fn rendered(mjml: &str) -> Result<String, Box<Fault>> {
    let document = mrml::parse(mjml).map_err(|error| Box::new(fault(&error, mjml)))?;
    let options = RenderOptions { fonts: HashMap::new(), ..RenderOptions::default() };
    let html = document.element.render(&options);
    let html = html.map_err(|error| Fault::new(0..0, format!("MJML: {error}"), ""))?;
    Ok(html.replacen("<!doctype html>", "<!DOCTYPE html>", 1))
}

/// MJML as it is given to mrml, which would spend most of its time on what it only passes on: the words within `<mj-text>`.
///
/// References stand for what mrml would write as Rust does, `\\` as `\\\\`: it quotes the title and all attributes that way.
struct Skeleton<'a> {
    whole: &'a str,
    /// Up to where the whole was read.
    at: usize,
    within: Within,
    mjml: String,
    /// What was taken out of each `<mj-text>`: [`MARK`] and its number stand there.
    contents: Vec<&'a str>,
    /// What stood in every `<mj-style inline="inline">`.
    css: String,
}

/// In what a piece of MJML stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Title,
    Text,
    InlineStyle,
    Other,
}

impl<'a> Skeleton<'a> {
    /// With only the references put in, unless `bare`.
    fn of(whole: &'a str, bare: bool) -> Self {
        let mjml = String::with_capacity(whole.len());
        let mut skeleton =
            Self { whole, at: 0, within: Within::Other, mjml, contents: Vec::new(), css: String::new() };
        let mut scanner = if bare { Scanner::outer(whole) } else { Scanner::new(whole) };
        while let Some(token) = scanner.next() {
            match token {
                Token::Text(range) if skeleton.within == Within::Title => skeleton.refer(range),
                Token::Opaque(range) if bare => skeleton.take(range),
                Token::Tag(tag) => skeleton.tag(&tag, scanner.attributes(), bare),
                Token::Text(_)
                | Token::Opaque(_)
                | Token::Comment(_)
                | Token::Doctype(_)
                | Token::Broken(..) => {}
            }
        }
        skeleton.mjml.push_str(&whole[skeleton.at..]);
        skeleton
    }

    fn tag(&mut self, tag: &Tag<'_>, attributes: &[Attribute<'_>], bare: bool) {
        let before = std::mem::replace(&mut self.within, Within::of(tag, attributes));
        if bare && before == Within::InlineStyle {
            self.at = tag.range.end;
        } else if bare && self.within == Within::InlineStyle {
            self.leave_out(tag.range.clone());
        } else if tag.name.starts_with("mj") {
            for attribute in attributes {
                self.refer(attribute.value_range());
            }
        }
    }

    fn take(&mut self, range: Range<usize>) {
        let content = &self.whole[range.clone()];
        match self.within {
            Within::InlineStyle => {
                self.css.push_str(content);
                self.at = range.end;
            }
            Within::Text => {
                self.leave_out(range);
                // Writing to a String cannot fail.
                let _ = write!(self.mjml, "{MARK}{}", self.contents.len());
                self.contents.push(content);
            }
            Within::Title | Within::Other => {}
        }
    }

    fn leave_out(&mut self, range: Range<usize>) {
        self.mjml.push_str(&self.whole[self.at..range.start]);
        self.at = range.end;
    }

    fn refer(&mut self, range: Range<usize>) {
        let text = &self.whole[range.clone()];
        let is_plain = |c: char| c == '\'' || c.is_ascii_alphanumeric() || c.escape_debug().count() == 1;
        if text.chars().all(is_plain) {
            return;
        }
        self.leave_out(range);
        for c in text.chars() {
            if is_plain(c) {
                self.mjml.push(c);
            } else {
                let _ = write!(self.mjml, "&#x{:x};", u32::from(c));
            }
        }
    }
}

impl Within {
    fn of(tag: &Tag<'_>, attributes: &[Attribute<'_>]) -> Self {
        let inline = |attribute: &Attribute<'_>| attribute.name == "inline" && attribute.value == "inline";
        match tag.name {
            _ if tag.shape != Shape::Opens => Self::Other,
            "mj-title" => Self::Title,
            "mj-text" => Self::Text,
            "mj-style" if attributes.iter().any(inline) => Self::InlineStyle,
            _ => Self::Other,
        }
    }
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
