//! An issue is sent: nobody twice, nobody forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pressroom::delivery::{Counts, SkipReason};
use pressroom::inbox::{Action, Inbox, Keep, Script, Stage};
use pressroom::send::{Ending, Options};
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
async fn a_connection_carries_a_thousand_messages_and_then_makes_way() {
    let folder = Folder::with_many_readers(1001);
    let inbox = counting().await;
    folder.relay_is(&format!("url = \"smtp://{}\"\nconnections = 1", inbox.addr()));
    assert_eq!(folder.send().await.unwrap().counts.accepted, 1001);
    assert_eq!(inbox.stop().await.connections, 2);
}

/// A relay that only counts.
pub(super) async fn counting() -> Inbox {
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

/// A relay that answers one recipient in its own way.
pub(super) async fn scripted(
    folder: &Folder,
    address: &'static str,
    reply: &'static str,
) -> (Inbox, TempDir) {
    relay(folder, alone(address, Stage::Recipient, Action::Reply(reply.to_owned()))).await
}

/// Does this to one reader's message and to no other.
pub(super) fn alone(address: &'static str, at: Stage, action: Action) -> Script {
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
