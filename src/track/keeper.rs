//! Brings closed segments to the store, in their order; also those of servers that died.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::iter;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;

use super::counters::Counters;
use super::record::Record;
use super::spool;
use crate::app::door::Door;
use crate::lists;
use crate::store::{Arrival, Batch, Store};

/// The file that says who holds a folder.
const LOCK: &str = "lock";
/// How often it looks for what a server that died has left.
const ROUND: Duration = Duration::from_secs(10);
/// The first pause where the store is away; it doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// Segments that go into the store together at most.
const TOGETHER: usize = 8;
/// How long, in a flood, they gather: many together cost less than each alone.
const GATHERING: Duration = Duration::from_millis(500);

/// New names that a server tries: another one may take a folder for what one that died has left before its maker holds it.
const NAMES: usize = 100;

/// A server's folder, held as long as this is.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) folder: PathBuf,
    /// The server's name.
    server: String,
    _lock: File,
}

impl Claim {
    /// Makes a folder for a server, whose name is one of the numbers that `draw` draws.
    pub(super) fn make(spool: &Path, draw: impl FnMut() -> u64) -> anyhow::Result<(Self, u64)> {
        for number in iter::repeat_with(draw).take(NAMES) {
            let server = format!("{number:016x}");
            let folder = spool.join(&server);
            let named = |what: &str| format!("{} cannot be {what}", folder.display());
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.with_context(|| named("made"))?;
            if let Some(held) = Self::take(folder.clone(), &server).with_context(|| named("locked"))? {
                return Ok((held, number));
            }
        }
        anyhow::bail!("other servers take each folder that is made in {}", spool.display())
    }

