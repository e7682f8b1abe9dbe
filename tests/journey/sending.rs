//! An issue is sent: nobody twice, nobody forgotten.

use std::collections::HashSet;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pressroom::delivery::{Counts, SkipReason};
use pressroom::inbox::{Action, Inbox, Keep, Script, Stage};
use pressroom::send::{Ending, Options};
use pressroom::store::Among;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpListener;

use super::Folder;
use crate::folder::{copies, header, options, received};

#[tokio::test]
async fn everyone_on_the_list_gets_the_issue_once() {
    let folder =
        Folder::with_readers(&["ada@example.com", "bo@example.org", "ADA@example.com", "cy@example.net"]);
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.queued, sent.counts.accepted), (Ending::Done, 3, 3));
    let copies = copies(&folder.received());
    assert_eq!(copies.len(), 3);
    assert!(copies.values().all(|count| *count == 1), "{copies:?}");
}

#[tokio::test]
async fn sending_an_issue_twice_writes_to_each_reader_once() {
    let folder = Folder::with_many_readers(50);
    folder.send().await.unwrap();
    let again = folder.send().await.unwrap();
    assert_eq!((again.ending, again.accepted_now, again.counts.accepted), (Ending::NothingToDo, 0, 50));
    assert_eq!(folder.received().len(), 50);
}

#[tokio::test]
async fn editing_the_draft_afterwards_changes_nothing_and_says_so() {
    let folder = Folder::with_many_readers(2);
    folder.send().await.unwrap();
    folder.edit("drafts/1.toml", "never the bottleneck", "always the bottleneck");
    let run = folder.prepare().await.unwrap();
    assert!(run.notes().iter().any(|note| note.contains("frozen")), "{:?}", run.notes());
    assert!(!run.is_left_to_do());
}

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
async fn a_line_cut_after_the_final_dot_leaves_its_reader_in_doubt_and_nobody_twice() {
    let folder = Folder::with_many_readers(40);
    let kept = AtomicU64::new(0);
    let script = Script::new(move |_, stage| {
        let is_tenth = stage == Stage::Kept && kept.fetch_add(1, Ordering::Relaxed) == 9;
        is_tenth.then_some(Action::Cut)
    });
    let (inbox, maildir) = relay(&folder, script).await;
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted, sent.counts.in_doubt), (Ending::Incomplete, 39, 1));
    folder.send().await.unwrap();
    let copies = copies(&received(maildir.path()));
    assert_eq!((copies.len(), copies.values().max()), (40, Some(&1)));
    inbox.stop().await;
}

#[tokio::test]
async fn who_is_in_doubt_and_resent_waits_as_one_deferred_does_and_not_for_ever_whichever_command_it_is() {
    let folder = Folder::with_many_readers(4);
    let script = Script::new(move |envelope, stage| match (stage, envelope.to.last()?.local()) {
        (Stage::Kept, "reader2") => Some(Action::Cut),
        (Stage::Recipient, "reader3") => Some(Action::Reply("451 4.3.0 later".to_owned())),
        _ => None,
    });
    let (inbox, maildir) = relay(&folder, script).await;
    folder.edit(
        "newsletter.toml",
        "[smtp]",
        "[send]\nin_doubt = \"resend\"\ngive_up_after = \"2m\"\n\n[smtp]",
    );
    for (minute, second, sent, is_over) in [
        (0, 0, 1, false),
        (0, 1, 1, false),
        (1, 0, 2, false),
        (1, 30, 2, false),
        (2, 0, 3, true),
        (9, 0, 3, true),
    ] {
        let app = folder.app_at(&format!("2023-07-03T00:0{minute}:{second:02}Z"));
        let ended = pressroom::send::prepare(&app, "1").await.unwrap().go(options()).await.unwrap();
        Box::pin(pressroom::dispatch::dispatch(&app, &options())).await.unwrap();
        let (ending, Counts { in_doubt, refused, .. }) = (ended.ending, ended.counts);
        let expected = if is_over { (Ending::Incomplete, 1, 1) } else { (Ending::Deferred, 1, 0) };
        assert_eq!((ending, in_doubt, refused), expected, "{minute}:{second} {ended}");
        assert_eq!(copies(&received(maildir.path()))["reader2@example.com"], sent, "{minute}:{second}");
    }
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

#[tokio::test]
async fn of_several_relays_one_that_lets_us_write_to_nobody_costs_no_reader() {
    let folder = Folder::with_many_readers(200);
    let (taking, script) = (
        counting().await,
        Script::new(|_, stage| {
            (stage == Stage::Recipient).then(|| Action::Reply("554 5.7.1 relay access denied".into()))
        }),
    );
    let refusing = Inbox::scripted("127.0.0.1:0".parse().unwrap(), Keep::Discard, script).await.unwrap();
    let relay = |inbox: &Inbox| format!("[[smtp.relay]]\nurl = \"smtp://{}\"\n", inbox.addr());
    folder.relay_is(&format!("connections = 4\n{}{}", relay(&refusing), relay(&taking)));
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 200), "{sent}");
    assert_eq!(taking.stop().await.messages, 200);
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
async fn a_relay_that_hangs_up_after_every_message_leaves_few_in_doubt() {
    let folder = Folder::with_many_readers(200);
    let script = Script::new(|_, stage| (stage == Stage::Kept).then_some(Action::Cut));
    let (inbox, _maildir) = relay(&folder, script).await;
    let sent = folder.send().await.unwrap();
    assert_eq!(sent.ending, Ending::RelayAway);
    assert!(sent.counts.in_doubt < 10 && sent.counts.waiting > 190, "{:?}", sent.counts);
    inbox.stop().await;
}

