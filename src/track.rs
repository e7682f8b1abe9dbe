//! Clicks and opens: a token is believed at once, the reader is sent on at once, and what was heard is kept afterwards.
//!
//! A journey, between `server`, which hears, and `store`, which keeps. Nothing of a request waits for the store: the link tables are in
//! memory and have a copy on the disk, and what was heard goes to a file first (`spool`) and from there into the store, in batches,
//! each once (`keeper`). With the store away it stays on the disk until it is back.

mod counters;
mod forgetting;
mod record;
mod keeper;
mod links;
mod spool;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use std::{fs, io};

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::app::door::Door;
use crate::app::keys::KeyRing;
use crate::app::{App, Clock, random};
use crate::event::{Event, EventKind, Heard};
use crate::id::{IssueNumber, Place, Reference};
use crate::lists;
use crate::store::{Arrival, Store};
use crate::subscriber::{Leaving, Way};
use crate::token::{Purpose, is_specimen};
pub use counters::Counters;
pub(crate) use forgetting::{Forgotten, forget};
use keeper::{Claim, Keeper};
pub use links::LinkTable;
use links::Links;
use record::Record;
use spool::Spool;

/// How long somebody who leaves waits for the store before their word is written down for it.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often a server forgets what was kept for long enough.
const FORGETTING: Duration = Duration::from_hours(1);

/// Where a click leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landing {
    /// To what the editor linked to.
    Target(Arc<LinkTable>, Place),
    /// The token is a specimen's, of a preview or a test copy; the target, where it is known.
    Specimen(Option<String>),
    /// No such link was ever sent.
    Nowhere,
    /// It is not known here, and the store cannot be asked.
    Away,
}

/// What came of leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// They are off the list, now or before.
    Done,
    /// It is written down, and done as soon as the store is back.
    Noted,
    /// Nobody is known by that reference any more.
    Unknown,
    /// Neither the store nor the disk took it.
    Failed,
}

/// What a server needs to hear clicks.
pub struct Tracker {
    keys: Arc<KeyRing>,
    door: Arc<Door>,
    links: Links,
    spool: Spool,
    clock: Clock,
    /// For how long clicks and opens are kept.
    keep_events: Duration,
    counters: Arc<Counters>,
    /// The number of the next event.
    seq: AtomicI64,
}

/// What brings events to the store; ends once its [`Tracker`] is dropped, and what waited is in the store or on the disk.
#[derive(Debug)]
pub struct Keeping(JoinHandle<()>);

impl Keeping {
    /// Waits until it has ended, but not for a store that is away.
    pub async fn end(self, patience: Duration) {
        // What is not in the store by then is on the disk.
        let _ = timeout(patience, self.0).await;
    }
}

impl Tracker {
    /// Gets ready: link tables from the disk, and, if the store is there, what is new in it.
    ///
    /// # Errors
    /// A folder beside the store that cannot be made or written.
    pub async fn start(
        app: &App,
        door: Arc<Door>,
        keys: Arc<KeyRing>,
        counters: Arc<Counters>,
    ) -> anyhow::Result<(Self, Keeping)> {
        let spool = spool_path(app);
        let links = Links::open(spool.join("links"))?;
        let draw = || {
            let mut name = [0; 8];
            random(&mut name);
            u64::from_be_bytes(name)
        };
        let (own, server) = Claim::make(&spool, draw)?;
        let own = Arc::new(own);
        let (closed, segments) = mpsc::unbounded_channel();
        let keeper =
            Keeper { door: Arc::clone(&door), counters: Arc::clone(&counters), spool, own: Arc::clone(&own) };
        let tracker = Self {
            spool: Spool::open(&own.folder, Arc::clone(&counters), closed)?,
            // 2^31 events a server that no other server numbers alike, most likely; the time tells them apart besides.
            seq: AtomicI64::new(((server >> 33) << 32).cast_signed()),
            clock: Arc::clone(&app.clock),
            keep_events: app.config.keep_events,
            keys,
            door,
            links,
            counters,
        };
        if let Err(error) = tracker.refresh().await {
            tracing::warn!(
                error = format!("{error:#}"),
                "the store is away; links are known from the copy on the disk"
            );
        }
        Ok((tracker, Keeping(tokio::spawn(keeper.run(segments)))))
    }

