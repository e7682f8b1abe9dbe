//! Finding a draft by its number or path, and making sure that no other draft has its number.

use std::path::{Path, PathBuf};

use super::files::shown;
use super::{Workspace, WorkspaceError};
use crate::diagnostic::{Diagnostic, Diagnostics, Located, Source};
use crate::document::nearest;
use crate::draft::Draft;
use crate::id::{IssueNumber, ListName};

/// A draft that cannot be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Its issue, where its name tells.
    pub number: Option<IssueNumber>,
    /// As in `drafts/214.toml`.
    pub name: String,
    /// Why.
    pub why: Diagnostics,
}

/// Of which issue a draft of this name is.
fn number_in(name: &str) -> Option<IssueNumber> {
    name.strip_suffix(".toml").and_then(|stem| stem.parse().ok())
}

impl Workspace {
    /// A draft, by its number (`379`) or by its path (`drafts/379.toml`), which counts from where the command was called
    /// or from the folder itself.
    ///
    /// A draft that is called by a number holds that number; and no other one in drafts/ does.
    ///
    /// # Errors
    /// No such draft, all its mistakes, or the other draft of this number.
    pub fn draft(&self, named: &str) -> Result<Draft, Diagnostics> {
        let path = self.find_draft(named)?;
        let relative = path.strip_prefix(&self.root).unwrap_or(&path);
        let draft = Draft::parse(self.required(relative)?)?;
        let mut found = Diagnostics::none();
        found.0.extend(misnamed(&draft, relative));
        found.0.extend(self.twin(&draft, &path)?);
        found.or(draft)
    }

    /// Of which issue a draft is that was called so, as far as it can be told: it may be broken or gone.
    pub fn number_of(&self, named: &str) -> Option<IssueNumber> {
        let by_name = || number_in(Path::new(named).file_name()?.to_str()?);
        let written = || {
            let path = self.find_draft(named).ok()?;
            let source = self.required(path.strip_prefix(&self.root).unwrap_or(&path)).ok()?;
            Draft::number_in(&source).map(|number| number.value)
        };
        named.parse().ok().or_else(by_name).or_else(written)
    }

    /// The drafts by number, as they are written, whatever mistakes are in them, and those that cannot be read; one that can, and whose
    /// number nobody can tell, is left out.
    pub fn drafts(&self) -> (Vec<(IssueNumber, Source)>, Vec<Unreadable>) {
        let (mut drafts, mut unreadable) = (Vec::new(), Vec::new());
        for name in self.draft_names() {
            let source = match self.read(&Path::new("drafts").join(&name)) {
                Ok(Some(source)) => source,
                // It is gone since.
                Ok(None) => continue,
                Err(why) => {
                    let (number, name) = (number_in(&name), format!("drafts/{name}"));
                    unreadable.push(Unreadable { number, name, why });
                    continue;
                }
            };
            let named = number_in(&name);
            let number = named.or_else(|| Draft::number_in(&source).map(|number| number.value));
            drafts.extend(number.map(|number| (number, source)));
        }
        drafts.sort_by_key(|(number, _)| *number);
        (drafts, unreadable)
    }

    fn find_draft(&self, named: &str) -> Result<PathBuf, Diagnostics> {
        let by_number = named.parse::<IssueNumber>().ok().map(|number| format!("drafts/{number}.toml"));
        let places = match &by_number {
            Some(path) => vec![self.root.join(path)],
            None => vec![self.start.join(named), self.root.join(named)],
        };
        for place in places {
            if let Some(path) = self.resolve(&place, named)? {
                return Ok(path);
            }
        }
        let name = by_number.unwrap_or_else(|| named.to_owned());
        let remedy = self.drafts_there(&name, named);
        Err(WorkspaceError::Absent { name, remedy }.into())
    }

