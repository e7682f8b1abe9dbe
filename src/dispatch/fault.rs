//! What is wrong with a single issue, and keeps no other from its readers.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::id::IssueNumber;

/// What is wrong with one issue.
#[derive(Debug)]
pub struct Fault {
    /// Which, where its number can be told.
    pub issue: Option<IssueNumber>,
    /// Its draft, where it is that which is wrong, as in `drafts/214.toml`.
    pub draft: Option<String>,
    /// What.
    pub error: anyhow::Error,
}

/// One thing that is wrong, for programs.
#[derive(Debug, Serialize)]
pub struct Finding {
    issue: Option<IssueNumber>,
    draft: Option<String>,
    /// The file that is wrong, and its line, where it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    message: String,
    /// Where the message does not say it all.
    remedy: Option<String>,
}

impl Fault {
    /// Of these words `notify` was told of it, and `dispatch` remembers that.
    pub(super) fn subject(&self) -> String {
        let of = self.issue.map(|issue| issue.to_string()).or_else(|| self.draft.clone()).unwrap_or_default();
        let words = digest(&SHA256, self.to_string().as_bytes());
        format!("{TOLD}{of} {}", URL_SAFE_NO_PAD.encode(words))
    }

    /// Each thing that is wrong.
    pub fn findings(&self) -> Vec<Finding> {
        if let Some(Diagnostics(found)) = self.error.downcast_ref() {
            return found.iter().map(|one| self.finding(one)).collect();
        }
        let said = self.to_string();
        // The house's errors say the thing, then the remedy.
        let (message, remedy) = match said.split_once("; ") {
            Some((message, remedy)) => (message.to_owned(), Some(remedy.to_owned())),
            None => (said, None),
        };
        vec![Finding {
            issue: self.issue,
            draft: self.draft.clone(),
            file: None,
            line: None,
            message,
            remedy,
        }]
    }

    fn finding(&self, found: &Diagnostic) -> Finding {
        let spot = found.spots.first();
        let line = |text: &str, at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        Finding {
            issue: self.issue,
            draft: self.draft.clone(),
            file: spot.map(|spot| spot.source.name().to_owned()),
            line: spot.map(|spot| line(spot.source.text(), spot.span.start)),
            message: found.message.clone(),
            remedy: Some(found.help.clone()).filter(|help| !help.is_empty()),
        }
    }
}

/// How the subjects begin of what `notify` was told of faults.
pub(super) const TOLD: &str = "fault ";

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}
