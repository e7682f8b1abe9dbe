//! Names and values that MJML or mail does not have, found in a template before Tera fills it.

use std::ops::Range;

use super::Fault;
use crate::document::nearest;
use crate::render::components::Component;
use crate::render::markup::{Attribute, Scanner, Shape, Tag, Token};
use crate::render::segments::{Kind, Segment, segments};

/// What an expression is blanked with: no name of MJML or HTML holds it.
const BLANK: &str = "_";

/// A template without its Tera, every byte of the rest in its place.
pub(in crate::render) fn blanked(template: &str) -> String {
    let blank = |segment: &Segment<'_>| match segment.kind {
        Kind::Text => segment.text.to_owned(),
        Kind::Expression => BLANK.repeat(segment.text.len()),
        Kind::Tag | Kind::Comment => " ".repeat(segment.text.len()),
    };
    segments(template).iter().map(blank).collect()
}

/// Elements, attributes and values that MJML does not have, wherever they stand, also in branches that are not taken.
pub(in crate::render) fn names(blanked: &str) -> Vec<Fault> {
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
