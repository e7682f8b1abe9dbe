use super::*;
use crate::diagnostic::{Diagnostics, Source};

const LEAST: &str = r#"
name = "Quiet Pager"
from = "Quiet Pager <editor@mail.example.com>"
list_id = "pager.example.com"
base_url = "https://mail.example.com/"
postal_address = "14 Rope Walk, Exampleland"
"#;

fn parse(text: &str) -> Result<Config, Diagnostics> {
    Config::parse(Source::new("newsletter.toml", text))
}

fn with(more: &str) -> Config {
    parse(&format!("{LEAST}{more}")).unwrap_or_else(|found| panic!("{found}"))
}

fn refused(more: &str) -> Vec<&'static str> {
    let found = parse(&format!("{LEAST}{more}")).unwrap_err();
    found.0.iter().map(|diagnostic| diagnostic.kind).collect()
}

fn relay(more: &str) -> Relay {
    let Some(Smtp::Relays(mut relays)) = with(more).smtp else { panic!("{more} names no relay") };
    relays.remove(0)
}

#[test]
fn the_shipped_newsletter_is_read() {
    let config = parse(&std::fs::read_to_string("newsletter.toml").unwrap());
    assert_eq!(config.map(|config| config.smtp).map_err(|found| found.to_string()), Ok(Some(Smtp::Inbox)));
}

#[test]
fn what_is_not_said_has_its_default() {
    let config = with("");
    assert_eq!(config.newsletter.language, "en");
    assert_eq!(config.newsletter.list.as_str(), "readers");
    assert_eq!(config.newsletter.base_url.0, "https://mail.example.com");
    assert_eq!(config.max_late, Duration::from_hours(24));
    assert_eq!(config.give_up_after, Duration::from_hours(72));
    assert_eq!(config.keep_events, Duration::from_hours(9600));
    assert_eq!(config.in_doubt, InDoubt::Skip);
    assert_eq!(config.pace.connections.get(), 8);
    assert!(config.smtp.is_none() && config.schedule.is_empty() && !config.require_review);
    assert!(matches!(config.store, StoreUrl::Sqlite(path) if path.as_os_str() == "pressroom.db"));
}

#[test]
fn a_relay_says_how_its_line_is_protected() {
    let relay = |url: &str| {
        let Relay { host, port, security, .. } = relay(&format!("[smtp]\nurl = \"{url}\""));
        (host, port, security)
    };
    let plain = |host: &str, port, security| (host.to_owned(), port, security);
    assert_eq!(relay("smtps://relay.example.com"), plain("relay.example.com", 465, Security::Tls));
    assert_eq!(relay("smtp://Relay.Example.com:25"), plain("relay.example.com", 25, Security::StartTls));
    assert_eq!(relay("smtp://bücher.example"), plain("xn--bcher-kva.example", 587, Security::StartTls));
    assert_eq!(relay("smtp://127.0.0.1:2525"), plain("127.0.0.1", 2525, Security::Clear));
    assert_eq!(relay("smtp://[::1]:2525"), plain("::1", 2525, Security::Clear));
}

#[test]
fn a_user_comes_with_the_place_of_a_password() {
    let login =
        relay("[smtp]\nurl = \"smtps://ada%40example.com@relay.example.com\"\npassword_env = \"P\"").login;
    let password = PasswordSource::Env("P".to_owned());
    assert_eq!(login, Some(Login { user: "ada@example.com".to_owned(), password, is_token: false }));
    let token = relay(
        "[smtp]\nurl = \"smtps://ada%40example.com;AUTH=XOAUTH2@relay.example.com\"\npassword_command = \"token\"",
    );
    let login = token.login.unwrap();
    assert_eq!((login.user.as_str(), login.is_token), ("ada@example.com", true));
    let other = "[smtp]\nurl = \"smtps://u;AUTH=CRAM-MD5@relay.example.com\"\npassword_env = \"P\"";
    assert_eq!(refused(other), ["bad-relay"]);
    assert_eq!(refused("[smtp]\nurl = \"smtps://u@relay.example.com\""), ["login"]);
    assert_eq!(refused("[smtp]\nurl = \"smtps://relay.example.com\"\npassword_env = \"P\""), ["login"]);
    let two = "[smtp]\nurl = \"smtps://u@relay.example.com\"\npassword_env = \"P\"\npassword_file = \"p\"";
    assert_eq!(refused(two), ["two-passwords"]);
}

