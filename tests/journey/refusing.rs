//! A relay says no, to a reader, to the readers of a destination, or to us: it costs whom it means, and nobody else.

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pressroom::delivery::Counts;
use pressroom::inbox::{Action, Inbox, Script, Stage};
use pressroom::send::Ending;
use pressroom::store::Among;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpListener;

use super::Folder;
use super::sending::{alone, counting, relay, scripted};
use crate::folder::{copies, options, received};

#[tokio::test]
async fn a_refused_recipient_harms_no_other() {
    let folder = Folder::with_many_readers(20);
    let (inbox, maildir) = scripted(&folder, "reader7@example.com", "550 5.1.1 no such mailbox").await;
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted, sent.counts.refused), (Ending::Incomplete, 19, 1));
    assert_eq!(received(maildir.path()).len(), 19);
    inbox.stop().await;
}

#[tokio::test]
async fn a_mailbox_that_is_none_is_left_out_from_the_next_issue_on_and_the_operator_can_lift_that() {
    let folder = Folder::with_many_readers(20);
    let reply = "550 5.1.1 <reader7@example.com>: no such user";
    let (inbox, _maildir) = scripted(&folder, "reader7@example.com", reply).await;
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.counts.accepted, sent.refusals.len()), (19, 1));
    let said = sent.to_string();
    assert!(said.contains("1 reader refused as in `550 5.1.1 <r***@example.com>: no such user`"), "{said}");
    let show =
        || String::from_utf8(folder.run(&["subscribers", "show", "reader7@example.com"]).stdout).unwrap();
    assert!(show().contains("it bounced for good, 2023-07-03: 550 5.1.1 <r***@example.com>"), "{}", show());
    assert!(show().contains("(issue 1)") && show().contains("--lift-bounce"), "{}", show());
    assert!(folder.run(&["subscribers", "import"]).status.success());
    let audience = async || {
        let store = folder.app().store().await.unwrap();
        store.audience(&"readers".parse().unwrap(), folder.app().now()).await.unwrap().active
    };
    assert_eq!(audience().await, 19);
    assert!(folder.run(&["subscribers", "add", "reader7@example.com", "--lift-bounce"]).status.success());
    assert_eq!(audience().await, 20);
    inbox.stop().await;
}

#[tokio::test]
async fn a_policy_against_us_suppresses_nobody_and_the_operator_hears_of_it() {
    let folder = Folder::with_many_readers(20);
    let (inbox, _maildir) =
        scripted(&folder, "reader7@example.com", "554 5.7.1 blocked, see rbl.example").await;
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted, sent.counts.refused), (Ending::Incomplete, 19, 1));
    let alarms: Vec<String> = sent.alarms().collect();
    assert!(alarms[0].contains("554 5.7.1 blocked") && alarms[0].contains("blocklists"), "{alarms:?}");
    let store = folder.app().store().await.unwrap();
    assert_eq!(store.suppression(&"reader7@example.com".parse().unwrap()).await.unwrap(), None);
    inbox.stop().await;
}

/// A relay that says this to every recipient.
async fn refusing(folder: &Folder, reply: &'static str) -> Inbox {
    let script =
        Script::new(move |_, stage| (stage == Stage::Recipient).then(|| Action::Reply(reply.to_owned())));
    relay(folder, script).await.0
}

#[tokio::test]
async fn a_relay_that_lets_us_write_to_nobody_costs_no_reader() {
    for reply in ["554 5.7.1 relay access denied", "550 relay access denied", "553 5.1.8 relay access denied"]
    {
        let folder = Folder::with_many_readers(200);
        let inbox = refusing(&folder, reply).await;
        for _ in 0..2 {
            let sent = folder.send().await.unwrap();
            let Counts { refused, waiting, .. } = sent.counts;
            assert_eq!((sent.ending, refused, waiting), (Ending::RelayRefuses, 0, 200), "{reply}");
            assert!(sent.to_string().contains("relay access denied"), "{sent}");
        }
        folder.relay_no_more_through(&inbox);
        inbox.stop().await;
        assert_eq!(folder.send().await.unwrap().counts.accepted, 200);
    }
}

