//! What the law and the sponsor's reader are owed in both parts: who sends, from where, how to leave, who pays (requirement 53).
//!
//! Always errors, and never silenced: an editor's own template may leave out anything else.

use crate::diagnostic::Diagnostic;
use crate::issue::Issue;
use crate::markdown;
use crate::newsletter::Newsletter;
use crate::render::{Field, Piece, RenderedIssue, Seen, TextBlock};
use crate::sponsor::{Placement, Sponsor};
use crate::wrap::visible;

/// So many words at its beginning tell a sponsor's message from all else.
const BEGINNING: usize = 6;

/// Within so many words before it, a message is labelled.
const BEFORE: usize = 16;

/// All that either part lacks.
pub(super) fn owed(issue: &Issue, rendered: &RenderedIssue, newsletter: &Newsletter) -> Vec<Diagnostic> {
    let parts = [Part::html(rendered), Part::text(rendered)];
    parts.iter().flat_map(|part| part.lacks(issue, newsletter)).collect()
}

/// One of the two parts of a message.
struct Part {
    /// The template that makes it.
    file: &'static str,
    /// How the template says it: a link to leave by, the address, a finished message.
    spells: [&'static str; 3],
    /// What a reader sees, [`spelled`].
    words: String,
    /// What stands in for images, [`spelled`].
    alternatives: String,
    /// Whether one can leave from it.
    leaves: bool,
}

impl Part {
    fn html(rendered: &RenderedIssue) -> Self {
        let seen = Seen::of(&literals(&rendered.html));
        Self {
            file: "templates/issue.mjml",
            spells: [
                "`<a href=\"{{ unsubscribe_url }}\">Unsubscribe</a>` in an `mj-text`",
                "`{{ newsletter.postal_address }}` in an `mj-text`",
                "html",
            ],
            words: spelled(&seen.words),
            alternatives: spelled(&seen.alternatives),
            leaves: rendered.html.contains(&Piece::Field(Field::Unsubscribe)),
        }
    }

    fn text(rendered: &RenderedIssue) -> Self {
        let pieces = |block: &TextBlock| match block {
            TextBlock::Lines(pieces) | TextBlock::Paragraph { pieces, .. } => pieces.clone(),
        };
        let pieces: Vec<Piece> = rendered.text.iter().flat_map(pieces).collect();
        Self {
            file: "templates/issue.txt",
            spells: [
                "`{{ unsubscribe_url }}` on a line of its own",
                "`{{ newsletter.postal_address | wrap }}`",
                "text",
            ],
            words: spelled(&literals(&pieces)),
            alternatives: String::new(),
            leaves: pieces.contains(&Piece::Field(Field::Unsubscribe)),
        }
    }

    fn lacks(&self, issue: &Issue, newsletter: &Newsletter) -> Vec<Diagnostic> {
        let [leave, address, _] = self.spells;
        let owed = [
            (
                holds(&self.words, &newsletter.name) || holds(&self.alternatives, &newsletter.name),
                ("sender-missing", "the newsletter's name", "`{{ newsletter.name }}`"),
            ),
            (
                holds(&self.words, &newsletter.postal_address),
                ("postal-address-missing", "the postal address", address),
            ),
            (self.leaves, ("unsubscribe-missing", "the way to unsubscribe", leave)),
        ];
        let lacking = owed.into_iter().filter(|(stands, _)| !stands).map(|(_, (kind, thing, remedy))| {
            Diagnostic::error(kind, format!("{} leaves out {thing}", self.file))
                .help(format!("write {remedy}: no issue goes out without it"))
        });
        let unlabelled = issue.sponsors.iter().filter(|(_, sponsor)| !self.labels(sponsor));
        lacking.chain(unlabelled.map(|(placement, sponsor)| self.unlabelled(*placement, sponsor))).collect()
    }

    /// Whether the sponsor's name stands right before its message, in whatever language; anywhere, where there is no message.
    fn labels(&self, sponsor: &Sponsor) -> bool {
        let message = spelled(&Seen::of(&markdown::html::render(&sponsor.message)).words);
        let beginning: Vec<&str> = message.split_whitespace().take(BEGINNING).collect();
        let beginning = format!(" {} ", beginning.join(" "));
        let mut places = self.words.match_indices(&beginning).map(|(at, _)| at).peekable();
        if beginning.trim().is_empty() || places.peek().is_none() {
            return holds(&self.words, &sponsor.name);
        }
        places.any(|at| {
            let before: Vec<&str> = self.words[..at].split(' ').rev().take(BEFORE).collect();
            let before: Vec<&str> = before.into_iter().rev().collect();
            holds(&format!(" {} ", before.join(" ")), &sponsor.name)
        })
    }

    fn unlabelled(&self, placement: Placement, sponsor: &Sponsor) -> Diagnostic {
        let [_, _, form] = self.spells;
        let message = format!("{} does not label the message of the sponsor {}", self.file, sponsor.name);
        let help = format!(
            "write `A message from our sponsor, {{{{ sponsors.{placement}.name }}}}:`, in your words but with the name, \
             right before `{{{{ sponsors.{placement}.message.{form} }}}}`"
        );
        Diagnostic::error("sponsor-unlabelled", message).help(help)
    }
}

fn literals(pieces: &[Piece]) -> String {
    let literal = |piece: &Piece| match piece {
        Piece::Literal(words) => words.clone(),
        Piece::Field(_) => String::new(),
    };
    pieces.iter().map(literal).collect()
}

/// Words in capitals with a space around each: neither wrapping nor punctuation, markup or `| upper` changes them.
fn spelled(text: &str) -> String {
    let text = visible(text).to_uppercase();
    let mut spelled = String::from(" ");
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        spelled.push_str(word);
        spelled.push(' ');
    }
    spelled
}

/// Whether [`spelled`] words hold these: as words, or by their letters in a script that wraps within them.
fn holds(words: &str, sought: &str) -> bool {
    let sought = spelled(sought);
    words.contains(&sought) || !sought.is_ascii() && words.replace(' ', "").contains(&sought.replace(' ', ""))
}
