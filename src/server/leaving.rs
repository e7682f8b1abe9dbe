//! Leaving: by one click in the mail program (RFC 8058), or by the button on a page. Looking at the page changes nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use tera::Context;
use tokio::time::timeout;

use super::answer::{Answer, text};
use super::form::Fields;
use super::site::{Closed, Parts, Site, Visitor};
use crate::id::ListName;
use crate::joining::offered;
use crate::lists::{self, Back, ReturnOutcome};
use crate::subscriber::{Consent, SubscriptionStatus, Way};
use crate::token::{Purpose, is_specimen, preferences_url};
use crate::track::{Counters, Left};

/// How long the page waits for what the store knows of whoever came; its button works without.
const PATIENCE: Duration = Duration::from_secs(3);

/// `GET /{issue}/unsubscribe/{token}`.
pub(super) async fn show(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let path = request.uri().path();
    look(&site, path, &Parts::parse(path)).await.unwrap_or_else(|closed| site.closed(path, closed))
}

/// `POST /{issue}/unsubscribe/{token}`: no cookie, no login, no redirect (requirement 14).
pub(super) async fn leave(State(site): State<Arc<Site>>, uri: Uri, fields: Fields) -> Answer {
    let path = uri.path();
    let parts = Parts::parse(path);
    if fields.is_one_click() {
        return one_click(&site, path, &parts).await;
    }
    let done = match fields.get("action") {
        Some("leave") => by_button(&site, path, &parts).await,
        Some("undo") => undo(&site, path, &parts).await,
        Some("reason") => reason(&site, path, &parts, &fields).await,
        // Whatever else is sent here is no wish to leave.
        Some(_) | None => look(&site, path, &parts).await,
    };
    done.unwrap_or_else(|closed| site.closed(path, closed))
}

/// `/unsubscribe` and `/preferences`: where one's own link is, for those who come from the web edition.
pub(super) async fn where_to(State(site): State<Arc<Site>>, request: Request) -> Answer {
    site.notice(request.uri().path(), StatusCode::OK, "where_to", &["where_to_why", "where_to_button"])
}

async fn one_click(site: &Site, path: &str, parts: &Parts<'_>) -> Answer {
    match go(site, parts, Way::OneClick).await {
        Ok(Left::Done | Left::Noted) => text(StatusCode::OK, site.say("left_by_click") + "\n"),
        Ok(Left::Unknown) => site.unknown(path),
        Ok(Left::Failed) => site.away(path),
        Err(closed) => site.closed(path, closed),
    }
}

async fn go(site: &Site, parts: &Parts<'_>, way: Way) -> Result<Left, Closed> {
    if is_specimen(parts.token) {
        return Err(Closed::Specimen);
    }
    let issue = parts.issue.ok_or(Closed::Unknown)?;
    let reference = site.tracker.believe(Purpose::Unsubscribe, issue, parts.token).ok_or(Closed::Unknown)?;
    Ok(site.tracker.leave(reference, issue, way).await)
}

/// The page with its button, whatever the store does: who cannot be looked up can leave all the same.
async fn look(site: &Site, path: &str, parts: &Parts<'_>) -> Result<Answer, Closed> {
    Ok(known(site, path, parts).await?.unwrap_or_else(|| unseen(site, path)))
}

/// The page as it is for whoever came; `None` where the store does not say soon who that is. Their token is believed before that.
async fn known(site: &Site, path: &str, parts: &Parts<'_>) -> Result<Option<Answer>, Closed> {
    let looked = async {
        let visitor = site.visitor(Purpose::Unsubscribe, parts).await?;
        present(site, path, &visitor, "").await
    };
    match timeout(PATIENCE, looked).await {
        Ok(Err(Closed::Away(error))) => {
            site.door.doubt();
            tracing::warn!(error = format!("{error:#}"), "the page to leave is shown without whose it is");
            Ok(None)
        }
        Ok(shown) => shown.map(Some),
        Err(_) => {
            site.door.doubt();
            tracing::warn!("the store is slow; the page to leave is shown without whose it is");
            Ok(None)
        }
    }
}

/// The page for whom only their link is known of.
fn unseen(site: &Site, path: &str) -> Answer {
    let mut context = Context::new();
    for unknown in ["address", "list", "others", "said", "preferences_url"] {
        context.insert(unknown, "");
    }
    site.page(path, StatusCode::OK, "unsubscribe.html", context)
}

