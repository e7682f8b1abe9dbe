//! What a review shows: a message of each kind, and everyone on the list.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;

use crate::id::ListName;
use crate::message::{FrozenIssue, subject};
use crate::newsletter::Tracking;
use crate::send::audience::Built;
use crate::store::Store;
use crate::subscriber::Format;

/// Readers read from the store at once.
const PAGE: u32 = 1000;

/// A message of each kind, and the list of all readers.
pub(super) struct Samples {
    folder: PathBuf,
    readers: PathBuf,
    audience: csv::Writer<BufWriter<File>>,
    kinds: BTreeSet<String>,
    files: Vec<PathBuf>,
    /// As the reader of the first sample would see it.
    pub(super) subject: Option<String>,
}

impl Samples {
    pub(super) fn new(folder: &Path) -> anyhow::Result<Self> {
        let samples = folder.join("samples");
        // Samples of an earlier review would be taken for this one's.
        let _ = fs::remove_dir_all(&samples);
        fs::create_dir_all(&samples).with_context(|| format!("{} cannot be made", samples.display()))?;
        let readers = folder.join("audience.csv");
        let file = private(&readers)?;
        let mut audience = csv::Writer::from_writer(BufWriter::new(file));
        audience.write_record(["email", "format", "clicks", "opens", "html_bytes", "skipped"])?;
        Ok(Self {
            folder: samples,
            readers,
            audience,
            kinds: BTreeSet::new(),
            files: Vec::new(),
            subject: None,
        })
    }

    pub(super) fn look(&mut self, frozen: &FrozenIssue, built: &Built<'_>) -> anyhow::Result<()> {
        let recipient = built.recipient;
        let tracking = frozen.tracking.for_reader(recipient.tracking);
        let [format, clicks, opens] =
            [format_name(recipient.format), tracking_name(tracking.clicks), tracking_name(tracking.opens)];
        self.audience.write_record([
            &spreadsheet_safe(recipient.address.as_str()),
            format,
            clicks,
            opens,
            &built.html_bytes.to_string(),
            "",
        ])?;
        if self.subject.is_none() {
            self.subject = Some(subject(frozen, recipient)?);
        }
        let kind = format!("{format}-clicks-{clicks}-opens-{opens}");
        if self.kinds.insert(kind.clone()) {
            let path = self.folder.join(kind + ".eml");
            private(&path)?
                .write_all(built.message)
                .with_context(|| format!("{} cannot be written", path.display()))?;
            self.files.push(path);
        }
        Ok(())
    }

    /// Adds those of the list who get nothing, with the reason, page by page.
    pub(super) async fn name_skipped(
        &mut self,
        store: &Store,
        list: &ListName,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            let page = store.left_out(list, after, PAGE, now).await?;
            if page.is_empty() {
                return Ok(());
            }
            after = page.last().map(|reader| reader.id);
            for reader in &page {
                let address = spreadsheet_safe(reader.address.as_str());
                self.audience.write_record([&address, "", "", "", "", &reader.reason.to_string()])?;
            }
        }
    }

    pub(super) fn finish(mut self) -> anyhow::Result<Vec<PathBuf>> {
        self.audience.flush().with_context(|| format!("{} cannot be written", self.readers.display()))?;
        let mut files = vec![self.readers];
        files.append(&mut self.files);
        Ok(files)
    }
}

/// A file of people's addresses: for its owner alone.
fn private(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.with_context(|| format!("{} cannot be written", path.display()))
}

/// A value that no spreadsheet takes for a formula (requirement 66).
fn spreadsheet_safe(value: &str) -> String {
    if value.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{value}") } else { value.to_owned() }
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Html => "html",
        Format::Text => "text",
    }
}

fn tracking_name(tracking: Tracking) -> &'static str {
    match tracking {
        Tracking::None => "none",
        Tracking::Aggregate => "aggregate",
        Tracking::Individual => "individual",
    }
}
