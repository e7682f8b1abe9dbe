//! TLS and authentication: nothing is downgraded, and no password is said where others hear it.

use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::relay::{Act, Certificate, serve};
use crate::smtp::{Connection, Credentials, Relay, SmtpError, Step, Tls, Trust};
use Act::{Hear, HearSome, Say, Secure};

const PASSWORD: &str = "canary-1f0c";

const CLEAR: [Act; 5] = [
    Say("220 localhost\r\n"),
    Hear("EHLO"),
    Say("250-localhost\r\n250 STARTTLS\r\n"),
    Hear("STARTTLS"),
    Say("220 go\r\n"),
];

fn script(parts: &[&[Act]]) -> Vec<Act> {
    parts.concat()
}

pub(super) fn trusting(relay: Relay, certificate: &Certificate, tls: fn(Trust) -> Tls) -> Relay {
    let trust = Trust::of_this_machine(vec![certificate.authority.clone()]).unwrap();
    let credentials =
        Credentials { user: "ada".into(), password: SecretString::from(PASSWORD), is_token: false };
    Relay { tls: tls(trust), credentials: Some(credentials), ..relay }
}

#[tokio::test]
async fn starttls_then_auth_plain() {
    let certificate = Certificate::new();
    let tail = [
        Secure,
        Hear("EHLO"),
        Say("250-localhost\r\n250-AUTH LOGIN PLAIN\r\n250 PIPELINING\r\n"),
        Hear("AUTH PLAIN AGFkYQBjYW5hcnktMWYwYw=="),
        Say("235 2.7.0 welcome\r\n"),
        Hear("QUIT"),
    ];
    let (relay, serving) = serve(script(&[&CLEAR, &tail]), Some(&certificate)).await;
    let connection = Connection::open(&trusting(relay, &certificate, Tls::StartTls)).await.unwrap();
    assert!(connection.capabilities().pipelining);
    connection.quit().await;
    assert!(serving.await.unwrap().ends_with("QUIT\r\n"));
}

#[tokio::test]
async fn a_relay_that_does_not_know_what_it_offers_first_is_asked_for_the_other() {
    let tail = [
        Hear("AUTH PLAIN AGFkYQBjYW5hcnktMWYwYw=="),
        Say("504 5.5.4 unrecognized authentication type\r\n"),
        Hear("AUTH LOGIN"),
        Say("334 VXNlcm5hbWU6\r\n"),
        Hear("YWRh"),
        Say("334 UGFzc3dvcmQ6\r\n"),
        Hear("Y2FuYXJ5LTFmMGM="),
        Say("235 2.7.0 welcome\r\n"),
    ];
    let (opened, heard) = authenticate("250-localhost\r\n250 AUTH PLAIN LOGIN\r\n", &tail, false).await;
    assert!(opened.is_ok(), "{heard}");
}

