//! Reading newsletter.toml.

use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use jiff::tz::TimeZone;

use super::{Config, DkimKey, Smtp, confidential, serve, smtp, store};
use crate::delivery::InDoubt;
use crate::diagnostic::{Diagnostic, Diagnostics, Located, Source};
use crate::document::{self, Table, Value, nearest};
use crate::mailbox::encode_domain;
use crate::newsletter::{Affiliation, Newsletter, Silence, Tracking, TrackingPolicy};
use crate::schedule::WeeklyTime;

const SUBJECT: &str = "{{ newsletter.name }} Issue #{{ issue.number }}";

impl Config {
    /// What is said of a newsletter.toml that cannot be parsed for it is no text, without what belongs on no screen.
    pub fn conceal(mut found: Diagnostics) -> Diagnostics {
        for spot in found.0.iter_mut().flat_map(|diagnostic| &mut diagnostic.spots) {
            spot.source = document::concealed(&spot.source, &confidential::places(spot.source.text()));
        }
        found
    }

    /// Reads newsletter.toml.
    ///
    /// # Errors
    /// All its mistakes.
    pub fn parse(source: Source) -> Result<Self, Diagnostics> {
        document::read_concealing(source, confidential::places, config)
    }
}

fn config(file: &Table<'_>) -> Option<Config> {
    let newsletter = newsletter(file);
    let smtp = file.optional("smtp", |value| value.table(smtp::smtp));
    let send = file.table("send", |table| {
        let words = [("skip", InDoubt::Skip), ("resend", InDoubt::Resend)];
        let in_doubt = table.optional("in_doubt", |value| value.one_of(&words));
        Some((in_doubt, table.optional("give_up_after", Value::span_of_time)))
    });
    let (in_doubt, give_up_after) = send.unwrap_or_default();
    let (smtp, pace) = smtp.unzip();
    note_plain_links(file, smtp.as_ref());
    let config = Config {
        schedule: file.optional("schedule", schedule).unwrap_or_default(),
        require_review: file.optional("require_review", Value::boolean).unwrap_or_default(),
        max_late: file.optional("max_late", Value::span_of_time).unwrap_or(days(1)),
        notify: file.optional("notify", Value::email_address),
        smtp,
        pace: pace.unwrap_or_default(),
        in_doubt: in_doubt.unwrap_or_default(),
        give_up_after: give_up_after.unwrap_or(days(3)),
        dkim: dkim(file, newsletter.as_ref()),
        store: file.table("store", store::store).unwrap_or_default(),
        serve: file.table("serve", |table| Some(serve::serve(table))).unwrap_or_default(),
        keep_events: file
            .table("retention", |table| table.optional("events", Value::span_of_time))
            .unwrap_or(days(400)),
        newsletter: newsletter?,
    };
    Some(config)
}

fn newsletter(file: &Table<'_>) -> Option<Newsletter> {
    let name = file.required("name", "\"…\"", Value::line);
    let from = file.required("from", "\"Name <editor@mail.example.com>\"", Value::sender);
    let list_id = file.required("list_id", "\"weekly.example.com\"", list_id);
    let base_url = file.required("base_url", "\"https://mail.example.com\"", Value::base_url);
    let postal_address = file.required("postal_address", "\"street, city, country\"", Value::line);
    let time_zone = time_zone(file);
    let list = file.optional("list", Value::list_name).or_else(|| "readers".parse().ok());
    let subject = file.optional("subject", |value| value.located(Value::line));
    let newsletter = Newsletter {
        source: file.source().clone(),
        tagline: file.optional("tagline", Value::line),
        language: file.optional("language", Value::language).unwrap_or_else(|| "en".to_owned()),
        reply_to: file.optional("reply_to", Value::mailbox),
        return_path: file.optional("return_path", Value::domain),
        unsubscribe_mailbox: file.optional("unsubscribe_mailbox", Value::email_address),
        subject: subject.unwrap_or_else(|| Located { value: SUBJECT.to_owned(), span: 0..0 }),
        tracking: file.table("tracking", |table| Some(tracking(table))).unwrap_or_default(),
        affiliations: file.each("affiliation", affiliation),
        silenced: file.table("check", |table| Some(table.each("silence", silence))).unwrap_or_default(),
        name: name?,
        time_zone: time_zone?,
        from: from?,
        list: list?,
        list_id: list_id?,
        base_url: base_url?,
        postal_address: postal_address?,
    };
    Some(newsletter)
}

