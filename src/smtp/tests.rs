mod faults;
mod relay;
mod security;
mod steps;
mod window;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Connection, Content, Envelope, Relay, SmtpError, Step, Timeouts, Tls};
use crate::inbox::{Action, Inbox, Keep, Options, Script, Stage};
use crate::mailbox::EmailAddress;
use crate::message::Octets;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.dot\r\nend\r\n";

fn relay_at(address: SocketAddr) -> Relay {
    Relay {
        host: address.ip().to_string(),
        port: address.port(),
        tls: Tls::None,
        credentials: None,
        client_name: Some("client.example.com".to_owned()),
        chunking: false,
        timeouts: Timeouts::default(),
    }
}

fn to(address: &str) -> Envelope {
    let parse = |address: &str| EmailAddress::parse(address).unwrap();
    Envelope { from: parse("news@example.com"), to: parse(address), id: None, smtputf8: false, size: None }
}

async fn discarding(rule: fn(&str, Stage) -> Option<Action>) -> Inbox {
    let script = Script::new(move |envelope, stage| rule(envelope.to.last()?.local(), stage));
    Inbox::scripted("127.0.0.1:0".parse().unwrap(), Keep::Discard, script).await.unwrap()
}

/// Hands the messages to a Maildir, each with the next envelope, and returns what arrived.
async fn arrived(messages: &[&[u8]], reader: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep::Maildir(folder.path().to_owned());
    let inbox = Inbox::start("127.0.0.1:0".parse().unwrap(), keep).await.unwrap();
    let mut connection = Connection::open(&relay_at(inbox.addr())).await.unwrap();
    let envelope = to(reader);
    let mut ready = Some(connection.envelope(&envelope).await.unwrap());
    for (number, message) in messages.iter().enumerate() {
        let next = (number + 1 < messages.len()).then_some(&envelope);
        connection.body(ready.take().unwrap(), in_two(message), next).await.unwrap();
        if let Some(next) = next {
            ready = Some(connection.answer(next).await.unwrap());
        }
    }
    connection.quit().await;
    inbox.stop().await;
    files(folder.path())
}

/// A message with its first line on top.
fn in_two(message: &[u8]) -> Content<'_> {
    let (top, rest) = message.split_at(message.iter().position(|octet| *octet == b'\n').unwrap() + 1);
    Content { top, message: rest, octets: Octets::of(message) }
}

/// The messages in a Maildir, in the order of their arrival.
fn files(maildir: &Path) -> Vec<String> {
    let mut files: Vec<_> =
        fs::read_dir(maildir.join("new")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

#[tokio::test]
async fn messages_arrive_byte_for_byte_and_smuggled_ends_make_no_message_of_their_own() {
    let smuggled: &[u8] =
        b"a\r\n.\r\nMAIL FROM:<x@example.com>\r\nRCPT TO:<y@example.com>\r\nDATA\r\n..b\r\n.\r\n";
    let messages = [MESSAGE, smuggled, b".\r\n", b"last\r\n"];
    let files = arrived(&messages, "ada@example.com").await;
    assert_eq!(files.len(), messages.len());
    let head = "Return-Path: <news@example.com>\r\nDelivered-To: ada@example.com\r\n";
    for (file, message) in files.iter().zip(messages) {
        assert_eq!(file.strip_prefix(head).unwrap().as_bytes(), message);
    }
}

#[tokio::test]
async fn an_address_beyond_ascii_goes_out_under_smtputf8() {
    let files = arrived(&["To: jürgen@example.com\r\n\r\nx\r\n".as_bytes()], "jürgen@example.com").await;
    assert!(files[0].contains("Delivered-To: jürgen@example.com\r\nTo: jürgen@example.com\r\n"), "{files:?}");
}

#[tokio::test]
async fn a_message_with_bare_line_ends_or_unannounced_octets_never_leaves() {
    let inbox = discarding(|_, _| None).await;
    for message in [b"a\n.\nb\r\n".as_slice(), b"a\r.\r\r\n", b"a\0\r\n", b"a\r", "ü\r\n".as_bytes()] {
        let mut connection = Connection::open(&relay_at(inbox.addr())).await.unwrap();
        let ready = connection.envelope(&to("ada@example.com")).await.unwrap();
        let error = connection.body(ready, message, None).await.unwrap_err();
        assert!(matches!(error, SmtpError::Permanent(_)), "{error}");
    }
    assert_eq!(inbox.stop().await.messages, 0);
}

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
    let later = to("later@example.com");
    let reply = connection.body(ready, MESSAGE, Some(&later)).await.unwrap();
    assert_eq!(reply.enhanced.as_deref(), Some("2.0.0"));
    let error = connection.answer(&later).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the relay answered RCPT TO with 451 4.7.1 greylisted; it may be tried again"
    );
    let ready = connection.envelope(&to("bo@example.com")).await.unwrap();
    connection.body(ready, MESSAGE, None).await.unwrap();
    connection.quit().await;
    let counts = inbox.stop().await;
    assert_eq!((counts.connections, counts.messages), (1, 2));
}

