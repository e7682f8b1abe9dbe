//! An issue: a draft with its sponsors and disclosures in place, ready to be rendered.

mod article;
mod booked;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostics, Located, Source};
use crate::draft::{self, Draft, SendAt};
use crate::id::{IssueNumber, ListName};
use crate::markdown::Prose;
use crate::newsletter::Newsletter;
use crate::sponsor::{Placement, Sponsor, Sponsors};

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

impl Issue {
    /// A draft with those who are booked for its number, its bylines written and everything disclosed.
    ///
    /// # Errors
    /// A sponsor that nobody knows, or that is not booked for this number, with both sides.
    pub fn assemble(draft: Draft, sponsors: &Sponsors, newsletter: &Newsletter) -> Result<Self, Diagnostics> {
        let booked = booked::sponsors(&draft, sponsors)?;
        let told = article::Disclosures::of(newsletter, &booked);
        let subject = match draft.subject {
            Some(subject) => (draft.source.clone(), subject),
            None => (newsletter.source.clone(), newsletter.subject.clone()),
        };
        Ok(Self {
            number: draft.number.value,
            date: draft.date,
            language: draft.language.unwrap_or_else(|| newsletter.language.clone()),
            subject,
            preheader: draft.preheader,
            ready: draft.ready,
            send_at: draft.send_at,
            list: draft.list.map_or_else(|| newsletter.list.clone(), |list| list.value),
            intro: draft.intro,
            articles: told.articles(draft.articles),
            sections: draft.sections.into_iter().map(|section| Section::assemble(section, &told)).collect(),
            outro: draft.outro,
            source: draft.source,
            sponsors: booked,
        })
    }

    /// How many articles stand above the middle sponsor: all, where there is none.
    pub(crate) fn above_middle(&self) -> usize {
        let all = self.articles.len();
        if self.sponsors.contains_key(&Placement::Middle) { all.div_ceil(2) } else { all }
    }

    /// Every article, those of the sections too, in order.
    pub fn all_articles(&self) -> impl Iterator<Item = &Article> {
        self.articles.iter().chain(self.sections.iter().flat_map(|section| &section.articles))
    }
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
    pub via: Option<draft::Via>,
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

impl Section {
    fn assemble(section: draft::Section, told: &article::Disclosures) -> Self {
        Self { title: section.title.value, body: section.body, articles: told.articles(section.articles) }
    }
}
