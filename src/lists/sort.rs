//! The readers of a file in the order of their keys, each once, however many there are: what fits is sorted in memory, more than that
//! goes to a file without a name, in sorted runs that are merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::subscriber::list::Row;

use super::record::{self, Record};

/// How much is held in memory, in bytes.
const HELD: usize = 4 << 20;
/// How much of a run is read at once.
const READ: usize = 32 << 10;

/// Rows on their way to be sorted.
pub(super) struct Sorter {
    /// Where what does not fit goes for a while.
    folder: PathBuf,
    /// Records, one after the other.
    held: Vec<u8>,
    starts: Vec<u32>,
    spilled: Option<Spilled>,
}

/// Sorted runs in a file.
struct Spilled {
    file: File,
    /// Where each run ends.
    ends: Vec<u64>,
}

impl Sorter {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), held: Vec::new(), starts: Vec::new(), spilled: None }
    }

    pub(super) fn add(&mut self, row: &Row) -> io::Result<()> {
        if self.held.len() >= HELD {
            self.spill()?;
        }
        self.starts.push(u32::try_from(self.held.len()).map_err(io::Error::other)?);
        record::write(&mut self.held, row);
        Ok(())
    }

    /// Lines with one address stand together, the one that asks for less mail first, then as in the file.
    fn sort(&mut self) {
        let held = &self.held;
        self.starts.sort_by(|a, b| Record::at(held, *a).order().cmp(&Record::at(held, *b).order()));
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        let spilled = match self.spilled.take() {
            Some(spilled) => spilled,
            None => Spilled { file: nameless(&self.folder)?, ends: Vec::new() },
        };
        let spilled = self.spilled.insert(spilled);
        let mut run = BufWriter::with_capacity(READ, &spilled.file);
        for start in &self.starts {
            run.write_all(Record::at(&self.held, *start).bytes())?;
        }
        run.flush()?;
        drop(run);
        spilled.ends.push(spilled.file.stream_position()?);
        self.held.clear();
        self.starts.clear();
        Ok(())
    }

    /// All rows, each address once, given to `take` with their keys until it has enough. Answers how many lines were repetitions.
    pub(super) fn finish(mut self, mut take: impl FnMut(&str, Row) -> bool) -> io::Result<u64> {
        let (mut last, mut repeated) = (None::<Vec<u8>>, 0);
        let mut each = |record: Record<'_>| -> io::Result<bool> {
            let key = record.key();
            if last.as_deref() == Some(key) {
                repeated += 1;
                return Ok(true);
            }
            let last = last.get_or_insert_default();
            last.clear();
            last.extend_from_slice(key);
            let (key, row) = record.read()?;
            Ok(take(key, row))
        };
        if self.spilled.is_none() {
            self.sort();
            for start in &self.starts {
                if !each(Record::at(&self.held, *start))? {
                    break;
                }
            }
            return Ok(repeated);
        }
        self.spill()?;
        if let Some(spilled) = self.spilled {
            spilled.merge(each)?;
        }
        Ok(repeated)
    }
}

impl Spilled {
    fn merge(self, mut each: impl FnMut(Record<'_>) -> io::Result<bool>) -> io::Result<()> {
        let file = Arc::new(self.file);
        let mut runs = Vec::with_capacity(self.ends.len());
        let mut heads = BinaryHeap::with_capacity(self.ends.len());
        let mut start = 0;
        for end in self.ends {
            let section = Section { file: Arc::clone(&file), at: start, end };
            let mut run = BufReader::with_capacity(READ, section);
            if let Some(head) = record::read_from(&mut run)? {
                heads.push(Reverse((head, runs.len())));
            }
            runs.push(run);
            start = end;
        }
        while let Some(Reverse((head, run))) = heads.pop() {
            if !each(head.borrow())? {
                break;
            }
            if let Some(next) = record::read_from(&mut runs[run])? {
                heads.push(Reverse((next, run)));
            }
        }
        Ok(())
    }
}

/// A part of a file, read wherever others read.
struct Section {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..left], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// A file that nobody else can open, and that is gone with this process however it ends: addresses stand in it.
fn nameless(folder: &Path) -> io::Result<File> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!(".pressroom-import-{}-{count}", std::process::id()));
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}
