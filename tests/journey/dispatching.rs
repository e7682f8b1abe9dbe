//! What cron does with an editor's drafts, the clock held still at each call.

use std::process::Output;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use pressroom::brake::{self, Pull};
use pressroom::delivery::Counts;
use pressroom::dispatch::{Dispatched, dispatch};
use pressroom::id::IssueNumber;
use pressroom::inbox::{Action, Inbox, Keep, Script, Stage};
use pressroom::send::{Ending, Options};

use super::Folder;
use crate::folder::{copies, header, options, received};

/// Sunday, 2 July 2023, 20:00 in New York.
pub(super) const DUE: &str = "2023-07-03T00:00:00Z";

#[tokio::test]
async fn a_week_of_hourly_calls_across_a_clock_change_sends_each_issue_once_at_its_time() {
    for (friday, drafts, expected) in [
        (
            "2023-03-10T00:00:00Z",
            ["date = 2023-03-12\nsend_at = 2023-03-12T02:30:00", "date = 2023-03-12", "date = 2023-03-19"],
            [("2023-03-12T07:00:00Z", 1), ("2023-03-13T00:00:00Z", 2)],
        ),
        (
            "2023-11-03T00:00:00Z",
            ["date = 2023-11-05\nsend_at = 2023-11-05T01:30:00", "date = 2023-11-05", "date = 2023-11-12"],
            [("2023-11-05T06:00:00Z", 1), ("2023-11-06T01:00:00Z", 2)],
        ),
    ] {
        let folder = weekly();
        for (number, when) in (1..).zip(drafts) {
            draft(&folder, number, when);
        }
        let mut now: Timestamp = friday.parse().unwrap();
        let mut sent = Vec::new();
        for _ in 0..7 * 24 {
            let done = at(&folder, &now.to_string()).await;
            assert!(done.said.is_empty() && done.faults.is_empty(), "{now}: {done:?}");
            sent.extend(done.sent.iter().map(|done| (now.to_string(), done.0.issue.get())));
            now += SignedDuration::from_hours(1);
        }
        assert_eq!(sent, expected.map(|(at, number)| (at.to_owned(), number)));
        let copies = copies(&readers_mail(&folder));
        assert_eq!((copies.len(), copies.values().max()), (2, Some(&2)), "two issues to each of two readers");
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_list_is_said_though_a_quota_lets_nobody_be_written_to_yet() {
    let folder = weekly();
    folder.relay_also("window = \"2/h\"");
    draft(&folder, 1, "date = 2023-07-02");
    assert!(at(&folder, DUE).await.notes.is_empty());
    draft(&folder, 2, "date = 2023-07-02\nsend_at = 2023-07-02T20:05:00");
    folder.write_readers(&["ada@example.com", "bo@example.org", "nobody"]);
    let held = at(&folder, "2023-07-03T00:10:00Z").await;
    assert!(held.sent.is_empty() && held.notes.len() == 1 && held.notes[0].contains("line 4"), "{held:?}");
    assert!(at(&folder, "2023-07-03T00:20:00Z").await.notes.is_empty(), "it is said once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_is_erased_in_doubt_or_while_they_are_written_to_keeps_no_call_from_its_end() {
    let folder = Arc::new(Folder::with_many_readers(6));
    let theirs = Arc::clone(&folder);
    let script = Script::new(move |envelope, stage| match (stage, envelope.to.last()?.local()) {
        (Stage::Kept, "reader2") => Some(Action::Cut),
        (Stage::Recipient, "reader5") => {
            assert!(theirs.run(&["subscribers", "erase", "reader5@example.com", "--yes"]).status.success());
            Some(Action::Reply("451 4.3.0 <reader5@example.com>: later".to_owned()))
        }
        _ => None,
    });
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), Keep::Discard, script).await.unwrap();
    folder.relay_through(&inbox);
    folder.edit("newsletter.toml", "[smtp]", "[send]\nin_doubt = \"resend\"\n\n[smtp]");
    let Counts { accepted, in_doubt, deferred, skipped, .. } = folder.send().await.unwrap().counts;
    assert_eq!((accepted, in_doubt, deferred, skipped), (4, 1, 0, 1), "the later to nobody is no later");
    assert!(folder.run(&["subscribers", "erase", "reader2@example.com", "--yes"]).status.success());
    at(&folder, "2023-07-03T00:10:00Z").await;
    let store = folder.app().store().await.unwrap();
    let counts = store.counts(IssueNumber::new(1).unwrap()).await.unwrap();
    assert_eq!((counts.waiting, counts.in_doubt, counts.skipped), (0, 1, 1));
    assert_eq!(store.unfinished().await.unwrap(), []);
}

#[tokio::test]
async fn two_at_once_write_to_each_reader_once() {
    let folder = weekly();
    draft(&folder, 1, "date = 2023-07-02");
    let (one, other) = tokio::join!(at(&folder, DUE), at(&folder, DUE));
    assert_eq!(one.sent.len() + other.sent.len(), 1);
    assert!(one.faults.is_empty() && other.faults.is_empty());
    assert_eq!(readers_mail(&folder).len(), 2);
}

#[tokio::test]
async fn while_another_is_at_work_it_says_nothing() {
    let folder = weekly();
    draft(&folder, 1, "date = 2023-07-02");
    let store = folder.app().store().await.unwrap();
    let at_work = store.sender_lock(pressroom::delivery::SenderId(1)).await.unwrap();
    store.dispatch_lock(&at_work).await.unwrap();
    let ended = folder.run(&["dispatch"]);
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.stdout.is_empty() && ended.stderr.is_empty());
}

