//! From Markdown, with bare URLs as links, to a tree of our own. Raw HTML becomes the text that was written.

use comrak::nodes::{AstNode, ListType, NodeLink, NodeValue, Sourcepos};
use comrak::{Arena, Options};

use super::{Block, Inline, Mistake, MistakeKind, Prose, plain, url};
use crate::wrap::one_line;

/// Blocks and emphasis nested deeper than this come out as plain words: nobody reads them, and the stack is finite.
const DEEPEST: usize = 20;

/// The widest an image can be, in pixels: the column.
const WIDEST: u16 = 560;

impl Prose {
    /// Reads Markdown. What no issue may hold is named with its place; of it only the words are kept.
    pub fn parse(markdown: &str) -> (Self, Vec<Mistake>) {
        let arena = Arena::new();
        let mut options = Options::default();
        options.extension.autolink = true;
        let root = comrak::parse_document(&arena, markdown, &options);
        let mut reader = Reader { markdown, mistakes: Vec::new() };
        let blocks = reader.blocks(root, 0);
        (Self { blocks }, reader.mistakes)
    }
}

struct Reader<'a> {
    markdown: &'a str,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn blocks<'a>(&mut self, parent: &'a AstNode<'a>, depth: usize) -> Vec<Block> {
        parent.children().filter_map(|node| self.block(node, depth + 1)).collect()
    }

    /// A block, unless there is nothing in it.
    fn block<'a>(&mut self, node: &'a AstNode<'a>, depth: usize) -> Option<Block> {
        if depth > DEEPEST {
            return seen(words_within(node)).map(Block::Paragraph);
        }
        match &node.data().value {
            NodeValue::BlockQuote => filled(self.blocks(node, depth)).map(Block::Quote),
            NodeValue::List(list) => {
                let start = (list.list_type == ListType::Ordered).then_some(list.start);
                let items = node.children().filter_map(|item| filled(self.blocks(item, depth))).collect();
                filled(items).map(|items| Block::List { start, items })
            }
            NodeValue::CodeBlock(code) => {
                Some(code_lines(&code.literal)).filter(|code| !one_line(code).is_empty()).map(Block::Code)
            }
            NodeValue::HtmlBlock(html) => seen(text_lines(&html.literal)).map(Block::Paragraph),
            NodeValue::Heading(_) => filled(self.inlines(node, depth)).map(Block::Heading),
            NodeValue::ThematicBreak => Some(Block::Rule),
            _ => filled(self.inlines(node, depth)).map(Block::Paragraph),
        }
    }

    /// What stands in a paragraph or under emphasis; empty if it is all white space.
    fn inlines<'a>(&mut self, parent: &'a AstNode<'a>, depth: usize) -> Vec<Inline> {
        let mut line = Vec::new();
        for node in parent.children() {
            self.inline(node, depth + 1, &mut line);
        }
        seen(line).unwrap_or_default()
    }

    fn inline<'a>(&mut self, node: &'a AstNode<'a>, depth: usize, line: &mut Vec<Inline>) {
        if depth > DEEPEST {
            return append(line, words_within(node));
        }
        let data = node.data();
        match &data.value {
            NodeValue::Text(text) => push_text(line, text),
            NodeValue::HtmlInline(html) => push_text(line, html),
            NodeValue::SoftBreak => push_text(line, " "),
            NodeValue::LineBreak => line.push(Inline::Break),
            NodeValue::Code(code) => line.extend(filled(flat(&code.literal)).map(Inline::Code)),
            NodeValue::Emph => line.extend(filled(self.inlines(node, depth)).map(Inline::Emphasis)),
            NodeValue::Strong => line.extend(filled(self.inlines(node, depth)).map(Inline::Strong)),
            NodeValue::Link(to) => {
                let words = self.inlines(node, depth);
                self.link(&to.url, words, data.sourcepos, line);
            }
            NodeValue::Image(image) => self.image(image, node, data.sourcepos, line),
            _ => append(line, self.inlines(node, depth)),
        }
    }

    fn link(&mut self, url: &str, words: Vec<Inline>, at: Sourcepos, line: &mut Vec<Inline>) {
        let mistake = if !url::is_link(url) {
            MistakeKind::LinkUrl(url.to_owned())
        } else if words.is_empty() {
            MistakeKind::LinkWithoutWords(url.to_owned())
        } else {
            let bare = is_bare(url, &plain(&words));
            return line.push(Inline::Link { url: url.to_owned(), words, bare });
        };
        self.mistake(at, url, mistake);
        append(line, words);
    }

    fn image<'a>(&mut self, image: &NodeLink, node: &'a AstNode<'a>, at: Sourcepos, line: &mut Vec<Inline>) {
        let alt = one_line(&plain(&words_within(node)));
        if alt.is_empty() {
            self.mistake(at, "", MistakeKind::ImageWithoutAlt);
        } else if url::is_image(&image.url) {
            let width = image.title.parse().map_or(WIDEST, |width: u16| width.clamp(1, WIDEST));
            line.push(Inline::Image { url: image.url.clone(), alt, width });
        } else {
            self.mistake(at, &image.url, MistakeKind::ImageUrl(image.url.clone()));
            push_text(line, &alt);
        }
    }

    /// A mistake, its place narrowed to the `culprit` where that stands there as it is.
    fn mistake(&mut self, at: Sourcepos, culprit: &str, kind: MistakeKind) {
        let start = self.offset(at.start.line, at.start.column.saturating_sub(1));
        let end = self.offset(at.end.line, at.end.column).max(start);
        let narrower = self.markdown[start..end].rfind(culprit).filter(|_| !culprit.is_empty());
        let span = narrower.map_or(start..end, |from| start + from..start + from + culprit.len());
        self.mistakes.push(Mistake { span, kind });
    }

    /// The offset of a column (from 0) in a line (from 1), never outside the text or within a character.
    fn offset(&self, line: usize, column: usize) -> usize {
        let start = line_starts(self.markdown).nth(line.saturating_sub(1)).unwrap_or(self.markdown.len());
        self.markdown.floor_char_boundary(start + column)
    }
}

