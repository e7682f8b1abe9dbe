//! MJML made small for mrml.

use std::fmt::Write as _;
use std::ops::Range;

use crate::render::inline::MARK;
use crate::render::markup::{Attribute, Scanner, Shape, Tag, Token};

/// MJML as it is given to mrml, which would spend most of its time on what it only passes on: the words within `<mj-text>`.
///
/// References stand for what mrml would write as Rust does, `\\` as `\\\\`: it quotes the title and all attributes that way.
pub(super) struct Skeleton<'a> {
    whole: &'a str,
    /// Up to where the whole was read.
    at: usize,
    within: Within,
    pub(super) mjml: String,
    /// What was taken out of each `<mj-text>`: [`MARK`] and its number stand there.
    pub(super) contents: Vec<&'a str>,
    /// What stood in every `<mj-style inline="inline">`.
    pub(super) css: String,
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
    pub(super) fn of(whole: &'a str, bare: bool) -> Self {
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
