//! Clicks and the pixel.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{self, Method, StatusCode};

use super::answer::{Answer, pixel, redirect};
use super::site::{Closed, Parts, Site};
use crate::event::{self, EventKind, Heard};
use crate::id::Place;
use crate::track::{Landing, LinkTable};

/// How long somebody waits for an issue that is not known here yet.
const PATIENCE: Duration = Duration::from_secs(5);

/// What nearly every request is, a click on a link that is known here or the pixel: answered without the routes' longer way. `None` for
/// all others.
pub(super) fn at_once<B>(site: &Site, request: &http::Request<B>) -> Option<Answer> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let parts = Parts::parse(request.uri().path().strip_prefix('/').filter(|path| !path.starts_with('/'))?);
    let issue = parts.issue.filter(|_| !parts.token.is_empty() && !parts.token.contains('/'))?;
    if parts.what == "open" {
        site.tracker.open(issue, parts.token, hear(site, request, EventKind::Open));
        return Some(pixel());
    }
    let place = parts.what.parse().map(Place).ok()?;
    let hear = || hear(site, request, EventKind::Click(place));
    let (table, place) = site.tracker.click_known(issue, place, parts.token, hear)?;
    Some(lead(site, request.uri().path(), &table, place))
}

/// `/{issue}/{place}/{token}`.
pub(super) async fn click(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let path = request.uri().path();
    let parts = Parts::parse(path);
    let (Some(issue), Ok(place)) = (parts.issue, parts.what.parse().map(Place)) else {
        return site.unknown(path);
    };
    let heard = hear(&site, &request, EventKind::Click(place));
    let landing = site.tracker.click(issue, place, parts.token, heard);
    match tokio::time::timeout(PATIENCE, landing).await {
        Ok(Landing::Target(table, place)) => lead(&site, path, &table, place),
        Ok(Landing::Specimen(Some(target))) => {
            let mut context = site.notice_of("specimen", &["specimen_click"]);
            context.insert("target", &target);
            site.page(path, StatusCode::OK, "notice.html", context)
        }
        Ok(Landing::Specimen(None)) => site.closed(path, Closed::Specimen),
        Ok(Landing::Nowhere) => site.unknown(path),
        Ok(Landing::Away) | Err(_) => site.away(path),
    }
}

/// `/{issue}/open/{token}`: an image, whatever else happens (requirement 50).
pub(super) async fn open(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let parts = Parts::parse(request.uri().path());
    if let Some(issue) = parts.issue {
        site.tracker.open(issue, parts.token, hear(&site, &request, EventKind::Open));
    }
    pixel()
}

fn lead(site: &Site, path: &str, table: &LinkTable, place: Place) -> Answer {
    table.target(place).and_then(redirect).unwrap_or_else(|| site.unknown(path))
}

fn hear<B>(site: &Site, request: &http::Request<B>, kind: EventKind) -> Heard {
    let method = if request.method() == Method::HEAD { event::Method::Head } else { event::Method::Get };
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    event::hear(method, kind, headers, &site.rules)
}
