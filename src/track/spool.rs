//! What was heard and is not in the store yet: appended to a file of this server's own and synced, batch after batch.
//!
//! A request is answered without waiting for any of it; only who leaves while the store is away waits until the leaving is on the
//! disk. A segment that is full, or old enough, is closed; the keeper brings closed segments to the store, in their order.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::counters::Counters;
use super::record::{LENGTH, Record};

/// Records a segment: one transaction of the store.
pub(super) const SEGMENT: usize = 5_000;
/// How long a segment stays open, so that one transaction keeps what came together.
const OPEN: Duration = Duration::from_millis(200);
/// Between two syncs, so that a flood is written in few of them.
const PAUSE: Duration = Duration::from_millis(5);
/// What waits for the disk at most; what comes beyond is lost, and counted.
const WAITING: usize = 200_000;
/// What waits for the store at most, in records: a gigabyte. Who leaves is written down beyond it.
const SPOOLED: u64 = 25_000_000;

/// A server's own place on the disk.
pub(super) struct Spool {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Record>,
    /// Whoever waits until what they said is on the disk.
    asking: Vec<oneshot::Sender<bool>>,
    closing: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spool {
    /// Begins a spool in `folder`, which is there and this server's own. The numbers of closed segments come out of `closed`.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub(super) fn open(
        folder: &Path,
        counters: Arc<Counters>,
        closed: mpsc::UnboundedSender<u64>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new(), counters });
        let writer =
            Writer { shared: Arc::clone(&shared), folder: folder.to_owned(), closed, number: 0, open: None };
        let writer = thread::Builder::new().name("spool".to_owned()).spawn(move || writer.run())?;
        Ok(Self { shared, writer: Some(writer) })
    }

    /// Takes one in, without waiting. Where too much waits already it is lost, and counted.
    pub(super) fn push(&self, record: Record) {
        let mut state = self.shared.state();
        if state.waiting.len() >= WAITING {
            drop(state);
            self.shared.counters.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.waiting.push(record);
        let is_first = state.waiting.len() == 1;
        drop(state);
        if is_first {
            self.shared.wake.notify_one();
        }
    }

    /// Takes one in and answers when it is on the disk; `false` where that could not be.
    pub(super) async fn push_durably(&self, record: Record) -> bool {
        let (asking, answer) = oneshot::channel();
        {
            let mut state = self.shared.state();
            state.waiting.push(record);
            state.asking.push(asking);
        }
        self.shared.wake.notify_one();
        answer.await.unwrap_or(false)
    }
}

impl Drop for Spool {
    /// What waits goes to the disk first.
    fn drop(&mut self) {
        self.shared.state().closing = true;
        self.shared.wake.notify_one();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to say.
            let _ = writer.join();
        }
    }
}

struct Writer {
    shared: Arc<Shared>,
    folder: PathBuf,
    closed: mpsc::UnboundedSender<u64>,
    /// Of the last segment.
    number: u64,
    open: Option<Segment>,
}

struct Segment {
    file: File,
    records: usize,
    since: Instant,
}

/// What the writer takes at once.
struct Taken {
    records: Vec<Record>,
    asking: Vec<oneshot::Sender<bool>>,
    closing: bool,
}