    /// The draft that was probably meant by this path, or by this number or path as it was given; else the last one.
    fn drafts_there(&self, path: &str, given: &str) -> String {
        let paths: Vec<_> = self.draft_names().iter().map(|name| format!("drafts/{name}")).collect();
        // By number, what all paths share would make any two of them look alike.
        let near = if path == given {
            nearest(path, paths.iter().map(String::as_str)).map(str::to_owned)
        } else {
            let numbers = paths.iter().filter_map(|path| path.strip_prefix("drafts/")?.strip_suffix(".toml"));
            nearest(given, numbers).map(|number| format!("drafts/{number}.toml"))
        };
        match (near, paths.last()) {
            (Some(near), _) => format!("did you mean {near}?"),
            (None, Some(last)) => format!("the last one there is {last}"),
            (None, None) => "drafts/ holds none yet".to_owned(),
        }
    }

    fn draft_names(&self) -> Vec<String> {
        let mut names = self.names_in(Path::new("drafts"));
        names.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "toml"));
        names
    }

    /// Another draft of the same number, named with both places.
    fn twin(&self, draft: &Draft, path: &Path) -> Result<Option<Diagnostic>, Diagnostics> {
        for name in self.draft_names() {
            let relative = Path::new("drafts").join(name);
            if self.resolve(&self.root.join(&relative), &shown(&relative))?.is_none_or(|other| other == path)
            {
                continue;
            }
            // What cannot be read is no twin of anybody, and is complained of when it is asked for itself.
            let Ok(Some(other)) = self.read(&relative) else { continue };
            if let Some(number) = same_number(&other, draft.number.value) {
                let message = format!("two drafts are issue {}", draft.number.value);
                let both = Diagnostic::error("repeated-number", message)
                    .at(draft.source.spot(draft.number.span.clone(), "this one"))
                    .at(other.spot(number.span, "and this one"))
                    .help("give one of them a number of its own: an issue is sent once");
                return Ok(Some(both));
            }
        }
        Ok(None)
    }

    /// What is to be said of the list that a draft names where there is no such file: the store may know who joined it otherwise.
    pub fn unknown_list(&self, draft: &Draft) -> Option<Diagnostic> {
        let list = draft.list.as_ref()?;
        let lists = self.lists();
        if lists.contains(&list.value) {
            return None;
        }
        let guess = nearest(list.value.as_str(), lists.iter().map(ListName::as_str));
        let guess = guess.map(|guess| format!("; did you mean `{guess}`?")).unwrap_or_default();
        let known: Vec<_> = lists.iter().map(|list| format!("`{list}`")).collect();
        let help = match known.as_slice() {
            [] => format!("put its readers into subscribers/{}.csv", list.value),
            known => format!(
                "subscribers/ holds {}; a list that readers join otherwise may have a file with a header alone",
                known.join(", ")
            ),
        };
        let message = format!("no list `{}` in subscribers/{guess}", list.value);
        Some(
            Diagnostic::error("unknown-list", message)
                .at(draft.source.spot(list.span.clone(), ""))
                .help(help),
        )
    }
}

/// A draft called by another number than the one it holds.
fn misnamed(draft: &Draft, path: &Path) -> Option<Diagnostic> {
    let number = &draft.number;
    let named: IssueNumber = path.file_stem()?.to_str()?.parse().ok()?;
    if named == number.value {
        return None;
    }
    let message = format!("{} holds issue {}, but is called {named}", draft.source.name(), number.value);
    Some(
        Diagnostic::error("misnamed-draft", message)
            .at(draft.source.spot(number.span.clone(), ""))
            .help(format!("write `number = {named}`, or call the file drafts/{}.toml", number.value)),
    )
}

/// The place of the number in a draft, if it is this one. Looks for it first, since most drafts are others'.
fn same_number(source: &Source, number: IssueNumber) -> Option<Located<IssueNumber>> {
    let digits = number.to_string();
    let candidate = |line: &str| line.trim_start().starts_with("number") && line.contains(&digits);
    if !source.text().lines().any(candidate) {
        return None;
    }
    Draft::number_in(source).filter(|found| found.value == number)
}