#[test]
fn several_relays_have_their_shares() {
    let config = with(
        r#"
[smtp]
connections = 2
[smtp.domain."Bücher.example"]
rate = "1/s"
[[smtp.relay]]
url = "smtp://u@first.example.com"
password_command = "pass show first"
weight = 3
window = "5000/h"
[[smtp.relay]]
url = "smtps://second.example.com"
"#,
    );
    let Some(Smtp::Relays(relays)) = &config.smtp else { panic!("relays") };
    assert_eq!(relays.iter().map(|relay| relay.weight.get()).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(config.pace.domains.keys().collect::<Vec<_>>(), ["xn--bcher-kva.example"]);
    assert!(relays[0].window.is_some() && relays[1].window.is_none());
}

#[test]
fn a_rate_is_of_a_second_or_a_minute_and_what_is_of_an_hour_is_a_window() {
    let relay = "[[smtp.relay]]\nurl = \"smtp://relay.example.com\"\n";
    for head in ["[smtp]\nurl = 'inbox'\n", relay, "[smtp]\nurl = 'inbox'\n[smtp.domain.\"example.org\"]\n"] {
        with(&format!("{head}rate = \"1/m\""));
        for slow in ["20/h", "50000/d"] {
            let found = parse(&format!("{LEAST}{head}rate = \"{slow}\"")).unwrap_err();
            assert_eq!(found.0[0].kind, "bad-rate");
            assert!(found.0[0].help.contains("window = \"20/h\""), "{found}");
        }
    }
    with(&format!("{relay}window = \"50000/d\"\n[serve]\nconfirmations = \"100/h\""));
}

#[test]
fn one_domain_has_one_table_however_it_is_written() {
    let twice = |one: &str, other: &str| {
        format!("[smtp]\nurl = 'inbox'\n[smtp.domain.\"{one}\"]\nrate = \"1/s\"\n[smtp.domain.\"{other}\"]\n")
    };
    for other in ["Example.org", "example.ORG"] {
        let found = parse(&format!("{LEAST}{}", twice("example.org", other))).unwrap_err();
        assert_eq!((found.0[0].kind, found.0[0].spots.len()), ("repeated-domain", 2));
        assert!(found.0[0].message.contains(&format!("`example.org` and `{other}`")), "{found}");
    }
    assert_eq!(refused(&twice("bücher.example", "xn--bcher-kva.example")), ["repeated-domain"]);
    assert_eq!(with(&twice("example.org", "mail.example.org")).pace.domains.len(), 2);
}

#[test]
fn plain_links_go_to_nobody_else() {
    let http = |more: &str| LEAST.replace("https://mail.example.com/", "http://127.0.0.1:8080") + more;
    assert!(parse(&http("[smtp]\nurl = \"smtp://localhost:2525\"")).is_ok());
    assert!(parse(&http("[smtp]\nurl = \"inbox\"")).is_ok());
    let found = parse(&http("[smtp]\nurl = \"smtp://relay.example.com\"")).unwrap_err();
    assert_eq!(found.0[0].kind, "plain-links");
}

#[test]
fn weekly_times_want_a_time_zone_and_are_put_in_order() {
    assert_eq!(refused("schedule = \"Sun 20:00\""), ["missing-key"]);
    let times =
        with("time_zone = \"Europe/Vienna\"\nschedule = [\"Fri 08:00\", \"Tue 08:00\", \"Fri 8:00\"]")
            .schedule;
    let days: Vec<_> = times.iter().map(|time| time.weekday).collect();
    assert_eq!(days, [jiff::civil::Weekday::Tuesday, jiff::civil::Weekday::Friday]);
}

#[test]
fn one_signature_must_be_of_the_senders_own_domain_and_others_may_stand_beside_it() {
    let key =
        |domain: &str| format!("[[dkim]]\ndomain = \"{domain}\"\nselector = \"a\"\nkey_file = \"a.pem\"\n");
    for own in ["mail.example.com", "Example.com", "news.mail.example.com", "news.example.com"] {
        assert_eq!(with(&(key("relay.example") + &key(own))).dkim.len(), 2);
    }
    for other in ["relay.example", "mail.example.org", "mail.anexample.com"] {
        assert_eq!(refused(&key(other)), ["unaligned-dkim"], "{other}");
    }
    assert_eq!(refused(&(key("com") + &key("example.com"))), ["bad-domain"]);
}

#[test]
fn a_path_may_be_absolute_and_may_not_climb() {
    let key =
        |file: &str| format!("[[dkim]]\ndomain = \"example.com\"\nselector = \"a\"\nkey_file = \"{file}\"\n");
    assert_eq!(with(&key("/etc/pressroom/key")).dkim.len(), 1);
    assert_eq!(refused(&key("keys/../../key")), ["bad-path"]);
    assert_eq!(refused(&(key("one") + &key("two"))), ["repeated-selector"]);
    assert_eq!(refused("[store]\nurl = \"sqlite://../pressroom.db\""), ["bad-store"]);
}

#[test]
fn the_readers_side_is_as_the_file_says() {
    let serve = with("[serve]\nlisten = \"[::1]:81\"\ntrusted_proxies = [\"10.0.0.0/8\"]\nconfirmations = \"5/m\"\n[serve.lists]\nextra = \"More\"")
        .serve;
    assert_eq!(serve.listen.to_string(), "[::1]:81");
    assert!(serve.trusted_proxies[0].holds("10.1.2.3".parse().unwrap()));
    assert_eq!((serve.confirmations.messages.get(), serve.confirmations.per), (5, Duration::from_mins(1)));
    assert_eq!(serve.lists[&"extra".parse().unwrap()], "More");
    assert_eq!(with("").serve.listen.to_string(), "127.0.0.1:8080");
}

#[test]
fn what_is_wrong_about_the_readers_side_is_named() {
    assert_eq!(refused("[serve]\nlisten = \"8080\""), ["bad-address"]);
    assert_eq!(refused("[serve]\ntrusted_proxies = [\"proxy\"]"), ["bad-network"]);
    assert_eq!(refused("[serve]\nconnections = 0"), ["out-of-range"]);
    assert_eq!(refused("[serve]\nport = 1"), ["unknown-key"]);
    assert_eq!(refused("[serve.lists]\n\"No List\" = \"x\""), ["bad-list"]);
}
