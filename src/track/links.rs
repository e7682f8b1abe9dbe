//! Where places lead: the link tables of frozen issues, in memory, with a copy of our own on the disk (requirement 50).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use crate::app::{self, door::Door};
use crate::id::{IssueNumber, ListName, Place};
use crate::message::FrozenIssue;
use crate::newsletter::TrackingPolicy;
use crate::store::Store;

/// The store is asked for new issues and mended links no more often than this.
pub(super) const PERIOD: Duration = Duration::from_secs(1);
/// Clocks of several machines differ by less than this: mended links are asked for again for so long.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// One issue's links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkTable {
    /// To whom the issue went.
    pub list: ListName,
    /// What is counted of it, unless a reader chose less.
    pub tracking: TrackingPolicy,
    /// When it was queued: another issue of the same number was queued at another time.
    queued_at: Timestamp,
    /// By place, from 1; `None` where it may lead nowhere.
    targets: Vec<Option<String>>,
}

impl LinkTable {
    fn of(issue: &FrozenIssue, queued_at: Timestamp) -> Self {
        let targets = issue.rendered.links.iter().map(|link| target(&link.url)).collect();
        Self { list: issue.list.clone(), tracking: issue.tracking, queued_at, targets }
    }

    /// Where a place leads: an http or https URL in ASCII.
    pub fn target(&self, place: Place) -> Option<&str> {
        self.targets.get(usize::from(place.0).checked_sub(1)?)?.as_deref()
    }

    fn mend(&mut self, place: Place, url: &str) {
        let at = usize::from(place.0).checked_sub(1).and_then(|at| self.targets.get_mut(at));
        if let Some(there) = at {
            *there = target(url);
        }
    }
}

/// No open redirect, and nothing that a header could not hold: the table is ours, and is read as if it were not (requirement 45).
fn target(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let is_plain = url.username().is_empty() && url.password().is_none();
    (is_web && is_plain).then(|| url.into())
}

/// All issues' links.
#[derive(Debug)]
pub(super) struct Links {
    folder: PathBuf,
    tables: RwLock<HashMap<IssueNumber, Arc<LinkTable>>>,
    looked: Mutex<Looked>,
}

#[derive(Debug)]
struct Looked {
    /// When the last look that came to its end began, and whether it saw the store.
    last: Option<(Instant, bool)>,
    /// The time of the last mended link that is known.
    mended: Timestamp,
}

impl Links {
    /// Those whose copies are in `folder`, which is made where it is absent.
    pub(super) fn open(folder: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let mut tables = HashMap::new();
        for entry in fs::read_dir(&folder)?.flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            let Some(number) = name.strip_suffix(".json").and_then(|number| number.parse().ok()) else {
                continue;
            };
            // A copy that cannot be read is made anew as soon as the store can be asked.
            let table = fs::read(entry.path()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            tables.extend(table.map(|table: LinkTable| (number, Arc::new(table))));
        }
        let looked = Looked { last: None, mended: Timestamp::UNIX_EPOCH };
        Ok(Self { folder, tables: RwLock::new(tables), looked: Mutex::new(looked) })
    }