async fn by_button(site: &Site, path: &str, parts: &Parts<'_>) -> Result<Answer, Closed> {
    match go(site, parts, Way::Page).await? {
        // They have left, whatever becomes of the store since.
        Left::Done => Ok(known(site, path, parts)
            .await?
            .unwrap_or_else(|| site.notice(path, StatusCode::OK, "left", &["left_by_click"]))),
        Left::Noted => Ok(site.notice(path, StatusCode::OK, "left_noted", &["left_noted_what"])),
        Left::Unknown => Err(Closed::Unknown),
        Left::Failed => {
            Err(Closed::Away(anyhow::anyhow!("neither the store nor the disk took somebody's leaving")))
        }
    }
}

async fn undo(site: &Site, path: &str, parts: &Parts<'_>) -> Result<Answer, Closed> {
    let visitor = site.visitor(Purpose::Unsubscribe, parts).await?;
    let list = list(site, &visitor).await?;
    let from = format!("{}/unsubscribe", site.app.config.newsletter.base_url.0);
    let wording = Some(site.joining.wording(&list));
    let consent = Consent { at: site.app.now(), asked_at: None, from: Some(from), wording };
    let done = lists::come_back(&visitor.store, &visitor.reader, &list, consent).await?;
    let ReturnOutcome { reader, back, is_new } = done.ok_or(Closed::Unknown)?;
    if is_new {
        Counters::count(&site.counters.returned);
    }
    let said = match back {
        Back::On => "undone",
        // Whoever has this link may know: it is their mail, and no reason is told.
        Back::Unsent => "undone_unsent",
        Back::Off => "",
    };
    present(site, path, &Visitor { reader, ..visitor }, said).await
}

async fn reason(site: &Site, path: &str, parts: &Parts<'_>, fields: &Fields) -> Result<Answer, Closed> {
    let visitor = site.visitor(Purpose::Unsubscribe, parts).await?;
    let list = list(site, &visitor).await?;
    let words = ["reason", "words"].map(|name| fields.get(name).unwrap_or_default());
    lists::say_why(&visitor.store, &list, visitor.reader.id, &words).await?;
    present(site, path, &visitor, "why_thanks").await
}

/// The list of the issue whose link it was.
pub(super) async fn list(site: &Site, visitor: &Visitor) -> Result<ListName, Closed> {
    Ok(site.tracker.links(visitor.issue).await?.ok_or(Closed::Unknown)?.list.clone())
}

fn status(visitor: &Visitor, list: &ListName) -> Option<SubscriptionStatus> {
    visitor.reader.subscriptions.iter().find(|held| held.list == *list).map(|held| held.status)
}

/// The lists whose mail goes to them, at latest after a pause.
fn lists_on(visitor: &Visitor) -> impl Iterator<Item = &ListName> {
    let is_sent = visitor.reader.suppression.is_none();
    let held = visitor.reader.subscriptions.iter();
    held.filter(move |held| is_sent && held.status == SubscriptionStatus::Subscribed).map(|held| &held.list)
}

/// The page as it is for this reader now.
async fn present(site: &Site, path: &str, visitor: &Visitor, said: &str) -> Result<Answer, Closed> {
    let list = list(site, visitor).await?;
    let token = site.keys.keys().token(Purpose::Preferences, visitor.issue, visitor.reference);
    let titles = offered(&site.app.config, &visitor.reader.subscriptions);
    let title =
        |list: &ListName| site.phrases.isolate(titles.get(list).map_or(list.as_str(), String::as_str));
    let others: Vec<String> = lists_on(visitor).filter(|on| **on != list).map(title).collect();
    let mut context = Context::new();
    context.insert("list", &title(&list));
    context.insert("others", &others.join(", "));
    context.insert("address", &site.phrases.isolate(&visitor.reader.address.masked()));
    context.insert("said", &site.say(said));
    context.insert("wording", &site.joining.wording(&list));
    context.insert(
        "preferences_url",
        &preferences_url(&site.app.config.newsletter.base_url, visitor.issue, token.as_str()),
    );
    let page = match status(visitor, &list) {
        // Who is gone from the file leaves too: the file may have them again.
        Some(SubscriptionStatus::Subscribed | SubscriptionStatus::Gone) => "unsubscribe.html",
        Some(SubscriptionStatus::Left) | None => "left.html",
    };
    Ok(site.page(path, StatusCode::OK, page, context))
}