impl Writer {
    fn run(mut self) {
        let mut bytes = Vec::new();
        loop {
            let Taken { mut records, asking, closing } = self.take();
            let is_pause = !records.is_empty();
            self.refuse_beyond(&mut records);
            bytes.clear();
            for record in &records {
                record.write(&mut bytes);
            }
            let kept = self.write(&bytes);
            if !kept {
                // Whoever leaves is told that it did not work.
                records.retain(|record| matches!(record, Record::Event(_)));
                self.shared.counters.lost.fetch_add(records.len() as u64, Ordering::Relaxed);
            }
            for asking in asking {
                // Whoever asked may have gone.
                let _ = asking.send(kept);
            }
            let is_due = |open: &Segment| open.records >= SEGMENT || open.since.elapsed() >= OPEN;
            if closing || self.open.as_ref().is_some_and(is_due) {
                self.close();
            }
            if closing {
                return;
            }
            if is_pause {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Waits for something to write, as long as no open segment has to be closed.
    fn take(&self) -> Taken {
        let idle = |state: &mut State| state.waiting.is_empty() && state.asking.is_empty() && !state.closing;
        let state = self.shared.state();
        let mut state = match &self.open {
            None => self.shared.wake.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
            Some(open) => {
                let left = OPEN.saturating_sub(open.since.elapsed());
                let waited = self.shared.wake.wait_timeout_while(state, left, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        Taken {
            records: std::mem::take(&mut state.waiting),
            asking: std::mem::take(&mut state.asking),
            closing: state.closing,
        }
    }

    /// Leaves of what would be too much those who leave.
    fn refuse_beyond(&self, records: &mut Vec<Record>) {
        if self.shared.counters.waiting() < SPOOLED {
            return;
        }
        let all = records.len();
        records.retain(|record| matches!(record, Record::Leaving { .. }));
        let lost = all - records.len();
        if lost > 0 {
            tracing::error!(lost, "clicks and opens are lost: too many wait for the store");
            self.shared.counters.lost.fetch_add(lost as u64, Ordering::Relaxed);
        }
    }

    /// Answers whether all is on the disk, else none is.
    fn write(&mut self, bytes: &[u8]) -> bool {
        let records = bytes.len() / LENGTH;
        if records == 0 {
            return true;
        }
        match self.append(bytes) {
            Ok(()) => {
                self.shared.counters.pending.fetch_add(records as u64, Ordering::Relaxed);
                true
            }
            Err(error) => {
                tracing::error!(records, %error, "clicks, opens or who left cannot be written down");
                false
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.open.is_none() {
            self.number += 1;
        }
        let (folder, number) = (&self.folder, self.number);
        let segment = match &mut self.open {
            Some(open) => open,
            none => none.insert(Segment::create(folder, number)?),
        };
        let whole = segment.records * LENGTH;
        let written = segment.file.write_all(bytes).and_then(|()| segment.file.sync_data());
        if written.is_err() {
            // Half a record would hide all that comes behind it.
            segment.file.set_len(whole as u64)?;
        } else {
            segment.records += bytes.len() / LENGTH;
        }
        written
    }

    fn close(&mut self) {
        if self.open.take().is_some() {
            // Where the keeper is gone, whoever adopts the folder finds the segment.
            let _ = self.closed.send(self.number);
        }
    }
}

impl Segment {
    fn create(folder: &Path, number: u64) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(file_name(number)))?;
        // The name is on the disk too.
        File::open(folder)?.sync_all()?;
        Ok(Self { file, records: 0, since: Instant::now() })
    }
}

/// Segments in the order of their names are in the order of their numbers.
pub(super) fn file_name(number: u64) -> String {
    format!("{number:012}")
}

/// The numbers of a folder's segments, in order.
pub(super) fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.parse().ok());
        // What a person put there may be named like a number too.
        numbers.extend(number.filter(|number| *file_name(*number) == name));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// How many records a folder's segments hold, as far as they can be seen.
pub(super) fn records(folder: &Path) -> u64 {
    let segments = segments(folder).unwrap_or_default().into_iter();
    let octets = segments.filter_map(|number| Some(fs::metadata(folder.join(file_name(number))).ok()?.len()));
    octets.map(|octets| octets / LENGTH as u64).sum()
}

/// What a segment holds; the second is how many records cannot be read.
pub(super) fn read(folder: &Path, number: u64) -> io::Result<(Vec<Record>, usize)> {
    let bytes = fs::read(folder.join(file_name(number)))?;
    let (slots, torn) = bytes.as_chunks::<LENGTH>();
    let records: Vec<Record> = slots.iter().filter_map(Record::read).collect();
    let unreadable = slots.len() - records.len() + usize::from(!torn.is_empty());
    Ok((records, unreadable))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::event::{AgentClass, Event, EventKind, HeaderFlags, Method, Signals};
    use crate::id::{IssueNumber, Reference};
    use crate::store::Arrival;
    use crate::subscriber::{Leaving, Way};

    fn record(reference: u64) -> Record {
        let at = Timestamp::constant(1_700_000_000, 0);
        let leaving = Leaving { at, issue: IssueNumber::new(1), way: Way::Page };
        Record::Leaving { reference: Reference(reference), leaving }
    }

    fn open(folder: &Path) -> (Spool, Arc<Counters>, mpsc::UnboundedReceiver<u64>) {
        let (closed, segments) = mpsc::unbounded_channel();
        let counters = Arc::new(Counters::default());
        (Spool::open(folder, Arc::clone(&counters), closed).unwrap(), counters, segments)
    }

    #[tokio::test]
    async fn what_waits_is_on_the_disk_before_it_ends_and_in_the_order_it_came() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, counters, mut closed) = open(folder.path());
        for n in 0..12_000 {
            spool.push(record(n));
        }
        assert!(spool.push_durably(record(12_000)).await);
        drop(spool);
        let mut kept = Vec::new();
        while let Some(number) = closed.recv().await {
            kept.extend(read(folder.path(), number).unwrap().0);
        }
        assert_eq!(kept, (0..=12_000).map(record).collect::<Vec<_>>());
        assert_eq!(
            (counters.pending.load(Ordering::Relaxed), counters.lost.load(Ordering::Relaxed)),
            (12_001, 0)
        );
    }

    #[tokio::test]
    async fn a_torn_record_hides_none_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, ..) = open(folder.path());
        assert!(spool.push_durably(record(1)).await);
        drop(spool);
        let path = folder.path().join(file_name(1));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], &whole[..17]].concat()).unwrap();
        assert_eq!(read(folder.path(), 1).unwrap(), (vec![record(1)], 1));
    }

    fn open_event() -> Record {
        let (agent, method, headers) = (AgentClass::Unknown, Method::Get, HeaderFlags::default());
        let signals = Signals { agent, method, headers, delay: None };
        let event = Event { kind: EventKind::Open, at: Timestamp::UNIX_EPOCH, signals };
        let issue = IssueNumber::new(1).unwrap();
        Record::Event(Arrival { issue, reference: Reference(1), seq: 1, event })
    }

    #[tokio::test]
    async fn beyond_what_may_wait_clicks_are_lost_and_counted_and_who_leaves_is_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, counters, _closed) = open(folder.path());
        counters.orphaned.store(SPOOLED, Ordering::Relaxed);
        spool.push(open_event());
        assert!(spool.push_durably(record(2)).await);
        drop(spool);
        assert_eq!(read(folder.path(), 1).unwrap(), (vec![record(2)], 0));
        assert_eq!((counters.waiting(), counters.lost.load(Ordering::Relaxed)), (SPOOLED + 1, 1));
    }

    #[tokio::test]
    async fn what_no_disk_takes_is_lost_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, counters, _closed) = open(&folder.path().join("absent"));
        spool.push(open_event());
        assert!(!spool.push_durably(record(2)).await, "who leaves is told, and is no lost click");
        drop(spool);
        assert_eq!(counters.lost.load(Ordering::Relaxed), 1);
    }
}