#[tokio::test]
async fn what_is_not_ready_or_not_due_waits_in_silence() {
    let folder = weekly();
    draft(&folder, 1, "date = 2023-07-09");
    folder.write("drafts/2.toml", "number = 2\ndate = 2023-07-02\n[[article]]\ntitel = \"Half wri");
    folder.write("skipped.toml", "[[skip]]\ndate = 2023-07-02\nreason = \"summer\"\n");
    let done = at(&folder, DUE).await;
    assert!(is_silent(&done), "{done:?}");
    assert!(folder.received().is_empty());
}

#[tokio::test]
async fn no_issue_starts_later_than_max_late_and_that_is_said_once() {
    let folder = weekly();
    draft(&folder, 1, "date = 2023-07-02");
    let done = at(&folder, "2023-07-04T00:00:01Z").await;
    assert!(done.sent.is_empty() && done.said.len() == 1, "{done:?}");
    assert!(done.said[0].contains("Sun, 2023-07-02 20:00 EDT") && done.said[0].contains("pressroom send 1"));
    assert!(is_silent(&at(&folder, "2023-07-04T01:00:00Z").await));
    assert!(readers_mail(&folder).is_empty());

    draft(&folder, 2, "date = 2023-07-09");
    assert_eq!(at(&folder, "2023-07-10T00:00:00Z").await.sent.len(), 1);
    assert!(is_silent(&at(&folder, "2023-07-10T01:00:00Z").await), "nor is it said that it is behind now");
}

#[tokio::test]
async fn no_issue_starts_behind_a_higher_number_and_that_is_said_once() {
    let folder = weekly();
    draft(&folder, 2, "date = 2023-07-02");
    assert_eq!(at(&folder, DUE).await.sent.len(), 1);
    draft(&folder, 1, "date = 2023-07-02");
    let done = at(&folder, "2023-07-03T01:00:00Z").await;
    assert!(done.sent.is_empty() && done.said.len() == 1, "{done:?}");
    assert!(done.said[0].contains("issue 1 comes before issue 2"), "{done:?}");
    assert!(is_silent(&at(&folder, "2023-07-03T02:00:00Z").await));
}

