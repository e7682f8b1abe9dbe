//! Files with secrets that everybody on this machine can read: said, and not refused, since containers hand secrets over so.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::App;
use crate::config::{PasswordSource, Smtp};

impl App {
    /// What to do about keys and passwords that lie open; empty where none does.
    pub fn exposed_secrets(&self) -> Vec<String> {
        let keys = self.config.dkim.iter().map(|key| self.workspace.path(&key.key_file));
        keys.chain(self.password_files()).filter_map(|path| exposure(&path)).collect()
    }

    fn password_files(&self) -> impl Iterator<Item = PathBuf> {
        let relays = match &self.config.smtp {
            Some(Smtp::Relays(relays)) => relays.as_slice(),
            Some(Smtp::Inbox) | None => &[],
        };
        relays.iter().filter_map(|relay| match &relay.login.as_ref()?.password {
            PasswordSource::File(file) => Some(self.workspace.path(file)),
            PasswordSource::Env(_) | PasswordSource::Command(_) => None,
        })
    }
}

fn exposure(path: &Path) -> Option<String> {
    // Whoever cannot read it hears of that elsewhere.
    let file = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mode = file.permissions().mode() & 0o777;
    let shown = path.display();
    (mode & 0o007 != 0).then(|| {
        format!("{shown} is open to everybody on this machine (mode {mode:04o}); run `chmod o= {shown}`")
    })
}
