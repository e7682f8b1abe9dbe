use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::session::{Event, Session};
use super::{Action, Fault, Faults, Inbox, Keep, Options, Plan, Script, Stage};
use crate::mailbox::EmailAddress;

const LOOPBACK: &str = "127.0.0.1:0";

fn loopback() -> SocketAddr {
    LOOPBACK.parse().unwrap()
}

/// Says everything at once, and hears everything until the inbox closes.
async fn dialogue(inbox: &Inbox, said: &[u8]) -> String {
    let mut stream = TcpStream::connect(inbox.addr()).await.unwrap();
    stream.write_all(said).await.unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    heard
}

fn codes(heard: &str) -> Vec<&str> {
    let last_lines = heard.lines().filter(|line| line.as_bytes()[3] == b' ');
    last_lines.map(|line| &line[..3]).collect()
}

#[tokio::test]
async fn an_address_beyond_loopback_is_refused() {
    let error = Inbox::start("0.0.0.0:0".parse().unwrap(), Keep::Discard).await.unwrap_err();
    assert!(error.to_string().contains("loopback only"), "{error}");
}

#[tokio::test]
async fn a_message_is_kept_for_each_recipient_with_its_envelope_and_for_its_owners_eyes() {
    let folder = tempfile::tempdir().unwrap();
    let maildir = folder.path().join("mail");
    let inbox = Inbox::start(loopback(), Keep::Maildir(maildir.clone())).await.unwrap();
    let said = b"EHLO x\r\nMAIL FROM:<news@example.com>\r\nRCPT TO:<ada@example.com>\r\nRCPT TO:<bo@example.org>\r\n\
        DATA\r\nSubject: x\r\n\r\n..\r\nend\r\n.\r\nQUIT\r\n";
    let heard = dialogue(&inbox, said).await;
    assert_eq!(codes(&heard), ["220", "250", "250", "250", "250", "354", "250", "221"]);
    let mut files: Vec<_> =
        fs::read_dir(maildir.join("new")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for (file, to) in files.iter().zip(["ada@example.com", "bo@example.org"]) {
        let envelope = format!("Return-Path: <news@example.com>\r\nDelivered-To: {to}\r\n");
        let text = fs::read_to_string(file).unwrap();
        assert_eq!(text, envelope + "Subject: x\r\n\r\n.\r\nend\r\n");
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(files.len(), 2);
    assert_eq!(fs::read_dir(maildir.join("tmp")).unwrap().count(), 0);
    assert_eq!(fs::metadata(maildir.join("new")).unwrap().permissions().mode() & 0o777, 0o700);
    let counts = inbox.stop().await;
    assert_eq!((counts.connections, counts.messages, counts.recipients), (1, 1, 2));
}

#[tokio::test]
async fn a_second_inbox_on_the_same_maildir_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let said = b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.com>\r\nDATA\r\n.\r\nQUIT\r\n";
    for _ in 0..3 {
        let inbox = Inbox::start(loopback(), Keep::Maildir(folder.path().to_owned())).await.unwrap();
        dialogue(&inbox, said).await;
        inbox.stop().await;
    }
    assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 3);
}

#[tokio::test]
async fn a_message_that_cannot_be_written_is_put_off() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = Inbox::start(loopback(), Keep::Maildir(folder.path().to_owned())).await.unwrap();
    fs::remove_dir(folder.path().join("new")).unwrap();
    let said = b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.com>\r\nDATA\r\n.\r\nQUIT\r\n";
    let heard = dialogue(&inbox, said).await;
    assert_eq!(codes(&heard), ["220", "250", "250", "250", "354", "451", "221"]);
    assert_eq!(inbox.stop().await.messages, 0);
}

