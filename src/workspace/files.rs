//! Reading one file, with its walls.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use super::{Workspace, WorkspaceError};
use crate::diagnostic::{Diagnostics, Source};
use crate::document;

impl Workspace {
    /// A file that must be there.
    pub(super) fn required(&self, relative: &Path) -> Result<Source, Diagnostics> {
        let absent = || WorkspaceError::Absent { name: shown(relative), remedy: String::new() };
        self.read(relative)?.ok_or_else(|| absent().into())
    }

    /// A file by its path within the folder; `None` where there is none.
    pub(super) fn read(&self, relative: &Path) -> Result<Option<Source>, Diagnostics> {
        let name = shown(relative);
        match self.resolve(&self.root.join(relative), &name)? {
            Some(path) => read(&path, &name).map(Some),
            None => Ok(None),
        }
    }

    /// Where a path leads, symlinks followed: a plain file within the folder, or `None` if there is nothing.
    pub(super) fn resolve(&self, path: &Path, name: &str) -> Result<Option<PathBuf>, WorkspaceError> {
        if self.is_plain(path) {
            return Ok(Some(path.to_owned()));
        }
        let name = name.to_owned();
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(source) => return Err(WorkspaceError::Unreadable { name, source }),
        };
        if !path.starts_with(&self.root) {
            return Err(WorkspaceError::Outside { name });
        }
        if !path.is_file() {
            return Err(WorkspaceError::NotAFile { name });
        }
        Ok(Some(path))
    }

    /// Whether a path leads straight down from the folder to a plain file, as nearly all do: fewer questions than `canonicalize` asks.
    fn is_plain(&self, path: &Path) -> bool {
        let Ok(relative) = path.strip_prefix(&self.root) else { return false };
        let mut reached = self.root.clone();
        let mut kinds = relative.components().map(|part| {
            reached.push(part);
            let there = reached.symlink_metadata().ok().filter(|_| matches!(part, Component::Normal(_)))?;
            Some(there.file_type()).filter(|kind| !kind.is_symlink())
        });
        let last = kinds.try_fold(None, |_, kind| kind.map(Some)).flatten();
        last.is_some_and(|kind| kind.is_file())
    }

    /// The names in a folder, sorted; none where there is no folder.
    pub(super) fn names_in(&self, relative: &Path) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(relative)).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }
}

/// The text of a file, no more than a sane size of it.
fn read(path: &Path, name: &str) -> Result<Source, Diagnostics> {
    let mut bytes = Vec::new();
    let limit = document::LIMIT as u64 + 1;
    File::open(path)
        .and_then(|file| {
            bytes.reserve(usize::try_from(file.metadata()?.len().min(limit)).unwrap_or_default() + 1);
            file.take(limit).read_to_end(&mut bytes)
        })
        .map_err(|source| WorkspaceError::Unreadable { name: name.to_owned(), source })?;
    if bytes.len() > document::LIMIT {
        return Err(document::too_large(name).into());
    }
    document::decode(name, &bytes)
}

/// A path as it is shown: with slashes everywhere.
pub(super) fn shown(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