#[tokio::test]
async fn at_a_slow_pace_a_stop_begins_nothing_new_and_who_waits_for_their_turn_is_in_no_doubt() {
    let folder = Folder::with_many_readers(50);
    folder.relay_also("rate = \"10/m\"");
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let store = folder.app().store().await.unwrap();
    let run = folder.prepare().await.unwrap();
    let running = tokio::spawn(run.go(Options { stop: stopped, ..options() }));
    let issue = "1".parse().unwrap();
    while store.counts(issue).await.unwrap().accepted == 0 {
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    let sent = running.await.unwrap().unwrap();
    assert_eq!(
        (sent.ending, sent.counts.accepted, sent.counts.waiting, sent.counts.in_doubt),
        (Ending::Stopped, 1, 49, 0)
    );
}

#[tokio::test]
async fn a_relay_that_says_nothing_is_left_as_soon_as_the_run_is_to_stop() {
    let folder = Folder::with_many_readers(3);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    folder.relay_is(&format!("url = \"smtp://{}\"", silent.local_addr().unwrap()));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(folder.prepare().await.unwrap().go(Options { stop: stopped, ..options() }));
    let _caller = silent.accept().await.unwrap();
    stop.send(true).unwrap();
    let sent = running.await.unwrap().unwrap();
    assert_eq!((sent.ending, sent.counts.waiting), (Ending::Stopped, 3));
}

#[tokio::test]
async fn a_relay_is_greeted_with_the_name_that_the_operator_gave() {
    let folder = Folder::with_many_readers(3);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = listener.local_addr().unwrap();
    folder.relay_is(&format!("url = \"smtp://{relay}\"\nclient_name = \"Mail.example.com\""));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(folder.prepare().await.unwrap().go(Options { stop: stopped, ..options() }));
    let mut caller = BufStream::new(listener.accept().await.unwrap().0);
    caller.write_all(b"220 localhost\r\n").await.unwrap();
    caller.flush().await.unwrap();
    let mut said = String::new();
    caller.read_line(&mut said).await.unwrap();
    assert_eq!(said, "EHLO mail.example.com\r\n");
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn with_chunking_several_are_on_the_way_and_a_cut_line_leaves_only_those_in_doubt() {
    let folder = Folder::with_many_readers(200);
    let kept = AtomicU64::new(0);
    let script = Script::new(move |envelope, stage| match stage {
        Stage::Recipient if envelope.to.last()?.as_str() == "reader7@example.com" => {
            Some(Action::Reply("550 5.1.1 no such mailbox".into()))
        }
        Stage::Kept if kept.fetch_add(1, Ordering::Relaxed) == 99 => Some(Action::Cut),
        Stage::Mail | Stage::Recipient | Stage::Data | Stage::Within | Stage::Body | Stage::Kept => None,
    });
    let maildir = TempDir::new().unwrap();
    let keep = Keep::Maildir(maildir.path().to_owned());
    let options = pressroom::inbox::Options { keep, script: Some(script), chunking: true };
    let inbox = Inbox::start("127.0.0.1:0".parse().unwrap(), options).await.unwrap();
    folder.relay_through(&inbox);
    folder.edit("newsletter.toml", "connections = 2", "connections = 2\nchunking = true");
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.refused), (Ending::Incomplete, 1));
    assert!((1..=4).contains(&sent.counts.in_doubt), "{:?}", sent.counts);
    assert_eq!(sent.counts.accepted + sent.counts.in_doubt, 199);
    let copies = copies(&received(maildir.path()));
    assert_eq!(copies.values().max(), Some(&1));
    assert!((sent.counts.accepted..=199).contains(&(copies.len() as u64)));
    assert_eq!(inbox.stop().await.connections, 3, "one more for the one that was cut");
}

