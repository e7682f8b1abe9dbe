//! An issue's web edition: what everybody may read.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;

use super::answer::{Answer, ISSUE, html};
use super::site::{Closed, Site};
use crate::id::IssueNumber;
use crate::message::web_edition;
use crate::track::LinkTable;

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
    let links = site.tracker.links(number).await?.ok_or(Closed::Unknown)?;
    if let Some(edition) = known(site, number, &links).await {
        return Ok(edition);
    }
    // Nobody who asks for one that is known waits for the store, and of many who ask for a new one the first makes it.
    let _turn = site.making.lock().await;
    if let Some(edition) = known(site, number, &links).await {
        return Ok(edition);
    }
    let edition = make(site, number).await?;
    let mut editions = site.editions.lock().await;
    if editions.len() >= KEPT {
        editions.clear();
    }
    editions.insert(number, (links, Arc::clone(&edition)));
    Ok(edition)
}

/// The edition with these links, if it was asked for lately.
async fn known(site: &Site, number: IssueNumber, links: &Arc<LinkTable>) -> Option<Arc<str>> {
    let editions = site.editions.lock().await;
    let (table, edition) = editions.get(&number)?;
    Arc::ptr_eq(table, links).then(|| Arc::clone(edition))
}

async fn make(site: &Site, number: IssueNumber) -> Result<Arc<str>, Closed> {
    let store = site.door.store().await?;
    let issue = store.issue(number).await?.ok_or(Closed::Unknown)?;
    let changes = store.link_changes(number).await?;
    let changes: Vec<_> = changes.iter().map(|change| (change.place, change.url.as_str())).collect();
    Ok(web_edition(issue.thaw()?, &changes)?.html.into())
}
