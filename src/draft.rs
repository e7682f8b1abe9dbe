//! A draft: what the editor wrote, each value in its place and of its kind.

mod parse;

use crate::diagnostic::{Located, Source};
use crate::id::{IssueNumber, ListName};
use crate::markdown::Prose;

/// All of drafts/N.toml.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The file, for diagnostics.
    pub source: Source,
    /// The identity of the issue.
    pub number: Located<IssueNumber>,
    /// Its date.
    pub date: jiff::civil::Date,
    /// BCP 47, where the issue is not in the newsletter's language.
    pub language: Option<String>,
    /// Tera; else the newsletter's.
    pub subject: Option<Located<String>>,
    /// The line that inboxes show beside the subject.
    pub preheader: Option<Located<String>>,
    /// Whether dispatch may send it.
    pub ready: bool,
    /// When it is due, where not by the schedule.
    pub send_at: Option<SendAt>,
    /// Who stands on top.
    pub sponsor: Option<Located<SponsorChoice>>,
    /// The list it goes to; else the newsletter's.
    pub list: Option<Located<ListName>>,
    /// Before the articles.
    pub intro: Prose,
    /// After everything.
    pub outro: Prose,
    /// In order.
    pub articles: Vec<Article>,
    /// After the articles, in order.
    pub sections: Vec<Section>,
}

/// A scheduled time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendAt {
    /// With an offset.
    Instant(jiff::Timestamp),
    /// In the newsletter's time zone.
    Local(jiff::civil::DateTime),
}

/// What a draft says about its sponsor on top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SponsorChoice {
    /// This one.
    Sponsor(String),
    /// None at all.
    None,
}

/// A link with what the editor says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// Its title, one line.
    pub title: Located<String>,
    /// Where it is, as written: http or https.
    pub url: Located<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Where it appeared.
    pub publication: Option<String>,
    /// Where the editor found it.
    pub via: Option<Via>,
    /// A line under the byline.
    pub disclosure: Option<String>,
    /// The editor's words beside the title.
    pub tags: Vec<String>,
    /// What the editor says about it.
    pub blurb: Prose,
}

/// Where an article was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// As in "(via NAME)".
    pub name: String,
    /// Where that is.
    pub url: Option<String>,
}

/// A titled part after the articles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its title, one line.
    pub title: Located<String>,
    /// What it says.
    pub body: Prose,
    /// Links in it.
    pub articles: Vec<Article>,
}
