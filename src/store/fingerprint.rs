//! By what the newsletter's keys are known.

use super::statement::sql;
use super::word::Cells;
use super::{Store, StoreError};

impl Store {
    /// Keeps the fingerprint of the first keys that this store was used with. Answers whether it is this one.
    ///
    /// # Errors
    /// A database's error.
    pub async fn knows_keys(&self, fingerprint: &str) -> Result<bool, StoreError> {
        let insert =
            "insert into key_fingerprint (one, fingerprint) values (1, $1) on conflict (one) do nothing";
        let select = "select fingerprint from key_fingerprint where one = 1";
        let mut writing = self.write().await?;
        sql(insert).bind(fingerprint).execute(&mut writing).await?;
        let row = sql(select).fetch_one(&mut writing).await?;
        Ok(Cells(&row).text("fingerprint")? == fingerprint)
    }
}