    /// Where a click leads, if its link is known here and its token is no specimen's; then it is heard.
    pub fn click_known(
        &self,
        issue: IssueNumber,
        place: Place,
        token: &str,
        heard: impl FnOnce() -> Heard,
    ) -> Option<(Arc<LinkTable>, Place)> {
        let table = self.links.known(issue).filter(|table| table.target(place).is_some())?;
        if is_specimen(token) {
            return None;
        }
        Counters::count(&self.counters.clicks);
        self.hear((Purpose::Click, EventKind::Click(place)), issue, token, heard());
        Some((table, place))
    }

    /// Where a click leads; it is heard, whatever the store does. Only an issue that is not known here yet is asked for.
    pub async fn click(&self, issue: IssueNumber, place: Place, token: &str, heard: Heard) -> Landing {
        let table = match self.links.known(issue) {
            Some(table) => Some(table),
            None if is_specimen(token) => None,
            None => match self.links.find(issue, &self.door).await {
                Ok(table) => table,
                Err(_) => return Landing::Away,
            },
        };
        if is_specimen(token) {
            return Landing::Specimen(table.and_then(|table| table.target(place).map(str::to_owned)));
        }
        if let Some((table, place)) = self.click_known(issue, place, token, || heard) {
            Landing::Target(table, place)
        } else {
            Counters::count(&self.counters.nowhere);
            Landing::Nowhere
        }
    }

    /// The pixel was shown.
    pub fn open(&self, issue: IssueNumber, token: &str, heard: Heard) {
        Counters::count(&self.counters.opens);
        self.hear((Purpose::Open, EventKind::Open), issue, token, heard);
    }

    fn hear(&self, (purpose, kind): (Purpose, EventKind), issue: IssueNumber, token: &str, heard: Heard) {
        let Some(reference) = self.keys.keys().verify(purpose, issue, token) else {
            return Counters::count(&self.counters.unsigned);
        };
        let reference = if heard.objects { Reference::EVERYONE } else { reference };
        let event = Event { kind, at: self.now(), signals: heard.signals };
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        self.spool.push(Record::Event(Arrival { issue, reference, seq, event }));
    }

    /// Whom a token stands for; `None` for what we did not sign.
    pub fn believe(&self, purpose: Purpose, issue: IssueNumber, token: &str) -> Option<Reference> {
        self.keys.keys().verify(purpose, issue, token)
    }

    /// Takes a reader off the list of an issue. Where the store does not answer soon it is written down and done later.
    pub async fn leave(&self, reference: Reference, issue: IssueNumber, way: Way) -> Left {
        let leaving = Leaving { at: self.now(), issue: Some(issue), way };
        let at_once = async {
            lists::leave(&*self.door.store().await?, reference, leaving).await.map_err(anyhow::Error::from)
        };
        match timeout(PATIENCE, at_once).await {
            Ok(Ok(None)) => Left::Unknown,
            Ok(Ok(Some(is_new))) => {
                self.counters.left.fetch_add(u64::from(is_new), Ordering::Relaxed);
                Left::Done
            }
            Ok(Err(_)) | Err(_) => {
                self.door.doubt();
                let is_written = self.spool.push_durably(Record::Leaving { reference, leaving }).await;
                tracing::warn!(issue = issue.get(), is_written, "somebody left while the store was away");
                if is_written { Left::Noted } else { Left::Failed }
            }
        }
    }

    /// An issue's links.
    ///
    /// # Errors
    /// The store's, where the issue is not known here.
    pub async fn links(&self, issue: IssueNumber) -> anyhow::Result<Option<Arc<LinkTable>>> {
        self.links.find(issue, &self.door).await
    }

