//! Reading `[smtp]`: where messages are handed over, and how fast.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};

use percent_encoding::percent_decode_str;
use url::Url;

use super::{Login, Pace, PasswordSource, Relay, Security, Smtp, who};
use crate::delivery::DomainPace;
use crate::diagnostic::{Diagnostic, Spot};
use crate::document::{Table, Value};
use crate::mailbox::encode_domain;

const EXAMPLE: &str = "\"smtps://user@relay.example.com:465\"";
const INSTEAD: &str = "say where it is kept: `password_file = \"/etc/pressroom/relay\"`, \
                       `password_env = \"RELAY_PASSWORD\"` or `password_command = \"pass show relay\"`";
/// Connections where nothing is said.
pub(super) const SEVERAL: NonZeroU16 = NonZeroU16::new(8).unwrap();

/// `[smtp]` as a whole.
pub(super) fn smtp(table: &Table<'_>) -> Option<(Smtp, Pace)> {
    let pace = pace(table);
    let password = password(table);
    let relays = table.each("relay", relay);
    let smtp = match (table.get("url"), table.get("relay")) {
        (Some(url), None) if url.line()? == "inbox" => Smtp::Inbox,
        (None, Some(_)) => Smtp::Relays(relays),
        (Some(url), Some(relay)) => {
            let message = "`url` and `[[smtp.relay]]` both say where messages go";
            let both = Diagnostic::error("two-relays", message).at(url.spot("one")).at(relay.spot("several"));
            table.note(both.help("keep one of the two"));
            return None;
        }
        (Some(_) | None, None) => {
            let address = table.required("url", "\"inbox\"", address)?;
            Smtp::Relays(vec![address.relay(table, password)?])
        }
    };
    Some((smtp, pace))
}

fn pace(table: &Table<'_>) -> Pace {
    Pace {
        connections: table.optional("connections", connections).unwrap_or(SEVERAL),
        rate: table.optional("rate", Value::rate),
        window: table.optional("window", Value::quota),
        chunking: table.optional("chunking", Value::boolean).unwrap_or_default(),
        client_name: table.optional("client_name", client_name),
        domains: table.table("domain", |table| Some(domains(table))).unwrap_or_default(),
    }
}

fn connections(value: &Value<'_>) -> Option<NonZeroU16> {
    value.integer(1..=1000).and_then(NonZeroU16::new)
}

fn client_name(value: &Value<'_>) -> Option<String> {
    let text = value.line()?;
    let full = encode_domain(&text).filter(|name| {
        // Of digits alone the last label is an address's.
        name.contains('.') && !name.contains('_') && name.ends_with(|c: char| c.is_ascii_alphabetic())
    });
    if full.is_some() {
        return full;
    }
    let message = format!("`{}` is no full host name", value.said(&text));
    value.refuse("bad-host", message, "write the name that leads to this host, as in \"mail.example.com\"")
}

/// `[smtp.domain]`: of each domain one table, however it is written.
fn domains(table: &Table<'_>) -> BTreeMap<String, DomainPace> {
    let mut seen: BTreeMap<String, (String, Spot)> = BTreeMap::new();
    let paces = table.entries(|value| {
        let (domain, pace) = domain_pace(value)?;
        if let Some((name, spot)) = seen.get(&domain) {
            let message = format!("`{name}` and `{}` are the same domain", value.said_name());
            let both = Diagnostic::error("repeated-domain", message).at(spot.clone()).at(value.spot(""));
            value.note(both.help("keep one of the two"));
        }
        seen.insert(domain.clone(), (value.said_name().to_owned(), value.spot("")));
        Some((domain, pace))
    });
    paces.into_iter().collect()
}

fn domain_pace(value: &Value<'_>) -> Option<(String, DomainPace)> {
    let Some(domain) = encode_domain(value.name()) else {
        let message = format!("`{}` is no domain name", value.said_name());
        return value.refuse("bad-domain", message, "write it as `[smtp.domain.\"example.com\"]`");
    };
    let pace = value.table(|table| {
        let connections = table.optional("connections", connections);
        Some(DomainPace { connections, rate: table.optional("rate", Value::rate) })
    })?;
    Some((domain, pace))
}

/// One of `[[smtp.relay]]`.
fn relay(table: &Table<'_>) -> Option<Relay> {
    let address = table.required("url", EXAMPLE, address);
    let password = password(table);
    let weight = table.optional("weight", |value| value.integer(1..=1_000_000)).and_then(NonZeroU32::new);
    let (rate, window) = (table.optional("rate", Value::rate), table.optional("window", Value::quota));
    let relay = address?.relay(table, password)?;
    Some(Relay { weight: weight.unwrap_or(relay.weight), rate, window, ..relay })
}