#[tokio::test]
async fn what_is_no_answer_is_no_yes() {
    for (at, reply) in [(Stage::Data, "250 2.0.0 fine"), (Stage::Recipient, "350 go on")] {
        let folder = Folder::with_many_readers(20);
        let (inbox, maildir) =
            relay(&folder, alone("reader7@example.com", at, Action::Reply(reply.to_owned()))).await;
        let sent = folder.send().await.unwrap();
        let Counts { accepted, deferred, in_doubt, .. } = sent.counts;
        assert_eq!((sent.ending, accepted, deferred, in_doubt), (Ending::Deferred, 19, 1, 0), "{sent}");
        assert_eq!(copies(&received(maildir.path())).len(), 19);
        inbox.stop().await;
    }
}

#[tokio::test]
async fn who_alone_makes_the_relay_break_off_keeps_no_run_from_its_end() {
    for at in [Stage::Recipient, Stage::Data] {
        let folder = Folder::with_many_readers(20);
        let (inbox, _maildir) = relay(&folder, alone("reader7@example.com", at, Action::Cut)).await;
        let sent = folder.send().await.unwrap();
        let Counts { accepted, deferred, .. } = sent.counts;
        assert_eq!((sent.ending, accepted, deferred), (Ending::Deferred, 19, 1), "{sent}");
        inbox.stop().await;
    }
}

#[tokio::test]
async fn a_reader_over_whom_the_relay_falls_silent_is_tried_once_and_deferred_and_no_other_waits_for_that() {
    let readers: Vec<String> = (0..20)
        .map(|n| format!("reader{n}@{}", if n == 7 { "silent.example" } else { "example.com" }))
        .collect();
    let folder = Folder::with_readers(&readers.iter().map(String::as_str).collect::<Vec<_>>());
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let script = Script::new(move |envelope, stage| {
        let is_theirs = stage == Stage::Recipient && envelope.to.last()?.as_str() == "reader7@silent.example";
        is_theirs.then(|| {
            count.fetch_add(1, Ordering::Relaxed);
            Action::Stall
        })
    });
    let (inbox, _maildir) = relay(&folder, script).await;
    let mut app = folder.app();
    app.reply_timeout = 10;
    let sent = pressroom::send::prepare(&app, "1").await.unwrap().go(options()).await.unwrap();
    let Counts { accepted, deferred, .. } = sent.counts;
    assert_eq!((sent.ending, accepted, deferred), (Ending::Deferred, 19, 1), "{sent}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let store = app.store().await.unwrap();
    let missed = store.deliveries("1".parse().unwrap(), Among::Missed, None, 10).await.unwrap();
    assert_eq!((missed[0].address.as_str(), missed[0].attempts), ("reader7@silent.example", 1));
    inbox.stop().await;
}

#[tokio::test]
async fn a_relay_that_knows_no_mailbox_at_all_is_not_believed() {
    let readers: Vec<String> = (0..200).map(|n| format!("r{n}@d{}.example", n % 20)).collect();
    let folder = Folder::with_readers(&readers.iter().map(String::as_str).collect::<Vec<_>>());
    let inbox = refusing(&folder, "550 5.1.1 user unknown").await;
    let sent = folder.send().await.unwrap();
    assert_eq!(sent.ending, Ending::RelayRefuses);
    assert_eq!((sent.counts.refused, sent.counts.waiting), (0, 200));
    let store = folder.app().store().await.unwrap();
    let audience = store.audience(&"readers".parse().unwrap(), folder.app().now()).await.unwrap();
    assert_eq!(audience.active, 200, "nobody is suppressed");
    inbox.stop().await;
}

/// How many of the list would have the next issue.
async fn active(folder: &Folder) -> u64 {
    let store = folder.app().store().await.unwrap();
    store.audience(&"readers".parse().unwrap(), folder.app().now()).await.unwrap().active
}

#[tokio::test]
async fn a_relay_that_knows_no_mailbox_any_more_costs_no_reader_however_few_the_domains() {
    for domains in [1, 2, 4] {
        let readers: Vec<String> = (0..100).map(|n| format!("r{n}@d{}.example", n % domains)).collect();
        let folder = Folder::with_readers(&readers.iter().map(String::as_str).collect::<Vec<_>>());
        let nth = AtomicU64::new(0);
        let script = Script::new(move |_, stage| {
            let is_late = stage == Stage::Recipient && nth.fetch_add(1, Ordering::Relaxed) >= 4;
            is_late.then(|| Action::Reply("550 5.1.1 user unknown".to_owned()))
        });
        let (inbox, _maildir) = relay(&folder, script).await;
        folder.edit("newsletter.toml", "connections = 2", "connections = 8");
        let sent = folder.send().await.unwrap();
        let Counts { accepted, refused, waiting, .. } = sent.counts;
        assert_eq!((sent.ending, accepted, refused, waiting), (Ending::RelayRefuses, 4, 0, 96), "{domains}");
        assert_eq!(active(&folder).await, 100, "nobody is suppressed");
        inbox.stop().await;
    }
}

#[tokio::test]
async fn a_destination_that_knows_no_mailbox_any_more_is_left_alone_and_costs_no_reader() {
    let readers: Vec<String> = (0..200)
        .map(|n| format!("r{n}@{}", if n % 2 == 0 { "odd.example" } else { "example.com" }))
        .collect();
    let folder = Folder::with_readers(&readers.iter().map(String::as_str).collect::<Vec<_>>());
    let script = Script::new(move |envelope, stage| {
        let is_odd = stage == Stage::Recipient && envelope.to.last()?.domain() == "odd.example";
        is_odd.then(|| Action::Reply("550 5.1.1 user unknown".to_owned()))
    });
    let (inbox, _maildir) = relay(&folder, script).await;
    let sent = folder.send().await.unwrap();
    let Counts { accepted, deferred, refused, .. } = sent.counts;
    assert_eq!((sent.ending, accepted, deferred, refused), (Ending::Deferred, 100, 100, 0), "{sent}");
    assert_eq!(active(&folder).await, 200, "nobody is suppressed");
    inbox.stop().await;
}

#[tokio::test]
async fn a_destination_that_blocks_us_is_left_alone_and_costs_few_of_its_readers() {
    let readers: Vec<String> = (0..200)
        .map(|n| format!("r{n}@{}", if n % 2 == 0 { "blocked.example" } else { "example.com" }))
        .collect();
    let folder = Folder::with_readers(&readers.iter().map(String::as_str).collect::<Vec<_>>());
    let script = Script::new(move |envelope, stage| {
        let blocked = stage == Stage::Recipient && envelope.to.last()?.domain() == "blocked.example";
        blocked.then(|| Action::Reply("550 5.7.1 your host is on a blocklist".into()))
    });
    let (inbox, _maildir) = relay(&folder, script).await;
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Deferred, 100), "{sent}");
    assert!(sent.counts.refused < 10, "{:?}", sent.counts);
    inbox.stop().await;
}

