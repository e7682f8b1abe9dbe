//! Markdown as the value of a key: its mistakes become diagnostics in the file that holds it.

use super::{Mistake, MistakeKind, Prose};
use crate::diagnostic::Diagnostic;
use crate::document::Value;

impl Prose {
    /// Reads a value as Markdown.
    pub fn read(value: &Value<'_>) -> Option<Self> {
        let (prose, mistakes) = Self::parse(&value.text()?);
        for mistake in &mistakes {
            value.note(diagnostic(value, mistake));
        }
        mistakes.is_empty().then_some(prose)
    }
}

fn diagnostic(value: &Value<'_>, mistake: &Mistake) -> Diagnostic {
    let (kind, message, help) = match &mistake.kind {
        MistakeKind::ImageWithoutAlt => (
            "image-without-alt",
            "an image says nothing to those who do not see it".to_owned(),
            "say in the brackets what it shows: `![what it shows](https://…)`",
        ),
        MistakeKind::ImageUrl(url) => (
            "bad-image-url",
            format!("an image cannot come from `{url}`"),
            "mail clients load pictures over https only",
        ),
        MistakeKind::LinkUrl(url) => (
            "bad-url",
            format!("a link cannot lead to `{url}`"),
            "write an address in full that begins with https://, http:// or mailto:",
        ),
        MistakeKind::LinkWithoutWords(url) => (
            "link-without-words",
            format!("nobody sees the link to `{url}`: it has no words"),
            "write them between the brackets: `[words](https://…)`",
        ),
    };
    let spot = value.source().spot(value.within(&mistake.span), "");
    Diagnostic::error(kind, message).at(spot).help(help)
}
