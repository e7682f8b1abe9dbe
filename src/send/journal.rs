//! The journal's one writer: it commits what waits as soon as the last commit has returned.
//!
//! No byte of a body goes out before [`Asked::granted`] has answered yes: by then the store holds, synced, that this
//! reader may get a message. What the relay said follows in the same order, so that a connection has at most two readers open.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, yield_now};

use crate::app::Clock;
use crate::delivery::{Intent, Settlement};
use crate::id::IssueNumber;
use crate::store::Store;

/// How much one transaction takes.
const BATCH: usize = 256;

/// A way to the writer; clones lead to the same one.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    entries: mpsc::Sender<Entry>,
}

/// An answer that is on its way.
pub(super) struct Asked(oneshot::Receiver<bool>);

enum Entry {
    Sending(Intent, oneshot::Sender<bool>),
    Settled(Settlement),
    Written(oneshot::Sender<()>),
}

/// The store took no more: nothing that it does not know of has left.
#[derive(Debug, thiserror::Error)]
#[error("the journal cannot be written; nothing that it does not know of has left")]
pub(super) struct JournalGone;

impl Journal {
    /// Starts the writer. It ends when the last clone is dropped, or with the first error of the store.
    pub(super) fn start(
        store: Arc<Store>,
        issue: IssueNumber,
        clock: Clock,
    ) -> (Self, JoinHandle<anyhow::Result<()>>) {
        let (entries, waiting) = mpsc::channel(4 * BATCH);
        (Self { entries }, tokio::spawn(write(store, issue, clock, waiting)))
    }

    /// Has it recorded that a message to this reader is about to go.
    pub(super) async fn ask(&self, intent: Intent) -> Result<Asked, JournalGone> {
        let (answer, answered) = oneshot::channel();
        self.entries.send(Entry::Sending(intent, answer)).await.map_err(|_| JournalGone)?;
        Ok(Asked(answered))
    }

    /// Records what became of it; written before anything that is told to the journal later.
    pub(super) async fn settled(&self, settlement: Settlement) -> Result<(), JournalGone> {
        self.entries.send(Entry::Settled(settlement)).await.map_err(|_| JournalGone)
    }

    /// Waits until all that it was told before is in the store.
    pub(super) async fn written(&self) -> Result<(), JournalGone> {
        let (answer, answered) = oneshot::channel();
        self.entries.send(Entry::Written(answer)).await.map_err(|_| JournalGone)?;
        answered.await.map_err(|_| JournalGone)
    }
}

impl Asked {
    /// Waits until it is on the disk; `false`: the message must not go, its reader has left meanwhile.
    pub(super) async fn granted(self) -> Result<bool, JournalGone> {
        self.0.await.map_err(|_| JournalGone)
    }
}

async fn write(
    store: Arc<Store>,
    issue: IssueNumber,
    clock: Clock,
    mut waiting: mpsc::Receiver<Entry>,
) -> anyhow::Result<()> {
    let mut entries = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut entries, BATCH).await > 0 {
        // As long as others are busy they will have more to say: one commit for all of it.
        yield_now().await;
        while entries.len() < BATCH
            && let Ok(entry) = waiting.try_recv()
        {
            entries.push(entry);
        }
        commit(&store, issue, clock(), &mut entries).await?;
    }
    Ok(())
}

async fn commit(
    store: &Store,
    issue: IssueNumber,
    now: Timestamp,
    entries: &mut Vec<Entry>,
) -> anyhow::Result<()> {
    let (mut intents, mut answers, mut settlements, mut waiting) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for entry in entries.drain(..) {
        match entry {
            Entry::Sending(intent, answer) => {
                intents.push(intent);
                answers.push(answer);
            }
            Entry::Settled(settlement) => settlements.push(settlement),
            Entry::Written(answer) => waiting.push(answer),
        }
    }
    let granted: HashSet<_> = store.journal(issue, &intents, &settlements, now).await?.into_iter().collect();
    for (intent, answer) in intents.iter().zip(answers) {
        // A sender that is gone needs no answer.
        let _ = answer.send(granted.contains(&intent.subscriber));
    }
    for answer in waiting {
        let _ = answer.send(());
    }
    Ok(())
}
