//! Several messages on the way: each has its own verdict, and only those that nobody answered are in doubt.

use std::time::Duration;

use proptest::prelude::*;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::relay::{Act, serve};
use super::{Action, Inbox, Keep, Options, Script, Stage};
use super::{MESSAGE, chatter, files, in_two, relay_at, to, words};
use crate::smtp::{Connection, Relay, SmtpError, Step, Timeouts};
use Act::{Hear, Say, Stall};

const HELLO: [Act; 3] =
    [Say("220 localhost\r\n"), Hear("EHLO"), Say("250-localhost\r\n250-PIPELINING\r\n250 CHUNKING\r\n")];
const LETTER: [Act; 8] = [
    Hear("RSET"),
    Hear("MAIL"),
    Hear("RCPT"),
    Hear("BDAT 25 LAST"),
    Hear("Subject"),
    Hear("\r\n"),
    Hear(".dot"),
    Hear("end"),
];
const YES: &str = "250 reset\r\n250 ok\r\n250 ok\r\n250 kept\r\n";

/// What became of three messages, launched together to a relay of that script.
async fn three(script: &[&[Act]]) -> (Vec<&'static str>, Connection) {
    let short = Duration::from_secs(5);
    let timeouts = Timeouts { reply: short, end_of_data: short, quit: short / 5, ..Timeouts::default() };
    let relay = serve(script.concat(), None).await.0;
    let mut connection = Connection::open(&Relay { chunking: true, timeouts, ..relay }).await.unwrap();
    for name in ["ada", "bo", "cy"] {
        connection.launch(&to(&format!("{name}@example.com")), in_two(MESSAGE)).await.unwrap();
    }
    let mut verdicts = Vec::new();
    for _ in 0..3 {
        verdicts.push(match connection.landed().await {
            Ok(_) => "accepted",
            Err(SmtpError::Transient(_)) => "transient",
            Err(SmtpError::Permanent(_)) => "permanent",
            Err(SmtpError::InDoubt(_)) => "in doubt",
        });
    }
    (verdicts, connection)
}

#[tokio::test]
async fn several_messages_on_the_way_arrive_as_they_are_and_a_refused_recipient_harms_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new(|envelope, stage| {
        let refused = envelope.to.last()?.local() == "bo" && stage == Stage::Recipient;
        refused.then(|| Action::Reply("550 5.1.1 no such user".into()))
    });
    let keep = Keep::Maildir(folder.path().to_owned());
    let options = Options { keep, script: Some(script), chunking: true };
    let inbox = Inbox::start("127.0.0.1:0".parse().unwrap(), options).await.unwrap();
    let relay = Relay { chunking: true, ..relay_at(inbox.addr()) };
    let mut connection = Connection::open(&relay).await.unwrap();
    assert_eq!(connection.window(), 4);
    for name in ["ada", "bo", "cy"] {
        connection.launch(&to(&format!("{name}@example.com")), in_two(MESSAGE)).await.unwrap();
    }
    connection.landed().await.unwrap();
    let error = connection.landed().await.unwrap_err();
    assert!(matches!(&error, SmtpError::Permanent(failure) if failure.step == Step::Recipient), "{error}");
    connection.launch(&to("di@example.com"), MESSAGE).await.unwrap();
    connection.landed().await.unwrap();
    connection.landed().await.unwrap();
    connection.quit().await;
    assert_eq!(inbox.stop().await.connections, 1);
    let files = files(folder.path());
    assert_eq!(files.len(), 3);
    assert!(files.iter().all(|file| file.as_bytes().ends_with(MESSAGE)), "{files:?}");
}

#[tokio::test]
async fn nothing_is_launched_where_it_is_not_offered_or_not_wanted() {
    for (offer, chunking, window) in [
        ("250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n", false, 0),
        ("250-x\r\n250 PIPELINING\r\n", true, 0),
        ("250-x\r\n250 CHUNKING\r\n", true, 0),
        ("250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n", true, 4),
    ] {
        let (relay, _) = serve([&HELLO[..2], &[Say(offer)]].concat(), None).await;
        let connection = Connection::open(&Relay { chunking, ..relay }).await.unwrap();
        assert_eq!(connection.window(), window, "{offer}");
    }
}

#[tokio::test]
async fn what_may_not_go_over_the_wire_is_refused_and_the_rest_goes_on() {
    let (relay, serving) = serve([&HELLO[..], &LETTER, &[Say(YES), Hear("QUIT")]].concat(), None).await;
    let mut connection = Connection::open(&Relay { chunking: true, ..relay }).await.unwrap();
    for message in [b"a\n.\nb\r\n".as_slice(), b"a\r", "ü\r\n".as_bytes()] {
        let error = connection.launch(&to("ada@example.com"), message).await.unwrap_err();
        assert!(matches!(error, SmtpError::Permanent(_)), "{error}");
    }
    connection.launch(&to("ada@example.com"), MESSAGE).await.unwrap();
    assert_eq!(connection.landed().await.unwrap().text, "kept");
    connection.quit().await;
    assert!(serving.await.unwrap().ends_with("end\r\nQUIT\r\n"));
}

