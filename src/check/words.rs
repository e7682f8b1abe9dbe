//! What an inbox shows before the issue is opened, and the titles within.

use crate::diagnostic::{Diagnostic, Located};
use crate::issue::Issue;
use crate::render::{Piece, RenderedIssue};

use super::places;

/// How many characters of a preheader do their work: fewer, and the inbox pulls in the masthead; more, and it cuts.
const PREHEADER: std::ops::RangeInclusive<usize> = 40..=130;

/// Fewer letters than this are an abbreviation, not a shout.
const SHOUT: usize = 10;

/// Missing, too short, too long, or the subject again (requirement 60).
pub(super) fn preheader(issue: &Issue, rendered: &RenderedIssue) -> Option<Diagnostic> {
    let Some(Located { value, span }) = &issue.preheader else {
        let message = format!("`preheader` is missing in {}", issue.source.name());
        let help = "say in 40 to 130 characters what is in the issue: inboxes show it beside the subject";
        return Some(Diagnostic::warning("preheader-missing", message).help(help));
    };
    let spot = |label: &str| issue.source.spot(span.clone(), label);
    let length = value.chars().count();
    if literals(&rendered.subject).is_some_and(|subject| same(&subject, value)) {
        let finding =
            Diagnostic::warning("preheader-repeats-subject", "the preheader only repeats the subject");
        return Some(finding.at(spot("the subject again")).help("say what else is in the issue"));
    }
    if PREHEADER.contains(&length) {
        return None;
    }
    let (message, help) = if length < *PREHEADER.start() {
        ("the preheader is short", "below 40 characters, inboxes fill up with the first words of the issue")
    } else {
        ("the preheader is long", "beyond 130 characters, no inbox shows it")
    };
    let spot = spot(&format!("{length} characters"));
    Some(Diagnostic::warning("preheader-length", message).at(spot).help(help))
}

/// The words of the subject, if they are the same for all.
fn literals(pieces: &[Piece]) -> Option<String> {
    let literal = |piece: &Piece| match piece {
        Piece::Literal(words) => Some(words.clone()),
        Piece::Field(_) => None,
    };
    pieces.iter().map(literal).collect()
}

fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// Titles that shout.
pub(super) fn capitals(issue: &Issue) -> Vec<Diagnostic> {
    let articles = issue.all_articles().map(|article| &article.title);
    let articles = articles.map(|title| (&title.value, Some(issue.source.spot(title.span.clone(), ""))));
    let sections =
        issue.sections.iter().map(|section| (&section.title, places::quoted(&issue.source, &section.title)));
    articles
        .chain(sections)
        .filter(|(title, _)| shouts(title))
        .map(|(title, spot)| {
            let finding = Diagnostic::warning("in-capitals", format!("`{title}` is all capitals"));
            let help = "write it as a sentence: capitals are slower to read, and some are read aloud letter by letter";
            spot.into_iter().fold(finding, Diagnostic::at).help(help)
        })
        .collect()
}

fn shouts(title: &str) -> bool {
    !title.contains(char::is_lowercase) && title.chars().filter(|c| c.is_uppercase()).count() >= SHOUT
}

/// An issue or a section in which nothing stands.
pub(super) fn empty(issue: &Issue) -> Vec<Diagnostic> {
    if issue.articles.is_empty() && issue.sections.is_empty() && issue.intro.is_empty() {
        let message = format!("there is nothing in issue {}", issue.number);
        return vec![
            Diagnostic::warning("empty-issue", message).help("give it an `[[article]]` or an `intro`"),
        ];
    }
    let empty =
        issue.sections.iter().filter(|section| section.body.is_empty() && section.articles.is_empty());
    empty
        .map(|section| {
            let finding =
                Diagnostic::warning("empty-section", format!("nothing stands under `{}`", section.title));
            let spot = places::quoted(&issue.source, &section.title);
            spot.into_iter()
                .fold(finding, Diagnostic::at)
                .help("give it a `body` or a `[[section.article]]`, or drop it")
        })
        .collect()
}
