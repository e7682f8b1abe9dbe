//! The operator's hand on an issue that is on its way, and on what became of it.

use std::process::Output;
use std::sync::Mutex;
use std::time::Duration;

use pressroom::app::App;
use pressroom::brake::{self, Pull};
use pressroom::deliveries::{self, Line};
use pressroom::delivery::{Intent, SenderId};
use pressroom::id::IssueNumber;
use pressroom::inbox::{Action, Inbox, Keep, Script, Stage};
use pressroom::send::{Ending, Options, Sent};
use pressroom::store::{Among, Decision, Domains, IssueState, Share};
use pressroom::subscriber::Choices;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Folder;
use crate::folder::{NOW, copies, options, received};

const READERS: u64 = 300;

#[tokio::test]
async fn a_paused_issue_stops_and_goes_on_where_it_stopped() {
    let (folder, inbox, maildir) = slow().await;
    let sender = set_out(&folder, options()).await;
    pull_after_some(&folder, &inbox, Pull::Pause).await;
    let sent = sender.await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted + sent.counts.waiting), (Ending::Paused, READERS));
    assert!(sent.counts.waiting > 0, "it ran to its end");

    let refused = folder.prepare().await.unwrap_err().to_string();
    assert!(refused.contains("paused") && refused.contains("pressroom resume 1"), "{refused}");
    let resumed = brake::pull(&folder.app(), one(), Pull::Resume).await.unwrap();
    assert_eq!((resumed.state, resumed.at_work), (IssueState::Running, false));
    quicken(&folder);
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, READERS));
    assert_each_once(&maildir);
}

#[tokio::test]
async fn a_sender_that_waits_goes_on_when_the_issue_is_resumed() {
    let (folder, inbox, maildir) = slow().await;
    let patient = Options { patience: jiff::SignedDuration::MAX, ..options() };
    let sender = set_out(&folder, patient).await;
    let paused = pull_after_some(&folder, &inbox, Pull::Pause).await;
    assert!(paused.at_work);
    until_nobody_is_in_hand(&folder.app()).await;
    let held = inbox.counts().messages;
    assert!(held < READERS && !sender.is_finished());
    brake::pull(&folder.app(), one(), Pull::Resume).await.unwrap();
    let sent = sender.await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, READERS));
    assert_each_once(&maildir);
}

#[tokio::test]
async fn a_cancelled_issue_skips_whoever_is_left_for_good() {
    let (folder, inbox, maildir) = slow().await;
    let sender = set_out(&folder, options()).await;
    pull_after_some(&folder, &inbox, Pull::Cancel).await;
    let sent = sender.await.unwrap();
    assert_eq!(sent.ending, Ending::Cancelled);
    assert_eq!((sent.counts.accepted + sent.counts.skipped, sent.counts.waiting), (READERS, 0));
    assert!(sent.counts.skipped > 0, "it ran to its end");
    assert_eq!(received(maildir.path()).len() as u64, sent.counts.accepted);

    let again = folder.send().await.unwrap();
    assert_eq!((again.ending, again.accepted_now), (Ending::Cancelled, 0));
    let refused = brake::pull(&folder.app(), one(), Pull::Resume).await.unwrap_err().to_string();
    assert!(refused.contains("cancelled"), "{refused}");
}

