//! Rendering: an issue becomes HTML and text, once for all readers, with a field wherever readers differ.
//!
//! Fields leave the templates' source as sentinels (`fields`), Tera fills the templates (`template`, `templates`) with what an editor may
//! name (`context`), MJML becomes HTML (`mjml`), and both editions are cut at the sentinels (`html`, `text`). Whatever is wrong
//! is said at its place in the template.

mod components;
mod context;
mod entities;
mod fields;
mod html;
mod inline;
mod markup;
mod mjml;
mod parts;
mod seen;
mod segments;
mod template;
mod templates;
mod text;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostics, Source, Spot};
use crate::id::{IssueNumber, Place};
use crate::issue::Issue;
use crate::newsletter::Newsletter;
use crate::sponsor::Placement;
pub(crate) use seen::Seen;
pub use templates::Templates;

/// An issue in its final form, but for what differs from reader to reader. Frozen as it stands when an issue is queued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedIssue {
    /// Its identity.
    pub number: IssueNumber,
    /// The subject, cut at its fields; one line.
    pub subject: Vec<Piece>,
    /// The line that inboxes show beside the subject.
    pub preheader: Option<String>,
    /// The whole document, cut at its fields. `\n` line ends.
    pub html: Vec<Piece>,
    /// The text alternative. `\n` line ends, the last line ended.
    pub text: Vec<TextBlock>,
    /// Where each place leads: the nth is place n+1.
    pub links: Vec<Link>,
    /// Bytes of HTML of each part, in order, as in ("Outages", 4096).
    pub sizes: Vec<(String, usize)>,
}

/// Something rendered, with what the editor should know about it (warnings only).
#[derive(Debug, Clone)]
pub struct Rendering {
    /// The result.
    pub issue: RenderedIssue,
    /// Warnings.
    pub findings: Diagnostics,
}

/// Words that are the same for all, or a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// The same for all.
    Literal(String),
    /// Filled in per reader.
    Field(Field),
}

/// What differs from reader to reader.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Field {
    /// The URL of a place: tracked, or as it is.
    Link(Place),
    /// The URL of the page to leave from.
    Unsubscribe,
    /// The URL of the preferences page.
    Preferences,
    /// The pixel's whole element, or nothing. In HTML only, never escaped.
    Pixel,
    /// What the list says of the reader: `email`, `name`, `since` or another column.
    Reader {
        /// The column.
        name: String,
        /// Where the reader has none.
        default: Option<String>,
    },
}

/// A part of the text alternative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextBlock {
    /// Finished lines, each ended; a URL field stands alone at the end of its line and is never wrapped.
    Lines(Vec<Piece>),
    /// Words with a reader's field among them: wrapped at 72 columns for each reader; ends its last line itself.
    Paragraph {
        /// What each line starts with.
        indent: String,
        /// The words.
        pieces: Vec<Piece>,
    },
}

/// Where a place leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// As the editor wrote it: http or https.
    pub url: String,
    /// The link's words, for reports.
    pub words: String,
    /// What it belongs to, for reports.
    #[serde(default)]
    pub part: Part,
}

/// A part of an issue that links stand in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Part {
    /// A sponsor's message.
    Sponsor {
        /// Where it stands.
        placement: Placement,
        /// By which sponsors.toml names them.
        id: String,
        /// Who.
        name: String,
    },
    /// Before the articles.
    Intro,
    /// An article: its title, blurb and byline.
    Article {
        /// Counted from 1 through the whole issue, its sections too.
        number: usize,
        /// Its title.
        title: String,
        /// The section that it stands in, if in any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        section: Option<String>,
    },
    /// What a section says beside its articles.
    Section {
        /// Its title.
        title: String,
    },
    /// After everything.
    Outro,
    /// The template's own; or of an issue that was frozen before parts were kept.
    #[default]
    Template,
}

/// An issue in its final form.
///
/// # Errors
/// All that is wrong with the templates or the subject, each at its place.
pub fn render(
    issue: &Issue,
    newsletter: &Newsletter,
    templates: &Templates,
) -> Result<Rendering, Diagnostics> {
    let filled = templates.fill(issue, newsletter)?;
    let sources: Vec<&Source> = std::iter::once(&issue.source).chain(templates.sources()).collect();
    let mut html = html::cut(&filled.html, &filled.fields, &newsletter.base_url, &sources)?;
    parts::assign(&mut html.links, issue);
    let (text, findings) = text::cut(&filled.text, &filled.fields, &html.links, &sources)?;
    let issue = RenderedIssue {
        number: issue.number,
        subject: filled.subject,
        preheader: issue.preheader.as_ref().map(|preheader| preheader.value.clone()),
        html: html.pieces,
        text,
        links: html.links,
        sizes: html.sizes,
    };
    Ok(Rendering { issue, findings })
}

/// The MJML that an issue's HTML is made of, for those who measure another renderer by it.
///
/// # Errors
/// As [`render`].
pub fn mjml(issue: &Issue, newsletter: &Newsletter, templates: &Templates) -> Result<String, Diagnostics> {
    Ok(templates.fill(issue, newsletter)?.mjml)
}

/// What becomes of that MJML on its way to an issue's HTML, for the same comparison.
///
/// # Errors
/// All that is wrong with it.
pub fn html_of(mjml: &str) -> Result<String, Diagnostics> {
    let source = Source::new("issue.mjml", mjml);
    mjml::to_html(mjml)
        .map_err(|faults| templates::diagnostics(faults, |range, label| Some(source.spot(range, label))))
}

/// Where the editor wrote a URL, as far as it stands somewhere to the letter.
fn written(url: &str, sources: &[&Source]) -> Option<Spot> {
    let ends = |rest: &str| !rest.starts_with(|c: char| !c.is_whitespace() && !"\"'<>()[]".contains(c));
    let mut places = sources.iter().filter_map(|source| {
        let mut starts = source.text().match_indices(url).map(|(start, _)| start);
        Some((source, starts.find(|start| ends(&source.text()[start + url.len()..]))?))
    });
    places.next().map(|(source, start)| source.spot(start..start + url.len(), ""))
}
