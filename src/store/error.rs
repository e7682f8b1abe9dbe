//! What SQLite's errors mean, and what to do about them.

use std::io::ErrorKind;

use sqlx::error::DatabaseError;

use super::StoreError;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl StoreError {
    /// Whether another time may do: exit code 75.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::SenderAtWork { .. } | Self::Database(sqlx::Error::PoolTimedOut) => true,
            Self::Database(error) => matches!(code(error), Some(BUSY | LOCKED | IO | FULL)),
            Self::Open { source, .. } => source.kind() == ErrorKind::StorageFull,
            Self::Network { .. } | Self::Newer { .. } | Self::Migrate { .. } | Self::Unreadable { .. } => {
                false
            }
        }
    }
}

// The primary result codes of <https://sqlite.org/rescode.html>.
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READ_ONLY: u32 = 8;
const IO: u32 = 10;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANNOT_OPEN: u32 = 14;
const NO_DATABASE: u32 = 26;

/// Extended codes keep the primary one in the low byte.
fn code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error().and_then(DatabaseError::code)?;
    code.parse::<u32>().ok().map(|code| code & 0xff)
}

/// The cause, once, and the remedy.
pub(super) fn explained(error: &sqlx::Error) -> String {
    let said =
        error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    let remedy = match code(error) {
        Some(BUSY | LOCKED) => {
            return "another program holds it; wait until that one ends, and run this again".to_owned();
        }
        Some(FULL) => return "the disk is full; free space and run this again".to_owned(),
        Some(READ_ONLY | CANNOT_OPEN) => "see who may write to the file and to its folder",
        Some(IO) => "see whether the disk is full or failing, and run this again",
        Some(CORRUPT | NO_DATABASE) => "restore it from a backup",
        Some(_) | None => return said,
    };
    format!("{said}; {remedy}")
}