#[tokio::test]
async fn under_require_review_only_what_was_approved_is_sent() {
    let folder = weekly();
    folder.edit("newsletter.toml", "schedule =", "require_review = true\nschedule =");
    draft(&folder, 1, "date = 2023-07-02");
    let refused = at(&folder, DUE).await;
    assert!(refused.sent.is_empty() && fault(&refused).contains("nobody has approved it"), "{refused:?}");
    assert!(refused.said.is_empty(), "its draft is finished and ready: {refused:?}");

    folder.run(&["approve", "1", "--by", "Ada Example"]);
    folder.edit("drafts/1.toml", "A queue", "Another queue");
    let refused = at(&folder, "2023-07-03T01:00:00Z").await;
    let said = fault(&refused);
    assert!(refused.sent.is_empty() && said.contains("Ada Example"), "{refused:?}");
    assert!(said.contains("HTML, text") && !said.contains("subject"), "{said}");

    folder.edit("drafts/1.toml", "Another queue", "A queue");
    assert_eq!(at(&folder, "2023-07-03T02:00:00Z").await.sent.len(), 1);
}

#[tokio::test]
async fn a_week_without_an_issue_is_said_once_also_by_mail() {
    let folder = weekly();
    let missed = at(&folder, "2023-07-03T00:30:00Z").await;
    assert_eq!(missed.said.len(), 1, "{missed:?}");
    assert!(missed.said[0].contains("no issue was started for Sun, 2023-07-02 20:00 EDT"), "{missed:?}");
    assert!(is_silent(&at(&folder, "2023-07-03T01:00:00Z").await));
    let mail = operators_mail(&folder);
    assert_eq!(mail.len(), 1);
    assert_eq!(header(&mail[0], "Auto-Submitted"), "auto-generated");
    assert_eq!(header(&mail[0], "Subject"), "Small Hours: no issue was sent");
    assert!(mail[0].contains("no issue was started for Sun, 2023-07-02"), "{}", mail[0]);
}

#[tokio::test]
async fn what_passed_for_a_clock_that_was_ahead_is_said_again_when_it_truly_passes() {
    let folder = weekly();
    assert_eq!(at(&folder, "2023-07-03T00:30:00Z").await.said.len(), 1);
    draft(&folder, 1, "date = 2023-07-09");
    let ahead = at(&folder, "2023-07-17T00:30:00Z").await.said;
    assert!(ahead.len() == 2 && ahead[0].contains("longer ago than `max_late`"), "{ahead:?}");
    assert!(is_silent(&at(&folder, "2023-07-03T01:00:00Z").await));
    let left = at(&folder, "2023-07-11T00:30:00Z").await.said;
    assert!(left.len() == 1 && left[0].contains("longer ago than `max_late`"), "{left:?}");
    let missed = at(&folder, "2023-07-17T00:15:00Z").await.said;
    assert!(missed.len() == 1 && missed[0].contains("Sun, 2023-07-16 20:00 EDT"), "{missed:?}");
}

#[tokio::test]
async fn a_ready_draft_that_is_never_mended_is_said_to_be_too_late_and_not_to_be_finished() {
    let folder = weekly();
    folder.relay_is("url = \"smtps://u@127.0.0.1:1\"\npassword_env = \"PRESSROOM_NO_SUCH_VARIABLE\"");
    folder.edit("newsletter.toml", "notify = \"operator@example.com\"\n", "");
    draft(&folder, 1, "date = 2023-07-02");
    let faulty = at(&folder, DUE).await;
    assert!(fault(&faulty).contains("password cannot be had") && faulty.said.is_empty(), "{faulty:?}");
    let late = at(&folder, "2023-07-05T00:00:00Z").await.said;
    assert!(late.len() == 1 && late[0].contains("only `pressroom send 1` sends it"), "{late:?}");
}

#[tokio::test]
async fn an_issue_moved_to_another_day_leaves_no_week_missed() {
    let folder = weekly();
    draft(&folder, 1, "date = 2023-07-02\nsend_at = 2023-07-03T08:00:00");
    assert!(is_silent(&at(&folder, "2023-07-03T00:30:00Z").await));
    assert_eq!(at(&folder, "2023-07-03T12:00:00Z").await.sent.len(), 1);
}

#[tokio::test]
async fn an_issue_moved_with_its_date_leaves_no_week_missed_while_it_waits_nor_when_it_is_sent() {
    let folder = weekly();
    let when = "date = 2023-07-03\nsend_at = 2023-07-03T08:00:00";
    draft(&folder, 1, when);
    folder.edit("drafts/1.toml", "ready = true", "ready = false");
    assert!(is_silent(&at(&folder, "2023-07-03T00:30:00Z").await), "its editor is still at it");
    draft(&folder, 1, when);
    assert_eq!(at(&folder, "2023-07-03T12:00:00Z").await.sent.len(), 1);
    assert!(is_silent(&at(&folder, "2023-07-09T12:00:00Z").await));
    let missed = at(&folder, "2023-07-10T00:00:00Z").await;
    assert!(missed.said[0].contains("no issue was started for Sun, 2023-07-09"), "{missed:?}");
}

