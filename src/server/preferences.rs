//! Preferences: what a reader may choose for themselves, shown and read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use serde::Serialize;
use tera::Context;

use super::answer::Answer;
use super::form::Fields;
use super::site::{Closed, Parts, Site};
use crate::id::ListName;
use crate::joining::offered;
use crate::lists::{self, Chooser, PAUSES, Pause, Preferences, Wanted};
use crate::mailbox::display_name;
use crate::newsletter::{Tracking, TrackingPolicy};
use crate::store::Judging;
use crate::subscriber::{Consent, Format, Subscription, SubscriptionStatus};
use crate::token::{Purpose, unsubscribe_url};
use crate::track::LinkTable;

/// The longest name, in characters.
const NAME: usize = 100;

/// `GET /{issue}/preferences/{token}`.
pub(super) async fn show(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let path = request.uri().path();
    match present(&site, path, "").await {
        Ok(answer) => answer,
        Err(closed) => site.closed(path, closed),
    }
}

/// `POST /{issue}/preferences/{token}`.
pub(super) async fn save(State(site): State<Arc<Site>>, uri: Uri, fields: Fields) -> Answer {
    let path = uri.path();
    match take(&site, path, &fields).await {
        Ok(answer) => answer,
        Err(closed) => site.closed(path, closed),
    }
}

async fn take(site: &Site, path: &str, fields: &Fields) -> Result<Answer, Closed> {
    let visitor = site.visitor(Purpose::Preferences, &Parts::parse(path)).await?;
    let Ok(wanted) = wanted(site, fields, offered(&site.app.config, &visitor.reader.subscriptions)) else {
        return Ok(site.notice(path, StatusCode::UNPROCESSABLE_ENTITY, "no_form", &["no_form_why"]));
    };
    // What the page showed may be longer: the list's file says so.
    let is_shown = |name: &str| visitor.reader.subscriptions.iter().any(|held| name_of(held) == name);
    let is_bad =
        |name: &str| name.chars().nth(NAME).is_some() && !is_shown(name) || display_name(name).is_err();
    if wanted.name.as_deref().is_some_and(is_bad) {
        let mut answer = present(site, path, "unsaved").await?;
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(answer);
    }
    let table = site.tracker.links(visitor.issue).await?.ok_or(Closed::Unknown)?;
    let chooser = Chooser {
        reader: &visitor.reader,
        issue: visitor.issue,
        list: &table.list,
        most: most(counted(site, &table)),
        judging: Judging { rules: &site.rules, at: site.app.now() },
    };
    let done = lists::choose(&visitor.store, chooser, &wanted).await?;
    site.counters.left.fetch_add(done.left, Ordering::Relaxed);
    site.counters.returned.fetch_add(done.returned, Ordering::Relaxed);
    present(site, path, "saved").await
}

/// What they are called on a list.
fn name_of(held: &Subscription) -> &str {
    Preferences::of(held, Tracking::None).name
}

/// What the page's form says. A list that is not offered would be taken for none that is wanted.
fn wanted(site: &Site, fields: &Fields, offered: BTreeMap<ListName, String>) -> Result<Wanted, Nonsense> {
    let known = ["name", "tracking", "format", "pause", "lists"];
    let is_offered = |list: &str| offered.keys().any(|offered| offered.as_str() == list);
    if !known.iter().any(|name| fields.get(name).is_some()) || !fields.all("list").all(is_offered) {
        return Err(Nonsense);
    }
    let agreed = |name: ListName, title: String| {
        let is_wanted = fields.all("list").any(|wanted| wanted == name.as_str());
        (name, is_wanted.then(|| consent(site, &title)))
    };
    Ok(Wanted {
        name: fields.get("name").map(str::to_owned),
        tracking: understood(fields, "tracking", tracking)?,
        format: understood(fields, "format", format)?,
        pause: understood(fields, "pause", pause)?,
        lists: fields
            .get("lists")
            .map(|_| offered.into_iter().map(|(name, title)| agreed(name, title)).collect()),
    })
}

/// What no form of ours sends.
struct Nonsense;