#[tokio::test]
async fn of_the_messages_on_the_way_only_the_unanswered_are_in_doubt() {
    for end in [&[] as &[Act], &[Stall], &[Say("250-half a re")], &[Say("354 what?\r\n"), Stall]] {
        let (verdicts, connection) = three(&[&HELLO, &LETTER, &LETTER, &LETTER, &[Say(YES)], end]).await;
        assert_eq!(verdicts, ["accepted", "in doubt", "in doubt"], "{end:?}");
        assert!(!connection.is_usable());
    }
}

#[tokio::test]
async fn a_relay_that_says_421_and_closes_has_taken_nothing_of_what_came_behind() {
    for said in ["421 4.3.2 bye\r\n", "250 reset\r\n250 ok\r\n421 4.7.0 slow down\r\n"] {
        let (verdicts, connection) =
            three(&[&HELLO, &LETTER, &LETTER, &LETTER, &[Say(YES), Say(said)]]).await;
        assert_eq!(verdicts, ["accepted", "transient", "transient"], "{said}");
        assert!(!connection.is_usable());
    }
}

#[tokio::test]
async fn a_relay_that_says_421_and_stays_is_not_believed() {
    let (verdicts, _) = three(&[&HELLO, &LETTER, &LETTER, &LETTER, &[Say("421 bye\r\n"), Stall]]).await;
    assert_eq!(verdicts, ["transient", "in doubt", "in doubt"]);
}

#[tokio::test]
async fn a_relay_that_cannot_reset_refuses_no_reader() {
    let said = "500 what?\r\n503 no\r\n503 no\r\n503 no\r\n";
    let (verdicts, _) = three(&[&HELLO, &LETTER, &LETTER, &LETTER, &[Say(said), Say(YES), Say(YES)]]).await;
    assert_eq!(verdicts, ["transient", "accepted", "accepted"]);
}

#[tokio::test]
async fn who_no_longer_waits_for_one_verdict_hears_none_that_is_anothers() {
    let relay = serve([&HELLO[..], &LETTER, &LETTER, &[Say("250 reset\r\n"), Stall]].concat(), None).await.0;
    let mut connection = Connection::open(&Relay { chunking: true, ..relay }).await.unwrap();
    for name in ["ada", "bo"] {
        connection.launch(&to(&format!("{name}@example.com")), MESSAGE).await.unwrap();
    }
    timeout(Duration::from_millis(20), connection.landed()).await.unwrap_err();
    assert!(!connection.is_usable());
    assert!(connection.launch(&to("cy@example.com"), MESSAGE).await.is_err());
    assert!(matches!(connection.landed().await, Err(SmtpError::InDoubt(_))));
}

#[tokio::test]
async fn a_line_that_breaks_within_a_message_leaves_no_doubt_about_it() {
    let huge = [b"x".repeat(1000).as_slice(), b"\r\n"].concat().repeat(20_000);
    let (relay, _) = serve([&HELLO[..], &LETTER[..4]].concat(), None).await;
    let mut connection = Connection::open(&Relay { chunking: true, ..relay }).await.unwrap();
    connection.launch(&to("ada@example.com"), MESSAGE).await.unwrap();
    connection.launch(&to("bo@example.com"), &huge).await.unwrap();
    assert!(matches!(connection.landed().await, Err(SmtpError::InDoubt(_))));
    assert!(matches!(connection.landed().await, Err(SmtpError::Transient(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn whatever_a_relay_says_each_message_has_a_verdict_and_no_yes_is_believed_to_what_was_not_sent(words in words("250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n")) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let relay = Relay { chunking: true, ..relay_at(listener.local_addr().unwrap()) };
            let chatter = tokio::spawn(chatter(words, listener));
            let Ok(mut connection) = Connection::open(&relay).await else { return Ok(()) };
            let mut launched = 0;
            for _ in 0..3 {
                launched += usize::from(connection.launch(&to("ada@example.com"), MESSAGE).await.is_ok());
            }
            let mut accepted = 0;
            for _ in 0..launched {
                accepted += usize::from(connection.landed().await.is_ok());
            }
            connection.quit().await;
            chatter.await.unwrap();
            prop_assert!(accepted <= launched);
            Ok(())
        })?;
    }
}
