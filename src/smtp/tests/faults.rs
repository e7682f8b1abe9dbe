//! Relays that stall, babble, hang up or break their word: what becomes of the message is always known, or known to be in doubt.

use std::time::Duration;

use proptest::prelude::*;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use Act::{Dribble, Hear, HearAlone, HearMessage, Say, Stall};

use super::relay::{self, Act};
use super::{MESSAGE, chatter, relay_at, to, words};
use crate::smtp::connection::State;
use crate::smtp::{Connection, Relay, SmtpError, Step, Timeouts};

const GREETING: [Act; 2] = [Say("220 localhost\r\n"), Hear("EHLO")];
const OFFER: [Act; 1] = [Say("250-localhost\r\n250 PIPELINING\r\n")];
const ENVELOPE: [Act; 3] = [Hear("MAIL"), Hear("RCPT"), Hear("DATA")];
const YES: [Act; 1] = [Say("250 ok\r\n250 ok\r\n354 go\r\n")];
const BODY: [Act; 1] = [HearMessage];

/// Plays the script, for a client that has little time where it will have to wait in vain.
async fn serve(script: Vec<Act>) -> (Relay, JoinHandle<String>) {
    let stalls = script.iter().any(|act| matches!(act, Stall));
    let (relay, serving) = relay::serve(script, None).await;
    let short = Duration::from_secs(5);
    let impatient =
        Timeouts { connect: short, reply: short, body: short, end_of_data: short, quit: short / 5 };
    (if stalls { Relay { timeouts: impatient, ..relay } } else { relay }, serving)
}

/// Sends one message by a relay of that script.
async fn send(script: &[&[Act]], message: &[u8]) -> Result<(), SmtpError> {
    let (relay, _) = serve(script.concat()).await;
    let mut connection = Connection::open(&relay).await?;
    let ready = connection.envelope(&to("ada@example.com")).await?;
    let verdict = connection.body(ready, message, None).await;
    assert!(verdict.is_ok() || !connection.is_usable());
    verdict.map(drop)
}

