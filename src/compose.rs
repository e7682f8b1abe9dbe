//! From a draft to files that the editor can look at; opens neither store nor keys, and stays offline.
//!
//! The same files give the same bytes: the date comes from the draft, the tokens are specimens.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::check::{self, kilobytes};
use crate::config::Config;
use crate::diagnostic::Diagnostics;
use crate::id::IssueNumber;
use crate::issue::Issue;
use crate::mailbox::EmailAddress;
use crate::message::{Edition, FrozenIssue, preview};
use crate::render::{self, Rendering, Templates};
use crate::sponsor::Placement;
use crate::subscriber::{Format, Recipient};
use crate::token::Keys;
use crate::workspace::Workspace;

pub mod specimen;

/// A draft on its way to readers: assembled, rendered, looked over.
#[derive(Debug)]
pub struct Prepared {
    /// The draft with its sponsors and disclosures.
    pub issue: Issue,
    /// The same, in its final form.
    pub rendering: Rendering,
    /// The templates it was made by.
    pub templates: Box<Templates>,
    /// Warnings.
    pub findings: Diagnostics,
    /// What is wrong where its list has no file, unless the store knows who joined it otherwise.
    pub unlisted: Diagnostics,
}

impl Prepared {
    /// Of a list without a file nothing is known here but whether readers can join it on a page.
    ///
    /// # Errors
    /// Its list has no file, and nobody can join it.
    pub(crate) fn with_list(self, config: &Config) -> Result<Self, Diagnostics> {
        let is_offered = config.serve.lists.contains_key(&self.issue.list);
        if is_offered { Ok(self) } else { self.unlisted.clone().or(self) }
    }

    /// The issue as it is frozen when it is queued.
    pub fn freeze(&self, config: &Config) -> FrozenIssue {
        FrozenIssue::freeze(self.rendering.issue.clone(), self.issue.list.clone(), &config.newsletter)
    }

    /// The date that a preview bears: midnight in the newsletter's time zone, whatever the clock says.
    pub fn preview_date(&self, config: &Config) -> Timestamp {
        let midnight = self.issue.date.to_zoned(config.newsletter.time_zone.clone());
        midnight.map_or(Timestamp::UNIX_EPOCH, |midnight| midnight.timestamp())
    }

    /// When the issue is due; part of what is approved.
    pub fn due(&self, config: &Config) -> Option<Timestamp> {
        config.timetable().due(self.issue.date, self.issue.send_at.as_ref())
    }

    /// The time of the schedule that it is for.
    pub fn slot(&self, config: &Config) -> Option<Timestamp> {
        config.timetable().slot_of(self.issue.date, self.issue.send_at.as_ref())
    }
}

/// Reads, assembles, renders and checks a draft.
///
/// # Errors
/// [`Diagnostics`] on any of the editor's files.
pub fn prepare(workspace: &Workspace, config: &Config, draft: &str) -> anyhow::Result<Prepared> {
    let draft = workspace.draft(draft)?;
    let unlisted = Diagnostics(workspace.unknown_list(&draft).into_iter().collect());
    let issue = Issue::assemble(draft, &workspace.sponsors()?, &config.newsletter)?;
    let templates = Box::new(workspace.templates()?);
    let rendering = render::render(&issue, &config.newsletter, &templates)?;
    let findings = check::findings(&issue, &rendering, &config.newsletter);
    let findings = findings.clone().or(findings)?;
    Ok(Prepared { issue, rendering, templates, findings, unlisted })
}

/// What `compose` made, for the editor.
#[derive(Debug, Serialize)]
pub struct Composition {
    /// Which issue.
    pub issue: IssueNumber,
    /// Its date.
    pub date: Date,
    /// The subject that the reader of issue.eml would see.
    pub subject: String,
    /// Who stands where.
    pub sponsors: Vec<(Placement, String)>,
    /// The titles of articles and sections, in order.
    pub contents: Vec<Title>,
    /// Words of the text edition.
    pub words: usize,
    /// How many links have a place.
    pub links: usize,
    /// Bytes of HTML that nobody's message on the list exceeds.
    pub html_bytes: usize,
    /// Of those, the bytes of each part that are the same for all.
    pub parts: Vec<(String, usize)>,
    /// Where it is.
    pub files: Vec<PathBuf>,
    /// How many warnings there are.
    pub warnings: usize,
    /// The warnings, with their places.
    #[serde(skip)]
    pub findings: Diagnostics,
}

/// A line of the contents.
#[derive(Debug, Serialize)]
pub struct Title {
    /// The words.
    pub title: String,
    /// Whether it is a section's; else an article's.
    pub is_section: bool,
}