/// As `kill -9` leaves it.
#[tokio::test]
async fn whom_a_sender_that_died_was_writing_to_as_its_issue_was_cancelled_is_in_doubt() {
    let folder = Folder::with_many_readers(3);
    let (_signal, stop) = watch::channel(true);
    folder.prepare().await.unwrap().go(Options { stop, ..options() }).await.unwrap();
    let store = folder.app().store().await.unwrap();
    let (now, all) = (NOW.parse().unwrap(), Domains::AllBut(Vec::new()));
    let share = Share { of: &all, after: None, limit: 2 };
    let by = SenderId(7);
    let leased = store.lease(one(), by, share, now).await.unwrap();
    let intent = Intent { subscriber: leased[1].recipient.id, by, date: now };
    store.journal(one(), &[intent], &[], now).await.unwrap();
    assert!(store.cancel(one(), now).await.unwrap());

    let app = folder.app();
    let mut in_doubt = Vec::new();
    let look = |line: &Line| {
        in_doubt.push(line.address.to_string());
        Ok(())
    };
    deliveries::list(&app, one(), Among::InDoubt, look).await.unwrap();
    assert_eq!(in_doubt, ["reader1@example.com"]);
    let resend = deliveries::decide(&app, one(), Decision::Resend, vec![leased[1].recipient.address.clone()]);
    let refused = resend.await.unwrap_err().to_string();
    assert!(refused.contains("issue 1 was cancelled"), "{refused}");
    let settled = deliveries::decide(&app, one(), Decision::Accepted, Vec::new()).await.unwrap();
    assert_eq!(settled.readers, [leased[1].recipient.address.clone()]);
    let counts = store.counts(one()).await.unwrap();
    assert_eq!((counts.accepted, counts.skipped, counts.waiting), (1, 2, 0));
}

#[tokio::test]
async fn a_pause_waits_for_no_slow_rate_whether_of_all_relays_or_of_one() {
    for lines in ["connections = 2\nrate = \"2/m\"", "connections = 2\n[[smtp.relay]]\nrate = \"2/m\""] {
        let folder = Folder::with_many_readers(20);
        let inbox = Inbox::start("127.0.0.1:0".parse().unwrap(), Keep::Discard).await.unwrap();
        folder.relay_is(&format!("{lines}\nurl = \"smtp://{}\"", inbox.addr()));
        let sender = set_out(&folder, options()).await;
        pull_after(1, &folder, &inbox, Pull::Pause).await;
        let sent = sender.await.unwrap();
        assert_eq!(
            (sent.ending, sent.counts.accepted, sent.counts.waiting),
            (Ending::Paused, 1, 19),
            "{lines}"
        );
    }
}

#[test]
fn an_issue_that_was_never_sent_cannot_be_paused() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    let ended = folder.run(&["pause", "1"]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("never sent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_sees_who_missed_an_issue_and_why_and_sends_it_again() {
    let folder = Folder::with_many_readers(5);
    let maildir = TempDir::new().unwrap();
    let script = Script::new(|envelope, stage| {
        let is_theirs = envelope.to.last().is_some_and(|to| to.as_str() == "reader3@example.com");
        (stage == Stage::Recipient && is_theirs).then(|| Action::Reply("550 5.1.1 no such mailbox".into()))
    });
    let keep = Keep::Maildir(maildir.path().to_owned());
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), keep, script).await.unwrap();
    folder.relay_through(&inbox);
    folder.send().await.unwrap();

    let all = lines(&folder.run(&["--json", "deliveries", "1"]));
    assert_eq!(all.len(), 5);
    let missed = lines(&folder.run(&["--json", "deliveries", "1", "--missed"]));
    assert_eq!(missed.len(), 1);
    let it = |key: &str| missed[0][key].clone();
    assert_eq!((it("address"), it("status")), ("reader3@example.com".into(), "refused".into()));
    assert_eq!((it("code"), it("enhanced"), it("attempts")), (550.into(), "5.1.1".into(), 1.into()));
    let text = String::from_utf8(folder.run(&["deliveries", "1", "--missed"]).stdout).unwrap();
    assert!(text.starts_with("reader3@example.com  refused since"), "{text}");
    assert!(text.trim_end().ends_with("1 attempt: 550 5.1.1 no such mailbox"), "{text}");

    let refused = folder.run(&["deliveries", "1", "--resend", "reader3@example.com", "reader1@example.com"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said.contains("nothing was changed") && said.contains("reader1@example.com is accepted"),
        "{said}"
    );

    let again = Inbox::start("127.0.0.1:0".parse().unwrap(), Keep::Maildir(maildir.path().to_owned()));
    let again = again.await.unwrap();
    folder.edit("newsletter.toml", &inbox.addr().to_string(), &again.addr().to_string());
    let suppressed = folder.run(&["deliveries", "1", "--resend", "reader3@example.com"]);
    let said = String::from_utf8(suppressed.stderr).unwrap();
    assert_eq!(suppressed.status.code(), Some(2), "{said}");
    assert!(said.contains("reader3@example.com is suppressed"), "{said}");
    assert!(folder.run(&["subscribers", "add", "reader3@example.com", "--lift-bounce"]).status.success());
    assert!(folder.run(&["deliveries", "1", "--resend", "reader3@example.com"]).status.success());
    folder.run(&["send", "1", "--yes"]);
    let all = lines(&folder.run(&["--json", "deliveries", "1"]));
    assert!(all.iter().all(|line| line["status"] == "accepted"), "{all:?}");
    assert_eq!(
        all.iter().filter(|line| line["decision"] == "resend" && !line["decided_at"].is_null()).count(),
        1
    );
    assert_eq!(copies(&received(maildir.path())).values().max(), Some(&1));
}