#[tokio::test]
async fn a_relay_without_smtputf8_or_with_a_small_limit_is_not_even_asked() {
    let acts = [
        relay::Act::Say("220 x\r\n"),
        relay::Act::Hear("EHLO"),
        relay::Act::Say("250-x\r\n250 SIZE 1000\r\n"),
    ];
    let (relay, serving) = relay::serve([&acts[..], &[relay::Act::Hear("")]].concat(), None).await;
    let mut connection = Connection::open(&relay).await.unwrap();
    let error = connection.envelope(&to("jürgen@example.com")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "RCPT TO failed: the address goes beyond ASCII, and the relay offers no SMTPUTF8"
    );
    assert!(matches!(error, SmtpError::Permanent(_)));
    let big = Envelope { size: Some(1001), ..to("ada@example.com") };
    let error = connection.envelope(&big).await.unwrap_err();
    assert!(matches!(error, SmtpError::Permanent(failure) if failure.reply.code == 552));
    assert!(connection.is_usable());
    connection.quit().await;
    assert_eq!(serving.await.unwrap(), "EHLO client.example.com\r\nQUIT\r\n");
}

#[tokio::test]
async fn a_relay_that_is_away_may_be_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = relay_at(listener.local_addr().unwrap());
    drop(listener);
    let error = Connection::open(&relay).await.err().unwrap();
    assert!(matches!(&error, SmtpError::Transient(failure) if failure.step == Step::Connect), "{error}");
}

/// Passes everything on, and counts how often the client speaks after the server has.
async fn counting_turns(server: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, turns) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&turns);
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(server).await.unwrap();
        let (mut said, mut answered, mut server_spoke) = (vec![0; 65536], vec![0; 65536], false);
        loop {
            tokio::select! {
                read = client.read(&mut said) => {
                    let read = read.unwrap();
                    if read == 0 { return }
                    count.fetch_add(usize::from(std::mem::take(&mut server_spoke)), Ordering::Relaxed);
                    server.write_all(&said[..read]).await.unwrap();
                }
                read = server.read(&mut answered) => {
                    let read = read.unwrap();
                    if read == 0 { return }
                    server_spoke = true;
                    client.write_all(&answered[..read]).await.unwrap();
                }
            }
        }
    });
    (address, turns)
}

#[tokio::test]
async fn a_message_with_the_next_envelope_costs_one_turn() {
    const MESSAGES: usize = 20;
    let inbox = discarding(|_, _| None).await;
    let (proxy, turns) = counting_turns(inbox.addr()).await;
    let mut connection = Connection::open(&relay_at(proxy)).await.unwrap();
    let message = b"forty-six thousand octets of news\r\n".repeat(1352);
    let envelope = Envelope { size: Some(message.len() as u64), ..to("ada@example.com") };
    let mut ready = connection.envelope(&envelope).await.unwrap();
    let before = turns.load(Ordering::Relaxed);
    for _ in 0..MESSAGES {
        connection.body(ready, &message, Some(&envelope)).await.unwrap();
        ready = connection.answer(&envelope).await.unwrap();
    }
    assert_eq!(turns.load(Ordering::Relaxed) - before, MESSAGES);
    assert_eq!(inbox.stop().await.messages, MESSAGES as u64);
}

/// What relays say, some of it in the right place.
fn words(offer: &'static str) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let said = [
        "220 x\r\n",
        "250 ok\r\n",
        "250-x\r\n250 PIPELINING\r\n",
        "354 go\r\n",
        "250 ok\r\n250 ok\r\n354 go\r\n",
        "421 4.3.2 bye\r\n",
        "451 4.0.0 later\r\n",
        "550 5.0.0 no\r\n",
        "250-",
        "\n",
    ];
    let said = proptest::sample::select(said.map(|word| word.as_bytes().to_vec()).to_vec());
    let word = prop_oneof![9 => said, 1 => proptest::collection::vec(any::<u8>(), 0..20)];
    let greeted =
        move |words: Vec<Vec<u8>>| [vec![b"220 x\r\n".to_vec(), offer.as_bytes().to_vec()], words].concat();
    proptest::collection::vec(word, 0..8).prop_map(greeted)
}

/// Says a word whenever it has heard something, or nothing for a moment, and hangs up after the last: what it heard.
async fn chatter(words: Vec<Vec<u8>>, listener: TcpListener) -> Vec<u8> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut heard = Vec::new();
    for word in words {
        // Whoever is no longer listened to says the rest to nobody.
        let _said = stream.write_all(&word).await;
        let _heard = timeout(Duration::from_millis(5), stream.read_buf(&mut heard)).await;
    }
    heard
}
