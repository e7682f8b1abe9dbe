//! What is stored when an issue is queued.

use serde::{Deserialize, Serialize};

use crate::id::{IssueNumber, ListName};
use crate::mailbox::{EmailAddress, Mailbox};
use crate::newsletter::{BaseUrl, Newsletter, TrackingPolicy};
use crate::render::RenderedIssue;

/// All that a message is built from, readers and keys apart: stored when the issue is queued, the same for every sender
/// from then on, whatever becomes of the draft (promise 3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenIssue {
    /// The issue in its final form, its link table included.
    pub rendered: RenderedIssue,
    /// Whom it goes to.
    pub list: ListName,
    /// RFC 2919.
    pub list_id: String,
    /// The newsletter's name.
    pub newsletter: String,
    /// Who sends.
    pub from: Mailbox,
    /// Where answers go, if elsewhere.
    pub reply_to: Option<Mailbox>,
    /// The domain of the envelope's sender, if not that of `from`.
    pub return_path: Option<String>,
    /// Where `mailto:` unsubscribes go, if anywhere.
    pub unsubscribe_mailbox: Option<EmailAddress>,
    /// Public address of the readers' side.
    pub base_url: BaseUrl,
    /// What is counted, unless a reader chose less.
    pub tracking: TrackingPolicy,
}

impl FrozenIssue {
    /// Takes from the newsletter what a message needs of it, as it is now.
    pub fn freeze(rendered: RenderedIssue, list: ListName, newsletter: &Newsletter) -> Self {
        Self {
            rendered,
            list,
            list_id: newsletter.list_id.clone(),
            newsletter: newsletter.name.clone(),
            from: newsletter.from.clone(),
            reply_to: newsletter.reply_to.clone(),
            return_path: newsletter.return_path.clone(),
            unsubscribe_mailbox: newsletter.unsubscribe_mailbox.clone(),
            base_url: newsletter.base_url.clone(),
            tracking: newsletter.tracking,
        }
    }

    /// The issue's identity.
    pub fn number(&self) -> IssueNumber {
        self.rendered.number
    }
}
