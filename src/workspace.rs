//! Finding and reading the files of a newsletter's folder, and never a file outside it (requirement 68).

mod drafts;
mod files;
mod templates;

pub use drafts::Unreadable;

use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::approval::Approval;
use crate::config::{Config, Smtp, StoreUrl};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::id::{IssueNumber, ListName};
use crate::schedule;
use crate::sponsor::Sponsors;

const CONFIG: &str = "newsletter.toml";
const SPONSORS: &str = "sponsors.toml";
const SKIPPED: &str = "skipped.toml";

/// A newsletter's folder.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
    start: PathBuf,
}

impl Workspace {
    /// The folder that `from` stands in: it, or the nearest above it, holds newsletter.toml.
    ///
    /// # Errors
    /// [`WorkspaceError::NoFolder`] where there is none.
    pub fn find(from: &Path) -> Result<Self, WorkspaceError> {
        let none = || WorkspaceError::NoFolder { from: from.to_owned() };
        let start = from.canonicalize().map_err(|_| none())?;
        let root = start.ancestors().find(|folder| folder.join(CONFIG).is_file()).ok_or_else(none)?;
        Ok(Self { root: root.to_owned(), start: start.clone() })
    }

    /// The folder itself, as an absolute path without symlinks.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// newsletter.toml.
    ///
    /// # Errors
    /// All its mistakes.
    pub fn config(&self) -> Result<Config, Diagnostics> {
        Config::parse(self.required(Path::new(CONFIG)).map_err(Config::conceal)?)
    }

    /// sponsors.toml; without it there are none.
    ///
    /// # Errors
    /// All its mistakes.
    pub fn sponsors(&self) -> Result<Sponsors, Diagnostics> {
        let source = self.read(Path::new(SPONSORS))?;
        Sponsors::parse(source.unwrap_or_else(|| Source::new(SPONSORS, "")))
    }

    /// Where a list's file is, or would be.
    pub fn list_path(&self, list: &ListName) -> PathBuf {
        self.root.join("subscribers").join(format!("{list}.csv"))
    }

    /// Whatever is made of drafts, a folder an issue.
    pub fn builds(&self) -> PathBuf {
        self.root.join("build")
    }

    /// Where `compose` and `send --dry-run` write what they make of an issue.
    pub fn build_dir(&self, number: IssueNumber) -> PathBuf {
        self.builds().join(number.to_string())
    }

    /// Whom reviews and previews name: who would get an issue, samples of its messages, and the one that `compose` wrote. Files that there are.
    pub fn reviews(&self) -> Vec<PathBuf> {
        let within =
            |path: PathBuf| path.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
        let builds = within(self.builds());
        let named = |build: PathBuf| {
            let names = ["audience.csv", "issue.eml", "issue.html", "issue.txt"];
            names.map(|name| build.join(name)).into_iter().chain(within(build.join("samples")))
        };
        builds.flat_map(named).filter(|path| path.is_file()).collect()
    }

    /// The Maildir of the built-in inbox.
    pub fn inbox_dir(&self) -> PathBuf {
        self.builds().join("inbox")
    }

    /// Where the digest of an approved issue is kept.
    pub fn approval_path(&self, number: IssueNumber) -> PathBuf {
        self.root.join("drafts").join(format!("{number}.approved"))
    }

    /// What was approved of an issue, if anything was.
    ///
    /// # Errors
    /// A file that is not as `approve` wrote it.
    pub fn approval(&self, number: IssueNumber) -> Result<Option<Approval>, Diagnostics> {
        let source = self.read(&Path::new("drafts").join(format!("{number}.approved")))?;
        source.as_ref().map(Approval::parse).transpose()
    }

    /// The dates of skipped.toml: weeks off that were declared; none where there is no such file.
    ///
    /// # Errors
    /// All its mistakes.
    pub fn skipped(&self) -> Result<Vec<Date>, Diagnostics> {
        self.read(Path::new(SKIPPED))?.map_or(Ok(Vec::new()), schedule::skipped)
    }

    /// A file of templates/pages, where there is one: what the editor has in place of a built-in page, or of its words.
    ///
    /// # Errors
    /// A file that cannot be read, or leads out of the folder.
    pub fn page(&self, name: &str) -> Result<Option<Source>, Diagnostics> {
        self.read(&Path::new("templates/pages").join(name))
    }

    /// The store, its file as an absolute path; a trial has one of its own.
    pub fn store(&self, config: &Config) -> StoreUrl {
        match (&config.smtp, &config.store) {
            (Some(Smtp::Inbox), _) => StoreUrl::Sqlite(self.root.join("trial.db")),
            (Some(Smtp::Relays(_)) | None, StoreUrl::Sqlite(path)) => StoreUrl::Sqlite(self.path(path)),
            (Some(Smtp::Relays(_)) | None, StoreUrl::Postgres(url)) => StoreUrl::Postgres(url.clone()),
        }
    }

    /// Where the keys are: beside the store if it is a file, else in the folder.
    pub fn keys_path(&self, store: &StoreUrl) -> PathBuf {
        match store {
            StoreUrl::Sqlite(path) => self.path(path).with_extension("keys"),
            StoreUrl::Postgres(_) => self.root.join("pressroom.keys"),
        }
    }

    /// A path that newsletter.toml names: relative to the folder, or absolute.
    pub fn path(&self, named: &Path) -> PathBuf {
        self.root.join(named)
    }

    /// The names of the lists that have a file.
    pub fn lists(&self) -> Vec<ListName> {
        let names = self.names_in(Path::new("subscribers"));
        names.iter().filter_map(|name| name.strip_suffix(".csv")?.parse().ok()).collect()
    }
}

/// Why a folder or a file in it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// No newsletter here.
    #[error(
        "no {CONFIG} in {} or any folder above it; go into a newsletter's folder, or name one with `-C DIR`",
        from.display()
    )]
    NoFolder {
        /// Where the search began.
        from: PathBuf,
    },
    /// No such file.
    #[error("there is no {name}")]
    Absent {
        /// Its name.
        name: String,
        /// What to do.
        remedy: String,
    },
    /// A file that the system does not let be read.
    #[error("{name} cannot be read")]
    Unreadable {
        /// Its name.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Not a file of its own, as a folder or a pipe.
    #[error("{name} is no file")]
    NotAFile {
        /// Its name.
        name: String,
    },
    /// A path or symlink that leads out of the newsletter's folder.
    #[error("{name} leads out of the newsletter's folder")]
    Outside {
        /// Its name.
        name: String,
    },
}

impl From<WorkspaceError> for Diagnostics {
    fn from(error: WorkspaceError) -> Self {
        let message = error.to_string();
        match error {
            WorkspaceError::NoFolder { .. } => Diagnostic::error("no-folder", message),
            WorkspaceError::Absent { remedy, .. } => Diagnostic::error("absent", message).help(remedy),
            WorkspaceError::Unreadable { source, .. } => {
                Diagnostic::error("unreadable", format!("{message}: {source}"))
                    .help("see whose file it is, and who may read it")
            }
            WorkspaceError::NotAFile { .. } => {
                Diagnostic::error("not-a-file", message).help("only plain files are read")
            }
            WorkspaceError::Outside { .. } => Diagnostic::error("outside", message)
                .help("copy the file into the folder: nothing outside it is read"),
        }
        .into()
    }
}

#[cfg(test)]
mod tests;
