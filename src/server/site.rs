//! What all pages share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::Timeouts;
use super::client::Limits;
use super::pages::Pages;
use crate::app::App;
use crate::app::door::Door;
use crate::app::keys::KeyRing;
use crate::app::phrases::Phrases;
use crate::event::Rules;
use crate::id::{IssueNumber, Reference};
use crate::joining::Joining;
use crate::store::{Reader, Store};
use crate::token::Purpose;
use crate::track::{Counters, Keeping, LinkTable, Tracker};

/// The readers' side, whole.
pub(super) struct Site {
    pub(super) app: App,
    pub(super) door: Arc<Door>,
    pub(super) keys: Arc<KeyRing>,
    pub(super) tracker: Tracker,
    pub(super) joining: Joining,
    pub(super) rules: Rules,
    pub(super) pages: Pages,
    pub(super) phrases: Arc<Phrases>,
    pub(super) counters: Arc<Counters>,
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    /// Web editions that were asked for lately.
    pub(super) editions: Mutex<HashMap<IssueNumber, Edition>>,
    /// Whose turn it is to make one.
    pub(super) making: Mutex<()>,
    /// Whether it takes traffic: until it is told to end, whatever the store does.
    pub(super) ready: AtomicBool,
    /// Why there was no store at the start.
    pub(super) away: Option<String>,
}

/// A web edition, and the links that stand in it.
pub(super) type Edition = (Arc<LinkTable>, Arc<str>);

/// Somebody who came by a link of their own.
pub(super) struct Visitor {
    pub(super) issue: IssueNumber,
    pub(super) reference: Reference,
    pub(super) reader: Reader,
    pub(super) store: Arc<Store>,
}

/// Why a page cannot be shown.
#[derive(Debug)]
pub(super) enum Closed {
    /// The link is a specimen's.
    Specimen,
    /// Forged, erased, or of nothing: all alike (requirement 46).
    Unknown,
    /// The store is away, or failed.
    Away(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Closed {
    fn from(error: E) -> Self {
        Self::Away(error.into())
    }
}

impl Site {
    pub(super) async fn open(
        app: &App,
        timeouts: Timeouts,
    ) -> anyhow::Result<(Arc<Self>, Keeping, JoinHandle<()>)> {
        let door = Arc::new(Door::new(app.clone()));
        let counters = Arc::new(Counters::default());
        let keys_path = app.workspace.keys_path(&app.workspace.store(&app.config));
        let (keys, away) = match door.store().await {
            Ok(store) => {
                let is_unused = store.highest_issue().await?.is_none();
                let keys = KeyRing::open(&keys_path, is_unused)?;
                app.refuse_strange(&store, &keys.keys(), is_unused).await?;
                (keys, None)
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "the store is away");
                (KeyRing::open(&keys_path, false)?, Some(error))
            }
        };
        let keys = Arc::new(keys);
        let (tracker, keeping) =
            Tracker::start(app, Arc::clone(&door), Arc::clone(&keys), Arc::clone(&counters)).await?;
        let phrases = Arc::new(Phrases::open(&app.workspace, &app.config.newsletter.language)?);
        let (joining, mailing) = Joining::start(app, &door, &keys, &counters, &phrases);
        let site = Self {
            app: app.clone(),
            door,
            keys,
            tracker,
            joining,
            rules: Rules::built_in()?,
            pages: Pages::open(app, &phrases)?,
            phrases,
            counters,
            limits: Limits::default(),
            timeouts,
            editions: Mutex::default(),
            making: Mutex::default(),
            ready: AtomicBool::new(true),
            away,
        };
        Ok((Arc::new(site), keeping, mailing))
    }

    /// What is said under this name.
    pub(super) fn say(&self, name: &str) -> String {
        self.phrases.say(name, &[])
    }

    /// Who it is that a token stands for.
    pub(super) async fn visitor(&self, purpose: Purpose, parts: &Parts<'_>) -> Result<Visitor, Closed> {
        if crate::token::is_specimen(parts.token) {
            return Err(Closed::Specimen);
        }
        let issue = parts.issue.ok_or(Closed::Unknown)?;
        let reference = self.tracker.believe(purpose, issue, parts.token).ok_or(Closed::Unknown)?;
        let store = self.door.store().await?;
        let reader = store.referred(reference).await?.ok_or(Closed::Unknown)?;
        Ok(Visitor { issue, reference, reader, store })
    }
}

/// `/{issue}/{what}/{token}`, taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'p> {
    /// `None` where it is no number.
    pub(super) issue: Option<IssueNumber>,
    pub(super) what: &'p str,
    pub(super) token: &'p str,
}

impl<'p> Parts<'p> {
    pub(super) fn parse(path: &'p str) -> Self {
        let mut parts = path.trim_start_matches('/').splitn(3, '/');
        let mut part = || parts.next().unwrap_or_default();
        let (issue, what, token) = (part(), part(), part());
        Self { issue: issue.parse().ok(), what, token }
    }
}