#[tokio::test]
async fn who_is_sent_it_again_long_after_the_first_try_is_not_given_up_at_once() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    let replies = Mutex::new(["451 4.2.0 greylisted", "550 5.2.2 mailbox full"].map(String::from).to_vec());
    let script = Script::new(move |_, stage| {
        if stage == Stage::Recipient { replies.lock().unwrap().pop().map(Action::Reply) } else { None }
    });
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), Keep::Discard, script).await.unwrap();
    folder.relay_through(&inbox);
    assert_eq!(folder.send().await.unwrap().counts.refused, 1);
    let weeks_later = folder.app_at("2023-07-24T00:00:00Z");
    let ada = vec!["ada@example.com".parse().unwrap()];
    deliveries::decide(&weeks_later, one(), Decision::Resend, ada).await.unwrap();
    let sent = pressroom::send::prepare(&weeks_later, "1").await.unwrap().go(options()).await.unwrap();
    assert_eq!((sent.ending, sent.counts.deferred), (Ending::Deferred, 1), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_it_again_who_wants_no_more() {
    let folder = Folder::with_many_readers(6);
    let script = Script::new(|_, stage| {
        (stage == Stage::Recipient).then(|| Action::Reply("550 5.2.2 mailbox full".into()))
    });
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), Keep::Discard, script).await.unwrap();
    folder.relay_through(&inbox);
    assert_eq!(folder.send().await.unwrap().counts.refused, 6);
    let (store, list) = (folder.app().store().await.unwrap(), "readers".parse().unwrap());
    let away = Choices { paused_until: Some("2099-01-01T00:00:00Z".parse().unwrap()), ..Choices::default() };
    let reader = store.reader(&"reader2@example.com".parse().unwrap()).await.unwrap().unwrap();
    store.choose(&list, reader.id, &away, crate::reader::judging(NOW)).await.unwrap();
    assert!(folder.run(&["subscribers", "unsubscribe", "reader1@example.com"]).status.success());
    assert!(folder.run(&["subscribers", "erase", "reader3@example.com", "--yes"]).status.success());
    folder.write_readers(
        &[0, 1, 2, 5].map(|n| format!("reader{n}@example.com")).each_ref().map(String::as_str),
    );
    assert!(folder.run(&["subscribers", "import", "--allow-shrink"]).status.success());

    let resend = |readers: &[&str]| {
        let ended = folder.run(&[&["deliveries", "1", "--resend"], readers].concat());
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    for (reader, why) in [
        ("reader1@example.com", "left the list readers; only they can come back"),
        ("reader2@example.com", "wants no mail before 2099-01-01T00:00:00Z"),
        ("reader3@example.com", "is not among the readers of issue 1, or was erased"),
        ("reader4@example.com", "is no more on the list readers; write them into subscribers/readers.csv"),
    ] {
        let (code, said) = resend(&["reader0@example.com", reader]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("nothing was changed") && said.contains(&format!("{reader} {why}")), "{said}");
    }
    assert_eq!(resend(&["reader0@example.com", "reader5@example.com"]).0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_settles_doubt() {
    let folder = Folder::with_many_readers(3);
    let script = Script::new(|envelope, stage| {
        let is_theirs = envelope.to.last().is_some_and(|to| to.as_str() == "reader1@example.com");
        (stage == Stage::Kept && is_theirs).then_some(Action::Cut)
    });
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), Keep::Discard, script).await.unwrap();
    folder.relay_through(&inbox);
    folder.send().await.unwrap();
    let doubtful = lines(&folder.run(&["--json", "deliveries", "1", "--in-doubt"]));
    assert_eq!(doubtful.len(), 1, "{doubtful:?}");
    assert_eq!(folder.run(&["deliveries", "1", "--settle", "refused"]).status.code(), Some(2));
    assert!(folder.run(&["deliveries", "1", "--settle", "accepted", "reader1@example.com"]).status.success());
    assert!(lines(&folder.run(&["--json", "deliveries", "1", "--in-doubt"])).is_empty());
    assert!(lines(&folder.run(&["--json", "deliveries", "1", "--missed"])).is_empty());
    let listed = String::from_utf8(folder.run(&["deliveries", "1"]).stdout).unwrap();
    let theirs = listed.lines().find(|line| line.starts_with("reader1@")).unwrap();
    assert!(theirs.contains("(settled by hand on 20") && !theirs.contains("250"), "{theirs}");
}

