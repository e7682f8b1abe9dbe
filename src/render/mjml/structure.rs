//! Which element stands in which, and whether it is closed.

use std::ops::Range;

use super::Fault;
use crate::render::components::{Component, Content};
use crate::render::markup::{Scanner, Shape, Tag, Token, VOID};

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