#[tokio::test]
async fn an_issue_sent_by_hand_instead_of_by_the_schedule_leaves_no_week_missed() {
    let folder = weekly();
    draft(&folder, 1, "date = 2023-07-03\nsend_at = 2023-07-02T20:30:00");
    assert!(folder.prepare().await.unwrap().go(options()).await.unwrap().ending == Ending::Done);
    assert!(is_silent(&at(&folder, "2023-07-03T00:15:00Z").await));
}

#[tokio::test]
async fn a_time_of_its_own_at_which_a_draft_is_not_ready_is_said_once() {
    let folder = weekly();
    draft(&folder, 1, "date = 2023-07-02\nsend_at = 2023-07-03T08:00:00");
    folder.edit("drafts/1.toml", "ready = true", "ready = false");
    assert!(is_silent(&at(&folder, DUE).await));
    let said = at(&folder, "2023-07-03T12:00:00Z").await.said;
    assert!(said.len() == 1 && said[0].contains("issue 1 was due on Mon, 2023-07-03 08:00 EDT"), "{said:?}");
    assert!(is_silent(&at(&folder, "2023-07-03T13:00:00Z").await));
}

#[tokio::test]
async fn a_bad_draft_stops_no_other() {
    let folder = weekly();
    draft(&folder, 1, "date = 2023-07-02\ntitel = \"?\"");
    draft(&folder, 2, "date = 2023-07-02");
    let done = at(&folder, DUE).await;
    assert_eq!(done.sent.iter().map(|done| done.0.issue.get()).collect::<Vec<_>>(), [2]);
    assert!(fault(&done).contains("titel"), "{done:?}");
}

#[tokio::test]
async fn a_draft_that_cannot_be_read_is_named_until_it_can_be() {
    let folder = weekly();
    draft(&folder, 1, "date = 2023-07-02");
    std::fs::write(folder.path().join("drafts/2.toml"), b"number = 2\n\xff").unwrap();
    for sent in [1, 0] {
        let done = at(&folder, DUE).await;
        assert_eq!((done.sent.len(), done.faults.len()), (sent, 1), "{done:?}");
        assert!(done.faults[0].to_string().contains("drafts/2.toml"), "{done:?}");
    }
}

#[tokio::test]
async fn an_interrupted_issue_goes_on_though_its_draft_is_gone() {
    let folder = weekly();
    draft(&folder, 1, "date = 2023-07-02");
    let (_signal, stop) = tokio::sync::watch::channel(true);
    let stopped = folder.prepare().await.unwrap().go(Options { stop, ..options() }).await.unwrap();
    assert_eq!((stopped.ending, stopped.counts.waiting), (Ending::Stopped, 2));
    std::fs::remove_file(folder.path().join("drafts/1.toml")).unwrap();
    let done = at(&folder, DUE).await;
    assert_eq!((done.sent.len(), done.sent[0].0.ending), (1, Ending::Done));
    assert_eq!(readers_mail(&folder).len(), 2);
    let mail = operators_mail(&folder);
    assert_eq!(header(&mail[0], "Subject"), "Small Hours: issue 1");
    assert!(mail[0].contains("of 2, 2 accepted"), "{}", mail[0]);
    assert!(is_silent(&at(&folder, "2023-07-03T01:00:00Z").await));
}

#[tokio::test]
async fn a_paused_issue_is_passed_over_until_it_is_resumed() {
    let folder = weekly();
    draft(&folder, 1, "date = 2023-07-02");
    let (_signal, stop) = tokio::sync::watch::channel(true);
    folder.prepare().await.unwrap().go(Options { stop, ..options() }).await.unwrap();
    let one = IssueNumber::new(1).unwrap();
    brake::pull(&folder.app(), one, Pull::Pause).await.unwrap();
    assert!(is_silent(&at(&folder, DUE).await));
    brake::pull(&folder.app(), one, Pull::Resume).await.unwrap();
    assert_eq!(at(&folder, DUE).await.sent.len(), 1);
}