/// Composes a draft into `build/N`: `issue.html` and `issue.txt` with the links as the editor wrote them, and `issue.eml`, the
/// message that `reader` or an invented reader would get, with specimen tokens.
///
/// # Errors
/// [`Diagnostics`] on any of the editor's files; a folder that cannot be written.
pub fn compose(
    workspace: &Workspace,
    draft: &str,
    reader: Option<&EmailAddress>,
) -> anyhow::Result<Composition> {
    let config = workspace.config()?;
    let prepared = prepare(workspace, &config, draft)?.with_list(&config)?;
    let frozen = prepared.freeze(&config);
    let edition = Edition::new(&frozen);
    let date = prepared.preview_date(&config);
    let list = workspace.list_path(&prepared.issue.list);
    let invented = specimen::invented(reader, &frozen.rendered, prepared.issue.date)?;
    let listed =
        reader.map(|reader| specimen::on_list(reader, &list, prepared.issue.date)).transpose()?.flatten();
    let recipient = listed.unwrap_or_else(|| invented.clone());

    let mut message = Vec::new();
    let largest = Recipient { format: Format::Html, ..specimen::largest(&invented, &list)? };
    let html_bytes = edition.write(&largest, &Keys::specimen(), date, &mut message)?.html_bytes(&message);
    edition.write(&recipient, &Keys::specimen(), date, &mut message)?;
    let sources = std::iter::once(&prepared.issue.subject.0).chain(prepared.templates.sources());
    let unlisted = specimen::unlisted(&frozen.rendered, &sources.collect::<Vec<_>>(), &list)?;
    let mut findings = prepared.findings;
    findings.0.extend(check::unsilenced(unlisted, &config.newsletter).0);
    let page = preview(&frozen, &recipient)?;

    let folder = workspace.build_dir(frozen.number());
    let files =
        [("issue.html", page.html.as_bytes()), ("issue.txt", page.text.as_bytes()), ("issue.eml", &message)];
    let files =
        files.into_iter().map(|(name, bytes)| write(&folder, name, bytes)).collect::<anyhow::Result<_>>()?;
    Ok(Composition {
        issue: frozen.number(),
        date: prepared.issue.date,
        subject: page.subject,
        sponsors: prepared.issue.sponsors.iter().map(|(at, sponsor)| (*at, sponsor.name.clone())).collect(),
        contents: contents(&prepared.issue),
        words: page
            .text
            .split_whitespace()
            .filter(|word| word.contains(char::is_alphanumeric) && !word.contains("://"))
            .count(),
        links: frozen.rendered.links.len(),
        html_bytes,
        parts: frozen.rendered.sizes.clone(),
        files,
        warnings: findings.0.len(),
        findings,
    })
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    fs::create_dir_all(folder)
        .and_then(|()| replace(&path, bytes))
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}

/// Writes a file whole or, where that fails, leaves what was there. What holds these bytes already is not touched: an editor composes
/// again and again, and a new file costs the disk more than all of composing.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    // Two that compose the same issue at once write one after the other; where a file system knows no locks, nobody waits.
    let folder = path.parent().map(File::open).transpose()?;
    let _ = folder.as_ref().map(File::lock);
    let new = path.with_added_extension("new");
    fs::write(&new, bytes).and_then(|()| fs::rename(&new, path)).inspect_err(|_| drop(fs::remove_file(&new)))
}

fn contents(issue: &Issue) -> Vec<Title> {
    let article =
        |article: &crate::issue::Article| Title { title: article.title.value.clone(), is_section: false };
    let mut contents: Vec<Title> = issue.articles.iter().map(article).collect();
    for section in &issue.sections {
        contents.push(Title { title: section.title.clone(), is_section: true });
        contents.extend(section.articles.iter().map(article));
    }
    contents
}

impl fmt::Display for Composition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  ({})", self.subject, self.date)?;
        for (placement, sponsor) in &self.sponsors {
            writeln!(f, "  sponsor ({placement}): {sponsor}")?;
        }
        let mut number = 0;
        for title in &self.contents {
            if title.is_section {
                writeln!(f, "  {}", title.title.to_uppercase())?;
            } else {
                number += 1;
                writeln!(f, "  {number:>3}. {}", title.title)?;
            }
        }
        writeln!(f, "{} words, {} links", self.words, self.links)?;
        writeln!(
            f,
            "{} of HTML in the largest message, of 102.0 kB that Gmail shows:",
            kilobytes(self.html_bytes)
        )?;
        for (part, bytes) in &self.parts {
            writeln!(f, "  {:>9}  {part}", kilobytes(*bytes))?;
        }
        writeln!(f, "written: build/{} (issue.html, issue.txt, issue.eml)", self.issue)?;
        counted_warnings(self.warnings).map_or(Ok(()), |counted| writeln!(f, "{counted}"))
    }
}

/// As in `2 warnings, above`; nothing where there are none.
pub(crate) fn counted_warnings(count: usize) -> Option<String> {
    match count {
        0 => None,
        1 => Some("1 warning, above".to_owned()),
        _ => Some(format!("{count} warnings, above")),
    }
}
