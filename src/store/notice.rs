//! What was said before, so that it is said once.

use std::collections::BTreeSet;

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

    /// Forgets what was noted of subjects that begin so, all but these.
    ///
    /// # Errors
    /// A database's error.
    pub async fn forget_notices(&self, beginning: &str, but: &BTreeSet<String>) -> Result<(), StoreError> {
        let mut writing = self.write().await?;
        let select = "select subject from notice where subject like $1 || '%'";
        let rows = sql(select).bind(beginning).fetch_all(&mut writing).await?;
        for row in &rows {
            let subject = Cells(row).text("subject")?;
            if !but.contains(subject) {
                sql("delete from notice where subject = $1").bind(subject).execute(&mut writing).await?;
            }
        }
        Ok(())
    }
}

pub(super) async fn note(on: &mut impl Connected, subject: &str, at: Timestamp) -> Result<(), StoreError> {
    let upsert = "insert into notice (subject, at) values ($1, $2) \
        on conflict (subject) do update set at = excluded.at";
    sql(upsert).bind(subject).bind(at).execute(on).await?;
    Ok(())
}