/// UTC where nothing is said, unless issues are due at times of the week: those are somebody's times.
fn time_zone(file: &Table<'_>) -> Option<TimeZone> {
    let zone = |value: &Value<'_>| {
        value.parsed("bad-time-zone", "write it as IANA does, as in `Europe/Vienna`", named_zone)
    };
    if file.get("schedule").is_some() || file.get("time_zone").is_some() {
        file.required("time_zone", "\"America/New_York\"", zone)
    } else {
        Some(TimeZone::UTC)
    }
}

fn named_zone(name: &str) -> Result<TimeZone, String> {
    system_zone(name).or_else(|| TimeZone::get(name).ok()).filter(|zone| !zone.is_unknown()).ok_or_else(
        || {
            let known: Vec<_> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let guess = nearest(name, known.iter().map(String::as_str));
            let guess = guess.map(|guess| format!("; did you mean `{guess}`?")).unwrap_or_default();
            format!("`{name}` is no time zone{guess}")
        },
    )
}

/// The zone as the system has it, written exactly so. To find other spellings jiff looks through every folder of zones, which takes
/// as long as all of composing.
fn system_zone(name: &str) -> Option<TimeZone> {
    let is_written = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-'))
    };
    if !name.split('/').all(is_written) || env::var_os("TZDIR").is_some() {
        return None;
    }
    TimeZone::tzif(name, &fs::read(Path::new("/usr/share/zoneinfo").join(name)).ok()?).ok()
}

/// RFC 2919: labels of ASCII, at least two.
fn list_id(value: &Value<'_>) -> Option<String> {
    value.parsed(
        "bad-list-id",
        "write it as `weekly.example.com`, and never change it: readers' filters know it",
        |text| {
            let label = |label: &str| {
                !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            };
            let fits = text.len() <= 255 && text.contains('.') && text.split('.').all(label);
            if fits { Ok(text.to_owned()) } else { Err(format!("`{text}` is no List-Id")) }
        },
    )
}

fn schedule(value: &Value<'_>) -> Option<Vec<WeeklyTime>> {
    let mut times = value.one_or_more(Value::weekly_time)?;
    times.sort_by_key(|time| (time.weekday.to_monday_zero_offset(), time.time));
    times.dedup();
    Some(times)
}

fn tracking(table: &Table<'_>) -> TrackingPolicy {
    let words =
        [("individual", Tracking::Individual), ("aggregate", Tracking::Aggregate), ("none", Tracking::None)];
    let usual = TrackingPolicy::default();
    TrackingPolicy {
        clicks: table.optional("clicks", |value| value.one_of(&words)).unwrap_or(usual.clicks),
        opens: table.optional("opens", |value| value.one_of(&words)).unwrap_or(usual.opens),
    }
}

fn affiliation(table: &Table<'_>) -> Option<Affiliation> {
    let name = table.required("name", "\"…\"", Value::line);
    let domains = table.optional("domains", |value| value.array(Value::domain)).unwrap_or_default();
    let disclosure = table.required("disclosure", "\"…\"", Value::line);
    Some(Affiliation { name: name?, domains, disclosure: disclosure? })
}

fn silence(table: &Table<'_>) -> Option<Silence> {
    let finding = table.required("finding", "\"…\"", Value::line);
    let reason = table.required("reason", "\"why it is accepted\"", Value::line);
    Some(Silence { finding: finding?, reason: reason? })
}

