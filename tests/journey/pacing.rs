//! No faster than a destination or a relay's quota wants it, and nobody else waits for that.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pressroom::inbox::{Action, Inbox, Keep, Script, Stage};
use pressroom::send::{Ending, Options, Sent};
use tempfile::TempDir;

use super::Folder;
use crate::folder::{NOW, copies, options, received};

const TEN_MINUTES_ON: &str = "2023-07-03T00:10:00Z";
const AN_HOUR_AND_A_MINUTE_ON: &str = "2023-07-03T01:01:00Z";

/// Readers of a slow domain before those of another one: who goes by the order of the list alone would be held up.
fn slow_and_others(slow: usize, others: usize) -> Folder {
    let slow = (0..slow).map(|n| format!("s{n}@slow.example"));
    let readers: Vec<String> = slow.chain((0..others).map(|n| format!("r{n}@example.com"))).collect();
    Folder::with_readers(&readers.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A relay that writes down to whom messages came, in their order.
async fn listening(folder: &Folder) -> (Inbox, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    let script = Script::new(move |envelope, stage| {
        if stage == Stage::Kept {
            log.lock().unwrap().extend(envelope.to.last().map(|to| to.domain().to_owned()));
        }
        None
    });
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), Keep::Discard, script).await.unwrap();
    folder.relay_through(&inbox);
    (inbox, heard)
}

#[tokio::test]
async fn readers_of_a_slow_domain_wait_for_their_turn_and_hold_nobody_else_up() {
    let folder = slow_and_others(3, 60);
    let (inbox, heard) = listening(&folder).await;
    folder.edit(
        "newsletter.toml",
        "connections = 2",
        "connections = 2\n[smtp.domain.\"Slow.Example\"]\nrate = \"30/m\"",
    );
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 63), "{sent}");
    let heard = heard.lock().unwrap().clone();
    let others_done = heard.iter().rposition(|domain| domain == "example.com").unwrap();
    let slow_before = heard[..others_done].iter().filter(|domain| *domain == "slow.example").count();
    assert!(slow_before < 3, "the others were through before the slow ones: {heard:?}");
    inbox.stop().await;
}

#[tokio::test]
async fn a_domain_whose_turn_is_too_far_off_ends_the_run_which_names_the_time() {
    let folder = slow_and_others(40, 60);
    folder.relay_also("[smtp.domain.\"slow.example\"]\nrate = \"1/m\"");
    let sent = folder.send().await.unwrap();
    assert_eq!(
        (sent.ending, sent.counts.accepted, sent.counts.waiting, sent.counts.in_doubt),
        (Ending::Deferred, 61, 39, 0),
        "{sent}"
    );
    let wait = sent.next_attempt.unwrap().duration_since(folder.app().now());
    assert!((1..=60).contains(&wait.as_secs()), "{sent}");
}

#[tokio::test]
async fn a_domain_with_one_connection_is_written_to_by_one_at_a_time() {
    let folder = slow_and_others(30, 30);
    let (maildir, at_once) = (TempDir::new().unwrap(), Arc::new(Mutex::new((HashSet::new(), 0))));
    let seen = Arc::clone(&at_once);
    let script = Script::new(move |envelope, stage| {
        let reader = envelope.to.last().filter(|to| to.domain() == "slow.example")?.to_string();
        let (now, most) = &mut *seen.lock().unwrap();
        match stage {
            Stage::Data => {
                now.insert(reader);
                *most = (*most).max(now.len());
                std::thread::sleep(Duration::from_millis(2));
            }
            Stage::Kept => {
                now.remove(&reader);
            }
            Stage::Mail | Stage::Recipient | Stage::Within | Stage::Body => {}
        }
        None::<Action>
    });
    let keep = Keep::Maildir(maildir.path().to_owned());
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), keep, script).await.unwrap();
    let limit = "connections = 6\n[smtp.domain.\"slow.example\"]\nconnections = 1";
    folder.relay_through(&inbox);
    folder.edit("newsletter.toml", "connections = 2", limit);
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 60), "{sent}");
    assert_eq!(at_once.lock().unwrap().1, 1, "connections to the slow domain at once");
    assert_eq!(copies(&received(maildir.path())).values().max(), Some(&1));
    inbox.stop().await;
}

async fn send_at(folder: &Folder, now: &str) -> Sent {
    pressroom::send::prepare(&folder.app_at(now), "1").await.unwrap().go(options()).await.unwrap()
}

