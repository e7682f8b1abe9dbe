use proptest::prelude::*;

use crate::config::Config;
use crate::diagnostic::{Diagnostics, Source};
use crate::document::decode;

/// A secret, longer than any name; its digits keep it from looking like a key.
const CANARY: &str = "c4n4ry7x9q2w8e5r1t6y3u0pc4n4ry7x9q2w8e5r1";

/// One that is no longer than other words.
const SHORT: &str = "hunter2hunter2";

const HEAD: &str = r#"# The newsletter.
name = "Quiet Pager"
from = "Quiet Pager <editor@mail.example.com>"
list_id = "pager.example.com"
base_url = "https://mail.example.com/"
postal_address = "14 Rope Walk, Exampleland"
"#;

/// In `[smtp]`.
const SMTP: &str = r#"url = smtps://user:%@relay.example.com
url = "smtps://user:%@relay.example.com
url = "smtps://user:%@relay.example.com"
url = 'smtps://user:%@relay.example.com'~window = "x"
url = "smtps://user:%@relay.example.com"~connections = -1
url = "smtps://user:%@relay.example.com" # x~url = "smtp://127.0.0.1:1"
url = "smtps://user:ab@%@relay.example.com"
url = "smtps://user:ab/%@relay.example.com"
url = "smtps://user:ab?%@relay.example.com"
url = "smtps://user%3A%@relay.example.com"
url = "smtps://%:@relay.example.com"
url = "smtps://user;AUTH=PLAIN:%@relay.example.com"
url = "http://user:%@relay.example.com"
url = "smtp://relay.example.com:587?user=u&password=%"
url = """smtps://user:~%@relay.example.com"""
url = ["smtps://user:%@relay.example.com"]
url = [~["%"]~]
url = smtps:/user:%@h
url = "smtps:/user:%@h"
url = "smtps:user:%@h"
url = "user:%@relay.example.com:465"
url = "//user:%@relay.example.com:465"
urll = "smtps://user:%@relay.example.com"
URL = "smtps://user:%@relay.example.com"
"url" = "smtps://user:%@relay.example.com"~x = 1
[smtp.relay]~url = "smtps://user:%@relay.example.com"
[smtp.domain."user:%@example.com"]~rate = "x"
[smtp.domain]~"user:%@example.com" = 1
[[smtp.relay]~url = "smtps://user:%@relay.example.com"
url = "smtp://127.0.0.1:1"~connections = "x" # %
url = "smtp://127.0.0.1:1"~# password = "%"~connections = "x"
url = "smtp://127.0.0.1:1"~password = "%"~connections = x
url = "smtp://127.0.0.1:1"~password = "%
url = "smtp://127.0.0.1:1"~password = ["%"]
url = "smtp://127.0.0.1:1"~password = """~%~"""
url = "smtp://127.0.0.1:1"~password = """~[send]~rate = %~"""
url = "smtp://127.0.0.1:1"~password=~%
url = "smtp://127.0.0.1:1"~password: %
url = "smtp://127.0.0.1:1"~password %
url = "smtp://127.0.0.1:1"~pasword = "%"
url = "smtp://127.0.0.1:1"~pass = %
url = "smtp://127.0.0.1:1"~passwd = "%"
url = "smtp://127.0.0.1:1"~secret = "%"
url = "smtp://127.0.0.1:1"~%==
url = "smtp://127.0.0.1:1"~password_env = "ca-%"
url = "smtp://127.0.0.1:1"~password_command = "../%"~rate = 1
url = "smtp://127.0.0.1:1"~password_file = "../%"
password = "%"~password = "%""#;

/// In `[store]`.
const STORE: &str = r#"url = postgres://u:%@h/db
url = "postgres://u:%@h/db
url = "postgres://u:%@h/db"~foo = 1
url = "postgres:/u:%@h/db"
url = "postgres:u:%@h/db"
url = "postgres//u:%@h/db"
url = "mysql://u:%@h/db"
url = "u:%@h/db"
urll = "postgres://u:%@h/db"
url = "host=127.0.0.1 password=% user=u"
url = "postgres://h:x/db?password=%"
url = "http://h/db?password=%"
url = "postgres://u:[%@127.0.0.1:1/db"
url = "%"
password = "%""#;

/// Under no header, or another.
const ELSEWHERE: &str = r#"url = "smtps://user:%@relay.example.com"
password = "%"
smtp.url = "smtps://user:%@relay.example.com"~smtp.connections = 0
smtp = { url = "smtps://user:%@relay.example.com", connections = 0 }
smtp = { urll = "%" }
[Smtp]~url = "smtps://user:%@relay.example.com"
[stmp]~password = "%"
smtp]~password = "%"
[send]~password = "%"
send.password = "%"
retention.password = "%"
# password: %~send.x = 1
[send]~# %~x = 1
[serve]~token = "%"
[serve.lists]~"user:%@h" = 1
[[dkim]]~key = "%"
[[dkim]]~key_file = """-----BEGIN PRIVATE KEY-----~%~-----END PRIVATE KEY-----~"""
[[dkim]]~key_file = "-----BEGIN PRIVATE KEY-----~%~-----END PRIVATE KEY-----"
[[dkim]]~domain = "%"~selector = "%"~key_file = "%""#;

