//! Sending through other people's servers: what they offer and refuse is theirs, not what we believe of it.
//!
//! `tests/relays/unpack` brings them, and `./check` calls it. They are started as root, for they drop what they do not need.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what it missed by panicking"
)]

mod exim;
#[expect(dead_code, reason = "shared with the journeys, which use more of it")]
#[path = "../journey/folder.rs"]
mod folder;
mod login;
mod postfix;
#[path = "../postgres/server.rs"]
mod server;
#[path = "../journey/signatures.rs"]
mod signatures;

use std::process::Output;

use pressroom::send::{self, Ending, Sent};

use exim::Exim;
use folder::{Folder, copies, options};
use postfix::Postfix;
use signatures::{Judged, sign_with_both};

/// Half an hour after the first try.
const LATER: &str = "2023-07-03T00:30:00Z";

/// Readers, one of them beyond ASCII, one greylisted, one unknown.
fn folder(exim: &Exim, chunking: bool) -> Folder {
    let mut readers: Vec<String> = (0..60).map(|n| format!("reader{n}@example.com")).collect();
    readers.extend(["grey", "unknown", "jürgen"].map(|name| format!("{name}@example.com")));
    let folder = Folder::with_readers(&readers.iter().map(String::as_str).collect::<Vec<_>>());
    let smtp = format!("url = \"smtp://127.0.0.1:{}\"\nconnections = 2\nchunking = {chunking}", exim.port());
    folder.edit("newsletter.toml", "url = \"inbox\"", &smtp);
    folder
}

async fn send_at(folder: &Folder, now: &str) -> Sent {
    send::prepare(&folder.app_at(now), "1").await.unwrap().go(options()).await.unwrap()
}

/// Sends, and again when the greylisted may be tried again: each reader but the unknown has one copy.
async fn everyone_gets_one_copy(chunking: bool) -> String {
    let exim = Exim::start();
    let folder = folder(&exim, chunking);
    let dns = sign_with_both(&folder);
    let first = send_at(&folder, folder::NOW).await;
    let Sent { ending, counts, .. } = &first;
    assert_eq!(
        (*ending, counts.accepted, counts.deferred, counts.refused),
        (Ending::Deferred, 61, 1, 1),
        "{first}"
    );
    let second = send_at(&folder, LATER).await;
    assert_eq!((second.ending, second.counts.accepted), (Ending::Incomplete, 62), "{second}");
    let received = exim.received(62);
    let copies = copies(&received);
    assert_eq!((copies.len(), copies.values().max()), (62, Some(&1)), "{copies:?}");
    for name in ["grey", "jürgen", "reader0"] {
        assert!(copies.contains_key(&format!("{name}@example.com")), "{copies:?}");
    }
    expect_valid(&dns, &received);
    exim.log()
}

/// Both judges find every signature of every message valid as it was received.
fn expect_valid(dns: &serde_json::Value, received: &[String]) {
    let judged = Judged::new(dns);
    for (at, message) in received.iter().enumerate() {
        judged.put(&format!("{at:03}"), message);
    }
    judged.expect_all("pass", received.len());
}

#[tokio::test]
async fn exim_takes_an_issue_in_chunks_and_greylisting_costs_nobody_a_copy() {
    let log = everyone_gets_one_copy(true).await;
    assert!(log.contains("P=esmtp K"), "in chunks:\n{log}");
    assert!(log.contains("P=utf8esmtp"), "under SMTPUTF8:\n{log}");
}

#[tokio::test]
async fn exim_takes_an_issue_by_pipelining_alone() {
    let log = everyone_gets_one_copy(false).await;
    assert!(log.contains("P=esmtp S=") && !log.contains("P=esmtp K"), "{log}");
}

/// Readers of a newsletter that is signed, and what the DNS would say of it; the relay is at this URL.
fn signed(url: &str) -> (Folder, serde_json::Value) {
    let mut readers: Vec<String> = (0..60).map(|n| format!("reader{n}@example.com")).collect();
    readers.extend(["unknown", "jürgen"].map(|name| format!("{name}@example.net")));
    let folder = Folder::with_readers(&readers.iter().map(String::as_str).collect::<Vec<_>>());
    let smtp = format!("url = \"{url}\"\npassword_file = \"password\"\nconnections = 2");
    folder.edit("newsletter.toml", "url = \"inbox\"", &smtp);
    write_password(&folder, login::PASSWORD);
    let dns = sign_with_both(&folder);
    (folder, dns)
}

fn write_password(folder: &Folder, password: &str) {
    use std::os::unix::fs::PermissionsExt;
    folder.write("password", password);
    std::fs::set_permissions(folder.path().join("password"), PermissionsExt::from_mode(0o600)).unwrap();
}

