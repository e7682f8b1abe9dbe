//! Rendering: an issue becomes HTML and text, once for all readers, with a field wherever readers differ.

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostics, Source};
use crate::id::{IssueNumber, Place};

/// The editor's templates, or the built-in ones.
#[derive(Debug, Clone)]
pub struct Templates {
    /// templates/issue.mjml: Tera, then MJML.
    pub mjml: Source,
    /// templates/issue.txt: Tera.
    pub text: Source,
    /// Other files of templates/, for `{% include %}` and `{% extends %}`, by their names within the folder.
    pub parts: Vec<Source>,
}

/// An issue in its final form, but for what differs from reader to reader. Frozen as it stands when an issue is queued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedIssue {
    /// Its identity.
    pub number: IssueNumber,
    /// The subject, cut at its fields; one line.
    pub subject: Vec<Piece>,
    /// The line that inboxes show beside the subject.
    pub preheader: Option<String>,
    /// The whole document, cut at its fields. `\n` line ends.
    pub html: Vec<Piece>,
    /// The text alternative. `\n` line ends, the last line ended.
    pub text: Vec<TextBlock>,
    /// Where each place leads: the nth is place n+1.
    pub links: Vec<Link>,
    /// Bytes of HTML of each part, in order, as in ("Outages", 4096).
    pub sizes: Vec<(String, usize)>,
}

/// Something rendered, with what the editor should know about it (warnings only).
#[derive(Debug, Clone)]
pub struct Rendering {
    /// The result.
    pub issue: RenderedIssue,
    /// Warnings.
    pub findings: Diagnostics,
}

/// Words that are the same for all, or a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// The same for all.
    Literal(String),
    /// Filled in per reader.
    Field(Field),
}

/// What differs from reader to reader.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Field {
    /// The URL of a place: tracked, or as it is.
    Link(Place),
    /// The URL of the page to leave from.
    Unsubscribe,
    /// The URL of the preferences page.
    Preferences,
    /// The pixel's whole element, or nothing. In HTML only, never escaped.
    Pixel,
    /// What the list says of the reader: `email`, `name`, `since` or another column.
    Reader {
        /// The column.
        name: String,
        /// Where the reader has none.
        default: Option<String>,
    },
}

/// A part of the text alternative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextBlock {
    /// Finished lines, each ended; a URL field stands alone at the end of its line and is never wrapped.
    Lines(Vec<Piece>),
    /// Words with a reader's field among them: wrapped at 72 columns for each reader; ends its last line itself.
    Paragraph {
        /// What each line starts with.
        indent: String,
        /// The words.
        pieces: Vec<Piece>,
    },
}

/// Where a place leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// As the editor wrote it: http or https.
    pub url: String,
    /// The link's words, for reports.
    pub words: String,
}
