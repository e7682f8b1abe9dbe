//! Joining: a form, and the page that a confirmation's link leads to.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode, Uri};
use tera::Context;
use url::Url;

use super::answer::{Answer, text};
use super::client;
use super::form::Fields;
use super::site::{Closed, Site};
use crate::id::ListName;
use crate::joining::{Form, joinable, title};
use crate::mailbox::{EmailAddress, display_name};

/// The longest name, in characters.
const NAME: usize = 100;
/// The longest page's address that is recorded.
const SOURCE: usize = 200;

/// `GET /subscribe`.
pub(super) async fn show(State(site): State<Arc<Site>>, request: Request) -> Answer {
    form_page(&site, request.uri().path(), StatusCode::OK, Context::new())
}

/// `GET /subscribe/form`: the form's HTML, to stand on any page.
pub(super) async fn form(State(site): State<Arc<Site>>) -> Answer {
    let mut context = context(&site);
    context.insert("action", &format!("{}/subscribe", site.app.config.newsletter.base_url.0));
    match site.pages.render("", "form.html", context) {
        Ok(form) => text(StatusCode::OK, form),
        Err(error) => site.closed("/subscribe/form", error.into()),
    }
}

/// `POST /subscribe`: the same answer whoever the address belongs to (requirement 70).
pub(super) async fn ask(
    State(site): State<Arc<Site>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    fields: Fields,
) -> Answer {
    let path = uri.path();
    let form = match entered(&site, &fields, &headers) {
        Ok(form) => form,
        Err(mistake) => {
            let mut context = Context::new();
            context.insert("mistake", &site.say(mistake));
            context.insert("email", &fields.get("email"));
            context.insert("name", &fields.get("name"));
            return form_page(&site, path, StatusCode::UNPROCESSABLE_ENTITY, context);
        }
    };
    let trusted = &site.app.config.serve.trusted_proxies;
    if !site.limits.admit(client::address(peer, &headers, trusted)) {
        return site.notice(path, StatusCode::TOO_MANY_REQUESTS, "too_many", &["too_many_why"]);
    }
    match site.joining.ask(form).await {
        Ok(true) => {
            let mut context = Context::new();
            context.insert("asked", &true);
            form_page(&site, path, StatusCode::OK, context)
        }
        Ok(false) => site.notice(path, StatusCode::TOO_MANY_REQUESTS, "too_many", &["too_many_now"]),
        Err(error) => site.closed(path, Closed::Away(error)),
    }
}

/// `GET /confirm/{token}`: a page with a button, for programs that look at links must confirm nothing.
pub(super) async fn confirmation(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let path = request.uri().path();
    match site.joining.pending(token(path)).await {
        Ok(Some(pending)) => {
            let mut context = Context::new();
            context.insert("address", &site.phrases.isolate(&pending.address.masked()));
            context.insert("list", &list(&site, &pending.list));
            context.insert("wording", &pending.wording);
            site.page(path, StatusCode::OK, "confirm.html", context)
        }
        Ok(None) => nothing_to_confirm(&site, path),
        Err(error) => site.closed(path, Closed::Away(error)),
    }
}

/// `POST /confirm/{token}`.
pub(super) async fn confirm(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let path = request.uri().path();
    match site.joining.confirm(token(path)).await {
        Ok(Some(confirmed)) => {
            let mut context = Context::new();
            context.insert("address", &site.phrases.isolate(&confirmed.address.masked()));
            context.insert("list", &list(&site, &confirmed.list));
            context.insert("latest", &latest(&site).await);
            site.page(path, StatusCode::OK, "welcome.html", context)
        }
        Ok(None) => nothing_to_confirm(&site, path),
        Err(error) => site.closed(path, Closed::Away(error)),
    }
}

fn token(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Never asked for, used and over, or too late: all alike.
fn nothing_to_confirm(site: &Site, path: &str) -> Answer {
    site.notice(path, StatusCode::NOT_FOUND, "confirm_over", &["confirm_over_why"])
}

/// The address of the latest issue's web edition; nothing where there is none, or the store is away.
async fn latest(site: &Site) -> Option<String> {
    let number = site.door.store().await.ok()?.highest_issue().await.ok()??;
    Some(format!("{}/issues/{number}", site.app.config.newsletter.base_url.0))
}

/// A list within a sentence.
fn list(site: &Site, list: &ListName) -> String {
    site.phrases.isolate(&title(&site.app.config, list))
}

/// What was entered, or the phrase that says what is wrong with it.
fn entered(site: &Site, fields: &Fields, headers: &HeaderMap) -> Result<Form, &'static str> {
    let address = EmailAddress::parse(fields.get("email").unwrap_or_default()).map_err(|_| "wrong_email")?;
    let name = fields.get("name").unwrap_or_default();
    let name = display_name(name).ok().filter(|_| name.chars().nth(NAME).is_none()).ok_or("wrong_name")?;
    let lists = joinable(&site.app.config);
    let list = match fields.get("list") {
        None => site.app.config.newsletter.list.clone(),
        Some(wanted) => lists.into_keys().find(|list| list.as_str() == wanted).ok_or("wrong_list")?,
    };
    let base = &site.app.config.newsletter.base_url.0;
    let own = || format!("{base}/subscribe");
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let ours = Url::parse(base).map(|base| base.origin().ascii_serialization());
    let elsewhere = origin.filter(|origin| *origin != "null" && ours.as_deref() != Ok(*origin));
    let source = elsewhere.map_or_else(own, |origin| origin.chars().take(SOURCE).collect());
    Ok(Form { address, name, list, source })
}

fn context(site: &Site) -> Context {
    let mut context = Context::new();
    let lists = Vec::from_iter(joinable(&site.app.config));
    context.insert("lists", &lists);
    let own = &site.app.config.newsletter.list;
    context.insert("own", own.as_str());
    // One form for several lists names none of them: the mail and its page do.
    let wording = if lists.len() > 1 { site.say("consent_chosen") } else { site.joining.wording(own) };
    context.insert("wording", &wording);
    for absent in ["action", "mistake", "email", "name"] {
        context.insert(absent, &None::<&str>);
    }
    context.insert("asked", &false);
    context
}

fn form_page(site: &Site, path: &str, status: StatusCode, more: Context) -> Answer {
    let mut context = context(site);
    context.extend(more);
    site.page(path, status, "subscribe.html", context)
}
