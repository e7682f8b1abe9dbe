//! An issue's web edition: what everybody may read.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;

use super::answer::{Answer, ISSUE, html};
use super::site::{Closed, Site};
use crate::id::IssueNumber;
use crate::message::{FrozenIssue, web_edition};

/// Editions that are kept in memory.
const KEPT: usize = 16;

/// `/issues/{issue}`.
pub(super) async fn edition(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let path = request.uri().path();
    let number = path.rsplit('/').next().and_then(|number| number.parse().ok());
    let edition = match number {
        Some(number) => find(&site, number).await,
        None => Err(Closed::Unknown),
    };
    match edition {
        Ok(edition) => html(StatusCode::OK, ISSUE, edition.to_string()),
        Err(closed) => site.closed(path, closed),
    }
}

async fn find(site: &Site, number: IssueNumber) -> Result<Arc<str>, Closed> {
    let mut editions = site.editions.lock().await;
    let mended = site.tracker.links(number).await?.ok_or(Closed::Unknown)?;
    if let Some((table, edition)) = editions.get(&number)
        && Arc::ptr_eq(table, &mended)
    {
        return Ok(Arc::clone(edition));
    }
    let store = site.door.store().await?;
    let issue = store.issue(number).await?.ok_or(Closed::Unknown)?;
    let changes = store.link_changes(number).await?;
    let changes: Vec<_> = changes.iter().map(|change| (change.place, change.url.as_str())).collect();
    let frozen: FrozenIssue = serde_json::from_str(&issue.frozen)?;
    let edition: Arc<str> = web_edition(frozen, &changes)?.html.into();
    if editions.len() >= KEPT {
        editions.clear();
    }
    editions.insert(number, (mended, Arc::clone(&edition)));
    Ok(edition)
}
