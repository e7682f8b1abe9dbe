//! A body cut at its fields, everything else in its transfer encoding already.

use std::borrow::Cow;

use super::FrozenIssue;
use super::fill::{Fill, MissingField, target};
use super::quoted_printable::{encode, encoded};
use crate::render::{Field, Piece, TextBlock};
use crate::token::{Purpose, click_url, open_url, preferences_url, unsubscribe_url};
use crate::wrap::wrap;

/// Columns of the text alternative.
const TEXT_WIDTH: usize = 72;

/// A body; each of its chunks is a run of quoted-printable.
pub(super) struct Body(Vec<Chunk>);

enum Chunk {
    /// The same for all.
    Ready(Vec<u8>),
    /// A place: what stands before the token, or the URL alone for those who are not counted.
    Link { tracked: Vec<u8>, plain: Vec<u8> },
    /// A token between what stands before and after it, or nothing where there is none.
    Token { purpose: Purpose, before: Vec<u8>, after: Vec<u8> },
    /// What the list says of the reader.
    Reader { name: String, default: Option<String>, form: Form },
    /// Words wrapped for each reader.
    Paragraph { indent: String, pieces: Vec<Piece> },
}

/// What a value becomes where it stands.
#[derive(Clone, Copy)]
enum Form {
    Html,
    Text,
}

impl Body {
    pub(super) fn html(issue: &FrozenIssue) -> Self {
        Self(issue.rendered.html.iter().map(|piece| Chunk::new(piece, issue, Form::Html)).collect())
    }

    pub(super) fn text(issue: &FrozenIssue) -> Self {
        let chunks = issue.rendered.text.iter().flat_map(|block| match block {
            TextBlock::Lines(pieces) => {
                pieces.iter().map(|piece| Chunk::new(piece, issue, Form::Text)).collect()
            }
            TextBlock::Paragraph { indent, pieces } => {
                vec![Chunk::Paragraph { indent: indent.clone(), pieces: pieces.clone() }]
            }
        });
        Self(chunks.collect())
    }

    /// Appends the body as one reader gets it.
    pub(super) fn write(&self, fill: &Fill<'_>, out: &mut Vec<u8>) -> Result<(), MissingField> {
        self.0.iter().try_for_each(|chunk| chunk.write(fill, out))
    }
}

impl Chunk {
    fn new(piece: &Piece, issue: &FrozenIssue, form: Form) -> Self {
        let field = match piece {
            Piece::Literal(literal) => return Self::Ready(encoded(literal)),
            Piece::Field(field) => field,
        };
        let (base, number) = (&issue.base_url, issue.number());
        let page = |purpose, url: String| Self::Token {
            purpose,
            before: encoded(&form.escape(&url)),
            after: Vec::new(),
        };
        match field {
            Field::Link(place) => Self::Link {
                tracked: encoded(&form.escape(&click_url(base, number, *place, ""))),
                plain: encoded(&form.escape(target(&issue.rendered.links, *place))),
            },
            Field::Unsubscribe => page(Purpose::Unsubscribe, unsubscribe_url(base, number, "")),
            Field::Preferences => page(Purpose::Preferences, preferences_url(base, number, "")),
            Field::Pixel => match form {
                Form::Html => Self::pixel(&form.escape(&open_url(base, number, ""))),
                Form::Text => Self::Ready(Vec::new()),
            },
            Field::Reader { name, default } => {
                Self::Reader { name: name.clone(), default: default.clone(), form }
            }
        }
    }

    /// An image that shows nothing, with a style of its own against the issue's rules for images (look.md).
    fn pixel(url: &str) -> Self {
        Self::Token {
            purpose: Purpose::Open,
            before: encoded(&format!("<img src=\"{url}")),
            after: encoded(
                "\" alt=\"\" width=\"1\" height=\"1\" style=\"width:1px;height:1px;margin:0;background:none\" />",
            ),
        }
    }

    fn write(&self, fill: &Fill<'_>, out: &mut Vec<u8>) -> Result<(), MissingField> {
        match self {
            Self::Ready(bytes) => out.extend_from_slice(bytes),
            Self::Link { tracked, plain } => match fill.token(Purpose::Click) {
                Some(token) => write_token(tracked, token, &[], out),
                None => out.extend_from_slice(plain),
            },
            Self::Token { purpose, before, after } => {
                if let Some(token) = fill.token(*purpose) {
                    write_token(before, token, after, out);
                }
            }
            Self::Reader { name, default, form } => {
                encode(&form.escape(&fill.reader(name, default.as_deref())?), out);
            }
            Self::Paragraph { indent, pieces } => {
                encode(&(wrap(&fill.text(pieces)?, TEXT_WIDTH, indent, indent) + "\n"), out);
            }
        }
        Ok(())
    }
}

/// A token needs no encoding: its characters are quoted-printable's own, and it is shorter than a line.
fn write_token(before: &[u8], token: &str, after: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(before);
    out.extend_from_slice(token.as_bytes());
    out.extend_from_slice(b"=\r\n");
    out.extend_from_slice(after);
}

impl Form {
    /// HTML's escapes, the same in text and in a quoted attribute; plain text needs none.
    fn escape(self, value: &str) -> Cow<'_, str> {
        match self {
            Self::Html if value.contains(['&', '<', '>', '"', '\'']) => {
                Cow::Owned(value.chars().fold(String::with_capacity(value.len() + 16), escape_into))
            }
            Self::Html | Self::Text => Cow::Borrowed(value),
        }
    }
}

fn escape_into(mut escaped: String, c: char) -> String {
    match c {
        '&' => escaped += "&amp;",
        '<' => escaped += "&lt;",
        '>' => escaped += "&gt;",
        '"' => escaped += "&quot;",
        '\'' => escaped += "&#39;",
        other => escaped.push(other),
    }
    escaped
}
