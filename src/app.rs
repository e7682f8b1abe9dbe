//! What every journey needs, built once: the folder, its configuration, the clock, the keys, the store.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::config::{Config, Smtp, StoreUrl};
use crate::store::{self, SenderLock, Store, StoreError};
use crate::token::Keys;
use crate::workspace::Workspace;

pub mod caller;
pub mod door;
mod exposed;
pub mod keys;
mod password;
pub mod phrases;
pub mod relay;
pub mod scratch;
mod signer;

use caller::Caller;

/// Tells the time. Journeys get it handed in, so that tests can hold it still.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The folder and what it says.
#[derive(Clone)]
pub struct App {
    /// The newsletter's folder.
    pub workspace: Workspace,
    /// newsletter.toml.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// How long a relay's reply may take, in seconds; RFC 5321 has five minutes.
    pub reply_timeout: u16,
    /// Whether the keys are those that everybody knows.
    has_specimen_keys: bool,
    /// Who called for it.
    caller: Caller,
}

impl App {
    /// Finds the folder from `directory` upwards and reads newsletter.toml.
    ///
    /// # Errors
    /// No folder, or mistakes in the file.
    pub fn open(directory: &Path, clock: Clock) -> anyhow::Result<Self> {
        let workspace = Workspace::find(directory)?;
        let config = workspace.config()?;
        Ok(Self {
            workspace,
            config,
            clock,
            reply_timeout: 300,
            has_specimen_keys: false,
            caller: Caller::absent(),
        })
    }

    /// The same, called by them.
    #[must_use]
    pub fn called_by(self, caller: Caller) -> Self {
        Self { caller, ..self }
    }

    /// Says to whoever called what their outcome has no place for.
    pub(crate) fn tell(&self, line: &str) {
        self.caller.tell(line);
    }

    /// The same, called by one who can end a wait.
    #[must_use]
    pub fn stopped_by(self, stop: watch::Receiver<bool>) -> Self {
        let caller = self.caller.stopping(stop);
        Self { caller, ..self }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Whether nothing leaves this machine: `[smtp] url = "inbox"`.
    pub fn is_trial(&self) -> bool {
        matches!(self.config.smtp, Some(Smtp::Inbox))
    }

    /// A moment, in the newsletter's time zone.
    pub fn local(&self, at: Timestamp) -> String {
        at.to_zoned(self.config.newsletter.time_zone.clone()).strftime("%a, %Y-%m-%d %H:%M %Z").to_string()
    }

    /// How to send, or what to write so that it can be said.
    ///
    /// # Errors
    /// [`Wrong`] without an `[smtp]` table.
    pub fn smtp(&self) -> anyhow::Result<&Smtp> {
        let missing = || {
            Wrong("newsletter.toml does not say how to send; write `[smtp]` with `url = \"inbox\"` for a trial \
                   that stays on this machine, or `url = \"smtps://user@relay.example.com:465\"`".into())
        };
        Ok(self.config.smtp.as_ref().ok_or_else(missing)?)
    }

    /// The store; a trial has its own. Made where there never was one.
    ///
    /// # Errors
    /// [`Wrong`] for one that is lost; whatever keeps it from being opened.
    pub async fn store(&self) -> anyhow::Result<Store> {
        self.refuse_lost()?;
        Ok(Store::at(&self.workspace.store(&self.config)).await?)
    }

    /// Whether there is a store already, as far as that can be told without asking a server.
    ///
    /// # Errors
    /// A folder that cannot be looked into.
    pub fn has_store(&self) -> io::Result<bool> {
        match self.workspace.store(&self.config) {
            StoreUrl::Sqlite(file) => file.try_exists(),
            StoreUrl::Postgres(_) => Ok(true),
        }
    }

    /// A file that is gone is not made anew, since everybody would get everything again. What is made after it tells that there was one.
    fn refuse_lost(&self) -> Result<(), Wrong> {
        let store = self.workspace.store(&self.config);
        let StoreUrl::Sqlite(path) = &store else { return Ok(()) };
        let later = [self.workspace.keys_path(&store), SenderLock::path_beside(path)];
        // In this order, since another command may be making them.
        let Some(left) = later.iter().find(|left| left.exists()) else { return Ok(()) };
        if self.is_trial() || path.exists() {
            return Ok(());
        }
        let (path, left) = (path.display(), left.display());
        Err(Wrong(format!(
            "the store {path} is missing, and {left} says that there was one; who got which issue and who has left stands in it alone: \
             put it back, or restore it from a backup; where it is to begin anew, knowing nothing, run `install -m 600 /dev/null {path}`"
        )))
    }

    /// A store at `path` with the readers of the true one and no issue, for a journey that must change nothing; an empty one where there
    /// is no store yet.
    ///
    /// # Errors
    /// As [`App::store`].
    pub async fn scratch_store(&self, path: &Path) -> anyhow::Result<Store> {
        let copy = if self.has_store()? {
            Store::at(&self.workspace.store(&self.config)).await?.copy_readers_to(path).await?
        } else {
            self.refuse_lost()?;
            Store::open(path).await?
        };
        Ok(copy)
    }

    /// The keys beside the store, made where no issue was queued yet; those in the environment come first.
    ///
    /// # Errors
    /// As [`keys::load_or_make`]; the store's.
    pub async fn keys(&self, store: &Store) -> anyhow::Result<Keys> {
        if self.has_specimen_keys {
            return Ok(Keys::specimen());
        }
        let is_unused = store.highest_issue().await?.is_none();
        let url = self.workspace.store(&self.config);
        let path = self.workspace.keys_path(&url);
        let keys = keys::load_or_make(&path, is_unused)?;
        self.refuse_strange(store, &keys, is_unused).await?;
        Ok(keys)
    }

    /// Other keys than those that the store was used with would make every link in mail a dead one. A file that no issue was queued in takes
    /// whatever lies beside it; to a server every machine brings its own.
    ///
    /// # Errors
    /// [`Wrong`] for such keys; the store's.
    pub async fn refuse_strange(&self, store: &Store, keys: &Keys, is_unused: bool) -> anyhow::Result<()> {
        let url = self.workspace.store(&self.config);
        let anew = is_unused && matches!(url, StoreUrl::Sqlite(_));
        if store.knows_keys(&keys.fingerprint(), anew).await? {
            return Ok(());
        }
        Err(keys::strange(&self.workspace.keys_path(&url)).into())
    }

    /// The keys where anybody was erased: without them an import could bring them back.
    ///
    /// # Errors
    /// As [`App::keys`].
    pub async fn keys_of_erased(&self, store: &Store) -> anyhow::Result<Option<Arc<Keys>>> {
        Ok(if store.has_erased().await? { Some(Arc::new(self.keys(store).await?)) } else { None })
    }

    /// What every line of a trial begins with; nothing where it is none.
    pub fn mark(&self) -> &'static str {
        if self.is_trial() { "trial: " } else { "" }
    }

