//! By what the newsletter's keys are known.

use super::statement::sql;
use super::word::Cells;
use super::{Store, StoreError};

impl Store {
    /// Keeps the fingerprint of the first keys that this store was used with; where it is used `anew`, of these. Answers whether it is this one.
    ///
    /// # Errors
    /// A database's error.
    pub async fn knows_keys(&self, fingerprint: &str, anew: bool) -> Result<bool, StoreError> {
        if let Some(known) = self.fingerprint().await?
            && (known == fingerprint || !anew)
        {
            return Ok(known == fingerprint);
        }
        let mut keep = sql("insert into key_fingerprint (one, fingerprint) values (1, ");
        keep.push_bind(fingerprint).push(") on conflict (one) do ");
        keep.push(if anew { "update set fingerprint = excluded.fingerprint" } else { "nothing" });
        keep.execute(&mut self.write().await?).await?;
        Ok(self.fingerprint().await?.as_deref() == Some(fingerprint))
    }

    async fn fingerprint(&self) -> Result<Option<String>, StoreError> {
        let select = "select fingerprint from key_fingerprint where one = 1";
        let row = sql(select).fetch_optional(&mut self.read().await?).await?;
        row.map(|row| Ok(Cells(&row).text("fingerprint")?.to_owned())).transpose()
    }
}
