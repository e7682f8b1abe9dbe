//! What templates see. This is what an editor programs against: names stay, and new ones may join.
//!
//! ```text
//! newsletter    .name .tagline? .language .from .reply_to? .base_url .postal_address
//! issue         .number .date ("2023-07-02") .date_text ("Sunday, 2 July 2023"; as .date where the language is not English)
//!               .language .direction ("ltr" or "rtl") .subject .preheader? .intro? .outro?
//!               .articles .groups .sections
//!   prose?      .html (finished) .text (finished, wrapped at 72 columns): intro, outro, blurb, body, message
//!   article     .title .url .byline? .via? (.name .url?) .disclosures .tags .blurb?
//!   group       .articles: at most eight, since Word breaks taller tables; .sponsor?: who stands after them;
//!               .after_sponsor: whether one stands right above
//!   section     .title .body? .articles .groups
//! sponsors      .top? .middle?
//!   sponsor     .name .url .message? .call_to_action? .logo? (.url .alt .width)
//! web_url       where the issue stands on the web, without a reader's token
//! reader.FIELD, unsubscribe_url, preferences_url: fields, see `fields`
//! ```
//!
//! What ends with `?` is `none` where there is nothing. Lists may be empty. All but `.html` is escaped in issue.mjml.
//! Beside Tera's own filters there is `wrap`: words at 72 columns, for issue.txt.

use std::collections::BTreeMap;

use tera::Value;

use crate::draft::Via;
use crate::issue::{Article, Issue, Section};
use crate::markdown::{self, Prose};
use crate::newsletter::Newsletter;
use crate::sponsor::{Logo, Placement, Sponsor};

/// Columns of the text edition.
pub(super) const WIDTH: usize = 72;

/// Articles in one table.
const GROUP: usize = 8;

/// Everything but the fields and `issue.subject`.
pub(super) fn context(issue: &Issue, newsletter: &Newsletter) -> Vec<(&'static str, Value)> {
    vec![
        ("newsletter", of_newsletter(newsletter)),
        ("issue", of_issue(issue)),
        (
            "sponsors",
            object([
                ("top", of_placement(issue, Placement::Top)),
                ("middle", of_placement(issue, Placement::Middle)),
            ]),
        ),
        ("web_url", Value::from(format!("{}/issues/{}", newsletter.base_url.0, issue.number))),
    ]
}

/// All strings of a value.
pub(super) fn strings<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    if let Some(text) = value.as_str() {
        texts.push(text);
    }
    value.as_array().into_iter().flatten().for_each(|value| strings(value, texts));
    value.as_map().into_iter().flat_map(|map| map.values()).for_each(|value| strings(value, texts));
}

fn of_newsletter(newsletter: &Newsletter) -> Value {
    object([
        ("name", text(&newsletter.name)),
        ("tagline", Value::from(newsletter.tagline.as_deref().map(text))),
        ("language", text(&newsletter.language)),
        ("from", text(newsletter.from.address.as_str())),
        (
            "reply_to",
            Value::from(newsletter.reply_to.as_ref().map(|reply_to| text(reply_to.address.as_str()))),
        ),
        ("base_url", text(&newsletter.base_url.0)),
        ("postal_address", text(&newsletter.postal_address)),
    ])
}

fn of_issue(issue: &Issue) -> Value {
    let articles: Vec<Value> = issue.articles.iter().map(of_article).collect();
    let below = issue.sponsors.contains_key(&Placement::Top) && issue.intro.is_empty();
    object([
        ("number", Value::from(issue.number.get())),
        ("date", Value::from(issue.date.to_string())),
        ("date_text", Value::from(date_text(issue))),
        ("language", text(&issue.language)),
        ("direction", text(if is_right_to_left(&issue.language) { "rtl" } else { "ltr" })),
        ("preheader", Value::from(issue.preheader.as_ref().map(|preheader| text(&preheader.value)))),
        ("intro", of_prose(&issue.intro)),
        ("outro", of_prose(&issue.outro)),
        ("groups", groups(&articles, (issue.sponsors.get(&Placement::Middle), issue.above_middle()), below)),
        ("articles", Value::from(articles)),
        ("sections", Value::from(issue.sections.iter().map(of_section).collect::<Vec<_>>())),
    ])
}

fn of_placement(issue: &Issue, placement: Placement) -> Value {
    Value::from(issue.sponsors.get(&placement).map(of_sponsor))
}