#[tokio::test]
async fn a_greylisted_recipient_is_deferred_and_keeps_their_message_id() {
    let folder = Folder::with_many_readers(3);
    let (inbox, _maildir) = scripted(&folder, "reader1@example.com", "451 4.7.1 greylisted, try later").await;
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted, sent.counts.deferred), (Ending::Deferred, 2, 1));
    assert!(sent.next_attempt.is_some());
    inbox.stop().await;
}

#[tokio::test]
async fn a_relay_that_refuses_the_sender_costs_no_reader() {
    let folder = Folder::with_many_readers(30);
    let script = Script::new(|_, stage| {
        (stage == Stage::Mail).then(|| Action::Reply("550 5.7.1 not from you".into()))
    });
    let (inbox, _maildir) = relay(&folder, script).await;
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.waiting, sent.counts.refused), (Ending::RelayRefuses, 30, 0));
    assert!(sent.to_string().contains("not from you"), "{sent}");
    folder.relay_no_more_through(&inbox);
    inbox.stop().await;
    assert_eq!(folder.send().await.unwrap().counts.accepted, 30);
}

#[tokio::test]
async fn one_reader_whose_return_path_is_refused_is_refused_alone_and_the_others_are_served() {
    for which in [0, 2] {
        let folder = Folder::with_many_readers(40);
        folder.edit("newsletter.toml", "list = ", "return_path = \"bounces.example.com\"\nlist = ");
        let (nth, theirs) = (AtomicU64::new(0), OnceLock::new());
        let script = Script::new(move |envelope, stage| {
            let from = envelope.from.as_ref().filter(|_| stage == Stage::Mail)?;
            if nth.fetch_add(1, Ordering::Relaxed) == which {
                theirs.set(from.clone()).unwrap();
            }
            (theirs.get() == Some(from)).then(|| Action::Reply("553 5.1.7 no such sender".into()))
        });
        let (inbox, maildir) = relay(&folder, script).await;
        let sent = folder.send().await.unwrap();
        assert_eq!((sent.ending, sent.counts.accepted, sent.counts.refused), (Ending::Incomplete, 39, 1));
        assert!(sent.to_string().contains("no such sender"), "{sent}");
        assert_eq!(copies(&received(maildir.path())).values().max(), Some(&1));
        inbox.stop().await;
    }
}

