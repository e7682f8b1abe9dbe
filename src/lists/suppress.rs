//! A do-not-mail list into the store.

use std::fmt;
use std::io::{self, Read};
use std::mem;

use jiff::Timestamp;
use serde::Serialize;

use crate::store::{Store, StoreError};
use crate::subscriber::list::{BadLines, HeaderError, Suppressed, SuppressedReader};
use crate::token::Keys;

/// What came of a do-not-mail list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SuppressOutcome {
    /// Addresses to which nobody writes from now on.
    pub suppressed: u64,
    /// Addresses to which nobody wrote before.
    pub known: u64,
    /// Lines without an address that can be read, or with more than the addresses that count: whoever else they are of may be written to.
    pub bad: BadLines,
    /// Lines of which something else could not be read; their addresses count.
    pub remarks: BadLines,
}

/// Why a do-not-mail list was not taken in, or not whole.
#[derive(Debug, thiserror::Error)]
pub enum SuppressError {
    /// The first line does not serve.
    #[error("the do-not-mail list cannot be read")]
    Header(#[from] HeaderError),
    /// The file could not be read to its end.
    #[error("the do-not-mail list cannot be read to its end")]
    Read(#[from] io::Error),
    /// The store failed.
    #[error("the do-not-mail list cannot be taken in")]
    Store(#[from] StoreError),
}

/// Writes no more to whoever stands in a file, on whatever list; the first reason stays, unless it was a bounce. Again changes nothing.
/// Who was erased stays a hash: nobody writes to them anyway.
///
/// # Errors
/// [`SuppressError`]; what was read before stays.
pub async fn suppress(
    store: &Store,
    keys: Option<&Keys>,
    file: impl Read,
    at: Timestamp,
) -> Result<SuppressOutcome, SuppressError> {
    const ROWS: usize = 250;
    let mut outcome = SuppressOutcome::default();
    let mut lines = SuppressedReader::new(file)?;
    loop {
        let mut some = Vec::with_capacity(ROWS);
        while some.len() < ROWS
            && let Some(line) = lines.next()
        {
            match line? {
                Ok(Suppressed { addresses, reason, at: since, remark, missed }) => {
                    if let Some(remark) = remark {
                        outcome.remarks.add(remark);
                    }
                    if let Some(missed) = missed {
                        outcome.bad.add(missed);
                    }
                    let since = since.map_or(at, |since| since.min(at));
                    let hash = |address| keys.map(|keys| keys.suppression(address));
                    some.extend(
                        addresses.iter().map(|address| (address.key(), reason, since, hash(address))),
                    );
                }
                Err(line) => outcome.bad.add(line),
            }
        }
        if some.is_empty() {
            return Ok(outcome);
        }
        // A line may have hundreds of addresses.
        while !some.is_empty() {
            let rest = some.split_off(some.len().min(ROWS));
            let all = some.len() as u64;
            let new = store.suppress(mem::replace(&mut some, rest)).await?;
            outcome.suppressed += new;
            outcome.known += all - new;
        }
    }
}

impl fmt::Display for SuppressOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { suppressed, known, bad, remarks } = self;
        let addresses = if *suppressed == 1 { "address" } else { "addresses" };
        write!(f, "nobody writes to {suppressed} {addresses} any more")?;
        if *known > 0 {
            write!(f, "; {known} were known")?;
        }
        if bad.count > 0 {
            write!(f, "; {} bad and skipped{bad}", bad.count)?;
        }
        if remarks.count > 0 {
            write!(
                f,
                "{}{} not whole, and counted{remarks}",
                if bad.count > 0 { "\n" } else { "; " },
                remarks.count
            )?;
        }
        Ok(())
    }
}