/// Sends by the command, which believes this relay's authority, with the log at its most talkative; the password is in none of it.
fn send(folder: &Folder, relay: Option<&Postfix>) -> (Output, String) {
    let mut command = folder.command(&["--log", "debug", "--json", "send", "1", "--yes"]);
    let authority = relay.map(Postfix::authority);
    let sent = command.envs(authority.map(|path| ("SSL_CERT_FILE", path))).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&sent.stdout), String::from_utf8_lossy(&sent.stderr));
    assert!(!said.contains(login::PASSWORD), "the password was said");
    (sent, said)
}

#[test]
fn postfix_takes_a_signed_issue_after_a_login_under_either_tls_and_both_judges_say_so() {
    let postfix = Postfix::start("");
    let urls = [("smtp", postfix.port), ("smtps", postfix.tls_port)];
    for (at, (scheme, port)) in urls.into_iter().enumerate() {
        let (folder, dns) = signed(&format!("{scheme}://{}@localhost:{port}", login::USER));
        let (sent, said) = send(&folder, Some(&postfix));
        assert_eq!(sent.status.code(), Some(3), "{said}{}", postfix.log());
        let sent: serde_json::Value = serde_json::from_slice(&sent.stdout).unwrap();
        assert_eq!((sent["accepted"].as_u64(), sent["refused"].as_u64()), (Some(61), Some(1)), "{sent}");
        assert_eq!(sent["refusals"][0]["enhanced"], "5.1.1", "{sent}");
        let received = postfix.received(61 * (at + 1));
        let copies = copies(&received);
        assert_eq!((copies.len(), copies.values().max()), (61, Some(&(at + 1))), "{copies:?}");
        // Each folder signs with keys of its own.
        if at == 0 {
            expect_valid(&dns, &received);
        }
    }
    assert!(postfix.login.asked().iter().all(|asked| asked == "PLAIN OK"), "{:?}", postfix.login.asked());
    assert!(postfix.log().contains("sasl_username=weekly"), "{}", postfix.log());
}

#[test]
fn postfix_refuses_a_wrong_password_and_nothing_is_lost() {
    let postfix = Postfix::start("");
    let (folder, _dns) = signed(&format!("smtps://{}@localhost:{}", login::USER, postfix.tls_port));
    write_password(&folder, "wrong");
    let (sent, said) = send(&folder, Some(&postfix));
    assert_eq!(sent.status.code(), Some(1), "{said}");
    assert!(said.contains("AUTH") && said.contains("535"), "{said}");
    write_password(&folder, login::PASSWORD);
    let (sent, said) = send(&folder, Some(&postfix));
    assert_eq!(sent.status.code(), Some(3), "{said}");
    assert_eq!(copies(&postfix.received(61)).len(), 61);
}

#[test]
fn postfix_believes_a_login_and_a_token_that_are_right_and_those_that_are_wrong_lose_nothing() {
    for (mechanism, user) in [("LOGIN", login::USER), ("XOAUTH2", "weekly;AUTH=XOAUTH2")] {
        let postfix = Postfix::start_with("", mechanism);
        let folder = Folder::with_readers(&["ada@example.com"]);
        let url = format!("smtps://{user}@localhost:{}", postfix.tls_port);
        folder.relay_is(&format!("url = \"{url}\"\npassword_file = \"password\""));
        write_password(&folder, "wrong");
        let (refused, said) = send(&folder, Some(&postfix));
        assert_eq!(refused.status.code(), Some(1), "{mechanism}: {said}");
        assert!(said.contains("AUTH") && said.contains("535"), "{mechanism}: {said}");
        write_password(&folder, login::PASSWORD);
        let (sent, said) = send(&folder, Some(&postfix));
        assert_eq!(sent.status.code(), Some(0), "{mechanism}: {said}{}", postfix.log());
        assert_eq!(postfix.received(1).len(), 1);
        let [failed @ .., believed] = &postfix.login.asked()[..] else { panic!("nobody was asked") };
        assert_eq!(*believed, format!("{mechanism} OK"));
        assert!(!failed.is_empty() && failed.iter().all(|said| *said == format!("{mechanism} FAIL")));
        assert!(postfix.log().contains(&format!("sasl_method={mechanism}")), "{}", postfix.log());
    }
}

#[test]
fn no_password_is_said_to_a_relay_without_tls_or_with_a_certificate_of_nobody() {
    let clear = Postfix::start("smtpd_tls_security_level = none\nsmtpd_tls_auth_only = no");
    let (folder, _dns) = signed(&format!("smtp://{}@localhost:{}", login::USER, clear.port));
    let (sent, said) = send(&folder, Some(&clear));
    assert!(matches!(sent.status.code(), Some(1 | 75)) && said.contains("STARTTLS"), "{said}");
    assert!(clear.login.asked().is_empty());
    let unknown = Postfix::start("");
    let (folder, _dns) = signed(&format!("smtps://{}@localhost:{}", login::USER, unknown.tls_port));
    let (sent, said) = send(&folder, None);
    assert!(matches!(sent.status.code(), Some(1 | 75)) && said.contains("certificate"), "{said}");
    assert!(unknown.login.asked().is_empty());
}
