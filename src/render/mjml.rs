//! MJML to HTML, with what mrml passes over found before: names it does not know, elements where they may not stand.

mod names;
mod skeleton;
mod structure;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use mrml::prelude::parser::Error;
use mrml::prelude::render::RenderOptions;

pub(super) use names::{blanked, names};
use skeleton::Skeleton;
use structure::structure;

use super::inline::{MARK, Sheet};

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
