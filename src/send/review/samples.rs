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

/// The folder of the messages, one of each kind.
pub(super) const SAMPLES: &str = "samples";
/// Who of the list gets the issue, and who does not.
pub(super) const AUDIENCE: &str = "audience.csv";
/// Readers read from the store at once.
const PAGE: u32 = 1000;

/// A message of each kind, and the list of all readers.
pub(super) struct Samples {
    folder: PathBuf,
    audience: csv::Writer<BufWriter<File>>,
    kinds: BTreeSet<String>,
    /// As the reader of the first sample would see it.
    pub(super) subject: Option<String>,
}

impl Samples {
    /// Begins them in a folder that is nobody else's.
    pub(super) fn new(folder: &Path) -> anyhow::Result<Self> {
        let samples = folder.join(SAMPLES);
        fs::create_dir(&samples).with_context(|| format!("{} cannot be made", samples.display()))?;
        let file = private(&folder.join(AUDIENCE))?;
        let mut audience = csv::Writer::from_writer(BufWriter::new(file));
        audience.write_record(["email", "format", "clicks", "opens", "html_bytes", "skipped"])?;
        Ok(Self { folder: folder.to_owned(), audience, kinds: BTreeSet::new(), subject: None })
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
        let sample = format!("{SAMPLES}/{format}-clicks-{clicks}-opens-{opens}.eml");
        if !self.kinds.contains(&sample) {
            let path = self.folder.join(&sample);
            private(&path)?
                .write_all(built.message)
                .with_context(|| format!("{} cannot be written", path.display()))?;
            self.kinds.insert(sample);
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

    /// Their files, by their names in the folder.
    pub(super) fn finish(mut self) -> anyhow::Result<Vec<String>> {
        let written = self.audience.flush();
        written.with_context(|| format!("{} cannot be written", self.folder.join(AUDIENCE).display()))?;
        Ok([AUDIENCE.to_owned()].into_iter().chain(self.kinds).collect())
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
