//! The keys beside the store: made on first use, readable by their owner alone, or from the environment.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use secrecy::ExposeSecret;

use crate::token::Keys;

/// Where keys come from if not from the file, in the file's own form.
pub const VARIABLE: &str = "PRESSROOM_KEYS";

/// The keys in `PRESSROOM_KEYS`, else in `path`, else new ones written there.
///
/// # Errors
/// Keys that cannot be read or written. Where the store is there and its keys are not, none are made: with other keys
/// every link already sent would be dead.
pub fn load_or_make(path: &Path) -> anyhow::Result<Keys> {
    if let Some(text) = std::env::var_os(VARIABLE) {
        let text = text.into_string().map_err(|_| anyhow::anyhow!("{VARIABLE} is not UTF-8"))?;
        return Keys::parse(&text).with_context(|| format!("{VARIABLE} holds no keys"));
    }
    match fs::read_to_string(path) {
        Ok(text) => Keys::parse(&text)
            .with_context(|| format!("{} holds no keys; restore it from a backup", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

fn make(path: &Path) -> anyhow::Result<Keys> {
    let keys = Keys::generate(super::random);
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            file.write_all(keys.to_file().expose_secret().as_bytes())?;
            file.sync_all()?;
            Ok(keys)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{} is being made by another command; run this again", path.display())
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be written", path.display())),
    }
}
