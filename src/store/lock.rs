//! Who sends: a lock that the operating system or the database's server holds, and frees when its process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StoreError;
use super::postgres::Session;
use crate::delivery::SenderId;

/// Held while a sender works. In a file there is one at a time, and dropping it lets the next one in.
#[derive(Debug)]
pub struct SenderLock {
    id: SenderId,
    _held: Held,
}

#[derive(Debug)]
#[expect(dead_code, reason = "they are held, and do their work when they are dropped")]
enum Held {
    File(File),
    Session(Arc<Session>),
}

impl SenderLock {
    /// The sender's name in leases.
    pub fn id(&self) -> SenderId {
        self.id
    }

    /// The file of the lock on a store in a file: it stays when the lock is gone.
    pub fn path_beside(store: &Path) -> PathBuf {
        let mut path = store.as_os_str().to_owned();
        path.push(".lock");
        path.into()
    }

    pub(super) fn of_session(session: Arc<Session>) -> Self {
        Self { id: session.id, _held: Held::Session(session) }
    }

    pub(super) fn of_file(store: &Path, id: SenderId) -> Result<Self, StoreError> {
        // By whichever links it is reached, it is one store.
        let store = store.canonicalize().unwrap_or_else(|_| store.to_owned());
        let path = Self::path_beside(&store);
        let failed = |source: io::Error| StoreError::Open { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => sign(&mut file).map_err(failed)?,
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::SenderAtWork { holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        Ok(Self { id, _held: Held::File(file) })
    }
}

fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "process {}", std::process::id())
}

/// What the holder wrote; it may not have come to that yet.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(40).read_to_string(&mut text);
    let known = read.is_ok() && !text.is_empty() && !text.chars().any(char::is_control);
    if known { text } else { "a process that has just begun".to_owned() }
}