/// A newsletter whose relay gets so few messages a second that there is time to act.
async fn slow() -> (Folder, Inbox, TempDir) {
    let folder = Folder::with_many_readers(usize::try_from(READERS).unwrap());
    let maildir = TempDir::new().unwrap();
    let keep = Keep::Maildir(maildir.path().to_owned());
    let inbox = Inbox::start("127.0.0.1:0".parse().unwrap(), keep).await.unwrap();
    folder.relay_through(&inbox);
    folder.edit("newsletter.toml", "connections = 2", "connections = 2\nrate = \"60/s\"");
    (folder, inbox, maildir)
}

fn quicken(folder: &Folder) {
    folder.edit("newsletter.toml", "rate = \"60/s\"", "rate = \"9000/s\"");
}

async fn set_out(folder: &Folder, options: Options) -> JoinHandle<Sent> {
    let run = folder.prepare().await.unwrap();
    tokio::spawn(async { run.go(options).await.unwrap() })
}

async fn pull_after_some(folder: &Folder, inbox: &Inbox, pull: Pull) -> brake::Braked {
    pull_after(10, folder, inbox, pull).await
}

async fn pull_after(messages: u64, folder: &Folder, inbox: &Inbox, pull: Pull) -> brake::Braked {
    while inbox.counts().messages < messages {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let braked = brake::pull(&folder.app(), one(), pull).await.unwrap();
    assert!(braked.changed);
    braked
}

/// Waits until the sender has put everybody back.
async fn until_nobody_is_in_hand(app: &App) {
    let store = app.store().await.unwrap();
    let in_hand = async || {
        let lines = store.deliveries(one(), Among::Missed, None, 1000).await.unwrap();
        lines.iter().any(|line| line.status != pressroom::delivery::DeliveryStatus::Queued)
    };
    while in_hand().await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn assert_each_once(maildir: &TempDir) {
    let copies = copies(&received(maildir.path()));
    assert_eq!((copies.len() as u64, copies.values().max()), (READERS, Some(&1)));
}

fn one() -> IssueNumber {
    IssueNumber::new(1).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
