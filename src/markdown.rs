//! The editor's Markdown as a tree of our own: safe and well-formed by construction.
//!
//! `parse` is the only way in; `html` and `text` are the two ways out.

use std::ops::Range;

/// A piece of Markdown, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prose {
    /// Its blocks, in order; empty where nothing was written.
    pub blocks: Vec<Block>,
}

/// What stands on lines of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Running text.
    Paragraph(Vec<Inline>),
    /// A heading of any level: a bold paragraph, since the issue's own headings structure it.
    Heading(Vec<Inline>),
    /// A list, each item of which holds blocks.
    List {
        /// The first number, where items are numbered.
        start: Option<usize>,
        /// The items.
        items: Vec<Vec<Block>>,
    },
    /// What somebody else said.
    Quote(Vec<Block>),
    /// Code on lines of its own, its line ends kept.
    Code(String),
    /// A thematic break.
    Rule,
}

/// What stands within a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inline {
    /// Words, unescaped.
    Text(String),
    /// Stressed.
    Emphasis(Vec<Inline>),
    /// Stressed more.
    Strong(Vec<Inline>),
    /// Code, unescaped.
    Code(String),
    /// A link.
    Link {
        /// Where it leads: http, https or mailto, as the editor wrote it.
        url: String,
        /// Its words; never empty.
        words: Vec<Inline>,
        /// Whether the words are the URL itself.
        bare: bool,
    },
    /// An image over https.
    Image {
        /// Where it is.
        url: String,
        /// What it shows; never empty.
        alt: String,
    },
    /// A line end that matters.
    Break,
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
}