/// A relay that greylists every reader once.
async fn greylisting(folder: &Folder) -> (Inbox, tempfile::TempDir) {
    let maildir = tempfile::TempDir::new().unwrap();
    let greeted = std::sync::Mutex::new(std::collections::BTreeSet::new());
    let script = Script::new(move |envelope, stage| {
        let to = envelope.to.last().map(ToString::to_string)?;
        let is_new = stage == Stage::Recipient && greeted.lock().unwrap().insert(to);
        is_new.then(|| Action::Reply("451 4.7.1 greylisted".to_owned()))
    });
    let keep = Keep::Maildir(maildir.path().to_owned());
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), keep, script).await.unwrap();
    folder.relay_through(&inbox);
    (inbox, maildir)
}

#[tokio::test]
async fn who_was_deferred_while_the_clock_was_years_ahead_is_tried_again_once_it_is_right() {
    let folder = weekly();
    draft(&folder, 1, "date = 2023-07-02");
    let (inbox, maildir) = greylisting(&folder).await;
    let ahead = folder.app_at("2031-07-03T00:00:00Z");
    let sent = pressroom::send::prepare(&ahead, "1").await.unwrap().go(options()).await.unwrap();
    assert_eq!(sent.ending, Ending::Deferred);
    let done = at(&folder, DUE).await.sent;
    assert_eq!(done.iter().map(|done| done.0.ending).collect::<Vec<_>>(), [Ending::Done]);
    assert_eq!(copies(&received(maildir.path())).values().max(), Some(&1));
    inbox.stop().await;
}

#[tokio::test]
async fn the_deferred_are_tried_again_when_their_time_has_come() {
    let folder = weekly();
    draft(&folder, 1, "date = 2023-07-02");
    let (inbox, maildir) = greylisting(&folder).await;
    let endings =
        async |now| at(&folder, now).await.sent.iter().map(|done| done.0.ending).collect::<Vec<_>>();
    assert_eq!(endings(DUE).await, [Ending::Deferred]);
    assert_eq!(endings("2023-07-03T00:00:10Z").await, []);
    assert_eq!(endings("2023-07-03T00:01:00Z").await, [Ending::Done]);
    let copies = copies(&received(maildir.path()));
    assert_eq!((copies.get("ada@example.com"), copies.get("bo@example.org")), (Some(&1), Some(&1)));
    inbox.stop().await;
}

#[test]
fn cron_sees_a_missed_time_once_as_a_failure() {
    let folder = weekly();
    let daily = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].map(|day| format!("\"{day} 00:00\""));
    folder.edit("newsletter.toml", "\"Sun 20:00\"", &format!("[{}]", daily.join(", ")));
    let ended = folder.run(&["dispatch"]);
    assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
    assert!(said(&ended).contains("no issue was started for") && ended.stdout.is_empty());
    let again = folder.run(&["dispatch"]);
    assert_eq!((again.status.code(), said(&again).as_str()), (Some(0), ""));
}

#[test]
fn cron_sees_a_wrong_draft_as_such_until_it_is_mended() {
    let folder = weekly();
    folder.edit("newsletter.toml", "schedule = \"Sun 20:00\"\n", "");
    draft(&folder, 1, "date = 2023-07-02");
    for _ in 0..2 {
        let ended = folder.run(&["dispatch"]);
        assert_eq!(ended.status.code(), Some(2));
        assert!(said(&ended).contains("send_at"), "{}", said(&ended));
    }
}