fn dkim(file: &Table<'_>, newsletter: Option<&Newsletter>) -> Vec<DkimKey> {
    let mut seen = Vec::new();
    let mut first = None;
    let from = newsletter.map(|newsletter| newsletter.from.address.domain());
    let keys = file.each("dkim", |table| {
        first = first.take().or_else(|| Some(table.get("domain")?.spot("another's domain")));
        let domain = table.required("domain", "\"mail.example.com\"", |value| signing_domain(value, from));
        let selector = table.required("selector", "\"pager2023\"", selector);
        let key_file = table.required("key_file", "\"/etc/pressroom/dkim.pem\"", Value::file);
        let key = DkimKey { domain: domain?, selector: selector?, key_file: key_file? };
        let name = (key.domain.clone(), key.selector.clone());
        if seen.contains(&name) {
            let help = "RSA and Ed25519 keys need selectors of their own, each with its DNS record";
            let (domain, selector) = (table.get("domain")?, table.get("selector")?);
            let name = (domain.said(&name.0), selector.said(&name.1));
            let message = format!("two keys stand under `{}._domainkey.{}`", name.1, name.0);
            return selector.refuse("repeated-selector", message, help);
        }
        seen.push(name);
        Some(key)
    });
    if let (Some(place), Some(diagnostic)) = (first, from.and_then(|from| unaligned(&keys, from))) {
        file.note(diagnostic.at(place));
    }
    keys
}

/// A domain that somebody can own: nobody believes a signature by `com`.
fn signing_domain(value: &Value<'_>, from: Option<&str>) -> Option<String> {
    let domain = value.domain()?;
    if domain.contains('.') || from == Some(&domain) {
        return Some(domain);
    }
    let domain = value.said(&domain);
    let message = format!("`{domain}` is nobody's own domain, and no receiver counts its signature");
    value.refuse("bad-domain", message, "write the domain of `from`, as in `mail.example.com`")
}

/// Receivers who go by DMARC (RFC 7489 3.1.1) count no signature but one of the organization that From's domain belongs to
/// (requirement 18). Where an organization's domain begins stands in a list that is not here: its last two labels are held to be it, which
/// refuses nothing that counts.
fn unaligned(keys: &[DkimKey], from: &str) -> Option<Diagnostic> {
    let organization = |domain: &str| domain.rsplitn(3, '.').take(2).map(str::to_owned).collect::<Vec<_>>();
    let is_aligned = |key: &DkimKey| organization(&key.domain) == organization(from);
    if keys.is_empty() || keys.iter().any(is_aligned) {
        return None;
    }
    let message = format!("no signature is by {from}, which `from` names: to receivers none would count");
    let help = format!(
        "add one with `domain = \"{from}\"`, its DNS record published there; others may stand beside it"
    );
    Some(Diagnostic::error("unaligned-dkim", message).help(help))
}

/// RFC 6376, 3.1: labels like those of a domain.
fn selector(value: &Value<'_>) -> Option<String> {
    value.parsed("bad-selector", "use letters, digits and `-`, as in `pager2023`", |text| {
        encode_domain(text).ok_or_else(|| format!("`{text}` is no selector"))
    })
}

/// Links over plain http lead nowhere but on this machine, so no message may leave it.
fn note_plain_links(file: &Table<'_>, smtp: Option<&Smtp>) {
    let Some(Smtp::Relays(relays)) = smtp else { return };
    let Some(url) = file.get("base_url").filter(|url| url.source().text()[url.span()].contains("http://"))
    else {
        return;
    };
    if let Some(relay) = relays.iter().find(|relay| !relay.is_loopback()) {
        let message =
            format!("readers cannot follow links over plain http, and {} is not this machine", relay.host);
        file.note(
            Diagnostic::error("plain-links", message)
                .at(url.spot("plain http"))
                .help("write an https `base_url`, or `url = \"inbox\"` under [smtp] for a trial"),
        );
    }
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}