#[tokio::test]
async fn a_quota_that_is_used_up_ends_the_run_and_is_remembered_until_its_window_has_passed() {
    let folder = Folder::with_many_readers(50);
    folder.relay_also("window = \"20/h\"");
    let first = send_at(&folder, NOW).await;
    assert_eq!(
        (first.ending, first.counts.accepted, first.counts.waiting),
        (Ending::Deferred, 20, 30),
        "{first}"
    );
    assert_eq!(first.next_attempt, Some(AN_HOUR_AND_A_MINUTE_ON.parse().unwrap()));
    assert!(first.to_string().contains("allows no more until 2023-07-03T01:01:00Z"), "{first}");
    let soon = send_at(&folder, TEN_MINUTES_ON).await;
    assert_eq!(
        (soon.ending, soon.accepted_now, soon.next_attempt),
        (Ending::Deferred, 0, first.next_attempt)
    );
    let later = send_at(&folder, AN_HOUR_AND_A_MINUTE_ON).await;
    assert_eq!(
        (later.ending, later.accepted_now, later.counts.in_doubt),
        (Ending::Deferred, 20, 0),
        "{later}"
    );
    assert_eq!(copies(&folder.received()).len(), 40);
}

#[tokio::test]
async fn where_one_relay_has_no_quota_left_the_others_go_on() {
    let folder = Folder::with_many_readers(100);
    let start = || Inbox::start("127.0.0.1:0".parse().unwrap(), Keep::Discard);
    let (small, large) = (start().await.unwrap(), start().await.unwrap());
    let relays = format!(
        "connections = 4\n[[smtp.relay]]\nurl = \"smtp://{}\"\nwindow = \"10/d\"\n[[smtp.relay]]\nurl = \"smtp://{}\"",
        small.addr(),
        large.addr()
    );
    folder.relay_is(&relays);
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 100), "{sent}");
    let (small, large) = (small.stop().await.messages, large.stop().await.messages);
    assert_eq!((small, large), (10, 90));
}

#[tokio::test]
async fn a_stop_at_a_slow_domain_is_heard_at_once_and_leaves_nobody_in_doubt() {
    let folder = slow_and_others(20, 0);
    folder.relay_also("[smtp.domain.\"slow.example\"]\nrate = \"4/m\"");
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let patience = jiff::SignedDuration::from_secs(60);
    let run = folder.prepare().await.unwrap();
    let running = tokio::spawn(run.go(Options { stop: stopped, patience, ..options() }));
    let store = folder.app().store().await.unwrap();
    while store.counts("1".parse().unwrap()).await.unwrap().accepted == 0 {
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    let sent = running.await.unwrap().unwrap();
    assert_eq!((sent.ending, sent.counts.accepted, sent.counts.in_doubt), (Ending::Stopped, 1, 0), "{sent}");
}

#[tokio::test]
async fn who_is_never_tried_since_their_destination_wants_less_for_good_is_given_up_in_time_and_told_apart() {
    let readers: Vec<String> = (0..20).map(|n| format!("r{n}@busy.example")).collect();
    let folder = Folder::with_readers(&readers.iter().map(String::as_str).collect::<Vec<_>>());
    let script = Script::new(|_, stage| {
        (stage == Stage::Recipient).then(|| Action::Reply("421 4.7.0 too much mail at once".to_owned()))
    });
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), Keep::Discard, script).await.unwrap();
    folder.relay_through(&inbox);
    folder.edit("newsletter.toml", "[smtp]", "[send]\ngive_up_after = \"15m\"\n\n[smtp]");
    let first = send_at(&folder, NOW).await;
    assert_eq!((first.ending, first.counts.deferred), (Ending::Deferred, 20), "{first}");
    let half = send_at(&folder, TEN_MINUTES_ON).await;
    assert_eq!((half.ending, half.counts.deferred), (Ending::Deferred, 20), "{half}");
    assert_eq!(half.next_attempt.map(|at| at <= "2023-07-03T00:15:00Z".parse().unwrap()), Some(true));
    let last = send_at(&folder, "2023-07-03T00:15:00Z").await;
    assert_eq!((last.ending, last.counts.refused), (Ending::Incomplete, 20), "{last}");
    let listed = String::from_utf8(folder.run(&["deliveries", "1"]).stdout).unwrap();
    let told = "0 attempts; others there were told: 421 4.7.0 too much mail at once";
    let untried = listed.lines().filter(|line| line.ends_with(told)).count();
    assert!((1..20).contains(&untried), "{listed}");
    inbox.stop().await;
}
