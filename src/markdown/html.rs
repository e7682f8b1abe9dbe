//! Prose as markup: well-formed, everything escaped, no more elements than it takes.

use super::{Block, Inline, Prose};

/// The blocks as a fragment that stands within an `<mj-text>`.
///
/// Every element is closed and every attribute double-quoted, since MJML reads it as XML. Lists are tight, their items
/// without paragraphs, where every item is a single paragraph.
pub fn render(prose: &Prose) -> String {
    let mut html = String::new();
    blocks(&prose.blocks, &mut html);
    html
}

fn blocks(blocks: &[Block], html: &mut String) {
    for each in blocks {
        block(each, html);
    }
}

fn block(block: &Block, html: &mut String) {
    match block {
        Block::Paragraph(line) => element("p", html, |html| inlines(line, html)),
        Block::Heading(line) => {
            element("p", html, |html| element("strong", html, |html| inlines(line, html)));
        }
        Block::List { start, items } => list(*start, items, html),
        Block::Quote(inner) => element("blockquote", html, |html| blocks(inner, html)),
        Block::Code(code) => element("pre", html, |html| element("code", html, |html| escape(code, html))),
        Block::Rule => html.push_str("<hr />"),
    }
}

fn list(start: Option<usize>, items: &[Vec<Block>], html: &mut String) {
    let (open, close) = match start {
        None => ("<ul>".to_owned(), "</ul>"),
        Some(1) => ("<ol>".to_owned(), "</ol>"),
        Some(first) => (format!("<ol start=\"{first}\">"), "</ol>"),
    };
    html.push_str(&open);
    let tight = items.iter().all(|item| matches!(item[..], [Block::Paragraph(_)]));
    for item in items {
        element("li", html, |html| match &item[..] {
            [Block::Paragraph(line)] if tight => inlines(line, html),
            item => blocks(item, html),
        });
    }
    html.push_str(close);
}

fn inlines(line: &[Inline], html: &mut String) {
    for each in line {
        inline(each, html);
    }
}

fn inline(inline: &Inline, html: &mut String) {
    match inline {
        Inline::Text(text) => escape(text, html),
        Inline::Emphasis(inner) => element("em", html, |html| inlines(inner, html)),
        Inline::Strong(inner) => element("strong", html, |html| inlines(inner, html)),
        Inline::Code(code) => element("code", html, |html| escape(code, html)),
        Inline::Link { url, words, .. } => {
            html.push_str("<a href=\"");
            escape(url, html);
            html.push_str("\">");
            inlines(words, html);
            html.push_str("</a>");
        }
        Inline::Image { url, alt, width } => {
            html.push_str("<img src=\"");
            escape(url, html);
            html.push_str("\" alt=\"");
            escape(alt, html);
            let width = width.to_string();
            html.extend(["\" width=\"", &width, "\" style=\"max-width:", &width, "px\" />"]);
        }
        Inline::Break => html.push_str("<br />"),
    }
}

fn element(name: &str, html: &mut String, contents: impl FnOnce(&mut String)) {
    html.extend(["<", name, ">"]);
    contents(html);
    html.extend(["</", name, ">"]);
}

/// As text, also within a double-quoted attribute.
fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            _ => html.push(c),
        }
    }
}
