//! A body cut at its fields, everything else in its transfer encoding already.

use std::borrow::Cow;

use super::FrozenIssue;
use super::fill::{Fill, MissingField, target};
use super::quoted_printable::{self, encode};
use super::sheet::{Run, Sheet};
use crate::render::{Field, Piece, TextBlock};
use crate::token::{Purpose, click_url, open_url, preferences_url, unsubscribe_url};
use crate::wrap::wrap;

/// Columns of the text alternative.
const TEXT_WIDTH: usize = 72;

/// A body; each of its chunks is a run of quoted-printable.
pub(super) struct Body(Vec<Chunk>);

enum Chunk {
    /// The same for all.
    Ready(Run),
    /// A place: what stands before the token, or the URL alone for those who are not counted.
    Link { tracked: Run, plain: Run },
    /// A token between what stands before and after it, or nothing where there is none.
    Token { purpose: Purpose, before: Run, after: Run },
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

    /// About how long it is for a reader who is counted.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(Chunk::len).sum()
    }

    /// Appends the body as one reader gets it.
    pub(super) fn write(&self, fill: &Fill<'_>, sheet: &mut Sheet<'_>) -> Result<(), MissingField> {
        self.0.iter().try_for_each(|chunk| chunk.write(fill, sheet))
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
            after: Vec::new().into(),
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
                Form::Text => Self::Ready(Vec::new().into()),
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

    fn len(&self) -> usize {
        const FIELD: usize = 40;
        match self {
            Self::Ready(run) => run.len(),
            Self::Link { tracked, plain } => plain.len().max(tracked.len() + FIELD),
            Self::Token { before, after, .. } => before.len() + FIELD + after.len(),
            Self::Reader { .. } => FIELD,
            Self::Paragraph { pieces, .. } => pieces.len() * 2 * FIELD,
        }
    }

    fn write(&self, fill: &Fill<'_>, sheet: &mut Sheet<'_>) -> Result<(), MissingField> {
        match self {
            Self::Ready(run) => sheet.run(run),
            Self::Link { tracked, plain } => match fill.token(Purpose::Click) {
                Some(token) => {
                    sheet.run(tracked);
                    sheet.token(token);
                }
                None => sheet.run(plain),
            },
            Self::Token { purpose, before, after } => {
                if let Some(token) = fill.token(*purpose) {
                    sheet.run(before);
                    sheet.token(token);
                    sheet.run(after);
                }
            }
            Self::Reader { name, default, form } => {
                let value = fill.reader(name, default.as_deref())?;
                sheet.own(|out| encode(&form.escape(&value), out));
            }
            Self::Paragraph { indent, pieces } => {
                let words = wrap(&fill.text(pieces)?, TEXT_WIDTH, indent, indent) + "\n";
                sheet.own(|out| encode(&words, out));
            }
        }
        Ok(())
    }
}

/// `text` as one run of quoted-printable.
fn encoded(text: &str) -> Run {
    quoted_printable::encoded(text).into()
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
