//! An article's byline, and what must be disclosed about it.

use std::collections::BTreeMap;

use url::Url;

use super::Article;
use crate::draft;
use crate::newsletter::Newsletter;
use crate::sponsor::{Placement, Sponsor};

/// What this issue has to disclose, and about whom.
pub(super) struct Disclosures(Vec<Party>);

/// Somebody the newsletter is tied to: by affiliation, or because they pay for this issue.
struct Party {
    name: String,
    /// Lower-case A-labels; subdomains count.
    domains: Vec<String>,
    line: String,
}

impl Disclosures {
    /// The newsletter's affiliations, then the sponsors.
    pub(super) fn of(newsletter: &Newsletter, sponsors: &BTreeMap<Placement, Sponsor>) -> Self {
        let affiliations = newsletter.affiliations.iter().map(|affiliation| Party {
            name: affiliation.name.clone(),
            domains: affiliation.domains.clone(),
            line: affiliation.disclosure.clone(),
        });
        let sponsors = sponsors.values().map(|sponsor| Party {
            name: sponsor.name.clone(),
            domains: sponsor.domain().into_iter().collect(),
            line: format!("Full disclosure: {} is this week’s sponsor.", sponsor.name),
        });
        Self(affiliations.chain(sponsors).collect())
    }

    /// The articles with their bylines written and everything disclosed.
    pub(super) fn articles(&self, articles: Vec<draft::Article>) -> Vec<Article> {
        articles.into_iter().map(|article| self.article(article)).collect()
    }

    fn article(&self, article: draft::Article) -> Article {
        Article {
            byline: byline(&article.authors, article.publication.as_deref()),
            disclosures: self.lines(&article),
            title: article.title,
            url: article.url,
            via: article.via,
            tags: article.tags,
            blurb: article.blurb,
        }
    }

    /// The editor's own line first, no line twice.
    fn lines(&self, article: &draft::Article) -> Vec<String> {
        let host = host(&article.url.value);
        let mut lines: Vec<String> = article.disclosure.iter().cloned().collect();
        for party in &self.0 {
            let published = article.publication.as_deref().is_some_and(|name| same(name, &party.name));
            let hosted =
                party.domains.iter().any(|domain| host.as_deref().is_some_and(|host| within(host, domain)));
            if (published || hosted) && !lines.contains(&party.line) {
                lines.push(party.line.clone());
            }
        }
        lines
    }
}

/// "A", "A and B", "A, B, and C"; then the publication after a dash, or alone.
fn byline(authors: &[String], publication: Option<&str>) -> Option<String> {
    let names = match authors {
        [] => return publication.map(str::to_owned),
        [one] => one.clone(),
        [one, other] => format!("{one} and {other}"),
        [others @ .., last] => format!("{}, and {last}", others.join(", ")),
    };
    Some(publication.map_or_else(|| names.clone(), |publication| format!("{names} — {publication}")))
}

fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

fn host(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

/// Whether a host is of a domain: the same, or below it. A `www.` of either makes no difference.
fn within(host: &str, domain: &str) -> bool {
    let (host, domain) = (bare(host), bare(domain));
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn bare(host: &str) -> &str {
    let host = host.trim_end_matches('.');
    host.strip_prefix("www.").unwrap_or(host)
}