    /// Looks for new issues, mended links and new keys, and forgets what was kept for long enough, until it is told to stop: then it waits
    /// for no store.
    pub async fn watch(&self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.look_on() => {}
            () = self.forget() => {}
        }
    }

    async fn look_on(&self) {
        let mut period = tokio::time::interval(links::PERIOD);
        loop {
            period.tick().await;
            self.look().await;
            if let Err(error) = self.keys.refresh() {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the keys have changed and cannot be read; those before them stay"
                );
            }
        }
    }

    /// Clicks and opens are kept as long as `[retention]` has it, also where nobody calls `dispatch`.
    async fn forget(&self) {
        let mut period = tokio::time::interval(FORGETTING);
        loop {
            period.tick().await;
            let forgotten =
                async { Ok(forget(&*self.door.store().await?, self.keep_events, self.now()).await?) };
            match forgotten.await {
                Ok(Forgotten { events: 0, leapt_from: None }) => {}
                Ok(Forgotten { leapt_from: Some(at), .. }) => {
                    tracing::warn!(last = %at, "see whether the clock is right; no clicks and opens are forgotten for a day");
                }
                Ok(Forgotten { events, .. }) => tracing::info!(events, "forgotten, as `[retention]` has it"),
                Err::<_, anyhow::Error>(error) => {
                    tracing::warn!(error = format!("{error:#}"), "what is to be forgotten stays for now");
                }
            }
        }
    }

    /// Takes in what is new; how the store is, is felt where that fails or takes long, and while it is away.
    async fn look(&self) {
        let mut refreshed = pin!(self.refresh());
        let soon = timeout(links::PERIOD, &mut refreshed).await;
        let is_well = matches!(soon, Ok(Ok(())));
        if !is_well {
            self.door.doubt();
        }
        if !is_well || !self.door.was_up() {
            self.door.pulse().await;
        }
        if soon.is_err() {
            // It says the same at the next look.
            let _ = refreshed.await;
        }
    }

    async fn refresh(&self) -> anyhow::Result<()> {
        self.links.refresh(&self.door).await
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// Where servers keep what is not in the store: beside the keys.
pub fn spool_path(app: &App) -> PathBuf {
    app.workspace.keys_path(&app.workspace.store(&app.config)).with_extension("spool")
}

/// How many events wait on the disk, whoever heard them.
///
/// # Errors
/// A folder that cannot be read.
pub fn waiting(app: &App) -> anyhow::Result<usize> {
    let mut waiting = 0;
    for (folder, number) in segments(app)? {
        waiting += read(&folder, number)?.len();
    }
    Ok(waiting)
}

/// Takes off their lists who left while the store was away and whose word is still on the disk, for whoever is about to send: a server
/// brings it to the store and clears it away, but that may be later than the next issue, and none may be at work. A leaving counts once,
/// however often it is told. They are taken off in `copy`, which is the store itself or has its readers. Answers how many are off a list now.
///
/// # Errors
/// A folder that cannot be read, or the store's.
pub async fn heed_leavers(app: &App, store: &Store, copy: &Store) -> anyhow::Result<u64> {
    let mut left = 0;
    for (folder, number) in segments(app)? {
        for record in read(&folder, number)? {
            if let Record::Leaving { reference, leaving } = record {
                let is_new = lists::leave_late(store, copy, reference, leaving).await? == Some(true);
                left += u64::from(is_new);
            }
        }
    }
    Ok(left)
}

/// The segments of all servers, by the folder and the number of each. What is no folder is none of theirs.
fn segments(app: &App) -> anyhow::Result<Vec<(PathBuf, u64)>> {
    let spool = spool_path(app);
    let mut segments = Vec::new();
    for server in there(fs::read_dir(&spool), &spool)?.into_iter().flatten() {
        let folder = server.with_context(|| unreadable(&spool))?.path();
        let numbers = there(spool::segments(&folder), &folder)?.unwrap_or_default();
        segments.extend(numbers.into_iter().map(|number| (folder.clone(), number)));
    }
    Ok(segments)
}

/// What a segment holds: nothing any more where its server has brought it to the store meanwhile.
fn read(folder: &Path, number: u64) -> anyhow::Result<Vec<Record>> {
    let segment = folder.join(spool::file_name(number));
    Ok(there(spool::read(folder, number), &segment)?.map_or_else(Vec::new, |(records, _)| records))
}

/// `None` for what is no folder, or is gone: whoever heeds a server's word comes upon both while that server goes on.
fn there<T>(looked: io::Result<T>, path: &Path) -> anyhow::Result<Option<T>> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| unreadable(path)),
    }
}

fn unreadable(path: &Path) -> String {
    format!("{} cannot be read", path.display())
}