#[tokio::test]
async fn who_leaves_while_it_goes_out_gets_nothing_more() {
    let folder = Folder::with_many_readers(3);
    let run = folder.prepare().await.unwrap();
    let store = folder.app().store().await.unwrap();
    let leaver = "reader1@example.com".parse().unwrap();
    let on = pressroom::lists::OnList {
        store: &store,
        list: &"readers".parse().unwrap(),
        keys: None,
        at: folder.app().now(),
    };
    pressroom::lists::unsubscribe(on, &leaver, pressroom::app::random).await.unwrap();
    let sent = run.go(options()).await.unwrap();
    assert_eq!((sent.counts.accepted, sent.counts.skipped), (2, 1));
    assert!(!copies(&folder.received()).contains_key("reader1@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_in_the_middle_of_the_run_gets_nothing_more_though_a_sender_has_them_in_hand() {
    let folder = Arc::new(Folder::with_many_readers(20));
    let (leaving, kept) = (Arc::clone(&folder), AtomicU64::new(0));
    // The first message is kept, and before its sender hears of that, somebody else leaves.
    let script = Script::new(move |_, stage| {
        if stage == Stage::Kept && kept.fetch_add(1, Ordering::Relaxed) == 0 {
            assert!(leaving.run(&["subscribers", "unsubscribe", "reader15@example.com"]).status.success());
        }
        None
    });
    let (inbox, maildir) = relay(&folder, script).await;
    folder.edit("newsletter.toml", "connections = 2", "connections = 1");
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted, sent.counts.skipped), (Ending::Done, 19, 1));
    let skipped = folder.app().store().await.unwrap().skipped("1".parse().unwrap()).await.unwrap();
    assert_eq!(skipped.into_iter().collect::<Vec<_>>(), [(SkipReason::LeftDuringRun, 1)]);
    assert!(!copies(&received(maildir.path())).contains_key("reader15@example.com"));
    inbox.stop().await;
}

#[tokio::test]
async fn a_relay_that_is_away_loses_nobody() {
    let folder = Folder::with_many_readers(3);
    folder.relay_is("url = \"smtp://127.0.0.1:1\"\nconnections = 2");
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.waiting, sent.counts.accepted), (Ending::RelayAway, 3, 0));
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

#[tokio::test]
async fn of_several_relays_each_has_its_share_and_one_that_is_away_holds_nobody_up() {
    let folder = Folder::with_many_readers(300);
    let (first, second) = (counting().await, counting().await);
    let relay = |address: &str, weight: u32| {
        format!("[[smtp.relay]]\nurl = \"smtp://{address}\"\nweight = {weight}\n")
    };
    let relays =
        [relay(&first.addr().to_string(), 3), relay("127.0.0.1:1", 1), relay(&second.addr().to_string(), 1)];
    folder.relay_is(&format!("connections = 4\n{}", relays.concat()));
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 300));
    assert!(sent.to_string().contains("127.0.0.1:1 cannot be reached"), "{sent}");
    let (first, second) = (first.stop().await, second.stop().await);
    assert_eq!(first.messages + second.messages, 300);
    assert!(first.messages > second.messages && second.messages > 0, "{first} and {second}");
}

