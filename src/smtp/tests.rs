use std::net::SocketAddr;

use super::{ClientId, Connection, Envelope, Relay, SmtpError, Step, Timeouts, Tls};
use crate::inbox::{Action, Inbox, Keep, Script, Stage};
use crate::mailbox::EmailAddress;

fn relay_at(address: SocketAddr) -> Relay {
    Relay {
        host: address.ip().to_string(),
        port: address.port(),
        tls: Tls::None,
        credentials: None,
        client_name: ClientId::Domain("client.example.com".into()),
        timeouts: Timeouts::default(),
    }
}

fn to(address: &str) -> Envelope {
    let parse = |address: &str| EmailAddress::parse(address).unwrap();
    Envelope { from: parse("news@example.com"), to: parse(address), size: None }
}

async fn discarding(rule: fn(&str, Stage) -> Option<Action>) -> Inbox {
    let script = Script::new(move |envelope, stage| rule(envelope.to.last()?.local(), stage));
    Inbox::scripted("127.0.0.1:0".parse().unwrap(), Keep::Discard, script).await.unwrap()
}

const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.dot\r\nend\r\n";

#[tokio::test]
async fn a_refused_recipient_harms_no_other() {
    let inbox = discarding(|to, stage| {
        let no = |text: &str| Some(Action::Reply(text.to_owned()));
        match (to, stage) {
            ("unknown", Stage::Recipient) => no("550 5.1.1 no such user"),
            ("later", Stage::Recipient) => no("451 4.7.1 greylisted"),
            _ => None,
        }
    })
    .await;
    let mut connection = Connection::open(&relay_at(inbox.addr())).await.unwrap();
    let error = connection.envelope(&to("unknown@example.com")).await.unwrap_err();
    assert!(matches!(&error, SmtpError::Permanent(failure) if failure.step == Step::Recipient), "{error}");
    let ready = connection.envelope(&to("ada@example.com")).await.unwrap();
    let turn = connection.body(ready, MESSAGE, Some(&to("later@example.com"))).await;
    assert_eq!(turn.message.unwrap().enhanced.as_deref(), Some("2.0.0"));
    let error = turn.next.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the relay answered RCPT TO with 451 4.7.1 greylisted; it may be tried again"
    );
    let ready = connection.envelope(&to("bo@example.com")).await.unwrap();
    connection.body(ready, MESSAGE, None).await.message.unwrap();
    connection.quit().await;
    let counts = inbox.stop().await;
    assert_eq!((counts.connections, counts.messages), (1, 2));
}
