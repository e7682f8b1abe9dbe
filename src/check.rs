//! Findings on an issue: what the editor should look at before readers do.
//!
//! Last of the stages on the way to an issue's final form. What makes a file wrong is refused before; here stands what
//! a careful colleague would say, and what no issue may lack. Each warning has a kind by which `[[check.silence]]` accepts it.

mod links;
mod obligations;
mod places;
mod size;
#[cfg(test)]
mod tests;
mod words;

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::document::nearest;
use crate::issue::Issue;
use crate::newsletter::{Newsletter, Silence};
use crate::render::Rendering;
pub(crate) use size::kilobytes;

/// Every finding that can be silenced, those of the rendering too.
pub const KINDS: [&str; 14] = [
    "empty-issue",
    "empty-section",
    "field-unlisted",
    "html-large",
    "in-capitals",
    "no-sponsor",
    "preheader-length",
    "preheader-missing",
    "preheader-repeats-subject",
    "silence-unknown",
    "text-link",
    "text-order",
    "url-twice",
    "vague-link",
];

/// What to look at in an issue, without what was silenced. An error is never silenced.
pub fn findings(issue: &Issue, rendering: &Rendering, newsletter: &Newsletter) -> Diagnostics {
    let mut found = rendering.findings.0.clone();
    found.extend(obligations::owed(issue, &rendering.issue, newsletter));
    found.extend(words::preheader(issue, &rendering.issue));
    found.extend(no_sponsor(issue));
    found.extend(words::capitals(issue));
    found.extend(words::empty(issue));
    found.extend(links::vague(issue));
    found.extend(links::twice(issue));
    found.extend(size::html(issue, &rendering.issue, newsletter));
    found.extend(newsletter.silenced.iter().filter_map(|silence| unknown(silence, newsletter)));
    unsilenced(found, newsletter)
}

/// What is left of findings without what was silenced.
pub fn unsilenced(mut found: Vec<Diagnostic>, newsletter: &Newsletter) -> Diagnostics {
    let silenced = |kind| newsletter.silenced.iter().any(|silence| silence.finding == kind);
    found.retain(|finding| finding.severity == Severity::Error || !silenced(finding.kind));
    Diagnostics(found)
}

fn no_sponsor(issue: &Issue) -> Option<Diagnostic> {
    let message = format!("issue {} has no sponsor", issue.number);
    issue.sponsors.is_empty().then(|| {
        Diagnostic::warning("no-sponsor", message)
            .help("book one in sponsors.toml, if one has paid for this week")
    })
}

fn unknown(silence: &Silence, newsletter: &Newsletter) -> Option<Diagnostic> {
    let name = &silence.finding;
    if KINDS.contains(&name.as_str()) {
        return None;
    }
    let help = match nearest(name, KINDS) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("findings are called {}", KINDS.join(", ")),
    };
    let finding = Diagnostic::warning("silence-unknown", format!("no finding is called `{name}`"));
    Some(places::quoted(&newsletter.source, name).into_iter().fold(finding, Diagnostic::at).help(help))
}