/// What is said of a relay that begins each connection so, where TLS was expected.
async fn where_tls_was_expected(greeting: &'static str) -> SmtpError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let certificate = Certificate::new();
    let (relay, _) = serve(Vec::new(), None).await;
    let relay = trusting(relay, &certificate, Tls::Implicit);
    let relay = Relay { port: listener.local_addr().unwrap().port(), ..relay };
    let serving = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = [0; 512];
                client.write_all(greeting.as_bytes()).await.unwrap();
                while client.read(&mut heard).await.is_ok_and(|length| length > 0) {
                    if client.write_all(b"250 localhost\r\n").await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    let error = Connection::open(&relay).await.err().unwrap();
    serving.abort();
    error
}

#[tokio::test]
async fn a_relay_that_begins_in_the_clear_where_tls_is_expected_is_said_to_want_another_url() {
    let error = where_tls_was_expected("220 localhost\r\n").await;
    assert!(matches!(error, SmtpError::Permanent(_)) && error.to_string().contains("`smtp://`"), "{error}");
}

#[tokio::test]
async fn a_relay_that_has_no_room_and_says_so_before_tls_is_to_be_tried_later() {
    let error = where_tls_was_expected("421 4.3.2 too many connections\r\n").await;
    assert!(matches!(error, SmtpError::Transient(_)) && error.to_string().contains("too many"), "{error}");
}

#[tokio::test]
async fn tls_from_the_first_octet_then_auth_login() {
    let certificate = Certificate::new();
    let acts = [
        Secure,
        Say("220 localhost\r\n"),
        Hear("EHLO"),
        Say("250-localhost\r\n250 AUTH LOGIN\r\n"),
        Hear("AUTH LOGIN"),
        Say("334 VXNlcm5hbWU6\r\n"),
        Hear("YWRh"),
        Say("334 UGFzc3dvcmQ6\r\n"),
        Hear("Y2FuYXJ5LTFmMGM="),
        Say("535 5.7.8 no\r\n"),
    ];
    let (relay, _) = serve(acts.to_vec(), Some(&certificate)).await;
    let relay = trusting(relay, &certificate, Tls::Implicit);
    let error = Connection::open(&relay).await.err().unwrap();
    assert_eq!(error.to_string(), "the relay answered AUTH with 535 5.7.8 no");
    assert!(matches!(error, SmtpError::Permanent(_)));
    assert!(!format!("{relay:?} {error:?}").contains(PASSWORD));
}

/// Tries to authenticate under TLS with a relay that offers this and then acts so.
async fn authenticate(
    offer: &'static str,
    acts: &[Act],
    is_token: bool,
) -> (Result<Connection, SmtpError>, String) {
    let certificate = Certificate::new();
    let greeting = [Secure, Say("220 localhost\r\n"), Hear("EHLO"), Say(offer)];
    let (relay, serving) = serve(script(&[&greeting, acts]), Some(&certificate)).await;
    let mut relay = trusting(relay, &certificate, Tls::Implicit);
    relay.credentials = relay.credentials.map(|credentials| Credentials { is_token, ..credentials });
    let opened = Connection::open(&relay).await;
    (opened, serving.await.unwrap())
}

#[tokio::test]
async fn a_token_is_said_by_xoauth2_and_by_nothing_else() {
    let offer = "250-localhost\r\n250 AUTH PLAIN LOGIN XOAUTH2\r\n";
    let said = "AUTH XOAUTH2 dXNlcj1hZGEBYXV0aD1CZWFyZXIgY2FuYXJ5LTFmMGMBAQ==";
    let (opened, _) = authenticate(offer, &[Hear(said), Say("235 2.7.0 welcome\r\n")], true).await;
    opened.unwrap();
    let expired =
        [Hear(said), Say("334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"), Hear("\r\n"), Say("535 5.7.8 expired\r\n")];
    let error = authenticate(offer, &expired, true).await.0.err().unwrap();
    assert_eq!(error.to_string(), "the relay answered AUTH with 535 5.7.8 expired");
    let (opened, heard) = authenticate("250-localhost\r\n250 AUTH PLAIN\r\n", &[Hear("")], true).await;
    assert!(opened.err().unwrap().to_string().contains("does not offer AUTH XOAUTH2"));
    assert_eq!(heard, "EHLO client.example.com\r\n");
}

#[tokio::test]
async fn a_relay_that_repeats_the_password_does_not_bring_it_into_any_text() {
    let (plain, login, token) =
        ("250-x\r\n250 AUTH PLAIN\r\n", "250-x\r\n250 AUTH LOGIN\r\n", "250-x\r\n250 AUTH XOAUTH2\r\n");
    let at_once: &[Act] = &[Hear("AUTH")];
    let asked: &[Act] =
        &[Hear("AUTH"), Say("334 VXNlcm5hbWU6\r\n"), Hear(""), Say("334 UGFzc3dvcmQ6\r\n"), Hear("")];
    let told: &[Act] = &[Hear("AUTH"), Say("334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"), Hear("")];
    // Whoever says 421 hangs up behind it, as all of them do here.
    for (offer, before, echo) in [
        (plain, at_once, "500 what is AUTH PLAIN AGFkYQBjYW5hcnktMWYwYw==?\r\n"),
        (plain, at_once, "535 5.7.8 no 'canary-1f0c' here\r\n"),
        (plain, at_once, "535-5.7.8 it began with\r\n535 5.7.8 AGFkYQBjYW5hcn...\r\n"),
        (plain, at_once, "421 4.7.0 no 'canary-1f0c' here\r\n"),
        (plain, at_once, "421 4.7.0 AGFkYQBjYW5hcnktMWYwYw==\r\n"),
        (login, asked, "421-4.7.0 too often\r\n421 4.7.0 Y2FuYXJ5LTFmMGM=\r\n"),
        (token, at_once, "500 <dXNlcj1hZGEBYXV0aD1CZWFyZXIgY2FuYXJ5LTFmMGMBAQ==>\r\n"),
        (token, told, "535 5.7.8 dXNlcj1hZGEBYXV0aD1CZWFyZXIgY2FuYXJ5LTFmMGMBAQ==\r\n"),
    ] {
        let acts = [before, &[Say(echo)]].concat();
        let error = authenticate(offer, &acts, offer == token).await.0.err().unwrap();
        let text = format!("{error} {error:?} {}", error.failure().reply.masked());
        assert!(text.contains('…'), "{text}");
        for canary in [PASSWORD, "AGFkYQ", "dXNlcj", "Y2FuYX"] {
            assert!(!text.contains(canary), "{text}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_or_not_for_the_host_ends_it() {
    let certificate = Certificate::new();
    for (host, trusted, why) in [
        ("localhost", &Certificate::new(), "nobody whom this machine trusts has signed it"),
        ("127.0.0.1", &certificate, "localhost"),
    ] {
        let (relay, serving) = serve(script(&[&CLEAR, &[Secure]]), Some(&certificate)).await;
        let relay = trusting(Relay { host: host.into(), ..relay }, trusted, Tls::StartTls);
        let error = Connection::open(&relay).await.err().unwrap();
        assert!(matches!(&error, SmtpError::Permanent(failure) if failure.step == Step::Tls), "{error}");
        let said = error.to_string();
        assert!(said.contains("is not to be trusted") && said.contains(why), "{said}");
        assert_eq!(
            serving.await.unwrap(),
            "EHLO client.example.com\r\nSTARTTLS\r\n",
            "and no word more in clear"
        );
    }
}

#[tokio::test]
async fn starttls_that_is_not_offered_or_refused_ends_it_before_anything_is_said() {
    let refused = [&CLEAR[..4], &[Say("454 4.7.0 not now\r\n"), Hear("")]].concat();
    let stripped = [&CLEAR[..2], &[Say("250-localhost\r\n250 AUTH PLAIN\r\n"), Hear("")]].concat();
    for (acts, permanent) in [(refused, false), (stripped, true)] {
        let certificate = Certificate::new();
        let (relay, serving) = serve(acts, None).await;
        let error = Connection::open(&trusting(relay, &certificate, Tls::StartTls)).await.err().unwrap();
        assert_eq!(matches!(error, SmtpError::Permanent(_)), permanent, "{error}");
        assert_eq!(error.failure().step, Step::Tls);
        let heard = serving.await.unwrap();
        assert!(!heard.contains("AUTH") && !heard.contains("MAIL"), "{heard}");
    }
}

#[tokio::test]
async fn words_in_clear_behind_the_yes_to_starttls_end_it() {
    let injected = [&CLEAR[..4], &[Say("220 go\r\n250-localhost\r\n250 AUTH PLAIN\r\n"), Hear("")]].concat();
    let certificate = Certificate::new();
    let (relay, serving) = serve(injected, None).await;
    let error = Connection::open(&trusting(relay, &certificate, Tls::StartTls)).await.err().unwrap();
    assert!(error.to_string().contains("said more in clear"), "{error}");
    assert!(serving.await.unwrap().ends_with("STARTTLS\r\n"));
}

#[tokio::test]
async fn words_in_clear_that_come_while_tls_begins_break_it_and_nothing_follows_in_clear() {
    let certificate = Certificate::new();
    // Not behind the yes, but where the relay's part of the handshake belongs.
    let injected = [&CLEAR[..5], &[HearSome, Say("250-localhost\r\n250 AUTH PLAIN\r\n"), HearSome]].concat();
    let (relay, serving) = serve(injected, None).await;
    let error = Connection::open(&trusting(relay, &certificate, Tls::StartTls)).await.err().unwrap();
    assert_eq!(error.failure().step, Step::Tls, "{error}");
    let heard = serving.await.unwrap();
    assert!(heard.starts_with("EHLO client.example.com\r\nSTARTTLS\r\n"), "{heard}");
    assert!(!heard.contains("AUTH") && !heard.contains("QUIT"), "{heard}");
}

#[tokio::test]
async fn what_was_offered_in_clear_is_forgotten_under_tls() {
    let certificate = Certificate::new();
    let clear = [
        Say("220 localhost\r\n"),
        Hear("EHLO"),
        Say("250-localhost\r\n250-SMTPUTF8\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"),
        Hear("STARTTLS"),
        Say("220 go\r\n"),
    ];
    let modern = [Secure, Hear("EHLO"), Say("250-localhost\r\n250 8BITMIME\r\n"), Hear("")];
    let old = [Secure, Hear("EHLO"), Say("502 what?\r\n"), Hear("HELO"), Say("250 localhost\r\n"), Hear("")];
    for tail in [&modern[..], &old] {
        let (relay, _) = serve(script(&[&clear, tail]), Some(&certificate)).await;
        let error = Connection::open(&trusting(relay, &certificate, Tls::StartTls)).await.err().unwrap();
        assert!(error.to_string().contains("offers neither AUTH PLAIN nor AUTH LOGIN"), "{error}");
    }
}

#[tokio::test]
async fn a_password_is_never_said_in_clear() {
    let acts = [&CLEAR[..2], &[Say("250-localhost\r\n250 AUTH PLAIN\r\n"), Hear("")]].concat();
    let (relay, serving) = serve(acts, None).await;
    let relay = Relay { tls: Tls::None, ..trusting(relay, &Certificate::new(), Tls::Implicit) };
    assert!(Connection::open(&relay).await.err().unwrap().to_string().contains("under TLS only"));
    assert_eq!(serving.await.unwrap(), "EHLO client.example.com\r\n");
}

#[tokio::test]
async fn a_relay_beyond_loopback_is_not_spoken_to_in_clear() {
    let (relay, _) = serve(vec![], None).await;
    let error = Connection::open(&Relay { host: "192.0.2.1".into(), ..relay }).await.err().unwrap();
    assert!(matches!(&error, SmtpError::Permanent(failure) if failure.step == Step::Connect), "{error}");
    assert!(error.to_string().contains("without TLS no mail goes there"), "{error}");
}