#[tokio::test]
async fn smuggled_message_ends_make_no_second_message() {
    let inbox = Inbox::start(loopback(), Keep::Discard).await.unwrap();
    for smuggled in ["\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n"] {
        let said = format!(
            "EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nfirst{smuggled}\
             MAIL FROM:<a@example.com>\r\nRCPT TO:<c@example.com>\r\nDATA\r\nsecond\r\n.\r\nQUIT\r\n"
        );
        let heard = dialogue(&inbox, said.as_bytes()).await;
        assert_eq!(codes(&heard), ["220", "250", "250", "250", "354", "554", "221"], "{smuggled:?}");
    }
    assert_eq!(inbox.stop().await.messages, 0);
}

#[tokio::test]
async fn commands_out_of_order_and_unknown_ones_have_their_codes() {
    let inbox = Inbox::start(loopback(), Keep::Discard).await.unwrap();
    let long = "x".repeat(3000);
    let said = format!(
        "MAIL FROM:<a@example.com>\r\nHELO x\r\nRCPT TO:<a@example.com>\r\nDATA\r\nMAIL FROM:<a@example.com> SIZE=99999999999\r\n\
         MAIL FROM:<a@example.com>\r\nMAIL FROM:<a@example.com>\r\nDATA\r\nRCPT TO:<jürgen@example.com>\r\nRSET\r\n\
         MAIL FROM:<a@example.com> SMTPUTF8\r\nRCPT TO:<jürgen@example.com>\r\nEXPN x\r\nVRFY x\r\n{long}\r\nNOOP\nNOOP\r\nQUIT\r\n"
    );
    let heard = dialogue(&inbox, said.as_bytes()).await;
    let expected = [
        "220", "503", "250", "503", "503", "552", "250", "503", "554", "553", "250", "250", "250", "500",
        "252", "500", "500", "250", "221",
    ];
    assert_eq!(codes(&heard), expected, "{heard}");
}

#[tokio::test]
async fn a_script_has_its_say_at_each_stage() {
    let script = Script::new(|envelope, stage| {
        let to = envelope.to.last()?.local().to_owned();
        match (to.as_str(), stage) {
            ("unknown", Stage::Recipient) => Some(Action::Reply("550 5.1.1 no such user".into())),
            ("later", Stage::Body) => Some(Action::Reply("451 4.7.1 greylisted".into())),
            ("doubt", Stage::Kept) => Some(Action::Cut),
            ("busy", Stage::Data) => Some(Action::Reply("421 4.3.2 not now".into())),
            _ => None,
        }
    });
    let inbox = Inbox::scripted(loopback(), Keep::Discard, script).await.unwrap();
    let said = |to: &str| {
        format!("EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<{to}@example.com>\r\nDATA\r\n.\r\nQUIT\r\n")
            .into_bytes()
    };
    assert_eq!(
        codes(&dialogue(&inbox, &said("ok")).await),
        ["220", "250", "250", "250", "354", "250", "221"]
    );
    assert_eq!(
        codes(&dialogue(&inbox, &said("unknown")).await),
        ["220", "250", "250", "550", "554", "500", "221"]
    );
    assert_eq!(
        codes(&dialogue(&inbox, &said("later")).await),
        ["220", "250", "250", "250", "354", "451", "221"]
    );
    assert_eq!(inbox.counts().messages, 1);
    assert_eq!(codes(&dialogue(&inbox, &said("doubt")).await), ["220", "250", "250", "250", "354"]);
    assert_eq!(codes(&dialogue(&inbox, &said("busy")).await), ["220", "250", "250", "250", "421"]);
    assert_eq!(inbox.stop().await.messages, 2);
}