    /// The same error, with the store's name if it is the store's.
    pub fn naming_store(&self, error: anyhow::Error) -> anyhow::Error {
        let is_unnamed = |cause: &(dyn std::error::Error + 'static)| {
            matches!(cause.downcast_ref(), Some(StoreError::Database(_) | StoreError::File(_)))
        };
        if error.chain().any(is_unnamed) {
            return error.context(store::name(&self.workspace.store(&self.config)));
        }
        error
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("workspace", &self.workspace).finish_non_exhaustive()
    }
}

/// The command line or the configuration asks for something that cannot be: exit code 2, nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(pub String);

/// The relay or the store is away, or recipients were deferred: exit code 75, the same command later goes on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Later(pub String);

/// Fills `bytes` with the system's randomness, which is fit for keys. That of aws-lc first measures the processor's jitter, for a
/// twentieth of a second in each process.
pub fn random(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        // A system without entropy can neither make keys nor names for readers: there is nothing to go on with.
        std::process::abort();
    }
}

/// [`random`] for whoever needs a little of it a million times: it is taken from the system a page at a time.
pub fn random_in_bulk() -> impl FnMut(&mut [u8]) + Send {
    const PAGE: usize = 4096;
    let (mut page, mut used) = (vec![0; PAGE], PAGE);
    move |bytes| {
        for some in bytes.chunks_mut(PAGE) {
            if PAGE - used < some.len() {
                random(&mut page);
                used = 0;
            }
            some.copy_from_slice(&page[used..used + some.len()]);
            used += some.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_store_says_is_told_with_its_name_whichever_way_it_was_asked() {
        let app =
            App::open(Path::new(env!("CARGO_MANIFEST_DIR")), Arc::new(|| Timestamp::UNIX_EPOCH)).unwrap();
        let store = store::name(&app.workspace.store(&app.config));
        let asked = [
            StoreError::Database(sqlx::Error::WorkerCrashed),
            StoreError::File(rusqlite::Error::InvalidQuery),
        ];
        for error in asked {
            let said = format!("{:#}", app.naming_store(anyhow::Error::new(error).context("reading")));
            assert!(said.starts_with(&format!("{store}: reading: the store cannot be used")), "{said}");
        }
    }
}
