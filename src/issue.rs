//! An issue: a draft with its sponsors and disclosures in place, ready to be rendered.

use std::collections::BTreeMap;

use crate::diagnostic::{Located, Source};
use crate::draft::SendAt;
use crate::id::{IssueNumber, ListName};
use crate::markdown::Prose;
use crate::sponsor::{Placement, Sponsor};

/// What readers will get, before it has a form.
#[derive(Debug, Clone)]
pub struct Issue {
    /// The draft's file, for findings.
    pub source: Source,
    /// Its identity.
    pub number: IssueNumber,
    /// Its date.
    pub date: jiff::civil::Date,
    /// BCP 47.
    pub language: String,
    /// Tera, with the file that its span counts in: the draft or newsletter.toml.
    pub subject: (Source, Located<String>),
    /// The line that inboxes show beside the subject.
    pub preheader: Option<Located<String>>,
    /// Whether dispatch may send it.
    pub ready: bool,
    /// When it is due, where not by the schedule.
    pub send_at: Option<SendAt>,
    /// The list it goes to.
    pub list: ListName,
    /// Who stands where.
    pub sponsors: BTreeMap<Placement, Sponsor>,
    /// Before the articles.
    pub intro: Prose,
    /// In order.
    pub articles: Vec<Article>,
    /// After the articles, in order.
    pub sections: Vec<Section>,
    /// After everything.
    pub outro: Prose,
}

/// An article with its byline written and everything disclosed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// Its title, one line.
    pub title: Located<String>,
    /// Where it is, as written.
    pub url: Located<String>,
    /// "Authors — Publication", or either alone; without `via`.
    pub byline: Option<String>,
    /// Where the editor found it: "(via NAME)".
    pub via: Option<crate::draft::Via>,
    /// Lines under the byline: the editor's, an affiliation's, the sponsor's.
    pub disclosures: Vec<String>,
    /// The editor's words beside the title.
    pub tags: Vec<String>,
    /// What the editor says about it.
    pub blurb: Prose,
}

/// A titled part after the articles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// What it says.
    pub body: Prose,
    /// Links in it.
    pub articles: Vec<Article>,
}
