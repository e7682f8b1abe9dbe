//! Links whose words say nothing, and links that stand twice.

use std::collections::HashMap;
use std::ops::Range;

use url::Url;

use super::places;
use crate::diagnostic::{Diagnostic, Spot};
use crate::issue::{Article, Issue};
use crate::markdown::{Link, Prose};

/// Words that say nothing to somebody who hears the links alone (requirement 60).
const VAGUE: [&str; 20] = [
    "article",
    "check it out",
    "click",
    "click here",
    "details",
    "here",
    "it",
    "learn more",
    "link",
    "more",
    "post",
    "read it",
    "read more",
    "right here",
    "see more",
    "that",
    "this",
    "this article",
    "this link",
    "this post",
];

/// A link in the draft, and where.
struct Written<'a> {
    url: &'a str,
    /// Its words, where it stands in prose.
    words: Option<Link<'a>>,
    /// Whether it stands in the intro or the outro, which talk about the articles.
    around: bool,
    span: Option<Range<usize>>,
}

/// Links with words such as "here".
pub(super) fn vague(issue: &Issue) -> Vec<Diagnostic> {
    let drafted = written(issue).into_iter().filter_map(|link| {
        let spot = link.span.map(|span| issue.source.spot(span, ""));
        Some((link.words?, spot))
    });
    let messages = issue.sponsors.values().flat_map(|sponsor| sponsor.message.links());
    let sponsored = messages.map(|link| (link, None::<Spot>));
    drafted
        .chain(sponsored)
        .filter(|(link, _)| is_vague(&link.words))
        .map(|(link, spot)| {
            let message = format!("the words of the link to {} say nothing: `{}`", link.url, link.words);
            let help = "let them say where it leads: a screen reader lists links without their sentence";
            let finding = Diagnostic::warning("vague-link", message);
            spot.into_iter().fold(finding, Diagnostic::at).help(help)
        })
        .collect()
}

fn is_vague(words: &str) -> bool {
    let words = words.to_lowercase();
    VAGUE.contains(&words.trim_matches(|c: char| !c.is_alphanumeric()))
}

/// The same page linked twice between intro and outro, campaign parameters aside.
pub(super) fn twice(issue: &Issue) -> Vec<Diagnostic> {
    let mut first: HashMap<String, Written<'_>> = HashMap::new();
    let mut found = Vec::new();
    for link in written(issue).into_iter().filter(|link| !link.around) {
        let Some(page) = page(link.url) else { continue };
        let Some(before) = first.get(&page) else {
            first.insert(page, link);
            continue;
        };
        let spot = |link: &Written<'_>, label| Some(issue.source.spot(link.span.clone()?, label));
        let finding = Diagnostic::warning("url-twice", format!("{} is linked twice", link.url));
        let spots = [spot(&link, "again here"), spot(before, "first here")];
        found.push(
            spots
                .into_iter()
                .flatten()
                .fold(finding, Diagnostic::at)
                .help("drop one of the two, or link elsewhere"),
        );
    }
    found
}

/// What makes two links the same; `None` for what is no page.
fn page(url: &str) -> Option<String> {
    let mut page = Url::parse(url).ok().filter(|page| page.scheme().starts_with("http"))?;
    let kept: Vec<_> = page.query_pairs().into_owned().filter(|(key, _)| !key.starts_with("utm_")).collect();
    page.set_query(None);
    if !kept.is_empty() {
        page.query_pairs_mut().extend_pairs(kept);
    }
    let (_, rest) = page.as_str().split_once("://")?;
    Some(rest.to_owned())
}

/// The editor's links in the order of the issue: those of articles and of prose, not those of `via`.
fn written(issue: &Issue) -> Vec<Written<'_>> {
    let mut links = Vec::new();
    prose(&issue.intro, true, &mut links);
    articles(&issue.articles, &mut links);
    for section in &issue.sections {
        prose(&section.body, false, &mut links);
        articles(&section.articles, &mut links);
    }
    prose(&issue.outro, true, &mut links);
    place(issue, &mut links);
    links
}

fn articles<'a>(articles: &'a [Article], links: &mut Vec<Written<'a>>) {
    for article in articles {
        links.push(Written {
            url: &article.url.value,
            words: None,
            around: false,
            span: Some(article.url.span.clone()),
        });
        prose(&article.blurb, false, links);
    }
}

fn prose<'a>(prose: &'a Prose, around: bool, links: &mut Vec<Written<'a>>) {
    let written = |link: Link<'a>| Written { url: link.url, words: Some(link), around, span: None };
    links.extend(prose.links().into_iter().map(written));
}

/// Gives links in prose the places where their URLs stand in the file and no article's does, one after the other.
fn place(issue: &Issue, links: &mut [Written<'_>]) {
    let taken: Vec<Range<usize>> = links.iter().filter_map(|link| link.span.clone()).collect();
    let is_free =
        |span: &Range<usize>| !taken.iter().any(|taken| taken.start <= span.start && span.end <= taken.end);
    let mut free = HashMap::new();
    for link in links.iter_mut().filter(|link| link.span.is_none()) {
        let spans = free.entry(link.url).or_insert_with(|| {
            places::of_url(&issue.source, link.url)
                .into_iter()
                .filter(is_free)
                .collect::<Vec<_>>()
                .into_iter()
        });
        link.span = spans.next();
    }
}
