//! The readers of a file in the order of their keys, each once, however many there are: what fits is sorted in memory, more than that
//! goes to a file without a name, in sorted runs that are merged. A run is sorted and written while the next one is read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::mem;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use crate::subscriber::list::Row;

use super::record::{self, OwnRecord, Record};

/// How much is held in memory, in bytes; twice, while a run is written.
const HELD: usize = 2 << 20;
/// How much of a run is read at once.
const READ: usize = 16 << 10;

/// Rows on their way to be sorted.
pub(super) struct Sorter {
    /// Where what does not fit goes for a while.
    folder: PathBuf,
    held: Held,
    /// Gives back what was held, emptied.
    spilling: Option<JoinHandle<io::Result<(Spilled, Held)>>>,
}

/// Records, one after the other.
#[derive(Default)]
struct Held {
    records: Vec<u8>,
    /// The start of each one's key, and where it stands.
    places: Vec<(u64, u32)>,
}

/// Sorted runs in a file.
struct Spilled {
    file: File,
    /// Where each run ends.
    ends: Vec<u64>,
}

impl Held {
    fn add(&mut self, row: &Row) -> io::Result<()> {
        let place = u32::try_from(self.records.len()).map_err(io::Error::other)?;
        record::write(&mut self.records, row);
        self.places.push((Record::at(&self.records, place).prefix(), place));
        Ok(())
    }

    /// Lines with one address stand together, the one that asks for less mail first, then as in the file.
    fn sort(&mut self) {
        let order = |place| Record::at(&self.records, place).order();
        self.places.sort_unstable_by(|(a, at), (b, other)| {
            a.cmp(b).then_with(|| order(*at).cmp(&order(*other))).then(at.cmp(other))
        });
    }

    fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.places.iter().map(|(_, place)| Record::at(&self.records, *place))
    }
}

impl Sorter {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), held: Held::default(), spilling: None }
    }

    pub(super) fn add(&mut self, row: &Row) -> io::Result<()> {
        if self.held.records.len() >= HELD {
            self.spill()?;
        }
        self.held.add(row)
    }

    fn spill(&mut self) -> io::Result<()> {
        let (spilled, emptied) = match self.spilled()? {
            Some(spilled) => spilled,
            None => (Spilled { file: nameless(&self.folder)?, ends: Vec::new() }, Held::default()),
        };
        let held = mem::replace(&mut self.held, emptied);
        self.spilling = Some(thread::spawn(|| spilled.add(held)));
        Ok(())
    }

    /// What was spilled, once it is written.
    fn spilled(&mut self) -> io::Result<Option<(Spilled, Held)>> {
        let Some(spilling) = self.spilling.take() else { return Ok(None) };
        spilling.join().map_err(|_| io::Error::other("sorting broke off"))?.map(Some)
    }

    /// All rows, each address once, given to `take` with their keys until it has enough. What one line of an address leaves in doubt, all of
    /// them do. Answers how many lines were repetitions.
    pub(super) fn finish(mut self, mut take: impl FnMut(String, Row) -> bool) -> io::Result<u64> {
        let (mut last, mut repeated) = (None::<(String, Row)>, 0);
        let mut each = |record: Record<'_>| -> io::Result<bool> {
            match &mut last {
                Some((key, row)) if key.as_bytes() == record.key() => {
                    repeated += 1;
                    if !row.doubts.is_empty() {
                        row.doubts = row.doubts.with(record.read()?.1.doubts);
                    }
                    Ok(true)
                }
                last => {
                    let (key, row) = record.read()?;
                    let complete = last.replace((key.to_owned(), row));
                    Ok(complete.is_none_or(|(key, row)| take(key, row)))
                }
            }
        };
        if self.spilling.is_none() {
            self.held.sort();
            for record in self.held.iter() {
                if !each(record)? {
                    break;
                }
            }
        } else {
            self.spill()?;
            if let Some((spilled, emptied)) = self.spilled()? {
                drop((emptied, self.held));
                spilled.merge(each)?;
            }
        }
        if let Some((key, row)) = last {
            take(key, row);
        }
        Ok(repeated)
    }
}

impl Spilled {
    fn add(mut self, mut held: Held) -> io::Result<(Self, Held)> {
        held.sort();
        let mut run = BufWriter::with_capacity(READ, &self.file);
        for record in held.iter() {
            run.write_all(record.bytes())?;
        }
        run.flush()?;
        drop(run);
        self.ends.push(self.file.stream_position()?);
        held.records.clear();
        held.places.clear();
        Ok((self, held))
    }

    fn merge(self, mut each: impl FnMut(Record<'_>) -> io::Result<bool>) -> io::Result<()> {
        let file = Arc::new(self.file);
        let mut runs = Vec::with_capacity(self.ends.len());
        let mut heads = BinaryHeap::with_capacity(self.ends.len());
        let mut start = 0;
        for end in self.ends {
            let section = Section { file: Arc::clone(&file), at: start, end };
            let mut run = BufReader::with_capacity(READ, section);
            let mut head = OwnRecord::default();
            if head.read_from(&mut run)? {
                heads.push(Reverse((head, runs.len())));
            }
            runs.push(run);
            start = end;
        }
        while let Some(mut first) = heads.peek_mut() {
            let Reverse((head, run)) = &mut *first;
            if !each(head.borrow())? {
                break;
            }
            if !head.read_from(&mut runs[*run])? {
                PeekMut::pop(first);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::subscriber::list::ListReader;

    #[test]
    fn what_does_not_fit_comes_out_in_order_each_address_once_as_its_first_line_says() {
        let name = |n: u32| format!("{n} {}", "x".repeat(400));
        let key = |n: u32| format!("r{}@example.com", n * 7919 % 12_000);
        let lines: Vec<String> = (0..15_000).map(|n| format!("{},{}\n", key(n), name(n))).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(folder.path());
        let file = format!("email,name\n{}", lines.concat());
        for row in ListReader::new(file.as_bytes()).unwrap() {
            sorter.add(&row.unwrap().unwrap()).unwrap();
        }
        assert!(sorter.spilling.is_some());
        let mut taken = Vec::new();
        let repeated = sorter.finish(|key, row| {
            taken.push((key, row.entry.name));
            true
        });
        assert_eq!(repeated.unwrap(), 3000);
        let firsts: BTreeMap<_, _> = (0..12_000).map(|n| (key(n), Some(name(n)))).collect();
        assert!(taken.into_iter().eq(firsts));
    }
}
