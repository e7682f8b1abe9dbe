//! Preferences: what a reader chooses for themselves, which outranks whatever a file says of them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tera::Context;

use super::answer::Answer;
use super::form::Fields;
use super::lists::offered;
use super::site::{Closed, Path, Site, Visitor};
use crate::mailbox::display_name;
use crate::newsletter::{Tracking, TrackingPolicy};
use crate::store::Judging;
use crate::subscriber::{
    Choices, Consent, Format, Joining, Leaving, Origin, Subscription, SubscriptionStatus, Way,
};
use crate::token::{Purpose, unsubscribe_url};
use crate::track::{Counters, LinkTable};

/// How many weeks a pause may last.
const PAUSES: [i64; 4] = [1, 2, 4, 8];
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
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
    let visitor = site.visitor(Purpose::Preferences, &Path::parse(path)).await?;
    let now = site.app.now();
    let offered = offered(site, &visitor.reader.subscriptions);
    let is_offered = |list: &str| offered.keys().any(|offered| offered.as_str() == list);
    // A list that is not known would be taken for none that is wanted.
    if !is_understood(fields) || !fields.all("list").all(is_offered) {
        let answer = site.notice(path, StatusCode::UNPROCESSABLE_ENTITY, "no_form", &["no_form_why"]);
        return Err(Closed::Said(Box::new(answer)));
    }
    let name = match fields.get("name").map(|name| name.chars().take(NAME).collect::<String>()) {
        Some(name) if display_name(&name).is_err() => {
            let mut answer = present(site, path, "unsaved").await?;
            *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(answer);
        }
        name => name,
    };
    if fields.get("lists").is_some() {
        choose_lists(site, &visitor, fields, now).await?;
    }
    choose(site, &visitor, (fields, name.as_deref()), now).await?;
    present(site, path, "saved").await
}

/// What is chosen holds for all lists they are or were on, also for those they have just joined.
async fn choose(
    site: &Site,
    visitor: &Visitor,
    (fields, name): (&Fields, Option<&str>),
    now: Timestamp,
) -> Result<(), Closed> {
    let table = site.tracker.links(visitor.issue).await?.ok_or(Closed::Unknown)?;
    let before = &visitor.reader.subscriptions;
    let shown = before.iter().find(|held| held.list == table.list);
    let shown = shown.and_then(|held| held.choices.paused_until);
    let most = most(counted(site, &table));
    for held in &visitor.store.subscriptions(visitor.reader.id).await? {
        let was_on = before.iter().any(|before| before.list == held.list && is_on(before));
        let pause = if was_on { held.choices.paused_until } else { held.choices.paused_until.max(shown) };
        let form = Form { fields, name, most, pause, now };
        let choices = form.choices(held);
        if form.counts_less() || choices != held.choices {
            let judging = Judging { rules: &site.rules, at: now };
            visitor.store.choose(&held.list, visitor.reader.id, &choices, judging).await?;
        }
    }
    Ok(())
}

/// What somebody chose.
struct Form<'f> {
    fields: &'f Fields,
    name: Option<&'f str>,
    /// The most that is counted of them, whatever they choose.
    most: Tracking,
    /// The pause that goes on where they leave it as the page shows it.
    pause: Option<Timestamp>,
    now: Timestamp,
}

impl Form<'_> {
    /// What is left as it was is not chosen: there the file goes on to speak. To be counted less is always their word, though file or
    /// newsletter say the same today.
    fn choices(&self, held: &Subscription) -> Choices {
        let before = &held.choices;
        let name = self.name.filter(|name| *name != name_of(held)).map(str::to_owned);
        let tracking = self.tracking();
        let is_new = |tracking: &Tracking| self.counts_less() || *tracking != tracking_of(held, self.most);
        let format = self.fields.get("format").and_then(format).filter(|format| *format != format_of(held));
        Choices {
            name: name.or_else(|| before.name.clone()),
            tracking: tracking.filter(is_new).or(before.tracking),
            format: format.or(before.format),
            paused_until: self.pause(before.paused_until),
        }
    }

    fn tracking(&self) -> Option<Tracking> {
        self.fields.get("tracking").and_then(tracking)
    }

    /// Whether they ask to be counted less than one by one.
    fn counts_less(&self) -> bool {
        self.tracking().is_some_and(|tracking| tracking < Tracking::Individual)
    }

    fn pause(&self, before: Option<Timestamp>) -> Option<Timestamp> {
        match self.fields.get("pause") {
            None => before,
            Some("keep") => self.pause,
            Some(weeks) => {
                let weeks = weeks.parse().ok().filter(|weeks| PAUSES.contains(weeks))?;
                i32::try_from(weeks).ok().and_then(|weeks| self.now.checked_add(WEEK * weeks).ok())
            }
        }
    }
}

