//! Prose as plain text (requirements 74 to 76): readable as it stands, also aloud.

use super::{Block, Inline, Prose, plain};
use crate::wrap::{one_line, visible, wrap};

/// The blocks in lines of at most `width` columns, each starting with `indent`; no line end at the end.
///
/// A link's words stay in the sentence, its URL stands alone on a line under the paragraph, as it stands in the HTML; a
/// bare link's words lose their scheme. Bullets are `*`, `-`, `+` by depth. Quotes are indented before their `> `, so
/// that no client takes them for a reply. Code is indented and never wrapped. An image is told by what it shows. A rule
/// is only the space between its neighbours.
pub fn render(prose: &Prose, width: usize, indent: &str) -> String {
    let mut page = Page { width, lines: Vec::new(), marker: None };
    page.apart(&prose.blocks, &Margin { prefix: indent.to_owned(), bullets: 0, quoted: false });
    page.lines.join("\n")
}

/// In what a block stands.
#[derive(Clone)]
struct Margin {
    /// What each line starts with.
    prefix: String,
    /// How many bulleted lists are around it.
    bullets: usize,
    /// Whether it is in a quote.
    quoted: bool,
}

impl Margin {
    fn quote(&self) -> Self {
        let columns = self.prefix.chars().count();
        let indent = if self.quoted { 0 } else { 2.max(4_usize.saturating_sub(columns)) };
        Self { prefix: format!("{}{:indent$}> ", self.prefix, ""), quoted: true, ..self.clone() }
    }

    fn item(&self, marker: &str, bullets: usize) -> Self {
        let columns = marker.len();
        Self { prefix: format!("{}{:columns$}", self.prefix, ""), bullets, ..self.clone() }
    }
}

struct Page {
    width: usize,
    lines: Vec<String>,
    /// What the next line starts with instead of its margin: an item's marker.
    marker: Option<String>,
}

impl Page {
    /// Blocks with a blank line between two.
    fn apart(&mut self, blocks: &[Block], margin: &Margin) {
        let start = self.lines.len();
        for block in said(blocks) {
            if self.lines.len() > start {
                self.line("", margin);
            }
            self.block(block, margin);
        }
    }

    /// An item's blocks: what belongs to a paragraph follows it at once.
    fn together(&mut self, blocks: &[Block], margin: &Margin) {
        let start = self.lines.len();
        for block in said(blocks) {
            let opens = matches!(block, Block::Paragraph(_) | Block::Heading(_));
            let begun = self.lines.len() > start;
            // A blank line before a further paragraph; a marker alone where no words follow it.
            if opens == begun {
                self.line("", margin);
            }
            self.block(block, margin);
        }
    }

    fn block(&mut self, block: &Block, margin: &Margin) {
        match block {
            Block::Paragraph(line) | Block::Heading(line) => self.paragraph(line, margin),
            Block::List { start: None, items } => {
                let marker = ["* ", "- ", "+ "][margin.bullets % 3];
                for item in items.iter().filter(|item| item.iter().any(is_said)) {
                    self.item(item, marker, margin, margin.bullets + 1);
                }
            }
            Block::List { start: Some(first), items } => {
                for (number, item) in (*first..).zip(items) {
                    self.item(item, &format!("{number}. "), margin, margin.bullets);
                }
            }
            Block::Quote(blocks) => self.apart(blocks, &margin.quote()),
            Block::Code(code) => self.code(code, margin),
            Block::Rule => {}
        }
    }

    fn item(&mut self, blocks: &[Block], marker: &str, margin: &Margin, bullets: usize) {
        self.marker = Some(format!("{}{marker}", margin.prefix));
        self.together(blocks, &margin.item(marker, bullets));
        self.marker = None;
    }

    fn paragraph(&mut self, line: &[Inline], margin: &Margin) {
        let mut told = Told::default();
        told.inlines(line);
        let words: Vec<String> =
            told.words.split('\n').map(one_line).filter(|line| !line.is_empty()).collect();
        let alone = matches!(line, [Inline::Link { bare: true, .. }]) && !told.urls.is_empty();
        if self.marker.is_some() || !alone {
            let first = self.marker.take().unwrap_or_else(|| margin.prefix.clone());
            self.lines.push(wrap(&words.join("\n"), self.width, &first, &margin.prefix));
        }
        for url in told.urls {
            self.line(url, margin);
        }
    }

    /// Code as it stands, but for blank lines: never two together, none at its ends.
    fn code(&mut self, code: &str, margin: &Margin) {
        let (start, mut blank) = (self.lines.len(), false);
        for line in code.lines().map(visible) {
            let line = line.trim_end();
            if line.is_empty() {
                blank = self.lines.len() > start;
                continue;
            }
            if std::mem::take(&mut blank) {
                self.line("", margin);
            }
            self.line(&format!("    {line}"), margin);
        }
    }

    fn line(&mut self, text: &str, margin: &Margin) {
        let start = self.marker.take().unwrap_or_else(|| margin.prefix.clone());
        self.lines.push(format!("{start}{text}").trim_end().to_owned());
    }
}

/// The blocks of which a listener hears something.
fn said(blocks: &[Block]) -> impl Iterator<Item = &Block> {
    blocks.iter().filter(|block| is_said(block))
}

fn is_said(block: &Block) -> bool {
    match block {
        Block::Paragraph(_) | Block::Heading(_) | Block::Code(_) => true,
        Block::List { items, .. } => items.iter().flatten().any(is_said),
        Block::Quote(blocks) => blocks.iter().any(is_said),
        Block::Rule => false,
    }
}

/// A paragraph as it is said: its words with their line ends, then where its links lead.
#[derive(Default)]
struct Told<'a> {
    words: String,
    urls: Vec<&'a str>,
}

impl<'a> Told<'a> {
    fn inlines(&mut self, line: &'a [Inline]) {
        for inline in line {
            self.inline(inline);
        }
    }

    fn inline(&mut self, inline: &'a Inline) {
        match inline {
            Inline::Text(text) | Inline::Code(text) => self.words.push_str(text),
            Inline::Emphasis(inner) | Inline::Strong(inner) => self.inlines(inner),
            Inline::Link { url, words, bare: false } => {
                self.inlines(words);
                self.urls.push(url);
            }
            Inline::Link { url, words, bare: true } => {
                let words = plain(words);
                let address = words.split_once("://").map_or(words.as_str(), |(_, rest)| rest);
                self.words.push_str(address);
                // A mailbox is said by its words; a page needs its whole URL.
                if url.contains("://") {
                    self.urls.push(url);
                }
            }
            // The HTML shows it on a line of its own too.
            Inline::Image { alt, .. } => self.words.extend(["\nPicture: ", alt, "\n"]),
            Inline::Break => self.words.push('\n'),
        }
    }
}
