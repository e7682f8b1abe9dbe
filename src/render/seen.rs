//! The words of the finished HTML as a reader sees them, for whoever looks an issue over.

use crate::render::entities::decode;
use crate::render::markup::{Attribute, Scanner, Shape, Tag, Token};

/// Elements that do not end a word.
const INLINE: &[&str] = &["a", "b", "big", "code", "em", "font", "i", "s", "small", "span", "strong", "u"];

/// What HTML shows.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Its words in their order, less the title and what is hidden.
    pub(crate) words: String,
    /// What stands in for its images.
    pub(crate) alternatives: String,
}

impl Seen {
    /// What a document or a fragment shows.
    pub(crate) fn of(html: &str) -> Self {
        let mut seen = Self::default();
        let mut hidden = false;
        let mut scanner = Scanner::new(html);
        while let Some(token) = scanner.next() {
            match token {
                Token::Text(range) if !hidden => seen.words.push_str(&decode(&html[range])),
                Token::Tag(tag) => {
                    hidden = hides(&tag, scanner.attributes());
                    seen.tag(&tag, scanner.attributes());
                }
                Token::Text(_)
                | Token::Opaque(_)
                | Token::Comment(_)
                | Token::Doctype(_)
                | Token::Broken(..) => {}
            }
        }
        seen
    }

    fn tag(&mut self, tag: &Tag<'_>, attributes: &[Attribute<'_>]) {
        if !INLINE.contains(&tag.name) {
            self.words.push(' ');
        }
        for alternative in attributes.iter().filter(|attribute| attribute.name == "alt") {
            self.alternatives.push_str(&decode(alternative.value));
            self.alternatives.push(' ');
        }
    }
}

/// Whether the words behind this tag stand on no page.
fn hides(tag: &Tag<'_>, attributes: &[Attribute<'_>]) -> bool {
    let unseen = |style: &str| style.replace(' ', "").to_ascii_lowercase().contains("display:none");
    tag.shape == Shape::Opens
        && (tag.name == "title"
            || attributes.iter().any(|attribute| attribute.name == "style" && unseen(attribute.value)))
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn what_a_reader_sees_is_neither_the_title_nor_the_hidden_preheader() {
        let seen = Seen::of(
            "<title>T</title><style>p { }</style><div style=\"color: red; display: none\">P</div>\
             <!-- c --><p>A &amp; <b>B</b>ee</p><p>C<br />D</p><img alt=\"E &lt;\" />",
        );
        assert_eq!(seen.words.split_whitespace().collect::<Vec<_>>(), ["A", "&", "Bee", "C", "D"]);
        assert_eq!(seen.alternatives, "E < ");
    }
}
