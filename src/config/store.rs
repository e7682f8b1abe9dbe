//! Where the store is.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::{StoreUrl, who};
use crate::document::{Table, Value};

pub(super) fn store(table: &Table<'_>) -> Option<StoreUrl> {
    table.optional("url", store_url)
}

fn store_url(value: &Value<'_>) -> Option<StoreUrl> {
    let text = value.line()?;
    let help = "write `sqlite://pressroom.db`, a file in the folder, or `postgres://…`";
    if let Some(path) = text.strip_prefix("sqlite://") {
        let path = PathBuf::from(path);
        return if path.file_name().is_none() || who::climbs(&path) || text.contains('?') {
            value.refuse("bad-store", "the URL names no file in the folder, nor an absolute one", help)
        } else {
            Some(StoreUrl::Sqlite(path))
        };
    }
    let postgres = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    if postgres && Url::parse(&text).is_ok() {
        return Some(StoreUrl::Postgres(SecretString::from(text)));
    }
    value.refuse("bad-store", "the URL names neither an SQLite file nor a PostgreSQL server", help)
}