#[tokio::test]
async fn a_relay_that_goes_away_in_the_middle_leaves_the_rest_to_the_other_and_nobody_twice() {
    const BEFORE: u64 = 20;
    let folder = Folder::with_many_readers(200);
    let (asked, maildirs) = (AtomicU64::new(0), [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let goes_away = Script::new(move |_, stage| {
        let is_gone = stage == Stage::Mail && asked.fetch_add(1, Ordering::Relaxed) >= BEFORE;
        is_gone.then_some(Action::Cut)
    });
    let keep = |at: usize| Keep::Maildir(maildirs[at].path().to_owned());
    let loopback = "127.0.0.1:0".parse().unwrap();
    let dying = Inbox::scripted(loopback, keep(0), goes_away).await.unwrap();
    let other = Inbox::start(loopback, keep(1)).await.unwrap();
    let relays = [&dying, &other].map(|relay| format!("[[smtp.relay]]\nurl = \"smtp://{}\"\n", relay.addr()));
    folder.relay_is(&format!("connections = 4\n{}", relays.concat()));
    let sent = folder.send().await.unwrap();
    // Whom it broke off with again and again waits a little for another attempt.
    let Counts { accepted, deferred, .. } = sent.counts;
    assert!(accepted + deferred == 200 && deferred < 10, "{sent}");
    let kept = maildirs.each_ref().map(|maildir| received(maildir.path()));
    assert_eq!((kept[0].len() as u64, kept[1].len() as u64), (BEFORE, accepted - BEFORE));
    let reached: HashSet<_> = kept.iter().flatten().map(|message| header(message, "To")).collect();
    assert_eq!(reached.len() as u64, accepted);
    dying.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_connection_carries_a_thousand_messages_and_then_makes_way() {
    let folder = Folder::with_many_readers(1001);
    let inbox = counting().await;
    folder.relay_is(&format!("url = \"smtp://{}\"\nconnections = 1", inbox.addr()));
    assert_eq!(folder.send().await.unwrap().counts.accepted, 1001);
    assert_eq!(inbox.stop().await.connections, 2);
}

/// A relay that only counts.
async fn counting() -> Inbox {
    Inbox::start("127.0.0.1:0".parse().unwrap(), Keep::Discard).await.unwrap()
}

#[tokio::test]
async fn messages_are_tracked_as_each_reader_chose() {
    let folder = Folder::with_readers(&[]);
    folder.write("subscribers/readers.csv", "email,tracking,format\na@example.com,individual,\nb@example.com,aggregate,\nc@example.com,none,\nd@example.com,,text\n");
    folder.send().await.unwrap();
    let messages = folder.received();
    let plain = |message: &String| message.contains("https://halyard.example/path");
    assert_eq!(messages.iter().map(plain).collect::<Vec<_>>(), [false, false, true, false]);
    assert!(messages[3].contains("Content-Type: text/plain"));
    assert!(header(&messages[0], "List-Unsubscribe").starts_with("<https://mail.example.com/1/unsubscribe/"));
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

/// A relay that answers one recipient in its own way.
async fn scripted(folder: &Folder, address: &'static str, reply: &'static str) -> (Inbox, TempDir) {
    relay(folder, alone(address, Stage::Recipient, Action::Reply(reply.to_owned()))).await
}

/// Does this to one reader's message and to no other.
fn alone(address: &'static str, at: Stage, action: Action) -> Script {
    Script::new(move |envelope, stage| {
        let is_theirs = envelope.to.last().is_some_and(|to| to.as_str() == address);
        (stage == at && is_theirs).then(|| action.clone())
    })
}

/// A relay that replies by a script, with its Maildir.
pub(super) async fn relay(folder: &Folder, script: Script) -> (Inbox, TempDir) {
    let maildir = TempDir::new().unwrap();
    let keep = Keep::Maildir(maildir.path().to_owned());
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), keep, script).await.unwrap();
    folder.relay_through(&inbox);
    (inbox, maildir)
}

/// With an issue that was queued for twelve, of whom nobody has it yet.
async fn half_sent() -> Folder {
    let folder = Folder::with_many_readers(12);
    let (_signal, stop) = tokio::sync::watch::channel(true);
    let stopped = folder.prepare().await.unwrap().go(Options { stop, ..options() }).await.unwrap();
    assert_eq!((stopped.ending, stopped.counts.waiting), (Ending::Stopped, 12));
    folder
}

fn addresses(readers: std::ops::Range<usize>) -> String {
    readers.fold("email\n".to_owned(), |list, reader| list + &format!("reader{reader}@example.com\n"))
}

#[tokio::test]
async fn a_half_sent_issue_goes_on_as_it_was_frozen_though_its_draft_is_broken_or_gone() {
    for broken in [Some("number = 1\ntitel = \"?\"\n"), None] {
        let folder = half_sent().await;
        match broken {
            Some(text) => folder.write("drafts/1.toml", text),
            None => std::fs::remove_file(folder.path().join("drafts/1.toml")).unwrap(),
        }
        let run = pressroom::send::prepare(&folder.app(), "drafts/1.toml").await.unwrap();
        let notes = run.notes().join("\n");
        assert!(notes.contains("issue 1 goes on as it was frozen on 2023-07-03"), "{notes}");
        let sent = run.go(options()).await.unwrap();
        assert_eq!((sent.ending, sent.counts.queued, sent.counts.accepted), (Ending::Done, 12, 12));
        assert_eq!(folder.received().len(), 12);
        assert!(folder.prepare().await.is_err(), "there is nothing left that could go on");
        assert_eq!(folder.received().len(), 12);
    }
}

#[tokio::test]
async fn who_is_taken_out_of_the_list_while_an_issue_waits_to_go_on_is_skipped() {
    let folder = half_sent().await;
    folder.write("subscribers/readers.csv", &addresses(1..12));
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted, sent.counts.skipped), (Ending::Done, 11, 1));
    assert!(!copies(&folder.received()).contains_key("reader0@example.com"));
    let skipped = folder.app().store().await.unwrap().skipped("1".parse().unwrap()).await.unwrap();
    assert_eq!(skipped.into_iter().collect::<Vec<_>>(), [(SkipReason::LeftDuringRun, 1)]);
}

