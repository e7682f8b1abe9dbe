//! What a reviewer approved: a digest of each part of an issue, so that a later change can be named (promise 2).
//!
//! `drafts/N.approved` is committed with the draft. It holds all that readers are shown, and when; not who they are, nor
//! tokens, keys or relay.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::message::FrozenIssue;
use crate::render::Link;

/// The parts of an issue that a review covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Readers' fields as names, here as in the bodies.
    Subject,
    /// Who sends.
    From,
    /// Where answers go.
    ReplyTo,
    /// The line that inboxes show beside the subject.
    Preheader,
    /// The whole document.
    Html,
    /// The text alternative.
    Text,
    /// Where each place leads.
    Links,
    /// Whom it goes to.
    List,
    /// What is counted.
    Tracking,
    /// When it is due.
    Time,
}

/// A SHA-256 of each part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(BTreeMap<Part, String>);

impl Digest {
    /// Of an issue as it stands, due at a time if at any.
    pub fn of(issue: &FrozenIssue, due: Option<Timestamp>) -> Self {
        let FrozenIssue { rendered, from, reply_to, list, tracking, .. } = issue;
        let urls: Vec<_> = rendered.links.iter().map(|Link { url, .. }| url).collect();
        Self(BTreeMap::from([
            (Part::Subject, hash(&rendered.subject)),
            (Part::From, hash(from)),
            (Part::ReplyTo, hash(reply_to)),
            (Part::Preheader, hash(&rendered.preheader)),
            (Part::Html, hash(&rendered.html)),
            (Part::Text, hash(&rendered.text)),
            (Part::Links, hash(&urls)),
            (Part::List, hash(list)),
            (Part::Tracking, hash(tracking)),
            (Part::Time, hash(&due)),
        ]))
    }
}

impl fmt::Display for Digest {
    /// One hash over all parts: `sha256:` and 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hash(self))
    }
}

/// JSON is a form in which no two values look alike. Words and numbers always have it; anything else would hash as nothing.
fn hash(part: &impl Serialize) -> String {
    let json = serde_json::to_vec(part).unwrap_or_default();
    let nibbles =
        digest(&SHA256, &json).as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]).collect::<Vec<_>>();
    nibbles.into_iter().filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}

/// All of `drafts/N.approved`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who approved, in their own words.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub digest: Digest,
}

/// The file's shape.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    digest: String,
    by: String,
    at: Timestamp,
    parts: Digest,
}

impl Approval {
    /// Reads the file.
    ///
    /// # Errors
    /// [`Diagnostics`] where it is not as `approve` wrote it.
    pub fn parse(source: &Source) -> Result<Self, Diagnostics> {
        let broken = |span, label: &str| {
            Diagnostic::error("approval", "this is not what `pressroom approve` wrote")
                .at(source.spot(span, label))
                .help("review the draft and approve it again")
        };
        let file: File = toml::from_str(source.text())
            .map_err(|error| broken(error.span().unwrap_or(0..0), error.message()))?;
        if file.digest != file.parts.to_string() {
            let at = source.text().find(&file.digest).unwrap_or_default();
            return Err(broken(at..at + file.digest.len(), "not the digest of the parts below").into());
        }
        Ok(Self { by: file.by, at: file.at, digest: file.parts })
    }

    /// The file's text.
    pub fn to_file(&self) -> String {
        let file = File {
            digest: self.digest.to_string(),
            by: self.by.clone(),
            at: self.at,
            parts: self.digest.clone(),
        };
        // Strings under fixed keys always have a form in TOML.
        let toml = toml::to_string(&file).unwrap_or_default();
        format!(
            "# What `pressroom approve` reviewed. Commit it with the draft; any change of the issue voids it.\n{toml}"
        )
    }

    /// The parts of an issue that are not what was approved, in order; none where all are.
    pub fn changed(&self, now: &Digest) -> Vec<Part> {
        let differs = |part: &&Part| self.digest.0.get(part) != now.0.get(part);
        now.0.keys().filter(differs).copied().collect()
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject => "subject",
            Self::From => "From",
            Self::ReplyTo => "Reply-To",
            Self::Preheader => "preheader",
            Self::Html => "HTML",
            Self::Text => "text",
            Self::Links => "link targets",
            Self::List => "list",
            Self::Tracking => "tracking policy",
            Self::Time => "time",
        })
    }
}

#[cfg(test)]
mod tests;
