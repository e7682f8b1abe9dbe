//! Links that were mended after their issue went out.

use jiff::Timestamp;

use super::issue::issue_number;
use super::statement::sql;
use super::word::Cells;
use super::{Store, StoreError};
use crate::id::{IssueNumber, Place};

/// A place that leads elsewhere than when its issue was frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkChange {
    /// Which.
    pub place: Place,
    /// Since when.
    pub at: Timestamp,
    /// Where it led before.
    pub was: String,
    /// Where it leads now.
    pub url: String,
}

impl TryFrom<Cells<'_>> for LinkChange {
    type Error = StoreError;

    fn try_from(row: Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            place: Place(row.number("place")?),
            at: row.time("at")?,
            was: row.text("was")?.to_owned(),
            url: row.text("url")?.to_owned(),
        })
    }
}

impl Store {
    /// An issue's mended places, in the order of time: of a place that was mended twice the last counts.
    ///
    /// # Errors
    /// A database's error.
    pub async fn link_changes(&self, issue: IssueNumber) -> Result<Vec<LinkChange>, StoreError> {
        let select = "select place, at, was, url from link_change where issue = $1 order by at, place";
        let rows = sql(select).bind(issue).fetch_all(&mut self.read().await?).await?;
        rows.iter().map(|row| Cells(row).try_into()).collect()
    }

    /// All issues' places that were mended since a time, in the order of time.
    ///
    /// # Errors
    /// A database's error.
    pub async fn link_changes_since(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(IssueNumber, LinkChange)>, StoreError> {
        let select =
            "select issue, place, at, was, url from link_change where at >= $1 order by at, issue, place";
        let rows = sql(select).bind(since).fetch_all(&mut self.read().await?).await?;
        let change = |row: Cells<'_>| Ok((issue_number(row.integer("issue")?)?, row.try_into()?));
        rows.iter().map(|row| change(Cells(row))).collect()
    }

    /// Lets a place lead elsewhere from now on.
    ///
    /// # Errors
    /// A database's error.
    pub async fn change_link(&self, issue: IssueNumber, change: &LinkChange) -> Result<(), StoreError> {
        let insert = "insert into link_change (issue, place, at, was, url) values ($1, $2, $3, $4, $5)";
        let insert = sql(insert)
            .bind(issue)
            .bind(u32::from(change.place.0))
            .bind(change.at)
            .bind(&change.was)
            .bind(&change.url);
        insert.execute(&mut self.write().await?).await?;
        Ok(())
    }
}
