//! The dry run: the run with the last step left out. It changes nothing in the store and makes no keys.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;

use super::{audience, readers, start};
use crate::app::App;
use crate::app::scratch::{Purpose, Scratch};
use crate::approval::{Approval, Digest};
use crate::check::kilobytes;
use crate::compose::{self, Prepared};
use crate::config::Config;
use crate::delivery::SkipReason;
use crate::diagnostic::Diagnostics;
use crate::id::{IssueNumber, ListName};
use crate::message::FrozenIssue;
use crate::sponsor::Placement;
use crate::token::Keys;
use crate::track;

mod samples;

use samples::{AUDIENCE, SAMPLES, Samples};

/// What a person reads first.
const TEXT: &str = "review.txt";

/// What a person looks at before an issue goes out.
#[derive(Debug, Clone, Serialize)]
pub struct Review {
    /// Which issue.
    pub issue: IssueNumber,
    /// To whom.
    pub list: ListName,
    /// Whether it would go to the built-in inbox.
    pub trial: bool,
    /// Through what.
    pub relay: String,
    /// As the reader of the first sample would see it.
    pub subject: String,
    /// Who stands where.
    pub sponsors: Vec<(Placement, String)>,
    /// How many would get it.
    pub readers: u64,
    /// How many of the list would not, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// How many links have a place.
    pub links: usize,
    /// Bytes of HTML of the largest message.
    pub html_bytes: usize,
    /// What an approval holds on to.
    pub digest: String,
    /// Where the review is: the text, the readers, a message of each kind.
    pub files: Vec<PathBuf>,
    /// How many warnings there are.
    pub warnings: usize,
    /// What else there is to know.
    pub notes: Vec<String>,
    /// The warnings, with their places.
    #[serde(skip)]
    pub findings: Diagnostics,
}

/// Builds every message for every reader and writes the review to `build/N`.
///
/// # Errors
/// Whatever would keep the issue from being sent.
pub async fn review(app: &App, draft: &str) -> anyhow::Result<Review> {
    let (review, _) = reviewed(app, draft).await?;
    Ok(review)
}

async fn reviewed(app: &App, draft: &str) -> anyhow::Result<(Review, Digest)> {
    app.smtp()?;
    let prepared = compose::prepare(&app.workspace, &app.config, draft)?;
    let frozen = prepared.freeze(&app.config);
    let folder = app.workspace.build_dir(frozen.number());
    let scratch = Scratch::make(&app.workspace, frozen.number(), Purpose::Review)?;
    let store = app.scratch_store(&scratch.store()).await?;
    if app.has_store()? {
        track::heed_leavers(app, &app.store().await?, &store).await?;
    }
    let notes = start::import(app, &store, &prepared).await?;
    let mut samples = Samples::new(scratch.folder())?;
    let verified = audience::verify(&store, &frozen, &Keys::specimen(), app.now(), |built| {
        samples.look(&frozen, &built)
    })
    .await?;
    audience::refuse_nobody(&frozen.list, verified.readers, &verified.skipped)?;
    samples.name_skipped(&store, &frozen.list, app.now()).await?;
    let digest = prepared.digest(&frozen, &app.config);
    let review = Review {
        issue: frozen.number(),
        list: frozen.list.clone(),
        trial: app.is_trial(),
        relay: app.relay_name(),
        subject: samples.subject.take().unwrap_or_default(),
        sponsors: prepared.sponsors(),
        readers: verified.readers,
        skipped: verified.skipped,
        links: frozen.rendered.links.len(),
        html_bytes: verified.largest,
        digest: digest.to_string(),
        files: [TEXT.to_owned()].into_iter().chain(samples.finish()?).map(|name| folder.join(name)).collect(),
        warnings: prepared.findings.0.len(),
        notes,
        findings: prepared.findings,
    };
    fs::write(scratch.folder().join(TEXT), format!("{review}{}", links(&frozen)))
        .and_then(|()| scratch.publish(&app.workspace, review.issue, &[SAMPLES, AUDIENCE, TEXT]))
        .with_context(|| format!("{} cannot be written", folder.display()))?;
    Ok((review, digest))
}

/// A review whose digest was written down.
#[derive(Debug, Serialize)]
pub struct Approved {
    /// The review.
    pub review: Review,
    /// Where the approval is.
    pub file: PathBuf,
}

/// Reviews a draft and writes `drafts/N.approved`.
///
/// # Errors
/// As [`review`]; a file that cannot be written.
pub async fn approve(app: &App, draft: &str, by: &str) -> anyhow::Result<Approved> {
    let (review, digest) = reviewed(app, draft).await?;
    let file = app.workspace.approval_path(review.issue);
    let approval = Approval { digest, by: by.to_owned(), at: app.now() };
    compose::replace(&file, approval.to_file().as_bytes())
        .with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(Approved { review, file })
}

fn links(frozen: &FrozenIssue) -> String {
    let mut text = String::from("\nlinks\n");
    for (at, link) in frozen.rendered.links.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:>4}  {}\n      {}", at + 1, link.words, link.url);
    }
    text
}

impl fmt::Display for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trial = if self.trial { "trial: " } else { "" };
        writeln!(f, "{trial}issue {}: {}", self.issue, self.subject)?;
        for (placement, sponsor) in &self.sponsors {
            writeln!(f, "{trial}sponsor ({placement}): {sponsor}")?;
        }
        if self.sponsors.is_empty() {
            writeln!(f, "{trial}no sponsor")?;
        }
        writeln!(
            f,
            "{trial}{} of list `{}` would get it, through {}",
            readers(self.readers),
            self.list,
            self.relay
        )?;
        for (reason, count) in &self.skipped {
            writeln!(f, "{trial}{} skipped: {reason}; audience.csv names them", readers(*count))?;
        }
        writeln!(
            f,
            "{trial}{} links; {} of HTML in the largest message, of 102.0 kB that Gmail shows",
            self.links,
            kilobytes(self.html_bytes)
        )?;
        writeln!(f, "{trial}digest {}", self.digest)?;
        if let Some(counted) = compose::counted_warnings(self.warnings) {
            writeln!(f, "{trial}{counted}")?;
        }
        for line in self.notes.iter().flat_map(|note| note.lines()) {
            writeln!(f, "{trial}{line}")?;
        }
        if let Some(folder) = self.files.first().and_then(|file| file.parent()) {
            writeln!(
                f,
                "{trial}nothing was sent; look at {} (review.txt, audience.csv, samples/)",
                folder.display()
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Approved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.review)?;
        writeln!(f, "approved: {}; commit it with the draft", self.file.display())
    }
}

impl Prepared {
    /// What an approval holds on to.
    pub(crate) fn digest(&self, frozen: &FrozenIssue, config: &Config) -> Digest {
        Digest::of(frozen, self.due(config))
    }

    fn sponsors(&self) -> Vec<(Placement, String)> {
        self.issue.sponsors.iter().map(|(at, sponsor)| (*at, sponsor.name.clone())).collect()
    }
}