    /// Holds a folder, unless another server does, or did and removes it.
    fn take(folder: PathBuf, server: &str) -> io::Result<Option<Self>> {
        let path = folder.join(LOCK);
        let lock = match OpenOptions::new().create(true).truncate(false).write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        match lock.try_lock() {
            Ok(()) if is_at(&lock, &path) => {
                Ok(Some(Self { folder, server: server.to_owned(), _lock: lock }))
            }
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Gone, if nothing is left in it.
    pub(super) fn remove_if_empty(&self) {
        if spool::segments(&self.folder).is_ok_and(|left| left.is_empty()) {
            // The lock alone: whoever makes the folder their own in between has one of their own in it, and keeps it. What cannot be
            // removed is an empty folder that the next server looks into.
            let _ = fs::remove_file(self.folder.join(LOCK)).and_then(|()| fs::remove_dir(&self.folder));
        }
    }
}

/// Whether it is this file that stands there, and not one that was made since.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(own), Ok(there)) => identity(own) == identity(there),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

pub(super) struct Keeper {
    pub(super) door: Arc<Door>,
    pub(super) counters: Arc<Counters>,
    pub(super) spool: PathBuf,
    pub(super) own: Arc<Claim>,
}

impl Keeper {
    /// Goes on until no segment can be closed any more, and all that were are in the store or the store is away.
    pub(super) async fn run(self, mut closed: mpsc::UnboundedReceiver<u64>) {
        self.adopt().await;
        let mut round = tokio::time::interval(ROUND);
        loop {
            tokio::select! {
                number = closed.recv() => match number {
                    Some(number) => {
                        let together = iter::once(number).chain(iter::from_fn(|| closed.try_recv().ok()));
                        let together: Vec<u64> = together.take(TOGETHER).collect();
                        // The store takes what is numbered below the last for kept: none may go before those.
                        let Some(held) = self.bring(&together, &closed).await else { break };
                        if held >= spool::SEGMENT && !closed.is_closed() && closed.len() < TOGETHER {
                            tokio::time::sleep(GATHERING).await;
                        }
                    }
                    None => break,
                },
                _ = round.tick() => self.adopt().await,
            }
        }
        self.own.remove_if_empty();
    }

    /// Segments of our own; tried until they are in the store, or the server ends: then they stay where they are. They stay the same ones:
    /// the store knows them by the last of them. Answers how many records they held; `None` where they stay.
    async fn bring(&self, numbers: &[u64], closed: &mpsc::UnboundedReceiver<u64>) -> Option<usize> {
        let mut pause = FIRST;
        loop {
            let error = match self.keep(&self.own, numbers).await {
                Ok(held) => {
                    self.counters.pending.fetch_sub(held as u64, Ordering::Relaxed);
                    return Some(held);
                }
                Err(error) => error,
            };
            self.door.doubt();
            tracing::warn!(error = format!("{error:#}"), "what was heard waits on the disk for the store");
            if closed.is_closed() {
                return None;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// What servers that died have left. What stays of it is counted anew each time: another server may take it.
    async fn adopt(&self) {
        let mut orphaned = 0;
        for entry in fs::read_dir(&self.spool).into_iter().flatten().flatten() {
            let Ok(server) = entry.file_name().into_string() else { continue };
            if server.len() != 16 || !entry.path().is_dir() || entry.path() == self.own.folder {
                continue;
            }
            // One that cannot be taken is a living server's, or is tried again at the next round.
            let Ok(Some(orphan)) = Claim::take(entry.path(), &server) else { continue };
            match self.keep_all(&orphan).await {
                Ok(0) => {}
                Ok(segments) => {
                    tracing::info!(segments, "what a server that ended early has left is kept");
                }
                Err(error) => tracing::warn!(
                    error = format!("{error:#}"),
                    "what another server left waits for the store"
                ),
            }
            orphaned += spool::records(&orphan.folder);
            orphan.remove_if_empty();
        }
        self.counters.orphaned.store(orphaned, Ordering::Relaxed);
    }

    async fn keep_all(&self, orphan: &Claim) -> anyhow::Result<usize> {
        let numbers = spool::segments(&orphan.folder)?;
        for number in &numbers {
            // One by one: some of them may be in the store already.
            self.keep(orphan, &[*number]).await?;
        }
        Ok(numbers.len())
    }

    /// Segments, in their order, go into the store together, and are gone from the disk. Answers how many records they held.
    async fn keep(&self, held: &Claim, numbers: &[u64]) -> anyhow::Result<usize> {
        let Some(last) = numbers.last() else { return Ok(0) };
        let (mut records, mut unreadable) = (Vec::new(), 0);
        for number in numbers {
            let (read, torn) = spool::read(&held.folder, *number)?;
            records.extend(read);
            unreadable += torn;
        }
        let store = self.door.store().await?;
        let mut arrivals: Vec<Arrival> = Vec::with_capacity(records.len());
        for record in &records {
            match record {
                Record::Event(arrival) => arrivals.push(*arrival),
                Record::Leaving { reference, leaving } => {
                    let is_new = lists::leave_late(&store, &store, *reference, *leaving).await? == Some(true);
                    self.counters.left.fetch_add(is_new.into(), Ordering::Relaxed);
                }
            }
        }
        // In the order in which references are looked up.
        arrivals.sort_unstable_by_key(|arrival| (arrival.issue, arrival.reference.0.cast_signed()));
        self.keep_arrivals(&store, &Batch { server: &held.server, number: *last }, &arrivals).await?;
        for number in numbers {
            if let Err(error) = fs::remove_file(held.folder.join(spool::file_name(*number))) {
                tracing::warn!(number, %error, "a segment is kept and cannot be removed; the next server does");
            }
        }
        self.counters.lost.fetch_add(unreadable as u64, Ordering::Relaxed);
        Ok(records.len())
    }

    async fn keep_arrivals(
        &self,
        store: &Store,
        batch: &Batch<'_>,
        arrivals: &[Arrival],
    ) -> anyhow::Result<()> {
        if !arrivals.is_empty() && store.keep_events(batch, arrivals).await? {
            self.counters.kept.fetch_add(arrivals.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use jiff::Timestamp;

    use super::*;
    use crate::app::App;
    use crate::id::Reference;
    use crate::subscriber::{Leaving, Way};

    const NEWSLETTER: &str = "name = \"Small Hours\"\ntime_zone = \"UTC\"\nfrom = \"editor@mail.example.com\"\nsubject = \"Issue\"\n\
        list = \"readers\"\nlist_id = \"small-hours.example.com\"\nbase_url = \"https://mail.example.com\"\n\
        postal_address = \"Small Hours, 1 Rope Walk, Exampleland\"\n[smtp]\nurl = \"inbox\"\n";

    /// A keeper in a newsletter's folder, whose store is made when it is first asked for.
    fn keeper(folder: &Path) -> Keeper {
        fs::write(folder.join("newsletter.toml"), NEWSLETTER).unwrap();
        let app = App::open(folder, Arc::new(|| Timestamp::UNIX_EPOCH)).unwrap();
        let spool = folder.join("spool");
        let own = Arc::new(Claim::make(&spool, || 1).unwrap().0);
        Keeper { door: Arc::new(Door::new(app)), counters: Arc::default(), spool, own }
    }

    /// A server's folder with segments of these many records.
    fn leave(keeper: &Keeper, server: &str, segments: &[usize]) {
        let folder = keeper.spool.join(server);
        fs::create_dir(&folder).unwrap();
        let leaving = Leaving { at: Timestamp::UNIX_EPOCH, issue: None, way: Way::Page };
        for (number, records) in (1..).zip(segments) {
            let mut bytes = Vec::new();
            for n in 0..*records {
                Record::Leaving { reference: Reference(n as u64), leaving }.write(&mut bytes);
            }
            fs::write(folder.join(spool::file_name(number)), bytes).unwrap();
        }
    }

    #[tokio::test]
    async fn what_others_left_is_counted_once_however_often_it_cannot_be_brought() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = keeper(folder.path());
        let store = folder.path().join("trial.db");
        fs::create_dir(&store).unwrap();
        leave(&keeper, "0000000000000002", &[2, 1]);
        for _ in 0..3 {
            keeper.adopt().await;
            assert_eq!(keeper.counters.waiting(), 3);
        }
        fs::remove_dir(store).unwrap();
        // It is looked for once a second at most.
        while keeper.door.store().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        keeper.adopt().await;
        assert_eq!(keeper.counters.waiting(), 0);
    }

    #[test]
    fn a_server_holds_a_folder_of_its_own_whoever_takes_what_is_made_for_what_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, done) = (folder.path(), AtomicBool::new(false));
        let adopt = || {
            while !done.load(Ordering::Relaxed) {
                for entry in fs::read_dir(spool).unwrap().flatten() {
                    if let Ok(Some(orphan)) = Claim::take(entry.path(), "") {
                        orphan.remove_if_empty();
                    }
                }
            }
        };
        let made = thread::scope(|scope| {
            scope.spawn(adopt);
            scope.spawn(adopt);
            let mut names = 0..;
            let made: Vec<_> = (0..200).map(|_| Claim::make(spool, || names.next().unwrap_or(0))).collect();
            done.store(true, Ordering::Relaxed);
            made
        });
        for made in &made {
            match made {
                Ok((held, _)) => {
                    assert!(held.folder.join(LOCK).exists());
                    assert!(Claim::take(held.folder.clone(), "").unwrap().is_none());
                }
                Err(error) => assert!(error.to_string().starts_with("other servers take"), "{error:#}"),
            }
        }
    }

    #[test]
    fn a_name_that_is_taken_is_not_taken_again_and_what_is_wrong_with_a_folder_is_said_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let _held = Claim::make(folder.path(), || 1).unwrap();
        let mut names = [1, 2].into_iter();
        assert_eq!(Claim::make(folder.path(), || names.next().unwrap()).unwrap().1, 2);
        fs::create_dir_all(folder.path().join("0000000000000003/lock")).unwrap();
        let refused = format!("{:#}", Claim::make(folder.path(), || 3).unwrap_err());
        assert!(refused.contains("0000000000000003 cannot be locked: "), "{refused}");
    }
}
