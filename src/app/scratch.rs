//! Scratch for journeys that must change nothing: a folder that is thrown away, and the same newsletter with another store and relay.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tracing::warn;

use super::{App, Clock, random};
use crate::config::{Config, Pace, Relay, Security, Smtp, StoreUrl};
use crate::id::IssueNumber;
use crate::workspace::Workspace;

/// A folder for a store that is thrown away, whatever happens. It holds a copy of the whole list.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Locked as long as it is in use: one that can be locked was left behind by a process that was killed.
    _held: File,
}

impl Scratch {
    /// Makes one among what is built of an issue, and throws away what others left behind.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn make(workspace: &Workspace, number: IssueNumber, purpose: Purpose) -> anyhow::Result<Self> {
        let folder = workspace.build_dir(number);
        // In a container, where each process has the same number, the name is another all the same.
        let mut name = [0; 8];
        random(&mut name);
        let path = folder.join(format!("{}{:016x}", purpose.prefix(), u64::from_ne_bytes(name)));
        let make = || {
            fs::create_dir_all(&folder)?;
            let _door = door(workspace)?;
            if let Err(error) = clear(workspace) {
                warn!(
                    error = format!("{error:#}"),
                    "a copy of the list that was left behind cannot be thrown away"
                );
            }
            fs::create_dir(&path)?;
            let held = File::open(&path)?;
            let _ = held.try_lock();
            Ok::<_, io::Error>(held)
        };
        let held = make().with_context(|| format!("{} cannot be written", folder.display()))?;
        Ok(Self { path, _held: held })
    }

    /// Where the store belongs.
    pub fn store(&self) -> PathBuf {
        self.path.join("scratch.db")
    }

    /// Where the rest belongs that is made on the way.
    pub fn folder(&self) -> &Path {
        &self.path
    }

    /// Puts what was made in it where it belongs, in place of what an earlier one left there: all of it or, when two end at once, all of the
    /// other's. A copy that was killed before leaves the earlier one as it was.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn publish(&self, workspace: &Workspace, number: IssueNumber, names: &[&str]) -> io::Result<()> {
        let _door = door(workspace)?;
        for name in names {
            let (made, place) = (self.path.join(name), workspace.build_dir(number).join(name));
            if made.is_dir() && place.is_dir() {
                fs::remove_dir_all(&place)?;
            }
            fs::rename(made, place)?;
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is ignored by git, and swept by the next one.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// What it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A dry run.
    Review,
    /// A rehearsal.
    Rehearsal,
}

impl Purpose {
    const ALL: [Self; 2] = [Self::Review, Self::Rehearsal];

    fn prefix(self) -> &'static str {
        match self {
            Self::Review => ".review-",
            Self::Rehearsal => ".rehearsal-",
        }
    }
}

/// Throws away the copies of lists that were left behind by whoever was killed. Answers how many others are in use.
///
/// # Errors
/// One that cannot be thrown away.
pub fn sweep(workspace: &Workspace) -> anyhow::Result<usize> {
    if !workspace.builds().is_dir() {
        return Ok(0);
    }
    let _door = door(workspace)?;
    clear(workspace)
}

/// Keeps others from sweeping as long as it lives: what is made and not locked yet looks as if it were nobody's.
fn door(workspace: &Workspace) -> io::Result<File> {
    let door = File::open(workspace.builds())?;
    // Where a file system knows no locks, nobody sweeps.
    let _ = door.lock();
    Ok(door)
}

fn clear(workspace: &Workspace) -> anyhow::Result<usize> {
    let mut in_use = 0;
    let is_issue = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().parse::<IssueNumber>().is_ok())
    };
    for path in within(&workspace.builds())?.iter().filter(|path| is_issue(path)) {
        for path in within(path)?.iter().filter(|path| is_scratch(path)) {
            // Whoever is done with theirs takes it away at any moment.
            let thrown_away = match File::open(path).map(|folder| folder.try_lock()) {
                Ok(Ok(())) => fs::remove_dir_all(path),
                Ok(Err(_)) => {
                    in_use += 1;
                    Ok(())
                }
                Err(error) => Err(error),
            };
            let gone =
                |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
            thrown_away.or_else(gone).with_context(|| {
                format!(
                    "{} has a copy of the list, is of no use any more and cannot be removed; delete it",
                    path.display()
                )
            })?;
        }
    }
    Ok(in_use)
}

fn within(folder: &Path) -> io::Result<Vec<PathBuf>> {
    folder.read_dir()?.map(|entry| Ok(entry?.path())).collect()
}

fn is_scratch(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.is_dir() && Purpose::ALL.iter().any(|purpose| name.starts_with(purpose.prefix()))
}

impl App {
    /// The same newsletter for a rehearsal: with that store, the inbox at that address as its only relay, no limits of pace, another clock,
    /// and specimen keys.
    #[must_use]
    pub fn for_rehearsal(&self, store: PathBuf, inbox: SocketAddr, clock: Clock) -> Self {
        let relay = Relay {
            host: inbox.ip().to_string(),
            port: inbox.port(),
            security: Security::Clear,
            login: None,
            weight: NonZeroU32::MIN,
            rate: None,
            window: None,
        };
        let pace = Pace { rate: None, window: None, domains: BTreeMap::new(), ..self.config.pace.clone() };
        let config = Config {
            smtp: Some(Smtp::Relays(vec![relay])),
            pace,
            store: StoreUrl::Sqlite(store),
            ..self.config.clone()
        };
        Self {
            workspace: self.workspace.clone(),
            config,
            clock,
            reply_timeout: self.reply_timeout,
            has_specimen_keys: true,
            caller: self.caller.clone(),
        }
    }
}
