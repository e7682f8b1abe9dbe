//! An issue as a person looks at it: decoded, its links as the editor wrote them.

use super::FrozenIssue;
use super::body::Body;
use super::fill::{Fill, MissingField};
use super::quoted_printable::decode;
use super::sheet::Sheet;
use crate::newsletter::{Tracking, TrackingPolicy};
use crate::subscriber::Recipient;
use crate::token::Keys;

/// The three things that a reader sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// One line.
    pub subject: String,
    /// The whole document, `\n` line ends.
    pub html: String,
    /// The text edition, `\n` line ends.
    pub text: String,
}

/// What `recipient` would see, counted by nobody and with specimen tokens.
///
/// # Errors
/// [`MissingField`] where the reader lacks what the issue says of them.
pub fn preview(issue: &FrozenIssue, recipient: &Recipient) -> Result<Preview, MissingField> {
    let uncounted = TrackingPolicy { clicks: Tracking::None, opens: Tracking::None };
    let issue = FrozenIssue { tracking: uncounted, ..issue.clone() };
    let fill = Fill::new(&issue, recipient, &Keys::specimen());
    let decoded = |body: Body| {
        let mut encoded = Vec::new();
        body.write(&fill, &mut Sheet::over(&mut encoded))?;
        Ok(String::from_utf8_lossy(&decode(&encoded)).replace("\r\n", "\n"))
    };
    Ok(Preview {
        subject: fill.text(&issue.rendered.subject)?,
        html: decoded(Body::html(&issue))?,
        text: decoded(Body::text(&issue))?,
    })
}

/// The subject that `recipient` would see.
///
/// # Errors
/// [`MissingField`] where the reader lacks what the subject says of them.
pub fn subject(issue: &FrozenIssue, recipient: &Recipient) -> Result<String, MissingField> {
    Fill::new(issue, recipient, &Keys::specimen()).text(&issue.rendered.subject)
}
