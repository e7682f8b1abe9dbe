//! The tags and text of MJML and HTML with their places, also where they are broken.
//!
//! mrml's own reader stops at the first fault, and often cannot say where it was.

use std::ops::Range;

use memchr::{memchr, memchr_iter};

const QUOTED: &str = "attributes are written as `name=\"value\"`";

/// HTML's elements without an end.
pub(super) const VOID: &[&str] =
    &["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"];

/// A piece of MJML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Words between tags.
    Text(Range<usize>),
    /// CSS and scripts.
    Opaque(Range<usize>),
    /// A tag.
    Tag(Tag<'a>),
    /// A comment, also a conditional one with all that it holds.
    Comment(Range<usize>),
    /// `<!doctype …>`
    Doctype(Range<usize>),
    /// What is no markup, and what to do about it.
    Broken(Range<usize>, &'static str, &'static str),
}

/// A tag; what it says is in [`Scanner::attributes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    /// From `<` to `>`.
    pub(super) range: Range<usize>,
    pub(super) shape: Shape,
}

/// What a tag does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `<p>`
    Opens,
    /// `</p>`
    Closes,
    /// `<p />`
    Empty,
}

/// An attribute in a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    /// Where the name stands.
    pub(super) at: usize,
    /// Where the value stands.
    pub(super) value_at: usize,
    /// As written; empty where there is none.
    pub(super) value: &'a str,
    /// `"`, `'`, or 0 where there is none.
    pub(super) quote: u8,
}

impl Attribute<'_> {
    /// Where the name stands.
    pub(super) fn name_range(&self) -> Range<usize> {
        self.at..self.at + self.name.len()
    }

    /// Where the value stands, without its quotes.
    pub(super) fn value_range(&self) -> Range<usize> {
        self.value_at..self.value_at + self.value.len()
    }
}

/// Reads MJML from its beginning to its end.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// The element whose content is no markup, while in it.
    opaque: Option<&'a str>,
    /// Elements whose content is no markup.
    opaques: &'static [&'static str],
    /// Those of the last tag: one buffer for all of them.
    attributes: Vec<Attribute<'a>>,
}

/// Elements whose content is no markup.
const OPAQUE: &[&str] = &["mj-style", "style", "script"];

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, opaque: None, opaques: OPAQUE, attributes: Vec::new() }
    }

    /// One that passes over what stands in an `<mj-text>`, as over CSS.
    pub(super) fn outer(text: &'a str) -> Self {
        Self { opaques: &["mj-style", "style", "script", "mj-text"], ..Self::new(text) }
    }

    /// The attributes of the tag that was read last.
    pub(super) fn attributes(&self) -> &[Attribute<'a>] {
        &self.attributes
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn bytes(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Goes on by `length` bytes, and says from where to where.
    fn advance(&mut self, length: usize) -> Range<usize> {
        let from = self.at;
        self.at = (from + length).min(self.text.len());
        from..self.at
    }

    fn opaque(&mut self, name: &str) -> Token<'a> {
        let rest = self.rest();
        let mut ends = memchr_iter(b'<', rest.as_bytes());
        let length = ends.find(|at| closes(&rest[*at..], name)).unwrap_or(rest.len());
        Token::Opaque(self.advance(length))
    }

    fn comment(&mut self) -> Token<'a> {
        let rest = self.bytes();
        match memchr_iter(b'>', rest).find(|&end| rest[..end].ends_with(b"--")) {
            Some(end) => {
                let range = self.advance(end + 1);
                let words = &self.text[range.start..range.end - 3];
                match words
                    .get(4..)
                    .filter(|words| !words.starts_with("[if"))
                    .and_then(|words| words.find("--"))
                {
                    Some(at) => {
                        let range = range.start + 4 + at..range.start + 6 + at;
                        Token::Broken(range, "a comment may not hold `--`", "write `–` instead")
                    }
                    None => Token::Comment(range),
                }
            }
            None => Token::Broken(self.whole_rest(4), "this comment is never closed", "close it with `-->`"),
        }
    }

    /// Marks `length` bytes and goes to the end, since nothing behind can be told apart.
    fn whole_rest(&mut self, length: usize) -> Range<usize> {
        let range = self.at..(self.at + length).min(self.text.len());
        self.at = self.text.len();
        range
    }

    fn tag(&mut self) -> Token<'a> {
        let start = self.at;
        let closes = self.bytes().starts_with(b"</");
        self.advance(1 + usize::from(closes));
        let name = self.name();
        self.attributes.clear();
        loop {
            self.skip_space();
            let shape = match self.bytes() {
                [b'>', ..] => Some((1, if closes { Shape::Closes } else { Shape::Opens })),
                [b'/', b'>', ..] => Some((2, Shape::Empty)),
                [] | [b'<', ..] => {
                    let close = "close the tag with `>`; in text, write `&lt;` for `<`";
                    return Token::Broken(start..start + 1 + name.len(), "this tag is never closed", close);
                }
                _ => None,
            };
            if let Some((length, shape)) = shape {
                self.advance(length);
                self.opaque = (shape == Shape::Opens && self.opaques.contains(&name)).then_some(name);
                return Token::Tag(Tag { name, range: start..self.at, shape });
            }
            match self.attribute() {
                Ok(attribute) => self.attributes.push(attribute),
                Err(broken) => return broken,
            }
        }
    }

    fn attribute(&mut self) -> Result<Attribute<'a>, Token<'a>> {
        let at = self.at;
        let name = self.name();
        if name.is_empty() {
            let length = self.rest().chars().next().map_or(0, char::len_utf8);
            let range = self.advance(length);
            return Err(Token::Broken(range, "this is no attribute", QUOTED));
        }
        self.skip_space();
        if self.bytes().first() != Some(&b'=') {
            return Ok(Attribute { name, at, value_at: self.at, value: "", quote: 0 });
        }
        self.advance(1);
        self.skip_space();
        let Some(&quote) = self.bytes().first().filter(|byte| matches!(byte, b'"' | b'\'')) else {
            let length = self.rest().find([' ', '\n', '>', '<']).unwrap_or(self.rest().len());
            return Err(Token::Broken(self.advance(length), "this value is not quoted", QUOTED));
        };
        self.advance(1);
        let Some(length) = memchr(quote, self.bytes()) else {
            let range = self.at - 1..self.at;
            self.at = self.text.len();
            return Err(Token::Broken(range, "this quote is never closed", QUOTED));
        };
        let range = self.advance(length);
        self.advance(1);
        Ok(Attribute { name, at, value_at: range.start, value: &self.text[range], quote })
    }

    fn name(&mut self) -> &'a str {
        let ends = |byte: &u8| {
            byte.is_ascii_whitespace() || matches!(byte, b'=' | b'>' | b'/' | b'<' | b'"' | b'\'')
        };
        let length = self.bytes().iter().position(ends).unwrap_or(self.bytes().len());
        let range = self.advance(length);
        &self.text[range]
    }

    fn skip_space(&mut self) {
        let is_space = |byte: &&u8| byte.is_ascii_whitespace();
        self.at += self.bytes().iter().take_while(is_space).count();
    }
}