/// `None` for what is empty, so that no empty element is ever made.
fn filled<T: Default + PartialEq>(contents: T) -> Option<T> {
    (contents != T::default()).then_some(contents)
}

/// A line in which there is something to see.
fn seen(line: Vec<Inline>) -> Option<Vec<Inline>> {
    let shows = |inline: &Inline| matches!(inline, Inline::Text(text) if text.bytes().any(|byte| byte.is_ascii_graphic()));
    (line.iter().any(shows) || !one_line(&plain(&line)).is_empty()).then_some(line)
}

/// More of a line; neighbouring words become one.
fn append(line: &mut Vec<Inline>, more: Vec<Inline>) {
    for inline in more {
        if let Inline::Text(text) = &inline {
            push_text(line, text);
        } else {
            line.push(inline);
        }
    }
}

fn push_text(line: &mut Vec<Inline>, text: &str) {
    let text = flat(text);
    match line.last_mut() {
        Some(Inline::Text(before)) => before.push_str(&text),
        _ if text.is_empty() => {}
        _ => line.push(Inline::Text(text)),
    }
}

/// Everything below a node as words, without going down the stack.
fn words_within<'a>(node: &'a AstNode<'a>) -> Vec<Inline> {
    let mut line = Vec::new();
    for below in node.descendants() {
        match &below.data().value {
            NodeValue::Text(text) => push_text(&mut line, text),
            NodeValue::Code(code) => push_text(&mut line, &code.literal),
            NodeValue::HtmlInline(html) => push_text(&mut line, html),
            NodeValue::CodeBlock(code) => push_text(&mut line, &code.literal),
            NodeValue::HtmlBlock(html) => push_text(&mut line, &html.literal),
            NodeValue::SoftBreak | NodeValue::LineBreak | NodeValue::Paragraph => push_text(&mut line, " "),
            _ => {}
        }
    }
    line
}

/// The lines of raw HTML, as text.
fn text_lines(html: &str) -> Vec<Inline> {
    let mut inlines = Vec::new();
    for line in html.lines().map(flat).filter(|line| !line.trim().is_empty()) {
        if !inlines.is_empty() {
            inlines.push(Inline::Break);
        }
        inlines.push(Inline::Text(line));
    }
    inlines
}

/// Code without control characters or the line end after its last line.
fn code_lines(code: &str) -> String {
    code.trim_end().chars().filter(|&c| c == '\n' || c == '\t' || !is_unfit(c)).collect()
}

/// On one line, without what may stand in no mail.
fn flat(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| if matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .filter(|&c| !is_unfit(c))
        .collect()
}

/// Control characters, and the two that no XML may hold (its section 2.2).
fn is_unfit(c: char) -> bool {
    c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// Whether the words only repeat the URL.
fn is_bare(url: &str, words: &str) -> bool {
    let without_scheme = url.split_once("://").map(|(_, rest)| rest);
    let address = url.split_once(':').map(|(_, rest)| rest);
    words == url || Some(words) == without_scheme || Some(words) == address
}

/// Where lines start, as Markdown counts them: after `\n`, `\r` or both.
fn line_starts(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let ends = (1..=bytes.len()).filter(|&at| match bytes[at - 1] {
        b'\n' => true,
        b'\r' => bytes.get(at) != Some(&b'\n'),
        _ => false,
    });
    std::iter::once(0).chain(ends)
}
