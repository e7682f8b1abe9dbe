//! Which part of the issue each link belongs to, so that a report can speak of articles and sponsors.
//!
//! The editor's templates may arrange an issue as they like. So the parts are not read off the HTML: each link is held against what the
//! issue itself links to, in its order.

use std::collections::{HashMap, VecDeque};

use crate::draft::Via;
use crate::issue::{Article, Issue, Section};
use crate::markdown::Prose;
use crate::render::{Link, Part};
use crate::sponsor::{Placement, Sponsor};
use crate::wrap::one_line;

/// Gives each link its part. Where a URL stands in several parts, the first link to it is of the first of them, and so on.
pub(super) fn assign(links: &mut [Link], issue: &Issue) {
    let linked = Linked::of(issue);
    let mut parts: HashMap<&str, VecDeque<&Part>> = HashMap::new();
    for (url, part) in &linked.0 {
        parts.entry(url).or_default().push_back(part);
    }
    let articles: Vec<&Article> = issue.all_articles().collect();
    for link in links {
        if let Some(parts) = parts.get_mut(link.url.as_str()) {
            link.part = parts.front().map_or(Part::Template, |part| (*part).clone());
            if parts.len() > 1 {
                parts.pop_front();
            }
        }
        if let Part::Article { number, .. } = link.part
            && let Some(article) = articles.get(number - 1)
        {
            set_tags_off(&mut link.words, article);
        }
    }
}

/// An article's words and its tags run into each other where all of the HTML is left out: they are told as the text edition has them.
fn set_tags_off(words: &mut String, article: &Article) {
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let title = &article.title.value;
    if !article.tags.is_empty() && bare(words) == bare(&format!("{title}{}", article.tags.concat())) {
        let tags = article.tags.iter().map(|tag| format!(" [{tag}]"));
        *words = one_line(&format!("{title}{}", tags.collect::<String>()));
    }
}

/// What an issue links to, in its order.
#[derive(Default)]
struct Linked<'a>(Vec<(&'a str, Part)>);

impl<'a> Linked<'a> {
    fn of(issue: &'a Issue) -> Self {
        let mut linked = Self::default();
        let middle = issue.sponsors.get(&Placement::Middle);
        let above = issue.above_middle();
        let (first, second) = issue.articles.split_at(above);
        linked.sponsor(Placement::Top, issue.sponsors.get(&Placement::Top));
        linked.prose(&issue.intro, &Part::Intro);
        linked.articles(1, first, None);
        linked.sponsor(Placement::Middle, middle);
        linked.articles(above + 1, second, None);
        let mut number = issue.articles.len() + 1;
        for section in &issue.sections {
            let Section { title, body, articles } = section;
            linked.prose(body, &Part::Section { title: title.clone() });
            linked.articles(number, articles, Some(title));
            number += articles.len();
        }
        linked.prose(&issue.outro, &Part::Outro);
        linked
    }

    fn sponsor(&mut self, placement: Placement, sponsor: Option<&'a Sponsor>) {
        let Some(sponsor) = sponsor else { return };
        let (id, name) = (sponsor.id.value.clone(), sponsor.name.clone());
        let part = Part::Sponsor { placement, id, name };
        self.prose(&sponsor.message, &part);
        self.0.push((&sponsor.url, part));
    }

    fn articles(&mut self, first: usize, articles: &'a [Article], section: Option<&str>) {
        for (number, article) in (first..).zip(articles) {
            let (title, section) = (article.title.value.clone(), section.map(str::to_owned));
            let part = Part::Article { number, title, section };
            self.0.push((&article.url.value, part.clone()));
            self.prose(&article.blurb, &part);
            if let Some(Via { url: Some(url), .. }) = &article.via {
                self.0.push((url, part));
            }
        }
    }

    fn prose(&mut self, prose: &'a Prose, part: &Part) {
        self.0.extend(prose.links().into_iter().map(|link| (link.url, part.clone())));
    }
}