/// What a field says, if it is there.
fn understood<T>(
    fields: &Fields,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Nonsense> {
    fields.get(name).map(|word| read(word).ok_or(Nonsense)).transpose()
}

/// What is agreed to by a tick at a list.
fn consent(site: &Site, title: &str) -> Consent {
    let from = Some(format!("{}/preferences", site.app.config.newsletter.base_url.0));
    let wording = Some(format!("{}: {title}", site.say("preferences_lists")));
    Consent { at: site.app.now(), asked_at: None, from, wording }
}

/// A row of a choice.
#[derive(Serialize)]
struct Row {
    value: String,
    words: String,
    consequence: String,
    is_chosen: bool,
}

async fn present(site: &Site, path: &str, said: &str) -> Result<Answer, Closed> {
    let visitor = site.visitor(Purpose::Preferences, &Parts::parse(path)).await?;
    let table = site.tracker.links(visitor.issue).await?.ok_or(Closed::Unknown)?;
    let subscriptions = &visitor.reader.subscriptions;
    let held = subscriptions.iter().find(|held| held.list == table.list).ok_or(Closed::Unknown)?;
    let policy = counted(site, &table);
    let counts = Preferences::of(held, most(policy));
    let token = site.keys.keys().token(Purpose::Unsubscribe, visitor.issue, visitor.reference);
    let lists: Vec<Row> = offered(&site.app.config, subscriptions)
        .into_iter()
        .map(|(name, words)| Row {
            is_chosen: subscriptions.iter().any(|held| held.list == name && is_on(held)),
            value: name.to_string(),
            words,
            consequence: String::new(),
        })
        .collect();
    let mut context = Context::new();
    context.insert("is_left", &(held.status == SubscriptionStatus::Left));
    context.insert("is_off", &!subscriptions.iter().any(is_on));
    // Whoever has this link may know: it is their mail, and no reason is told.
    context.insert("is_unsent", &visitor.reader.suppression.is_some());
    context.insert("said", &site.say(said));
    context.insert("address", &site.phrases.isolate(&visitor.reader.address.masked()));
    context.insert("name", counts.name);
    context.insert("formats", &formats(site, counts));
    context.insert("trackings", &trackings(site, counts, policy));
    context.insert("pauses", &pauses(site, counts));
    context.insert("lists", &lists);
    context.insert(
        "unsubscribe_url",
        &unsubscribe_url(&site.app.config.newsletter.base_url, visitor.issue, token.as_str()),
    );
    Ok(site.page(path, StatusCode::OK, "preferences.html", context))
}

fn formats(site: &Site, counts: Preferences<'_>) -> [Row; 2] {
    let row = |value: &str, words: &str, this| Row {
        value: value.to_owned(),
        words: site.say(words),
        consequence: String::new(),
        is_chosen: counts.format == this,
    };
    [row("html", "format_html", Format::Html), row("text", "format_text", Format::Text)]
}

/// Never more than is counted.
fn trackings(site: &Site, counts: Preferences<'_>, policy: TrackingPolicy) -> Vec<Row> {
    let most = most(policy);
    let individual = match policy.opens {
        Tracking::Individual => "tracking_opens",
        Tracking::Aggregate | Tracking::None => "tracking_clicks",
    };
    let rows = [
        (Tracking::None, "none", "tracking_none", "tracking_none_what"),
        (Tracking::Aggregate, "aggregate", "tracking_aggregate", "tracking_aggregate_what"),
        (Tracking::Individual, "individual", "tracking_individual", individual),
    ];
    let allowed = rows.into_iter().filter(|(tracking, ..)| *tracking <= most && most != Tracking::None);
    let row = |(tracking, value, words, consequence): (Tracking, &str, &str, _)| Row {
        value: value.to_owned(),
        words: site.say(words),
        consequence: site.say(consequence),
        is_chosen: tracking == counts.tracking,
    };
    allowed.map(row).collect()
}

fn pauses(site: &Site, counts: Preferences<'_>) -> Vec<Row> {
    let zone = &site.app.config.newsletter.time_zone;
    let until = counts.paused_until.filter(|until| *until > site.app.now());
    let row = |value: &str, words: String, is_chosen| Row {
        value: value.to_owned(),
        words,
        consequence: String::new(),
        is_chosen,
    };
    let keep = until.map(|until| {
        row(
            "keep",
            site.phrases
                .say("pause_until", &[("date", &site.phrases.write("date", &until.to_zoned(zone.clone())))]),
            true,
        )
    });
    let weeks = PAUSES.map(|weeks| {
        let count = weeks.to_string();
        let phrase = if weeks == 1 { "pause_week" } else { "pause_weeks" };
        row(&count, site.phrases.say(phrase, &[("weeks", &count)]), false)
    });
    let none = row("0", site.say("pause_none"), until.is_none());
    [none].into_iter().chain(keep).chain(weeks).collect()
}

fn is_on(held: &Subscription) -> bool {
    held.status == SubscriptionStatus::Subscribed
}

fn counted(site: &Site, table: &LinkTable) -> TrackingPolicy {
    lists::counted(site.app.config.newsletter.tracking, table.tracking)
}

fn most(policy: TrackingPolicy) -> Tracking {
    policy.clicks.max(policy.opens)
}

fn pause(word: &str) -> Option<Pause> {
    match word {
        "0" => Some(Pause::Over),
        "keep" => Some(Pause::Kept),
        weeks => weeks.parse().ok().filter(|weeks| PAUSES.contains(weeks)).map(Pause::Weeks),
    }
}

fn format(word: &str) -> Option<Format> {
    match word {
        "text" => Some(Format::Text),
        "html" => Some(Format::Html),
        _ => None,
    }
}

fn tracking(word: &str) -> Option<Tracking> {
    match word {
        "none" => Some(Tracking::None),
        "aggregate" => Some(Tracking::Aggregate),
        "individual" => Some(Tracking::Individual),
        _ => None,
    }
}