/// What a relay's URL says.
struct Address {
    host: String,
    port: u16,
    security: Security,
    user: Option<String>,
    is_token: bool,
}

impl Address {
    fn relay(self, table: &Table<'_>, password: Password) -> Option<Relay> {
        let Self { host, port, security, user, is_token } = self;
        let login = match (user, password) {
            (_, Password::Wrong) => return None,
            (Some(user), Password::Kept(password)) => Some(Login { user, password, is_token }),
            (None, Password::Unnamed) => None,
            (Some(_), Password::Unnamed) => {
                return table.get("url")?.refuse("login", "the relay's user has no password", INSTEAD);
            }
            (None, Password::Kept(_)) => {
                let help = "write the user into the URL, as in `smtps://user@relay.example.com`";
                return table.get("url")?.refuse("login", "the relay's password has no user", help);
            }
        };
        Some(Relay { host, port, security, login, weight: NonZeroU32::MIN, rate: None, window: None })
    }
}

fn address(value: &Value<'_>) -> Option<Address> {
    let text = value.line()?;
    let wrong = |message: &str| value.refuse("bad-relay", message, format!("write it as {EXAMPLE}"));
    let Ok(url) = Url::parse(&text) else { return wrong("this is no relay's URL") };
    let implicit = match url.scheme() {
        "smtps" => true,
        "smtp" => false,
        _ => return wrong("a relay's URL begins with smtp:// or smtps://"),
    };
    if url.password().is_some() {
        return value.refuse("password-in-file", "a password stands in the relay's URL", INSTEAD);
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return wrong("a relay's URL ends with its host and port");
    }
    let Some(host) = url.host_str().and_then(host) else { return wrong("the URL names no host") };
    let Ok(user) = percent_decode_str(url.username()).decode_utf8() else {
        return wrong("the user's name is not UTF-8");
    };
    // As curl and RFC 5092 write it.
    let (user, mechanism) = user.split_once(";AUTH=").unwrap_or((&user, ""));
    let is_token = match mechanism {
        "" => false,
        "XOAUTH2" => true,
        _ => return wrong("of the ways to authenticate only `;AUTH=XOAUTH2` can be asked for"),
    };
    let user = Some(user.to_owned()).filter(|user| !user.is_empty());
    let security = match implicit {
        true => Security::Tls,
        false if who::is_loopback(&host) && user.is_none() => Security::Clear,
        false => Security::StartTls,
    };
    let port = url.port().unwrap_or(if implicit { 465 } else { 587 });
    Some(Address { host, port, security, user, is_token })
}

/// A name as A-labels, or an IP address without its brackets.
fn host(host: &str) -> Option<String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<std::net::IpAddr>().is_ok() {
        return Some(bare.to_owned());
    }
    encode_domain(&percent_decode_str(host).decode_utf8().ok()?)
}

/// What a table says about a password.
enum Password {
    /// Nothing.
    Unnamed,
    /// Where it is kept.
    Kept(PasswordSource),
    /// Something that was noted as a mistake.
    Wrong,
}

fn password(table: &Table<'_>) -> Password {
    if let Some(value) = table.forbidden("password") {
        let noted = value.refuse("password-in-file", "a password never stands in this file", INSTEAD);
        return noted.unwrap_or(Password::Wrong);
    }
    let keys = ["password_file", "password_env", "password_command"];
    let given: Vec<_> = keys.into_iter().filter_map(|key| table.get(key)).collect();
    match given.as_slice() {
        [] => Password::Unnamed,
        [value] => password_source(value).map_or(Password::Wrong, Password::Kept),
        [first, second, ..] => {
            let message =
                format!("`{}` and `{}` both say where the password is", first.name(), second.name());
            let both = Diagnostic::error("two-passwords", message).at(first.spot("")).at(second.spot(""));
            table.note(both.help("keep one of them"));
            Password::Wrong
        }
    }
}

fn password_source(value: &Value<'_>) -> Option<PasswordSource> {
    Some(match value.name() {
        "password_file" => PasswordSource::File(value.file()?),
        "password_env" => PasswordSource::Env(variable(value)?),
        _ => PasswordSource::Command(value.line()?),
    })
}

fn variable(value: &Value<'_>) -> Option<String> {
    let name = value.line()?;
    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Some(name);
    }
    let help =
        "write its name, as in `password_env = \"RELAY_PASSWORD\"`: the value stays in the environment";
    value.refuse("bad-variable", "`password_env` names no variable of the environment", help)
}