#[tokio::test]
async fn silence_and_a_closed_connection_end_each_step_and_only_after_the_dot_is_there_doubt() {
    let spoken: [&'static [Act]; 6] = [&GREETING, &OFFER, &ENVELOPE, &YES, &BODY, &[Say("250 kept\r\n")]];
    let cases = [
        (0, Step::Greeting, false),
        (1, Step::Hello, false),
        (2, Step::Mail, false),
        (3, Step::Mail, false),
        (5, Step::Body, true),
    ];
    let mut attempts = JoinSet::new();
    for (length, step, doubt) in cases {
        for end in [&[] as &[Act], &[Stall]] {
            let script: Vec<&[Act]> = spoken[..length].iter().copied().chain([end]).collect();
            attempts.spawn(async move { (send(&script, MESSAGE).await.unwrap_err(), step, doubt) });
        }
    }
    for (error, step, doubt) in attempts.join_all().await {
        assert_eq!(matches!(error, SmtpError::InDoubt(_)), doubt, "{error}");
        assert_eq!(matches!(error, SmtpError::Transient(_)), !doubt, "{error}");
        assert_eq!(error.failure().step, step, "{error}");
    }
    send(&spoken, MESSAGE).await.unwrap();
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_of_a_message_leaves_no_doubt() {
    let huge = [b"x".repeat(1000).as_slice(), b"\r\n"].concat().repeat(20_000);
    for end in [vec![], vec![Stall]] {
        let error = send(&[&GREETING, &OFFER, &ENVELOPE, &YES, &end], &huge).await.unwrap_err();
        assert!(matches!(&error, SmtpError::Transient(failure) if failure.step == Step::Body), "{error}");
    }
}

#[tokio::test]
async fn a_relay_that_says_no_before_the_message_ended_has_said_no() {
    let huge = [b"x".repeat(1000).as_slice(), b"\r\n"].concat().repeat(20_000);
    let end = [Say("552 5.3.4 too big\r\n"), Stall];
    let error = send(&[&GREETING, &OFFER, &ENVELOPE, &YES, &end], &huge).await.unwrap_err();
    assert!(matches!(&error, SmtpError::Permanent(failure) if failure.reply.code == 552), "{error}");
}

#[tokio::test]
async fn what_the_relay_says_of_a_message_is_a_decision() {
    for (reply, expected) in [
        ("250 2.0.0 kept\r\n", "accepted"),
        ("451 4.7.1 greylisted\r\n", "transient"),
        ("554 5.7.1 spam\r\n", "permanent"),
        ("421 4.3.2 going down\r\n", "transient"),
        ("354 what?\r\n", "in doubt"),
        ("HTTP/1.1 200 OK\r\n", "in doubt"),
        ("250-kept\r\n550 or not\r\n", "in doubt"),
        ("221 2.0.0 closing\r\n", "in doubt"),
        ("220 relay.example ready\r\n", "in doubt"),
    ] {
        let (relay, _) = serve([&GREETING[..], &OFFER, &ENVELOPE, &YES, &BODY, &[Say(reply)]].concat()).await;
        let mut connection = Connection::open(&relay).await.unwrap();
        let ready = connection.envelope(&to("ada@example.com")).await.unwrap();
        let verdict = match connection.body(ready, MESSAGE, None).await {
            Ok(_) => "accepted",
            Err(SmtpError::Transient(_)) => "transient",
            Err(SmtpError::Permanent(_)) => "permanent",
            Err(SmtpError::InDoubt(_)) => "in doubt",
        };
        assert_eq!(verdict, expected, "{reply}");
    }
}

#[tokio::test]
async fn a_yes_that_was_heard_stays_a_yes_whatever_follows() {
    for tail in [vec![], vec![Stall], vec![Say("nonsense\r\n")], vec![Say("421 4.3.2 bye\r\n")]] {
        let script =
            [&GREETING[..], &OFFER, &ENVELOPE, &YES, &BODY, &[Say("250 kept\r\n")], &ENVELOPE, &tail]
                .concat();
        let (relay, _) = serve(script).await;
        let mut connection = Connection::open(&relay).await.unwrap();
        let ready = connection.envelope(&to("ada@example.com")).await.unwrap();
        let next = to("bo@example.com");
        let message = connection.body(ready, MESSAGE, Some(&next)).await;
        assert_eq!(
            connection.state,
            State::Announced,
            "the yes is known before anything is heard of the next"
        );
        assert_eq!(message.unwrap().text, "kept");
        let error = connection.answer(&next).await.unwrap_err();
        assert!(matches!(&error, SmtpError::Transient(failure) if failure.step == Step::Mail), "{error}");
        assert!(!connection.is_usable());
    }
}

#[tokio::test]
async fn replies_in_single_octets_and_of_many_lines_are_understood() {
    let script: [&[Act]; 6] = [
        &[Dribble("220-localhost\r\n220-is\r\n220 here\r\n"), Hear("EHLO")],
        &OFFER,
        &ENVELOPE,
        &[Dribble("250-2.1.0\r\n250 2.1.0 ok\r\n250\r\n354 go\r\n")],
        &BODY,
        &[Dribble("250 2.0.0 kept\r\n")],
    ];
    send(&script, MESSAGE).await.unwrap();
}

#[tokio::test]
async fn a_yes_before_the_message_was_sent_is_not_believed() {
    let eager = [Say("250 ok\r\n250 ok\r\n354 go\r\n250 kept already\r\n"), Stall];
    let error = send(&[&GREETING, &OFFER, &ENVELOPE, &eager], MESSAGE).await.unwrap_err();
    assert!(matches!(error, SmtpError::Transient(_)), "{error}");
    assert!(error.to_string().contains("out of turn"), "{error}");
}

#[tokio::test]
async fn a_refusal_outlives_the_relay_that_hangs_up_behind_it() {
    let error =
        send(&[&GREETING, &OFFER, &ENVELOPE, &[Say("554 5.7.1 your host is listed\r\n")]], MESSAGE).await;
    assert!(matches!(error.unwrap_err(), SmtpError::Permanent(failure) if failure.step == Step::Mail));
}

#[tokio::test]
async fn where_data_is_accepted_though_the_recipient_was_not_a_lone_dot_ends_a_message_to_nobody() {
    let script = [
        &GREETING[..],
        &OFFER,
        &ENVELOPE,
        &[Say("250 ok\r\n550 5.1.1 unknown\r\n354 go\r\n"), Hear(".\r\n"), Say("554 5.5.1 nobody\r\n")],
        &[
            Hear("RSET"),
            Hear("MAIL"),
            Hear("RCPT"),
            Hear("DATA"),
            Say("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
        ],
    ];
    let (relay, _) = serve(script.concat()).await;
    let mut connection = Connection::open(&relay).await.unwrap();
    let error = connection.envelope(&to("unknown@example.com")).await.unwrap_err();
    assert_eq!(error.failure().reply.enhanced.as_deref(), Some("5.1.1"));
    let _ready = connection.envelope(&to("ada@example.com")).await.unwrap();
}

#[tokio::test]
async fn where_the_sender_was_refused_but_somebody_would_get_the_message_no_dot_is_sent() {
    let replies = [Say("451 4.1.8 later\r\n250 ok\r\n354 go\r\n"), Hear("")];
    let (relay, serving) = serve([&GREETING[..], &OFFER, &ENVELOPE, &replies].concat()).await;
    let mut connection = Connection::open(&relay).await.unwrap();
    let error = connection.envelope(&to("ada@example.com")).await.unwrap_err();
    assert!(matches!(error, SmtpError::Transient(failure) if failure.step == Step::Mail));
    connection.quit().await;
    assert!(serving.await.unwrap().ends_with("DATA\r\n"));
}

#[tokio::test]
async fn nothing_is_pipelined_where_it_was_not_offered() {
    let turns = |refused| {
        [
            HearAlone("MAIL"),
            Say("250 ok\r\n"),
            HearAlone("RCPT"),
            Say(if refused { "550 5.1.1 unknown\r\n" } else { "250 ok\r\n" }),
            HearAlone(if refused { "RSET" } else { "DATA" }),
            Say(if refused { "250 ok\r\n" } else { "354 go\r\n" }),
        ]
    };
    let kept = [HearMessage, Say("250 kept\r\n")];
    let bare = [Say("250 localhost\r\n")];
    let script = [&GREETING[..], &bare, &turns(false), &kept, &turns(true), &turns(false), &kept].concat();
    let (relay, serving) = serve(script).await;
    let mut connection = Connection::open(&relay).await.unwrap();
    let ready = connection.envelope(&to("ada@example.com")).await.unwrap();
    let unknown = to("unknown@example.com");
    connection.body(ready, MESSAGE, Some(&unknown)).await.unwrap();
    assert_eq!(connection.answer(&unknown).await.unwrap_err().failure().step, Step::Recipient);
    let ready = connection.envelope(&to("bo@example.com")).await.unwrap();
    connection.body(ready, MESSAGE, None).await.unwrap();
    serving.await.unwrap();
}

#[tokio::test]
async fn a_relay_that_knows_no_ehlo_is_greeted_in_the_old_way() {
    let old = [
        Say("502 5.5.1 what?\r\n"),
        Hear("HELO client.example.com"),
        Say("250 localhost\r\n"),
        HearAlone("MAIL"),
    ];
    let error = send(&[&GREETING, &old], MESSAGE).await.unwrap_err();
    assert_eq!(error.failure().step, Step::Mail);
}

#[tokio::test]
async fn a_host_without_a_name_says_the_address_that_it_speaks_from() {
    let (relay, serving) = serve([&GREETING[..], &OFFER].concat()).await;
    Connection::open(&Relay { client_name: None, ..relay }).await.unwrap();
    assert_eq!(serving.await.unwrap(), "EHLO [127.0.0.1]\r\n");
}

#[tokio::test]
async fn nothing_is_said_on_a_connection_whose_data_was_abandoned() {
    let (relay, serving) = serve([&GREETING[..], &OFFER, &ENVELOPE, &YES, &[Hear("")]].concat()).await;
    let mut connection = Connection::open(&relay).await.unwrap();
    let _abandoned = connection.envelope(&to("ada@example.com")).await.unwrap();
    let error = connection.envelope(&to("bo@example.com")).await.unwrap_err();
    assert!(matches!(error, SmtpError::Transient(_)));
    connection.quit().await;
    assert!(serving.await.unwrap().ends_with("DATA\r\n"));
}

#[tokio::test]
async fn who_no_longer_waits_for_an_answer_leaves_none_that_could_be_taken_for_the_next_readers() {
    let bare = [Say("250 localhost\r\n"), HearAlone("MAIL")];
    let (one_reply, kept) = ([Say("250 ok\r\n")], [Say("250 kept\r\n")]);
    let cases: [(Step, &[&[Act]]); 5] = [
        (Step::Mail, &[&bare]),
        (Step::Mail, &[&OFFER, &ENVELOPE]),
        (Step::Mail, &[&OFFER, &ENVELOPE, &one_reply]),
        (Step::Body, &[&OFFER, &ENVELOPE, &YES, &BODY]),
        (Step::Data, &[&OFFER, &ENVELOPE, &YES, &BODY, &kept, &ENVELOPE]),
    ];
    for (step, said) in cases {
        let (relay, serving) = serve([&GREETING[..], &said.concat(), &[Hear("")]].concat()).await;
        let mut connection = Connection::open(&relay).await.unwrap();
        give_up(&mut connection, step).await;
        assert!(!connection.is_usable(), "{step}");
        let error = connection.envelope(&to("cy@example.com")).await.unwrap_err();
        assert!(matches!(error, SmtpError::Transient(_)), "{error}");
        connection.quit().await;
        let heard = serving.await.unwrap();
        assert!(!heard.contains("cy@") && !heard.contains("QUIT"), "{heard}");
    }
}

/// Waits a moment for what never comes.
async fn give_up(connection: &mut Connection, step: Step) {
    let (ada, bo) = (to("ada@example.com"), to("bo@example.com"));
    let moment = Duration::from_millis(20);
    if step == Step::Mail {
        timeout(moment, connection.envelope(&ada)).await.unwrap_err();
        return;
    }
    let ready = connection.envelope(&ada).await.unwrap();
    if step == Step::Body {
        timeout(moment, connection.body(ready, MESSAGE, None)).await.unwrap_err();
        return;
    }
    connection.body(ready, MESSAGE, Some(&bo)).await.unwrap();
    timeout(moment, connection.answer(&bo)).await.unwrap_err();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn whatever_a_relay_says_the_client_ends_and_believes_no_yes_to_what_it_did_not_send(words in words("250-x\r\n250 PIPELINING\r\n")) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let relay = relay_at(listener.local_addr().unwrap());
            let chatter = tokio::spawn(chatter(words, listener));
            let Ok(mut connection) = Connection::open(&relay).await else { return Ok(()) };
            let Ok(ready) = connection.envelope(&to("ada@example.com")).await else { return Ok(()) };
            let next = to("bo@example.com");
            let verdict = connection.body(ready, MESSAGE, Some(&next)).await;
            let _answer = connection.answer(&next).await;
            connection.quit().await;
            let heard = chatter.await.unwrap();
            let arrived = memchr::memmem::find(&heard, b"\r\n.\r\n").is_some();
            prop_assert!(arrived || verdict.is_err(), "{:?}", verdict);
            Ok(())
        })?;
    }
}