#[tokio::test]
async fn who_comes_to_lack_a_field_while_an_issue_waits_to_go_on_has_it_once_the_list_says_it_again() {
    let folder = Folder::with_readers(&[]);
    let text = "Hello {{ reader.city }},\n\n{{ unsubscribe_url }}\n{{ newsletter.postal_address }}\n";
    folder.write("templates/issue.txt", text);
    let list = |lacks: Option<usize>| {
        let city = |n| if lacks == Some(n) { "" } else { "Lower Mill" };
        (0..60)
            .fold("email,city\n".to_owned(), |list, n| list + &format!("reader{n}@example.com,{}\n", city(n)))
    };
    folder.write("subscribers/readers.csv", &list(None));
    let (_signal, stop) = tokio::sync::watch::channel(true);
    folder.prepare().await.unwrap().go(Options { stop, ..options() }).await.unwrap();
    folder.write("subscribers/readers.csv", &list(Some(20)));
    let sent = folder.send().await.unwrap();
    let Counts { accepted, deferred, in_doubt, waiting, .. } = sent.counts;
    assert_eq!((sent.ending, accepted, deferred, in_doubt, waiting), (Ending::Deferred, 59, 1, 0, 0));
    let remedy = "not sent to 1 reader: the list gives no `city`, which the issue uses; fill the column in";
    assert!(sent.to_string().contains(remedy) && sent.alarms().any(|alarm| alarm.contains(remedy)), "{sent}");
    let missed = folder.run(&["deliveries", "1", "--missed"]);
    let missed = String::from_utf8(missed.stdout).unwrap();
    assert!(missed.contains("reader20@example.com") && missed.contains("gives no `city`"), "{missed}");
    folder.write("subscribers/readers.csv", &list(None));
    let later = folder.app_at(&sent.next_attempt.unwrap().to_string());
    let sent = pressroom::send::prepare(&later, "1").await.unwrap().go(options()).await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 60));
    let copies = copies(&folder.received());
    assert_eq!((copies.len(), copies.values().max()), (60, Some(&1)));
}

#[tokio::test]
async fn dispatch_skips_those_too_who_were_taken_out_of_the_list_meanwhile() {
    let folder = half_sent().await;
    folder.write("subscribers/readers.csv", &addresses(1..12));
    let done = pressroom::dispatch::dispatch(&folder.app(), &options()).await.unwrap();
    assert_eq!((done.sent[0].0.counts.accepted, done.sent[0].0.counts.skipped), (11, 1));
}