fn of_sponsor(sponsor: &Sponsor) -> Value {
    object([
        ("name", text(&sponsor.name)),
        ("url", text(&sponsor.url)),
        ("message", of_prose(&sponsor.message)),
        ("call_to_action", Value::from(sponsor.call_to_action.as_deref().map(text))),
        ("logo", Value::from(sponsor.logo.as_ref().map(of_logo))),
    ])
}

fn of_logo(logo: &Logo) -> Value {
    object([("url", text(&logo.url)), ("alt", text(&logo.alt)), ("width", Value::from(logo.width))])
}

fn of_section(section: &Section) -> Value {
    let articles: Vec<Value> = section.articles.iter().map(of_article).collect();
    object([
        ("title", text(&section.title)),
        ("body", of_prose(&section.body)),
        ("groups", groups(&articles, (None, articles.len()), false)),
        ("articles", Value::from(articles)),
    ])
}

/// Articles by at most eight, with the middle sponsor after so many of them. `below`: whether another stands right above.
fn groups(articles: &[Value], (middle, above): (Option<&Sponsor>, usize), below: bool) -> Value {
    let (first, second) = articles.split_at(above);
    let mut chunks: Vec<&[Value]> = first.chunks(GROUP).collect();
    if middle.is_some() && chunks.is_empty() {
        chunks.push(&[]);
    }
    let last = chunks.len();
    chunks.extend(second.chunks(GROUP));
    let group = |(index, articles): (usize, &[Value])| {
        let sponsor = middle.filter(|_| index + 1 == last);
        let after_sponsor = if index == 0 { below } else { middle.is_some() && index == last };
        object([
            ("articles", Value::from(articles)),
            ("sponsor", Value::from(sponsor.map(of_sponsor))),
            ("after_sponsor", Value::from(after_sponsor)),
        ])
    };
    Value::from(chunks.into_iter().enumerate().map(group).collect::<Vec<_>>())
}

fn of_article(article: &Article) -> Value {
    object([
        ("title", text(&article.title.value)),
        ("url", text(&article.url.value)),
        ("byline", Value::from(article.byline.as_deref().map(text))),
        ("via", Value::from(article.via.as_ref().map(of_via))),
        ("disclosures", list(&article.disclosures)),
        ("tags", list(&article.tags)),
        ("blurb", of_prose(&article.blurb)),
    ])
}

fn of_via(via: &Via) -> Value {
    object([("name", text(&via.name)), ("url", Value::from(via.url.as_deref().map(text)))])
}

fn of_prose(prose: &Prose) -> Value {
    if prose.is_empty() {
        return Value::none();
    }
    object([
        ("html", Value::safe_string(&markdown::html::render(prose))),
        ("text", Value::from(markdown::text::render(prose, WIDTH, ""))),
    ])
}

/// English has its words; other languages have the date that all can read (ISO 8601).
fn date_text(issue: &Issue) -> String {
    let english =
        issue.language.split('-').next().is_some_and(|language| language.eq_ignore_ascii_case("en"));
    if english { issue.date.strftime("%A, %-d %B %Y").to_string() } else { issue.date.to_string() }
}

/// Whether a language is written from right to left: by its script where the tag names one, else by its usual one.
fn is_right_to_left(language: &str) -> bool {
    let mut subtags = language.split('-').map(str::to_ascii_lowercase);
    let primary = subtags.next().unwrap_or_default();
    match subtags.find(|subtag| subtag.len() == 4 && subtag.chars().all(char::is_alphabetic)) {
        Some(script) => {
            matches!(script.as_str(), "arab" | "hebr" | "thaa" | "syrc" | "nkoo" | "adlm" | "rohg")
        }
        None => matches!(
            primary.as_str(),
            "ar" | "arc"
                | "ckb"
                | "dv"
                | "fa"
                | "he"
                | "ks"
                | "nqo"
                | "ps"
                | "sd"
                | "syr"
                | "ug"
                | "ur"
                | "yi"
        ),
    }
}

fn object<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    Value::from(BTreeMap::from(members))
}

fn list(texts: &[String]) -> Value {
    Value::from(texts.iter().map(|each| text(each)).collect::<Vec<_>>())
}

fn text(text: &str) -> Value {
    Value::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direction_follows_the_script_and_else_the_language() {
        for language in ["ar", "he", "fa-IR", "az-Arab", "AR-eg"] {
            assert!(is_right_to_left(language), "{language}");
        }
        for language in ["en", "de-AT", "ar-Latn", "ja", ""] {
            assert!(!is_right_to_left(language), "{language}");
        }
    }
}