#[tokio::test]
async fn a_program_is_told_of_each_issue_and_of_each_fault_with_its_place_and_remedy() {
    let folder = weekly();
    folder.edit("newsletter.toml", "schedule = \"Sun 20:00\"\n", "");
    draft(&folder, 1, "date = 2023-07-02\nsend_at = 2023-07-02T20:00:00");
    draft(&folder, 2, "date = 2023-07-02\ntitel = \"?\"");
    draft(&folder, 3, "date = 2023-07-02");
    std::fs::write(folder.path().join("drafts/4.toml"), b"number = 4\n\xff").unwrap();
    let found = serde_json::to_value(at(&folder, DUE).await).unwrap();
    assert_eq!((&found["issue"], &found["queued"], &found["accepted"]), (&json!(1), &json!(2), &json!(2)));
    assert_eq!(found["issues"][0]["ending"], "done");
    let faults = found["faults"].as_array().unwrap();
    let fault = |issue: u32| faults.iter().find(|fault| fault["issue"] == issue).unwrap();
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert_eq!((&fault(2)["file"], &fault(2)["line"]), (&json!("drafts/2.toml"), &json!(3)));
    assert!(fault(2)["message"].as_str().unwrap().contains("titel") && fault(2)["remedy"].is_string());
    assert_eq!(fault(3)["message"], "issue 3 is ready but has no time");
    assert_eq!(fault(3)["remedy"], "write `send_at` in drafts/3.toml, or `schedule` in newsletter.toml");
    assert_eq!(fault(4)["draft"], "drafts/4.toml");
}

#[test]
fn a_program_gets_one_object_whatever_dispatch_found() {
    let folder = weekly();
    folder.edit("newsletter.toml", "schedule = \"Sun 20:00\"\nnotify = \"operator@example.com\"\n", "");
    let nothing = document(&folder.run(&["--json", "dispatch"]), 0);
    assert_eq!(
        (&nothing["issue"], &nothing["queued"], &nothing["issues"]),
        (&json!(null), &json!(0), &json!([]))
    );
    draft(&folder, 1, "date = 2023-07-02");
    let found = document(&folder.run(&["--json", "dispatch"]), 2);
    assert_eq!(found["faults"][0]["issue"], 1);
    folder.edit("newsletter.toml", "name =", "nam =");
    assert!(document(&folder.run(&["--json", "dispatch"]), 2)["error"].is_string());
}

/// The one object on stdout.
fn document(ended: &Output, exit: i32) -> Value {
    assert_eq!(ended.status.code(), Some(exit), "{}", said(ended));
    serde_json::from_slice(&ended.stdout).unwrap()
}

/// A newsletter that is due on Sundays at 20:00 in New York, with two readers and no draft yet.
pub(super) fn weekly() -> Folder {
    let folder = Folder::with_readers(&["ada@example.com", "bo@example.org"]);
    std::fs::remove_file(folder.path().join("drafts/1.toml")).unwrap();
    folder.edit(
        "newsletter.toml",
        "list = ",
        "schedule = \"Sun 20:00\"\nnotify = \"operator@example.com\"\nlist = ",
    );
    folder
}

/// A draft that is ready.
pub(super) fn draft(folder: &Folder, number: u32, when: &str) {
    let article = "[[article]]\ntitle = \"A queue\"\nurl = \"https://halyard.example/\"\n";
    let text = format!(
        "number = {number}\n{when}\nready = true\npreheader = \"One story about a queue.\"\n{article}"
    );
    folder.write(&format!("drafts/{number}.toml"), &text);
}

pub(super) async fn at(folder: &Folder, now: &str) -> Dispatched {
    dispatch(&folder.app_at(now), &options()).await.unwrap()
}

pub(super) fn is_silent(done: &Dispatched) -> bool {
    done.sent.is_empty() && done.said.is_empty() && done.faults.is_empty() && done.notes.is_empty()
}

/// The one thing that was wrong.
fn fault(done: &Dispatched) -> String {
    assert_eq!(done.faults.len(), 1, "{done:?}");
    done.faults[0].to_string()
}

fn said(ended: &Output) -> String {
    String::from_utf8(ended.stderr.clone()).unwrap()
}

fn operators_mail(folder: &Folder) -> Vec<String> {
    let is_theirs = |mail: &String| header(mail, "To") == "operator@example.com";
    folder.received().into_iter().filter(is_theirs).collect()
}

fn readers_mail(folder: &Folder) -> Vec<String> {
    let is_theirs = |mail: &String| header(mail, "To") != "operator@example.com";
    folder.received().into_iter().filter(is_theirs).collect()
}