    /// One issue's, if it is known here.
    pub(super) fn known(&self, issue: IssueNumber) -> Option<Arc<LinkTable>> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner).get(&issue).cloned()
    }

    /// One issue's; where it is not known here, the store is asked, by all together once a period.
    pub(super) async fn find(
        &self,
        issue: IssueNumber,
        door: &Door,
    ) -> anyhow::Result<Option<Arc<LinkTable>>> {
        if let Some(table) = self.known(issue) {
            return Ok(Some(table));
        }
        let asked = Instant::now();
        let mut looked = self.looked.lock().await;
        match looked.last {
            // Somebody else looked while we waited: after we asked, so it counts for us too.
            Some((began, is_done)) if began >= asked => shared(is_done)?,
            last => {
                if let Some((began, _)) = last {
                    tokio::time::sleep_until((began + PERIOD).into()).await;
                }
                self.look(&mut looked, door).await?;
            }
        }
        Ok(self.known(issue))
    }

    /// Takes in what is new in the store, unless somebody has done so just now.
    pub(super) async fn refresh(&self, door: &Door) -> anyhow::Result<()> {
        let mut looked = self.looked.lock().await;
        match looked.last {
            Some((began, is_done)) if began.elapsed() < PERIOD => shared(is_done),
            _ => self.look(&mut looked, door).await,
        }
    }

    /// What came of it is told only once it did: whoever looks may stop waiting, and then the next one looks.
    async fn look(&self, looked: &mut Looked, door: &Door) -> anyhow::Result<()> {
        let began = Instant::now();
        let done = match door.store().await {
            Ok(store) => self.take_in(looked, &store).await,
            Err(error) => Err(error),
        };
        looked.last = Some((began, done.is_ok()));
        done
    }

    /// What is asked for again is put together first, so that no place leads where it led in between.
    async fn take_in(&self, looked: &mut Looked, store: &Store) -> anyhow::Result<()> {
        let mut tables = HashMap::new();
        for (number, queued_at) in store.issues().await? {
            let is_known = self.known(number).is_some_and(|table| table.queued_at == queued_at);
            if !is_known && let Some(issue) = store.issue(number).await? {
                // Every change ever made to it is taken in below.
                looked.mended = Timestamp::UNIX_EPOCH;
                match issue.thaw() {
                    Ok(frozen) => {
                        tables.insert(number, LinkTable::of(&frozen, queued_at));
                    }
                    Err(error) => {
                        tracing::error!(issue = number.get(), %error, "what was frozen cannot be read");
                    }
                }
            }
        }
        let since = looked.mended.checked_sub(OVERLAP).unwrap_or(Timestamp::UNIX_EPOCH);
        for (number, change) in store.link_changes_since(since).await? {
            looked.mended = looked.mended.max(change.at);
            let table = match tables.entry(number) {
                Entry::Occupied(table) => table.into_mut(),
                Entry::Vacant(none) => {
                    let Some(table) = self.known(number) else { continue };
                    none.insert(LinkTable::clone(&table))
                }
            };
            table.mend(change.place, &change.url);
        }
        for (number, table) in tables {
            if self.known(number).is_none_or(|known| *known != table) {
                self.learn(number, table);
            }
        }
        Ok(())
    }

    fn learn(&self, number: IssueNumber, table: LinkTable) {
        if let Err(error) = write(&self.folder, number, &table) {
            tracing::error!(issue = number.get(), %error, "no copy of an issue's links could be made");
        }
        self.tables.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::new(table));
    }
}

/// What a look of somebody else's comes to.
fn shared(is_done: bool) -> anyhow::Result<()> {
    anyhow::ensure!(is_done, "the store could not be asked for links a moment ago");
    Ok(())
}

/// Whole or not at all; several servers may write the same at once.
fn write(folder: &Path, number: IssueNumber, table: &LinkTable) -> anyhow::Result<()> {
    let mut own = [0; 8];
    app::random(&mut own);
    let new = folder.join(format!("{number}.{:016x}", u64::from_ne_bytes(own)));
    fs::write(&new, serde_json::to_vec(table)?)?;
    File::open(&new)?.sync_all()?;
    Ok(fs::rename(new, folder.join(format!("{number}.json")))?)
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn a_place_leads_to_the_web_alone_and_bears_nobodys_password() {
        for refused in [
            "",
            "/path",
            "//halyard.example/",
            "mailto:ada@example.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://halyard.example/",
            "https://",
            "https://halyard.example@evil.example/",
            "https://ada:secret@halyard.example/",
            "https://:secret@halyard.example/",
        ] {
            assert_eq!(target(refused), None, "{refused}");
        }
    }

    #[test]
    fn where_a_place_leads_is_ascii_and_a_header_can_hold_it() {
        let leads = |url| target(url).unwrap();
        assert_eq!(leads("HTTP://Halyard.example/a?b#c"), "http://halyard.example/a?b#c");
        assert_eq!(leads("https://bücher.example/ü"), "https://xn--bcher-kva.example/%C3%BC");
        assert_eq!(
            leads("https://halyard.example/\r\nSet-Cookie: a=b"),
            "https://halyard.example/Set-Cookie:%20a=b"
        );
    }
}
