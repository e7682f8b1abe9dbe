//! What a database's errors mean, and what to do about them.

use std::io::ErrorKind;

use sqlx::postgres::{PgDatabaseError, PgSeverity};
use sqlx::sqlite::SqliteError;

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
            Self::SenderAtWork { .. } | Self::Gone | Self::ErasedMeanwhile => true,
            Self::Database(error) => is_transient(error),
            Self::File(error) => file_code(error).is_some_and(is_passing),
            Self::Open { source, .. } => source.kind() == ErrorKind::StorageFull,
            Self::NoText { .. }
            | Self::Network { .. }
            | Self::Frozen { .. }
            | Self::Newer { .. }
            | Self::Migrate { .. }
            | Self::Unreadable { .. } => false,
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
    let error = error.as_database_error()?;
    error.try_downcast_ref::<SqliteError>()?;
    error.code()?.parse::<u32>().ok().map(|code| code & 0xff)
}

fn file_code(error: &rusqlite::Error) -> Option<u32> {
    error.sqlite_error().map(|error| error.extended_code.cast_unsigned() & 0xff)
}

fn is_passing(code: u32) -> bool {
    matches!(code, BUSY | LOCKED | IO | FULL)
}

/// Five letters and digits of <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn sqlstate(error: &sqlx::Error) -> Option<&str> {
    Some(error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?.code())
}

/// What goes away by itself, or once the server is back: connections, resources, conflicts, an operator who intervenes, the system.
const TRANSIENT_CLASSES: [&str; 6] = ["08", "40", "53", "55", "57", "58"];

/// Who may not come in, or to a database that there is none.
const LASTING_CLASSES: [&str; 2] = ["28", "3D"];
/// In a standby, and where the primary is being changed.
const READ_ONLY_NOW: &str = "25006";

/// Whether the server ended the connection by it: what it says as it starts a session is of its own state, whatever the code.
fn is_fatal(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

/// Whether the server's certificate, or its having none, is what is wrong.
fn is_untrusted(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        sqlx::Error::Io(error) => {
            let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
            matches!(cause, Some(rustls::Error::InvalidCertificate(_)))
        }
        _ => false,
    }
}

fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        _ if is_untrusted(error) => false,
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        _ => match sqlstate(error) {
            Some(state) if LASTING_CLASSES.iter().any(|class| state.starts_with(class)) => false,
            Some(state) => {
                TRANSIENT_CLASSES.iter().any(|class| state.starts_with(class))
                    || state == READ_ONLY_NOW
                    || is_fatal(error)
            }
            None => code(error).is_some_and(is_passing),
        },
    }
}

/// A deadlock's victim, and what PostgreSQL could not put in an order: nothing of it was kept, and the same again may well go through.
const GAVE_WAY: [&str; 2] = ["40P01", "40001"];

/// Does something whole, again where the database had it give way to somebody else's.
pub(super) async fn persist<T, F>(mut work: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 0..4 {
        match work().await {
            Err(StoreError::Database(error))
                if sqlstate(&error).is_some_and(|state| GAVE_WAY.contains(&state)) => {}
            done => return done,
        }
    }
    work().await
}

fn is_absent(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == ErrorKind::NotFound)
}

/// The cause, once, and the remedy.
pub(super) fn explained(error: &sqlx::Error) -> String {
    let said =
        error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    if let Some(code) = code(error) {
        return of_file(code, said);
    }
    let remedy = match sqlstate(error) {
        Some("53300") => "end some of its connections, or have it take more, and run this again",
        Some(READ_ONLY_NOW) => {
            "it takes no writes now, as a standby; see which server `[store] url` names, or run this again once it does"
        }
        Some("53100") => "free space on the server's disk, and run this again",
        Some("3D000") => "create it, or name another in `[store] url`",
        Some(state) if state.starts_with("28") => "see user, password and `sslmode` of `[store] url`",
        _ if is_untrusted(error) => "see host, `sslmode` and `sslrootcert` of `[store] url`",
        _ if is_absent(error) => {
            "see `sslrootcert` of `[store] url`, or whether the server's socket is there"
        }
        _ if is_fatal(error) => "see the log of the database's server, and run this again",
        _ if is_transient(error) => "see whether the database's server is there, and run this again",
        _ => return said,
    };
    format!("{said}; {remedy}")
}

/// The same of what a file's own connection says.
pub(super) fn explained_file(error: &rusqlite::Error) -> String {
    let said = error.to_string();
    match file_code(error) {
        Some(code) => of_file(code, said),
        None => said,
    }
}

fn of_file(code: u32, said: String) -> String {
    let remedy = match code {
        BUSY | LOCKED => {
            return "another program holds it; wait until that one ends, and run this again".to_owned();
        }
        FULL => return "the disk is full; free space and run this again".to_owned(),
        READ_ONLY | CANNOT_OPEN => "see who may write to the file and to its folder",
        IO => "see whether the disk is full or failing, and run this again",
        CORRUPT | NO_DATABASE => "restore it from a backup",
        _ => return said,
    };
    format!("{said}; {remedy}")
}
