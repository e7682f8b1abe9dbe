//! Getting ready: the draft read, the list read, every reader's fields found to be there, before anything is frozen.

use std::error::Error;
use std::fs::File;
use std::io;
use std::sync::Arc;

use anyhow::Context;
use tracing::{info, warn};

use super::resend::Resend;
use super::{Run, audience, sender_id};
use crate::app::{App, Later, random_in_bulk};
use crate::compose::{self, Prepared};
use crate::delivery::Counts;
use crate::diagnostic::Diagnostics;
use crate::id::ListName;
use crate::lists::{self, Import, ImportOutcome};
use crate::store::{IssueState, SenderLock, Store, StoreError, StoredIssue};
use crate::track;

/// Reads the draft, the list and, where the issue was queued before, what was frozen then.
///
/// # Errors
/// Diagnostics on the editor's files; a DKIM key that is none; a reader whose message cannot be built; [`crate::app::Later`] where another sender is at work.
pub async fn prepare(app: &App, draft: &str) -> anyhow::Result<Run> {
    app.smtp()?;
    match compose::prepare(&app.workspace, &app.config, draft) {
        Ok(prepared) => Box::pin(begin(app, &Sender::take(app).await?, prepared)).await,
        Err(mistakes) => Box::pin(go_on(app, draft, mistakes)).await,
    }
}

/// Takes up an issue of which a part was sent, though its draft is broken or gone: what was frozen counts.
async fn go_on(app: &App, draft: &str, mistakes: anyhow::Error) -> anyhow::Result<Run> {
    let Some(queued) = half_sent(app, draft).await else { return Err(mistakes) };
    let why = match mistakes.downcast_ref::<Diagnostics>().and_then(|Diagnostics(found)| found.first()) {
        Some(mistake) => mistake.message.clone(),
        None => format!("{mistakes:#}"),
    };
    let note = format!(
        "issue {} goes on as it was frozen on {:.0}, for its draft is of no use now: {why}",
        queued.number, queued.queued_at
    );
    let run = resume(app, &Sender::take(app).await?, queued).await?.heed_list().await?;
    Ok(Run { notes: [vec![note], run.notes].concat(), ..run })
}

/// The issue of a draft of this name, if it was queued and is not over; a store that is away is none here, where the draft is wrong too.
async fn half_sent(app: &App, draft: &str) -> Option<StoredIssue> {
    let number = app.workspace.number_of(draft)?;
    if !app.has_store().ok()? {
        return None;
    }
    let queued = app.store().await.ok()?.issue(number).await.ok()??;
    match queued.state {
        IssueState::Running | IssueState::Paused => Some(queued),
        IssueState::Cancelled | IssueState::Finished => None,
    }
}

/// The store, and the right to send from it, which one process has at a time where the store is a file.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) store: Arc<Store>,
    pub(super) lock: Arc<SenderLock>,
}

impl Sender {
    /// # Errors
    /// [`crate::store::StoreError::SenderAtWork`], or whatever keeps the store from being opened.
    pub(crate) async fn take(app: &App) -> anyhow::Result<Self> {
        let store = Arc::new(app.store().await?);
        let lock = Arc::new(store.sender_lock(sender_id()).await?);
        let left = track::heed_leavers(app, &store, &store).await?;
        if left > 0 {
            info!(readers = left, "left while the store was away; they are off the list now");
        }
        Ok(Self { store, lock })
    }

    /// For `dispatch`, of which there is one on all machines.
    ///
    /// # Errors
    /// As [`Sender::take`].
    pub(crate) async fn take_alone(app: &App) -> anyhow::Result<Self> {
        let sender = Self::take(app).await?;
        sender.store.dispatch_lock(&sender.lock).await?;
        Ok(sender)
    }
}

/// Gets ready an issue that is composed, or takes it up where it was queued before.
///
/// # Errors
/// As [`prepare`].
pub(crate) async fn begin(app: &App, sender: &Sender, prepared: Prepared) -> anyhow::Result<Run> {
    let frozen = prepared.freeze(&app.config);
    let digest = prepared.digest(&frozen, &app.config).to_string();
    let Sender { store, lock } = sender.clone();
    if let Some(queued) = store.issue(frozen.number()).await? {
        let changed = (queued.digest != digest).then(|| {
            format!(
                "issue {} was frozen on {:.0}, and the draft has changed since; what is sent is what was frozen",
                queued.number, queued.queued_at
            )
        });
        let run = resume(app, sender, queued).await?.heed_list().await?;
        return Ok(Run { notes: changed.into_iter().chain(run.notes).collect(), ..run });
    }
    let (keys, signer) = (Arc::new(app.keys(&store).await?), Arc::new(app.signer()?));
    let notes = [app.exposed_secrets(), import(app, &store, &prepared).await?].concat();
    let readers = audience::check(&store, &frozen, app.now()).await?;
    Ok(Run {
        app: app.clone(),
        lock,
        keys,
        signer,
        digest: Some(digest),
        slot: prepared.slot(&app.config),
        joins: false,
        findings: prepared.findings,
        notes,
        counts: Counts::default(),
        readers,
        frozen,
        store,
    })
}

