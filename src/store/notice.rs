//! What was said before, so that it is said once.

use jiff::Timestamp;

use super::connection::Connected;
use super::statement::sql;
use super::word::Cells;
use super::{Store, StoreError};

impl Store {
    /// When something was noted; `None` where it never was.
    ///
    /// # Errors
    /// A database's error.
    pub async fn noted(&self, subject: &str) -> Result<Option<Timestamp>, StoreError> {
        let select = "select at from notice where subject = $1";
        let row = sql(select).bind(subject).fetch_optional(&mut self.read().await?).await?;
        row.as_ref().map(|row| Cells(row).time("at")).transpose()
    }

    /// Notes something, with the time; the last time stands.
    ///
    /// # Errors
    /// A database's error.
    pub async fn note(&self, subject: &str, at: Timestamp) -> Result<(), StoreError> {
        note(&mut self.write().await?, subject, at).await
    }
}

pub(super) async fn note(on: &mut impl Connected, subject: &str, at: Timestamp) -> Result<(), StoreError> {
    let upsert = "insert into notice (subject, at) values ($1, $2) \
        on conflict (subject) do update set at = excluded.at";
    sql(upsert).bind(subject).bind(at).execute(on).await?;
    Ok(())
}
