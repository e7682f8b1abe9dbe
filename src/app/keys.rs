//! The keys beside the store: made on first use, readable by their owner alone, or from the environment.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use anyhow::Context;
use secrecy::ExposeSecret;

use super::{Later, Wrong};
use crate::token::Keys;

/// Where keys come from if not from the file, in the file's own form.
pub const VARIABLE: &str = "PRESSROOM_KEYS";

/// The keys in `PRESSROOM_KEYS`, else in `path`, else new ones written there if the store `is_unused`.
///
/// # Errors
/// [`Wrong`]: keys that are damaged, that others can read, or that are gone while mail bears tokens made with them: with other keys every
/// link already sent would be dead, and a retry would bear another Message-ID.
pub fn load_or_make(path: &Path, is_unused: bool) -> anyhow::Result<Keys> {
    if let Some(text) = std::env::var_os(VARIABLE) {
        let text = text.into_string().map_err(|_| Wrong(format!("{VARIABLE} is not UTF-8")))?;
        return parse(VARIABLE, &text);
    }
    match File::open(path) {
        Ok(file) => parse(&path.display().to_string(), &read(file, path)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_unused => make(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing(path).into()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

/// A server's keys: read again when the file changes, so that what `keys rotate` made is believed at once.
#[derive(Debug)]
pub struct KeyRing {
    path: PathBuf,
    keys: RwLock<(Arc<Keys>, Option<SystemTime>)>,
}

impl KeyRing {
    /// Reads them, as [`load_or_make`] does.
    ///
    /// # Errors
    /// As [`load_or_make`].
    pub fn open(path: &Path, is_unused: bool) -> anyhow::Result<Self> {
        let keys = Arc::new(load_or_make(path, is_unused)?);
        Ok(Self { path: path.to_owned(), keys: RwLock::new((keys, modified(path))) })
    }

    /// The keys as they are now.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Looks whether the file has changed. Where it cannot be read the keys stay as they are.
    ///
    /// # Errors
    /// As [`load_or_make`] for keys that are in use; [`Wrong`] for others than before.
    pub fn refresh(&self) -> anyhow::Result<()> {
        let modified = modified(&self.path);
        if modified == self.keys.read().unwrap_or_else(PoisonError::into_inner).1 {
            return Ok(());
        }
        let keys = Arc::new(load_or_make(&self.path, false)?);
        if keys.fingerprint() != self.keys().fingerprint() {
            return Err(strange(&self.path).into());
        }
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = (keys, modified);
        Ok(())
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// Makes a new token key for the keys in `path`; those before it go on verifying. Answers how many there are now.
///
/// # Errors
/// [`Wrong`]: keys from the environment, which have to be changed there; as [`load_or_make`] for keys that are in use.
pub fn rotate(path: &Path) -> anyhow::Result<usize> {
    if std::env::var_os(VARIABLE).is_some() {
        let message = format!(
            "the keys come from {VARIABLE}, where no command can change them; unset it, rotate the file, and set it to the file's text"
        );
        return Err(Wrong(message).into());
    }
    let keys = load_or_make(path, false)?.rotate(super::random).map_err(|error| Wrong(error.to_string()))?;
    let new = path.with_extension("keys.new");
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
    written
        .and_then(|file| write(file, &keys))
        .and_then(|()| fs::rename(&new, path))
        .inspect_err(|_| drop(fs::remove_file(&new)))
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(keys.count())
}

fn parse(place: &str, text: &str) -> anyhow::Result<Keys> {
    Ok(Keys::parse(text).map_err(|error| Wrong(format!("{place}: {error}")))?)
}

fn read(mut file: File, path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(
            Wrong(format!("{shown} is open to others (mode {mode:04o}); run `chmod 600 {shown}`")).into()
        );
    }
    let mut text = String::new();
    file.read_to_string(&mut text).with_context(|| format!("{shown} cannot be read"))?;
    Ok(text)
}

fn missing(path: &Path) -> Wrong {
    Wrong(format!(
        "{} is missing, and mail already queued bears tokens made with its keys: new ones would break every link in it; \
         restore the file from a backup, or give its text in {VARIABLE}",
        path.display()
    ))
}

/// The store was used with other keys.
pub(super) fn strange(path: &Path) -> Wrong {
    Wrong(format!(
        "these are not the keys that the store was used with: they know no link in mail that was sent; put those keys back to {} (from the \
         machine that sent, or a backup), or give their text in {VARIABLE} on every machine",
        path.display()
    ))
}

fn make(path: &Path) -> anyhow::Result<Keys> {
    let keys = Keys::generate(super::random);
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => write(file, &keys)
            .inspect_err(|_| drop(fs::remove_file(path)))
            .with_context(|| format!("{} cannot be written", path.display()))
            .map(|()| keys),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Later(format!("{} is being made by another command; run this again", path.display())).into())
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be written", path.display())),
    }
}

fn write(mut file: File, keys: &Keys) -> io::Result<()> {
    file.write_all(keys.to_file().expose_secret().as_bytes())?;
    file.sync_all()
}