#[tokio::test]
async fn a_list_that_is_missing_broken_or_much_shorter_takes_nobody_off_an_issue_that_goes_on() {
    for (list, said) in [
        (None, "readers.csv is not there; the readers in the store stand"),
        (Some(addresses(0..3)), "--allow-shrink"),
        (Some("who\nada\n".to_owned()), "issue 1 goes on to the readers in the store"),
    ] {
        let folder = half_sent().await;
        match list {
            Some(list) => folder.write("subscribers/readers.csv", &list),
            None => std::fs::remove_file(folder.path().join("subscribers/readers.csv")).unwrap(),
        }
        let run = pressroom::send::prepare(&folder.app(), "1").await.unwrap();
        assert!(run.notes().iter().any(|note| note.contains(said)), "{said}: {:?}", run.notes());
        let sent = run.go(options()).await.unwrap();
        assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 12));
    }
}

/// Draft 1 is for a list of its own, of which the folder has this file.
fn for_extra(file: Option<&str>) -> Folder {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.edit("drafts/1.toml", "number = 1", "number = 1\nlist = \"extra\"");
    if let Some(file) = file {
        folder.write("subscribers/extra.csv", file);
    }
    folder
}

#[tokio::test]
async fn a_list_whose_readers_all_joined_otherwise_is_sent_with_an_empty_file_or_none() {
    for file in [None, Some("email\n")] {
        let folder = for_extra(file);
        assert!(folder.run(&["subscribers", "add", "bo@example.org", "--list", "extra"]).status.success());
        for arguments in [&["send", "1", "--dry-run"][..], &["approve", "1"], &["send", "1", "--rehearse"]] {
            let output = folder.run(arguments);
            assert!(output.status.success(), "{file:?} {arguments:?}: {output:?}");
        }
        assert!(folder.received().is_empty());
        let output = folder.run(&["send", "1", "--yes"]);
        assert!(output.status.success(), "{file:?}: {output:?}");
        assert_eq!(copies(&folder.received()).into_keys().collect::<Vec<_>>(), ["bo@example.org"]);
    }
}

#[tokio::test]
async fn dispatch_sends_to_a_list_whose_readers_all_joined_otherwise() {
    for file in [None, Some("email,name\r\n")] {
        let folder = for_extra(file);
        folder.edit("drafts/1.toml", "number = 1", "number = 1\nready = true\nsend_at = 2023-07-02T20:00:00");
        assert!(folder.run(&["subscribers", "add", "bo@example.org", "--list", "extra"]).status.success());
        let done = pressroom::dispatch::dispatch(&folder.app(), &options()).await.unwrap();
        assert!(done.faults.is_empty() && done.notes.is_empty(), "{:?} {:?}", done.faults, done.notes);
        assert_eq!(done.sent[0].0.counts.accepted, 1);
    }
}

/// What `send` says of the list, and that the store has nobody's issue then.
async fn refused(folder: &Folder) -> String {
    let said = format!("{:#}", folder.prepare().await.map(drop).unwrap_err());
    assert_eq!(folder.app().store().await.unwrap().issue("1".parse().unwrap()).await.unwrap(), None);
    said
}

#[tokio::test]
async fn a_list_that_nobody_is_on_and_a_file_that_lost_its_readers_are_refused_with_a_remedy_that_works() {
    let folder = for_extra(None);
    assert!(refused(&folder).await.contains("no list `extra` in subscribers/"));
    folder.write("subscribers/extra.csv", "email\n");
    let said = refused(&folder).await;
    assert!(said.contains("`pressroom subscribers add ADDRESS --list extra`"), "{said}");
    folder.write("subscribers/extra.csv", "email\nnobody\n");
    assert!(refused(&folder).await.contains("mend its lines"));

    folder.write("subscribers/extra.csv", "email\ncy@example.com\n");
    assert!(folder.run(&["subscribers", "import", "extra"]).status.success());
    assert!(folder.run(&["subscribers", "add", "bo@example.org", "--list", "extra"]).status.success());
    folder.write("subscribers/extra.csv", "email\n");
    let said = refused(&folder).await;
    assert!(said.contains("`pressroom subscribers import extra --allow-shrink`"), "{said}");
    std::fs::remove_file(folder.path().join("subscribers/extra.csv")).unwrap();
    assert!(refused(&folder).await.contains("no list `extra` in subscribers/"));

    folder.write("subscribers/extra.csv", "email\n");
    assert!(folder.run(&["subscribers", "import", "extra", "--allow-shrink"]).status.success());
    folder.send().await.unwrap();
    assert_eq!(copies(&folder.received()).into_keys().collect::<Vec<_>>(), ["bo@example.org"]);
}