/// On the line of a key that every reader may know.
const OPEN: &str = r#"language = "https://user:%@mail.example.com"
postal_address = "14 Rope Walk""[serve.lists]~"user:%@ 1
trusted_proxies = [~"user:%@h"
language = "x"password = "%""#;

/// Each case as a file's text, its secret still to be put in.
fn under(head: &str, cases: &str) -> Vec<String> {
    let file = |case: &str| format!("{HEAD}{head}{}\n[tracking]\nclicks = 7\n", case.replace('~', "\n"));
    cases.lines().map(file).collect()
}

fn files() -> Vec<String> {
    [under("[smtp]\n", SMTP), under("[store]\n", STORE), under("", ELSEWHERE)].concat()
}

fn refusal(text: &str) -> Diagnostics {
    Config::parse(Source::new("newsletter.toml", text)).err().unwrap_or_default()
}

/// Nobody learns the secret from what is said, nor where the file is shown however much around it.
fn tells_nothing(found: &Diagnostics, secret: &str) -> bool {
    let shows = |text: &str| text.contains(secret);
    let mut spots = found.0.iter().flat_map(|diagnostic| &diagnostic.spots);
    !shows(&format!("{found}{found:?}")) && !spots.any(|spot| shows(spot.source.text()))
}

#[test]
fn no_mistake_shows_a_password() {
    for file in [files(), under("", OPEN)].concat() {
        // What could be a domain is shown where a domain belongs.
        let may_be_short = !file.contains("domain = \"%\"");
        for secret in [CANARY, SHORT].into_iter().take(1 + usize::from(may_be_short)) {
            let found = refusal(&file.replace('%', secret));
            assert!(found.has_errors(), "{file}");
            assert!(tells_nothing(&found, secret), "{file}\n{found}");
        }
    }
}

#[test]
fn a_file_that_is_no_text_shows_no_password() {
    let bytes = [HEAD.as_bytes(), b"[smtp]\npassword = \"Gr\xfc\xdfe ", CANARY.as_bytes(), b"\"\n"].concat();
    let found = Config::conceal(decode("newsletter.toml", &bytes).unwrap_err());
    assert!(found.has_errors() && tells_nothing(&found, CANARY), "{found}");
}

#[test]
fn what_is_no_secret_is_shown() {
    for (shown, file) in [
        ("rate = \"14 a second\"", "[smtp]\nurl = 'inbox'\nrate = \"14 a second\" # so many"),
        ("connections = 0", "[smtp]\nurl = 'inbox'\nconnections = 0"),
        ("url = \"smtp://relay.example.com/inbox\"", "[smtp]\nurl = \"smtp://relay.example.com/inbox\""),
        ("`14 a second` is no rate", "[smtp]\nurl = 'inbox'\nrate = \"14 a second\""),
        ("unknown key `conections` in [smtp]", "[smtp]\nurl = 'inbox'\nconections = 4"),
        ("`x y` is no domain name", "[smtp]\nurl = 'inbox'\n[smtp.domain.\"x y\"]\n"),
        ("14 Rope Walk", "postal_address = \"\"\"\n14 Rope Walk\n\"\"\""),
        ("\"fra\"  # IANA; every time", "[send]\ntime_zone = \"fra\"  # IANA; every time\n"),
        ("# Every Sunday.", "# Every Sunday.\nschedule = \"Sun\"\ntime_zone = \"UTC\""),
    ] {
        let found = refusal(&format!("{HEAD}{file}\n")).to_string();
        assert!(found.contains(shown), "{found}");
    }
}

/// A slip: a few bytes are taken out, and something comes in.
fn slip() -> impl Strategy<Value = (prop::sample::Index, usize, &'static str)> {
    let scraps = vec![
        "", "", "\n", "\r", "\"", "\"\"\"", "'''", "[", "]", "{", "}", "=", "#", ",", ".", "\\", " ", "ü",
    ];
    (any::<prop::sample::Index>(), 0..=4_usize, prop::sample::select(scraps))
}

proptest! {
    #[test]
    fn no_slip_shows_a_password(file in prop::sample::select(files()), slips in prop::collection::vec(slip(), 0..=2)) {
        let mut text = file;
        for (index, taken, scrap) in slips {
            let from = text.floor_char_boundary(index.index(text.len()));
            let to = text.ceil_char_boundary((from + taken).min(text.len()));
            text.replace_range(from..to, scrap);
        }
        let found = refusal(&text.replace('%', CANARY));
        prop_assert!(tells_nothing(&found, CANARY), "{}\n{}", text, found);
    }
}
