//! A Maildir: one file a message, complete or not there.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::mailbox::EmailAddress;

/// The number of the last file that this process has written, in any Maildir: with the process's own it makes a name unique.
static LAST: AtomicU64 = AtomicU64::new(0);

/// A folder with `tmp/`, `new/` and `cur/`, for its owner's eyes only.
#[derive(Debug, Clone)]
pub(super) struct Maildir(PathBuf);

impl Maildir {
    /// Makes what is absent, and numbers on from what is there.
    pub(super) fn open(root: PathBuf) -> io::Result<Self> {
        for folder in ["tmp", "new", "cur"] {
            DirBuilder::new().recursive(true).mode(0o700).create(root.join(folder))?;
            LAST.fetch_max(last_number(&root.join(folder))?, Ordering::Relaxed);
        }
        Ok(Self(root))
    }

    /// Writes one recipient's file: into `tmp/`, then over to `new/`.
    ///
    /// It is not synced: a trial does not outlive its machine.
    pub(super) fn deliver(
        &self,
        from: Option<&EmailAddress>,
        to: &EmailAddress,
        message: &[u8],
    ) -> io::Result<()> {
        let name = format!("{:010}.{}.pressroom", LAST.fetch_add(1, Ordering::Relaxed) + 1, process::id());
        let draft = self.0.join("tmp").join(&name);
        let mut head = String::new();
        let from = from.map_or("", EmailAddress::as_str);
        // Writing into a String cannot fail.
        let _ok = write!(head, "Return-Path: <{from}>\r\nDelivered-To: {to}\r\n");
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(&[head.as_bytes(), message].concat())?;
        fs::rename(draft, self.0.join("new").join(name))
    }
}

fn last_number(folder: &Path) -> io::Result<u64> {
    let mut last = 0;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number =
            name.to_str().and_then(|name| name.split('.').next()).and_then(|digits| digits.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last)
}