#[tokio::test]
async fn each_fault_shows_where_it_belongs_and_copies_are_counted_by_reader() {
    let ada = EmailAddress::parse("ada@example.com").unwrap();
    let whole = ["220", "250", "250", "250", "354", "250", "221"];
    for (fault, codes_by_dots, codes_by_chunks, copies) in [
        (Fault::SlowDown, &["220", "250", "250", "421"][..], &["220", "250", "250", "421"][..], 0),
        (
            Fault::MailboxBusy,
            &["220", "250", "250", "450", "554", "500", "500", "221"],
            &["220", "250", "250", "450", "503", "221"],
            0,
        ),
        (
            Fault::Greylisted,
            &["220", "250", "250", "451", "554", "500", "500", "221"],
            &["220", "250", "250", "451", "503", "221"],
            0,
        ),
        (
            Fault::NoSuchMailbox,
            &["220", "250", "250", "550", "554", "500", "500", "221"],
            &["220", "250", "250", "550", "503", "221"],
            0,
        ),
        (Fault::CutWithin, &whole[..5], &whole[..4], 0),
        (Fault::CutAndLost, &whole[..5], &whole[..4], 0),
        (Fault::CutAndKept, &whole[..5], &whole[..4], 1),
        (Fault::Late, &whole, &["220", "250", "250", "250", "250", "221"], 1),
    ] {
        for (said, expected) in
            [("DATA\r\nx\r\n.\r\n", codes_by_dots), ("BDAT 3 LAST\r\nx\r\n", codes_by_chunks)]
        {
            let faults = Faults::new(Plan::quiet(1));
            faults.surely(fault, &ada);
            let options = Options { keep: Keep::Count, script: Some(faults.script()), chunking: true };
            let inbox = Inbox::start(loopback(), options).await.unwrap();
            let said = format!("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<Ada@example.com>\r\n{said}QUIT\r\n");
            assert_eq!(codes(&dialogue(&inbox, said.as_bytes()).await), expected, "{fault}: {said}");
            assert_eq!(inbox.copies(&ada), copies, "{fault}");
            assert_eq!(faults.dealt().into_iter().collect::<Vec<_>>(), [(fault, 1)]);
            dialogue(&inbox, said.as_bytes()).await;
            assert_eq!(
                inbox.copies(&ada),
                copies + 1,
                "{fault}: the second attempt finds nothing in its way"
            );
        }
    }
}

#[tokio::test]
async fn a_relay_that_has_no_time_says_so_before_it_hears_of_a_reader() {
    let busy = Faults::new(Plan::quiet(1).rate(Fault::Busy, 10_000));
    let inbox = Inbox::scripted(loopback(), Keep::Discard, busy.script()).await.unwrap();
    let heard = dialogue(&inbox, b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.com>\r\n").await;
    assert_eq!(codes(&heard), ["220", "250", "421"]);
    assert_eq!(inbox.copies(&EmailAddress::parse("ada@example.com").unwrap()), 0);
}

/// As `dialogue`, with an inbox that offers CHUNKING and keeps what it gets.
async fn in_chunks(said: &[u8]) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep::Maildir(folder.path().to_owned());
    let inbox = Inbox::start(loopback(), Options { chunking: true, ..keep.into() }).await.unwrap();
    let heard = dialogue(&inbox, said).await;
    inbox.stop().await;
    let files = fs::read_dir(folder.path().join("new")).unwrap();
    (heard, files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect())
}

#[tokio::test]
async fn a_message_in_chunks_is_taken_as_it_is_dots_and_all() {
    let said = b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.com>\r\nBDAT 13\r\nSubject: x\r\n\r\
        BDAT 11 LAST\r\n\n.\r\n..\r\n.\r\n\
        MAIL FROM:<>\r\nRCPT TO:<ada@example.com>\r\nBDAT 0 LAST\r\nQUIT\r\n";
    let (heard, files) = in_chunks(said).await;
    assert!(heard.contains("250-CHUNKING\r\n"));
    assert_eq!(codes(&heard), ["220", "250", "250", "250", "250", "250", "250", "250", "250", "221"]);
    let envelope = "Return-Path: <>\r\nDelivered-To: ada@example.com\r\n";
    let mut bodies: Vec<_> = files.iter().map(|file| file.strip_prefix(envelope).unwrap()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["", "Subject: x\r\n\r\n.\r\n..\r\n.\r\n"]);
}