/// Whether an element's closing tag begins here.
fn closes(text: &str, name: &str) -> bool {
    text.strip_prefix("</").is_some_and(|text| text.starts_with(name))
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.bytes().is_empty() {
            return None;
        }
        if let Some(name) = self.opaque.take().filter(|name| !closes(self.rest(), name)) {
            return Some(self.opaque(name));
        }
        Some(match self.bytes() {
            [b'<', b'!', b'-', b'-', ..] => self.comment(),
            [b'<', b'/', ..] => self.tag(),
            [b'<', byte, ..] if byte.is_ascii_alphabetic() => self.tag(),
            [b'<', b'!', ..] => {
                let length = self.rest().find('>').map_or(self.rest().len(), |end| end + 1);
                Token::Doctype(self.advance(length))
            }
            [b'<', ..] => Token::Broken(self.advance(1), "a `<` that begins no tag", "in text, write `&lt;`"),
            _ => {
                let length = memchr(b'<', self.bytes()).unwrap_or(self.bytes().len());
                Token::Text(self.advance(length))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_attributes_text_and_comments_are_told_apart() {
        let mjml = "<a x=\"1\" y>t<!-- <b> --></a ><br/>";
        let mut scanner = Scanner::new(mjml);
        scanner.next();
        let attributes = scanner.attributes().to_vec();
        let tokens: Vec<_> = Scanner::new(mjml).collect();
        let [Token::Tag(open), Token::Text(text), Token::Comment(_), Token::Tag(close), Token::Tag(empty)] =
            &tokens[..]
        else {
            panic!("{tokens:?}")
        };
        assert_eq!((open.name, open.shape), ("a", Shape::Opens));
        assert_eq!((attributes[0].name, attributes[0].value), ("x", "1"));
        assert_eq!((attributes[1].name, attributes[1].quote), ("y", 0));
        assert_eq!(&mjml[text.clone()], "t");
        assert_eq!((close.name, close.shape), ("a", Shape::Closes));
        assert_eq!((empty.name, empty.shape), ("br", Shape::Empty));
    }

    #[test]
    fn css_is_text() {
        let tokens: Vec<_> = Scanner::new("<mj-style>a > b { }</mj-style><mj-style></mj-style>").collect();
        assert_eq!(tokens.len(), 5, "{tokens:?}");
        assert_eq!(tokens[1], Token::Opaque(10..19));
    }

    #[test]
    fn the_outer_pass_reads_no_words() {
        let tokens: Vec<_> = Scanner::outer("<mj-text><p></p></mj-text>").collect();
        assert_eq!(tokens.len(), 3, "{tokens:?}");
        assert_eq!(tokens[1], Token::Opaque(9..16));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_or_stands_still(text in "([<>/!=\"' aé-]|<!--|-->|mj-style)*") {
            let pieces = Scanner::new(&text).count();
            proptest::prop_assert!(pieces <= text.len());
        }
    }
}
