//! The editor's Markdown as a tree of our own: safe and well-formed by construction.
//!
//! `parse` is the only way in; `html` and `text` are the two ways out.

pub mod html;
mod parse;
mod read;
#[cfg(test)]
mod tests;
pub mod text;
mod url;

use std::ops::Range;

/// A piece of Markdown, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prose {
    /// Its blocks, in order; empty where nothing was written.
    pub blocks: Vec<Block>,
}

impl Prose {
    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Its links in the order of the text, those to mailboxes too.
    pub fn links(&self) -> Vec<Link<'_>> {
        let mut found = Vec::new();
        self.blocks.iter().for_each(|block| block.links(&mut found));
        found
    }
}

/// A link of some [`Prose`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link<'a> {
    /// Where it leads, as the editor wrote it.
    pub url: &'a str,
    /// Its words, without emphasis; an image in it by what it shows.
    pub words: String,
    /// Whether the words are the URL itself.
    pub bare: bool,
}

/// What stands on lines of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Running text; never empty.
    Paragraph(Vec<Inline>),
    /// A heading of any level: a bold paragraph, since the issue's own headings structure it.
    Heading(Vec<Inline>),
    /// A list, each item of which holds blocks; neither list nor item is ever empty.
    List {
        /// The first number, where items are numbered.
        start: Option<usize>,
        /// The items.
        items: Vec<Vec<Block>>,
    },
    /// What somebody else said; never empty.
    Quote(Vec<Block>),
    /// Code on lines of its own, its line ends kept.
    Code(String),
    /// A thematic break.
    Rule,
}

impl Block {
    fn links<'a>(&'a self, found: &mut Vec<Link<'a>>) {
        match self {
            Self::Paragraph(inlines) | Self::Heading(inlines) => links(inlines, found),
            Self::List { items, .. } => items.iter().flatten().for_each(|block| block.links(found)),
            Self::Quote(blocks) => blocks.iter().for_each(|block| block.links(found)),
            Self::Code(_) | Self::Rule => {}
        }
    }
}

/// What stands within a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inline {
    /// Words, unescaped, without line ends or control characters.
    Text(String),
    /// Stressed.
    Emphasis(Vec<Inline>),
    /// Stressed more.
    Strong(Vec<Inline>),
    /// Code, unescaped, without line ends or control characters.
    Code(String),
    /// A link.
    Link {
        /// Where it leads: http, https or mailto, as the editor wrote it.
        url: String,
        /// Its words; never empty, never a link.
        words: Vec<Inline>,
        /// Whether the words are the URL itself, its scheme aside.
        bare: bool,
    },
    /// An image over https.
    Image {
        /// Where it is.
        url: String,
        /// What it shows; never empty.
        alt: String,
        /// In pixels, 1 to 560: the title of the Markdown where that is a number, as in `![A map](https://… "320")`.
        width: u16,
    },
    /// A line end that matters.
    Break,
}

fn links<'a>(inlines: &'a [Inline], found: &mut Vec<Link<'a>>) {
    for inline in inlines {
        match inline {
            Inline::Link { url, words, bare } => {
                found.push(Link { url, words: plain(words), bare: *bare });
            }
            Inline::Emphasis(inner) | Inline::Strong(inner) => links(inner, found),
            Inline::Text(_) | Inline::Code(_) | Inline::Image { .. } | Inline::Break => {}
        }
    }
}

/// The words alone.
fn plain(inlines: &[Inline]) -> String {
    let mut words = String::new();
    for inline in inlines {
        match inline {
            Inline::Text(text) | Inline::Code(text) => words.push_str(text),
            Inline::Emphasis(inner) | Inline::Strong(inner) | Inline::Link { words: inner, .. } => {
                words.push_str(&plain(inner));
            }
            Inline::Image { alt, .. } => words.push_str(alt),
            Inline::Break => words.push(' '),
        }
    }
    words
}

/// What no Markdown of an issue may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where, in bytes of the Markdown.
    pub span: Range<usize>,
    /// What.
    pub kind: MistakeKind,
}

/// The kinds of mistakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MistakeKind {
    /// An image that says nothing to those who do not see it.
    ImageWithoutAlt,
    /// An image that is not at an https URL.
    ImageUrl(String),
    /// A link that leads to something other than http, https or mailto, or is malformed.
    LinkUrl(String),
    /// A link to this URL that nobody can see: it has no words.
    LinkWithoutWords(String),
}