#[tokio::test]
async fn the_octets_of_a_refused_chunk_are_never_taken_for_commands() {
    let octets = "QUIT\r\n";
    let said = format!(
        "EHLO x\r\nBDAT 6 LAST\r\n{octets}MAIL FROM:<>\r\nBDAT 6\r\n{octets}BDAT 6 LAST\r\n{octets}RSET\r\n\
         MAIL FROM:<>\r\nRCPT TO:<ada@example.com>\r\nBDAT 6\r\n{octets}DATA\r\nRCPT TO:<bo@example.com>\r\nBDAT 2 LAST\r\na\n\
         BDAT 6 LAST\r\n{octets}BDAT x\r\nQUIT\r\n"
    );
    let (heard, files) = in_chunks(said.as_bytes()).await;
    let expected = [
        "220", "250", "503", "250", "503", "503", "250", "250", "250", "250", "503", "503", "554", "503",
        "501", "221",
    ];
    assert_eq!(codes(&heard), expected, "{heard}");
    assert_eq!(files.len(), 0);
}

#[tokio::test]
async fn chunks_are_for_those_who_were_offered_them_and_have_the_limit_of_a_message() {
    let inbox = Inbox::start(loopback(), Keep::Discard).await.unwrap();
    let heard = dialogue(&inbox, b"EHLO x\r\nBDAT 6 LAST\r\nQUIT\r\n").await;
    assert!(!heard.contains("CHUNKING"));
    assert_eq!(codes(&heard), ["220", "250", "500", "221"]);
    let chunk = [b"BDAT 30000000\r\n".as_slice(), &vec![b'a'; 30_000_000]].concat();
    let said = [b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.com>\r\n", &chunk[..], &chunk, b"QUIT\r\n"]
        .concat();
    assert_eq!(codes(&in_chunks(&said).await.0), ["220", "250", "250", "250", "250", "552", "221"]);
}

/// Feeds a session its input in chunks, as the connection does: all replies, and whether it closed.
fn feed(input: &[u8], chunks: &[usize]) -> (String, bool) {
    let mut session = Session::new(true, true, None);
    let (mut start, mut end) = (0, 0);
    let mut chunks = chunks.iter().copied().cycle();
    while end < input.len() {
        end = (end + chunks.next().unwrap()).min(input.len());
        loop {
            let (used, event) = session.advance(&input[start..end]);
            start += used;
            match event {
                Event::Advanced | Event::Pause(_) => {}
                Event::Received(received) => drop(session.kept(&received.envelope)),
                Event::Starved => break,
                Event::Close => return (String::from_utf8(session.replies().clone()).unwrap(), true),
                Event::Stall => panic!("nobody asked for that"),
            }
        }
    }
    (String::from_utf8(session.replies().clone()).unwrap(), false)
}

/// Lines that look like SMTP, and octets that do not.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(b"EHLO x\r\n".to_vec()),
        Just(b"MAIL FROM:<a@example.com>\r\n".to_vec()),
        Just(b"RCPT TO:<b@example.com>\r\n".to_vec()),
        Just(b"DATA\r\n".to_vec()),
        Just(b"BDAT 3\r\n".to_vec()),
        Just(b"BDAT 20 LAST\r\n".to_vec()),
        Just(b"\r\n.\r\n".to_vec()),
        Just(b"RSET\r\n".to_vec()),
        Just(vec![b'x'; 2500]),
        proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), any::<u8>()], 0..40),
    ];
    proptest::collection::vec(word, 0..30).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn any_octets_in_any_chunking_are_answered_alike_and_the_session_lives_on(
        input in hostile(),
        chunks in proptest::collection::vec(1_usize..50, 1..10),
    ) {
        // Out of whatever state the octets led to: a full stop, a line's end, and a last word.
        let input = [input.as_slice(), &[b' '; 20], b"\r\n.\r\nNOOP\r\nQUIT\r\n"].concat();
        let (heard, closed) = feed(&input, &chunks);
        prop_assert_eq!(&feed(&input, &[input.len()]), &(heard.clone(), closed));
        prop_assert!(closed, "{heard}");
        prop_assert!(heard.ends_with("221 2.0.0 good-bye\r\n") || heard.ends_with("421 4.7.0 too many errors\r\n"));
    }
}
