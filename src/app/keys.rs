//! The keys beside the store: made on first use, readable by their owner alone, or from the environment.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use secrecy::ExposeSecret;

use super::Wrong;
use crate::token::Keys;

/// Where keys come from if not from the file, in the file's own form.
pub const VARIABLE: &str = "PRESSROOM_KEYS";

/// So old a copy on its way to its name was left by whoever was killed over it.
const LEFT: Duration = Duration::from_hours(1);

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
/// [`Wrong`]: no keys yet, or some from the environment, which have to be changed there; as [`load_or_make`] for keys that are in use.
pub fn rotate(path: &Path) -> anyhow::Result<usize> {
    if std::env::var_os(VARIABLE).is_some() {
        let message = format!(
            "the keys come from {VARIABLE}, where no command can change them; unset it, rotate the file, and set it to the file's text"
        );
        return Err(Wrong(message).into());
    }
    if !path.exists() {
        let message = format!(
            "{} is not there: the first `send` makes keys, and there is nothing to rotate before; if mail went out already, restore the file \
             from a backup",
            path.display()
        );
        return Err(Wrong(message).into());
    }
    let _held = hold(path);
    let keys = load_or_make(path, false)?.rotate(super::random).map_err(|error| Wrong(error.to_string()))?;
    put(&keys, path, |new| fs::rename(new, path)).with_context(|| unwritable(path))?;
    Ok(keys.count())
}

/// The file that stands there now, which whoever else would change it waits for. Where there is none, or no locks are known, nobody does.
fn hold(path: &Path) -> Option<File> {
    loop {
        let file = File::open(path).ok()?;
        file.lock().ok()?;
        let (held, there) = (file.metadata().ok()?, fs::metadata(path).ok()?);
        if (held.dev(), held.ino()) == (there.dev(), there.ino()) {
            return Some(file);
        }
    }
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

/// Whoever makes them at the same time has those of the first.
fn make(path: &Path) -> anyhow::Result<Keys> {
    let keys = Keys::generate(super::random);
    match put(&keys, path, |new| fs::hard_link(new, path)) {
        Ok(()) => Ok(keys),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => load_or_make(path, false),
        Err(error) => Err(error).with_context(|| unwritable(path)),
    }
}

fn unwritable(path: &Path) -> String {
    format!("{} cannot be written", path.display())
}

/// Writes keys under a name of their own, and `name`s them as they are to be called once they are on the disk: whoever reads them, or finds
/// them after a crash, finds them whole.
fn put(keys: &Keys, path: &Path, name: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut own = [0; 8];
    super::random(&mut own);
    let new = path.with_extension(format!("{:016x}.keys", u64::from_ne_bytes(own)));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    if let Ok(now) = file.metadata().and_then(|file| file.modified()) {
        sweep(path, now);
    }
    let named = write(file, keys).and_then(|()| name(&new));
    // Where it was renamed, it is gone already.
    let _ = fs::remove_file(&new);
    named?;
    // The name is on the disk too.
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Throws away the copies of whoever was killed over them, once nobody can be at work there any more.
fn sweep(path: &Path, now: SystemTime) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let is_copy = |name: &str| {
        let own = name.strip_prefix(&*stem).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".keys"));
        own.is_some_and(|own| own.len() == 16 && own.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    for entry in path.parent().and_then(|folder| folder.read_dir().ok()).into_iter().flatten().flatten() {
        let age = modified(&entry.path()).and_then(|at| now.duration_since(at).ok());
        if is_copy(&entry.file_name().to_string_lossy()) && age.is_some_and(|age| age > LEFT) {
            // Who may not remove it may not read it either.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn write(mut file: File, keys: &Keys) -> io::Result<()> {
    file.write_all(keys.to_file().expose_secret().as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// What each of eight that do the same at once has.
    fn all_at_once<T: Send>(work: impl Fn() -> T + Sync) -> Vec<T> {
        thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(&work)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        })
    }

    #[test]
    fn what_somebody_left_who_was_killed_over_it_goes_with_the_next_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pressroom.keys");
        load_or_make(&path, true).unwrap();
        let (old, young, other) = ("0123456789abcdef", "fedcba9876543210", "of-the-editors");
        for (own, age) in [(old, 2), (young, 0), (other, 2)] {
            let file = File::create(path.with_extension(format!("{own}.keys"))).unwrap();
            let now = modified(&path).unwrap();
            file.set_modified(now - LEFT * age).unwrap();
        }
        rotate(&path).unwrap();
        let is_there = |own: &&str| path.with_extension(format!("{own}.keys")).exists();
        assert_eq!([old, young, other].iter().filter(|own| is_there(own)).count(), 2);
        assert!(!is_there(&old));
    }

    #[test]
    fn several_that_make_the_keys_at_once_have_the_same_and_none_that_rotates_them_loses_anothers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pressroom.keys");
        let made = all_at_once(|| load_or_make(&path, true).unwrap().fingerprint());
        assert!(made.iter().all(|one| *one == made[0]));
        let mut counts = all_at_once(|| rotate(&path).unwrap());
        counts.sort_unstable();
        assert_eq!(counts, (2..=9).collect::<Vec<_>>());
        assert_eq!(load_or_make(&path, false).unwrap().count(), 9);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");
    }
}
