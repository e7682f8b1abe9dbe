//! How SQLite works for the time of an import.

use super::merge::PAGE;
use crate::store::StoreError;
use crate::store::connection::{Connected, Connection, Writing};
use crate::store::statement::sql;

/// Whom a row speaks of is looked up with every row; what an import writes speaks of whom it wrote before.
/// `extra` syncs the folder once a rollback journal is gone; in the write-ahead log it is `full`.
const DURING: [&str; 2] = ["pragma foreign_keys = off", "pragma synchronous = extra"];
const ELSE: [&str; 2] = ["pragma foreign_keys = on", "pragma synchronous = full"];

/// Before an import. A store that knows few is filled through a rollback journal if nobody else has it open: pages that are new go into the
/// file at once, and not by way of the write-ahead log. Whoever opens it meanwhile waits, as they wait for any import; whoever opens it
/// after a crash rolls it back.
pub(super) async fn prepare(on: &mut Writing<'_>) -> Result<(), StoreError> {
    if matches!(on.connection(), Connection::Postgres(_)) {
        return Ok(());
    }
    run(on, &DURING).await?;
    let select = sql("select 1 as known from subscriber limit $1").bind(PAGE);
    if select.fetch_all(on).await?.len() < PAGE as usize {
        set_journal(on, "pragma journal_mode = delete").await?;
    }
    Ok(())
}

/// After it, however it ended.
pub(super) async fn restore(on: &mut Writing<'_>) -> Result<(), StoreError> {
    if matches!(on.connection(), Connection::Postgres(_)) {
        return Ok(());
    }
    run(on, &ELSE).await?;
    set_journal(on, "pragma journal_mode = wal").await
}

async fn run(on: &mut Writing<'_>, pragmas: &[&'static str]) -> Result<(), StoreError> {
    for pragma in pragmas {
        sql(pragma).execute(on).await?;
    }
    Ok(())
}

/// Where another one has the store open, its journal stays what it is, or becomes the write-ahead log: whoever opens it sees to that.
async fn set_journal(on: &mut Writing<'_>, pragma: &'static str) -> Result<(), StoreError> {
    match sql(pragma).execute(on).await {
        Err(error) if !error.is_transient() => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