/// Takes up an issue that was queued before: what was frozen then is what is sent.
///
/// # Errors
/// [`Later`] where it is paused.
pub(crate) async fn resume(app: &App, sender: &Sender, queued: StoredIssue) -> anyhow::Result<Run> {
    let Sender { store, lock } = sender.clone();
    let frozen = queued.thaw()?;
    if queued.state == IssueState::Paused {
        let number = queued.number;
        return Err(Later(format!(
            "issue {number} is paused; `pressroom resume {number}`, then the same command, to go on"
        ))
        .into());
    }
    let recovered = store.recover(queued.number, app.now()).await?;
    if recovered.in_doubt > 0 {
        warn!(issue = %queued.number, readers = recovered.in_doubt, "in doubt since a run that did not end");
    }
    let resends = Resend::of(&app.config)?.count(&store, queued.number).await?;
    let counts = store.counts(queued.number).await?;
    Ok(Run {
        app: app.clone(),
        keys: Arc::new(app.keys(&store).await?),
        signer: Arc::new(app.signer()?),
        lock,
        digest: None,
        slot: queued.slot,
        joins: recovered.at_work,
        findings: Diagnostics::none(),
        notes: app.exposed_secrets(),
        readers: counts.waiting + counts.deferred + resends,
        counts,
        frozen,
        store,
    })
}

impl Run {
    /// Reads the list of an issue that goes on: who is no longer on it is skipped. A file that is missing or not to be believed takes
    /// nobody off, and stops nobody from having the rest. Who joins others at work leaves the list to them: this copy may be the older one.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn heed_list(mut self) -> anyhow::Result<Self> {
        if self.joins {
            return Ok(self);
        }
        let list = &self.frozen.list;
        let note = match Box::pin(read_list(&self.app, &self.store, list)).await {
            Ok(Some(_)) => None,
            Ok(None) => Box::pin(missing(&self.app, &self.store, list)).await?,
            Err(error) if error.chain().any(<dyn Error>::is::<StoreError>) => return Err(error),
            Err(error) => {
                Some(format!("{error:#}; issue {} goes on to the readers in the store", self.frozen.number()))
            }
        };
        self.notes.extend(note);
        Ok(self)
    }
}

/// Reads the list file into the store, as before every send; says what the editor should know of it.
///
/// # Errors
/// What is wrong with the file; that there is none of a list that the draft names, unless all its readers joined it otherwise.
pub(super) async fn import(app: &App, store: &Store, prepared: &Prepared) -> anyhow::Result<Vec<String>> {
    let list = &prepared.issue.list;
    if let Some(imported) = Box::pin(read_list(app, store, list)).await? {
        return Ok(imported.notes());
    }
    if !lists::joined_otherwise(store, list).await? {
        prepared.unlisted.clone().or(())?;
    }
    Ok(missing(app, store, list).await?.into_iter().collect())
}

/// `None` where there is no such file.
async fn read_list(app: &App, store: &Store, list: &ListName) -> anyhow::Result<Option<ImportOutcome>> {
    let path = app.workspace.list_path(list);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    };
    let how = Import { allow_shrink: false, at: app.now(), keys: app.keys_of_erased(store).await? };
    let imported = Box::pin(lists::import(store, list, file, how, random_in_bulk())).await?;
    info!(list = %list, bad_lines = imported.bad.count, counts = ?imported.counts, "list read");
    Ok(Some(imported))
}

/// Where nobody came by a file, none is missed.
async fn missing(app: &App, store: &Store, list: &ListName) -> Result<Option<String>, StoreError> {
    if lists::joined_otherwise(store, list).await? {
        return Ok(None);
    }
    let path = app.workspace.list_path(list);
    Ok(Some(format!("{} is not there; the readers in the store stand", path.display())))
}
