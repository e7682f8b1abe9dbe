//! Each step of a conversation under each way to spoil it: silence, a closed connection, 421, a reply that never ends. It always ends, by
//! itself and in bounded time, and what becomes of the message is known.

use std::time::Duration;

use tokio::task::JoinSet;

use Act::{Babble, Hear, HearAlone, HearMessage, Say, Secure, Stall};

use super::relay::{self, Act, Certificate};
use super::security::trusting;
use super::{MESSAGE, to};
use crate::smtp::{Connection, Relay, SmtpError, Step, Timeouts, Tls};

/// What has been said when the step begins, under what protection, and whether doubt is left if it fails.
struct Place {
    step: Step,
    before: Vec<Act>,
    tls: Option<fn(crate::smtp::Trust) -> Tls>,
    is_doubtful: bool,
}

const HELLO: [Act; 2] = [Say("220 localhost\r\n"), Hear("EHLO")];
const BARE: [Act; 1] = [Say("250 localhost\r\n")];

fn places() -> Vec<Place> {
    let clear =
        |step, parts: &[&[Act]], is_doubtful| Place { step, before: parts.concat(), tls: None, is_doubtful };
    let under = |step, parts: &[&[Act]], tls: fn(crate::smtp::Trust) -> Tls| Place {
        step,
        before: parts.concat(),
        tls: Some(tls),
        is_doubtful: false,
    };
    let old = [Say("502 what?\r\n"), Hear("HELO")];
    let offer = [Say("250-localhost\r\n250 STARTTLS\r\n"), Hear("STARTTLS")];
    let secured = [Secure, Say("220 localhost\r\n"), Hear("EHLO")];
    let plain = [Say("250-x\r\n250 AUTH PLAIN\r\n"), Hear("AUTH PLAIN")];
    let login =
        [Say("250-x\r\n250 AUTH LOGIN\r\n"), Hear("AUTH LOGIN"), Say("334 VXNlcm5hbWU6\r\n"), Hear("YWRh")];
    let recipient = [HearAlone("MAIL"), Say("250 ok\r\n"), HearAlone("RCPT")];
    let data = [Say("250 ok\r\n"), HearAlone("DATA")];
    let body = [Say("354 go\r\n"), HearMessage];
    let reset = [Say("550 5.1.1 unknown\r\n"), HearAlone("RSET")];
    vec![
        clear(Step::Greeting, &[], false),
        clear(Step::Hello, &[&HELLO], false),
        clear(Step::Hello, &[&HELLO, &old], false),
        under(Step::Tls, &[&HELLO, &offer], Tls::StartTls),
        under(Step::Hello, &[&HELLO, &offer, &[Say("220 go\r\n"), Secure, Hear("EHLO")]], Tls::StartTls),
        under(Step::Greeting, &[&[Secure]], Tls::Implicit),
        under(Step::Authentication, &[&secured, &plain], Tls::Implicit),
        under(Step::Authentication, &[&secured, &login], Tls::Implicit),
        clear(Step::Mail, &[&HELLO, &BARE, &recipient[..1]], false),
        clear(Step::Recipient, &[&HELLO, &BARE, &recipient], false),
        clear(Step::Data, &[&HELLO, &BARE, &recipient, &data], false),
        clear(Step::Body, &[&HELLO, &BARE, &recipient, &data, &body], true),
        clear(Step::Reset, &[&HELLO, &BARE, &recipient, &reset], false),
    ]
}

/// How long is waited where it must be waited out: longer than the steps before it take a busy machine.
const BRIEF: Duration = Duration::from_secs(5);
/// How long is waited where something comes.
const LONG: Duration = Duration::from_mins(1);

/// Sends a message, and after a refusal another one, to a relay that says all that comes before a step, and then this.
async fn spoiled(place: &Place, spoil: &[Act]) -> SmtpError {
    let certificate = Certificate::new();
    let (relay, _serving) = relay::serve([&place.before, spoil].concat(), Some(&certificate)).await;
    let wait = if matches!(spoil, [Stall | Act::Trickle(_)]) { BRIEF } else { LONG };
    let timeouts = Timeouts { connect: wait, reply: wait, body: wait, end_of_data: wait, quit: BRIEF };
    let relay = Relay { timeouts, ..relay };
    let relay = match place.tls {
        Some(tls) => trusting(relay, &certificate, tls),
        None => relay,
    };
    let mut connection = match Connection::open(&relay).await {
        Ok(connection) => connection,
        Err(error) => return error,
    };
    let mut answer = connection.envelope(&to("ada@example.com")).await;
    if matches!(&answer, Err(error) if error.failure().reply.code == 550) {
        answer = connection.envelope(&to("bo@example.com")).await;
    }
    let error = match answer {
        Ok(ready) => connection.body(ready, MESSAGE, None).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(!connection.is_usable(), "{error}");
    connection.quit().await;
    error
}

/// Spoils each step at once: the step, the error, and whether it may leave doubt.
async fn spoiled_everywhere(spoil: &'static [Act]) -> Vec<(Step, SmtpError, bool)> {
    let mut attempts = JoinSet::new();
    for place in places() {
        attempts.spawn(async move { (place.step, spoiled(&place, spoil).await, place.is_doubtful) });
    }
    attempts.join_all().await
}

#[tokio::test]
async fn silence_and_a_closed_connection_end_every_step() {
    for spoil in [&[][..], &[Stall]] {
        for (step, error, is_doubtful) in spoiled_everywhere(spoil).await {
            assert_eq!(error.failure().step, step, "{error}");
            assert_eq!(matches!(error, SmtpError::InDoubt(_)), is_doubtful, "{error}");
            assert_eq!(matches!(error, SmtpError::Transient(_)), !is_doubtful, "{error}");
        }
    }
}

#[tokio::test]
async fn a_421_at_any_step_puts_it_off_and_is_kept_in_its_words() {
    for (step, error, _) in spoiled_everywhere(&[Say("421 4.3.2 going down\r\n")]).await {
        assert!(matches!(error, SmtpError::Transient(_)), "{step}: {error}");
        let failure = error.failure();
        assert_eq!(
            (failure.step, failure.reply.code, failure.reply.text.as_str()),
            (step, 421, "going down")
        );
        assert!(failure.said_by_relay, "{error}");
    }
}

#[tokio::test]
async fn a_reply_that_never_ends_is_not_listened_to_for_ever() {
    for spoil in [&[Babble("250-and more\r\n")][..], &[Babble("250 and more")], &[Say("250-a\r\n550 b\r\n")]]
    {
        for (step, error, is_doubtful) in spoiled_everywhere(spoil).await {
            assert!(error.to_string().contains("no SMTP reply"), "{step}: {error}");
            assert_eq!(matches!(error, SmtpError::InDoubt(_)), is_doubtful, "{error}");
        }
    }
}

#[tokio::test]
async fn a_trickle_of_octets_wins_nobody_more_time() {
    for (step, error, is_doubtful) in spoiled_everywhere(&[Act::Trickle("250-and more\r\n")]).await {
        assert!(error.to_string().contains("nothing came of it within"), "{step}: {error}");
        assert_eq!(matches!(error, SmtpError::InDoubt(_)), is_doubtful, "{error}");
    }
}