async fn choose_lists(site: &Site, visitor: &Visitor, fields: &Fields, now: Timestamp) -> Result<(), Closed> {
    let reader = &visitor.reader;
    let consent = |title: &str| {
        let from = Some(format!("{}/preferences", site.app.config.newsletter.base_url.0));
        let wording = Some(format!("{}: {title}", site.say("preferences_lists")));
        Consent { at: now, asked_at: None, from, wording }
    };
    for (name, title) in offered(site, &reader.subscriptions) {
        let is_wanted = fields.all("list").any(|wanted| wanted == name.as_str());
        let status = reader.subscriptions.iter().find(|held| held.list == name).map(|held| held.status);
        match (is_wanted, status) {
            // Also of who is gone from the file: it may have them again, and they were shown that nothing comes.
            (false, Some(SubscriptionStatus::Subscribed | SubscriptionStatus::Gone)) => {
                let leaving = Leaving { at: now, issue: Some(visitor.issue), way: Way::Page };
                if visitor.store.leave(&name, reader.id, leaving).await? {
                    Counters::count(&site.counters.left);
                }
            }
            (true, Some(SubscriptionStatus::Left)) => {
                if visitor.store.come_back(&name, reader.id, consent(&title)).await? {
                    Counters::count(&site.counters.returned);
                }
            }
            (true, None | Some(SubscriptionStatus::Gone)) => {
                let joining = Joining { origin: Origin::Page, at: now, consent: Some(consent(&title)) };
                visitor.store.put_on(&name, reader.id, joining).await?;
            }
            (true, Some(SubscriptionStatus::Subscribed)) | (false, None | Some(SubscriptionStatus::Left)) => {
            }
        }
    }
    Ok(())
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
    let visitor = site.visitor(Purpose::Preferences, &Path::parse(path)).await?;
    let table = site.tracker.links(visitor.issue).await?.ok_or(Closed::Unknown)?;
    let subscriptions = &visitor.reader.subscriptions;
    let held = subscriptions.iter().find(|held| held.list == table.list).ok_or(Closed::Unknown)?;
    let token = site.keys.keys().token(Purpose::Unsubscribe, visitor.issue, visitor.reference);
    let lists: Vec<Row> = offered(site, subscriptions)
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
    context.insert("name", name_of(held));
    context.insert("formats", &formats(site, held));
    context.insert("trackings", &trackings(site, held, counted(site, &table)));
    context.insert("pauses", &pauses(site, held));
    context.insert("lists", &lists);
    context.insert(
        "unsubscribe_url",
        &unsubscribe_url(&site.app.config.newsletter.base_url, visitor.issue, token.as_str()),
    );
    Ok(site.page(path, StatusCode::OK, "preferences.html", context))
}

fn formats(site: &Site, held: &Subscription) -> [Row; 2] {
    let format = format_of(held);
    let row = |value: &str, words: &str, this| Row {
        value: value.to_owned(),
        words: site.say(words),
        consequence: String::new(),
        is_chosen: format == this,
    };
    [row("html", "format_html", Format::Html), row("text", "format_text", Format::Text)]
}

/// Never more than is counted.
fn trackings(site: &Site, held: &Subscription, policy: TrackingPolicy) -> Vec<Row> {
    let most = most(policy);
    let individual = match policy.opens {
        Tracking::Individual => "tracking_opens",
        Tracking::Aggregate | Tracking::None => "tracking_clicks",
    };
    let chosen = tracking_of(held, most);
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
        is_chosen: tracking == chosen,
    };
    allowed.map(row).collect()
}

fn pauses(site: &Site, held: &Subscription) -> Vec<Row> {
    let zone = &site.app.config.newsletter.time_zone;
    let until = held.choices.paused_until.filter(|until| *until > site.app.now());
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

fn name_of(held: &Subscription) -> &str {
    held.choices.name.as_deref().or(held.name.as_deref()).unwrap_or_default()
}

fn format_of(held: &Subscription) -> Format {
    held.choices.format.or(held.format).unwrap_or_default()
}

fn tracking_of(held: &Subscription, most: Tracking) -> Tracking {
    held.choices.tracking.or(held.tracking).unwrap_or(most).min(most)
}

/// What is counted of somebody who came by this issue's link: as the newsletter does now, and as it did when the issue went out, for its
/// links are counted so still.
fn counted(site: &Site, table: &LinkTable) -> TrackingPolicy {
    let (now, then) = (site.app.config.newsletter.tracking, table.tracking);
    TrackingPolicy { clicks: now.clicks.max(then.clicks), opens: now.opens.max(then.opens) }
}

fn most(policy: TrackingPolicy) -> Tracking {
    policy.clicks.max(policy.opens)
}

/// Whether there is anything of the page's form in it, and nothing that the form cannot send.
fn is_understood(fields: &Fields) -> bool {
    let known = ["name", "tracking", "format", "pause", "lists"];
    let is_pause = |weeks: &str| {
        matches!(weeks, "keep" | "0") || weeks.parse().is_ok_and(|weeks| PAUSES.contains(&weeks))
    };
    known.iter().any(|name| fields.get(name).is_some())
        && fields.get("tracking").is_none_or(|word| tracking(word).is_some())
        && fields.get("format").is_none_or(|word| format(word).is_some())
        && fields.get("pause").is_none_or(is_pause)
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