#[tokio::test]
async fn a_relay_that_refuses_the_issue_itself_costs_no_reader() {
    let folder = Folder::with_many_readers(200);
    let script = Script::new(|_, stage| {
        (stage == Stage::Body).then(|| Action::Reply("554 5.7.1 looks like spam".into()))
    });
    let (inbox, _maildir) = relay(&folder, script).await;
    let sent = folder.send().await.unwrap();
    assert_eq!(sent.ending, Ending::RelayRefuses);
    assert_eq!((sent.counts.refused, sent.counts.waiting), (0, 200));
    inbox.stop().await;
}

/// A relay that takes no message of more than a thousand octets, and says so.
async fn small() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufStream::new(stream);
            let mut reply = "220 small.example";
            let mut line = String::new();
            loop {
                line.clear();
                stream.write_all(format!("{reply}\r\n").as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                match stream.read_line(&mut line).await {
                    Ok(1..) if !line.starts_with("QUIT") => reply = "250-small.example\r\n250 SIZE 1000",
                    _ => break,
                }
            }
        }
    });
    address
}

#[tokio::test]
async fn a_relay_that_takes_no_message_so_large_costs_no_reader() {
    let folder = Folder::with_many_readers(50);
    let (small, taking) = (small().await, counting().await);
    let relay = |address| format!("[[smtp.relay]]\nurl = \"smtp://{address}\"\n");
    folder.relay_is(&format!("connections = 4\n{}", relay(small)));
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.waiting), (Ending::RelayRefuses, 50), "{sent}");
    assert!(sent.to_string().contains("the relay takes 1000"), "{sent}");
    folder.edit("newsletter.toml", &relay(small), &format!("{}{}", relay(small), relay(taking.addr())));
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 50), "{sent}");
    assert_eq!(taking.stop().await.messages, 50);
}

#[tokio::test]
async fn a_destination_that_asks_for_less_is_left_alone_and_the_others_are_served() {
    let readers: Vec<String> = (0..40)
        .map(|n| format!("r{n}@{}", if n % 2 == 0 { "busy.example" } else { "example.com" }))
        .collect();
    let folder = Folder::with_readers(&readers.iter().map(String::as_str).collect::<Vec<_>>());
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let script = Script::new(move |envelope, stage| {
        let busy = stage == Stage::Recipient && envelope.to.last()?.domain() == "busy.example";
        busy.then(|| {
            count.fetch_add(1, Ordering::Relaxed);
            Action::Reply("421 4.7.0 too much mail at once".into())
        })
    });
    let (inbox, _maildir) = relay(&folder, script).await;
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted, sent.counts.deferred), (Ending::Deferred, 20, 20));
    let asked = asked.load(Ordering::Relaxed);
    assert!(asked <= 4, "{asked} tried: two connections, each with one reader on its way and one more");
    inbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_while_its_relay_lets_it_write_to_nobody_costs_no_reader() {
    let folder = Folder::with_many_readers(30);
    let nth = AtomicU64::new(0);
    // It says no to the first, keeps the next waiting, and takes everybody once the run is dead.
    let script = Script::new(move |_, stage| match stage {
        Stage::Recipient => match nth.fetch_add(1, Ordering::Relaxed) {
            0 => Some(Action::Reply("554 5.7.1 not from you".to_owned())),
            1 => Some(Action::Stall),
            _ => None,
        },
        Stage::Mail | Stage::Data | Stage::Within | Stage::Body | Stage::Kept => None,
    });
    let (inbox, _maildir) = relay(&folder, script).await;
    folder.edit("newsletter.toml", "connections = 2", "connections = 1");
    let store = folder.app().store().await.unwrap();
    let mut send = folder.command(&["send", "1", "--yes"]);
    let mut run = send.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while store.counts("1".parse().unwrap()).await.unwrap().refused == 0 {
        assert!(run.try_wait().unwrap().is_none(), "the run ended before it could be killed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    run.kill().unwrap();
    run.wait().unwrap();
    let again = folder.run(&["--json", "send", "1", "--yes"]);
    let counts: Value = serde_json::from_slice(&again.stdout).unwrap();
    let count = |name: &str| counts[name].as_u64().unwrap();
    assert_eq!((count("refused"), count("accepted") + count("in_doubt")), (0, 30), "{counts}");
    assert!(count("in_doubt") <= 2, "{counts}");
    inbox.stop().await;
}
