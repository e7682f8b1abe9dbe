//! What `dispatch` tells `notify`: once, whatever the relay is up to.

use std::sync::{Arc, Mutex};

use pressroom::inbox::{Action, Inbox, Keep, Script, Stage};
use tempfile::TempDir;

use super::Folder;
use super::dispatching::{at, draft, is_silent, weekly};
use crate::folder::{header, received};

/// After a Sunday's 20:00 in New York.
const MISSED: &str = "2023-07-03T00:30:00Z";

#[tokio::test]
async fn what_is_said_while_the_relay_is_away_is_mailed_once_when_it_is_back_oldest_first_with_its_time() {
    let (folder, relay) = by_relay().await;
    relay.answers(Some((Stage::Mail, Action::Cut)));
    let missed = at(&folder, MISSED).await;
    assert_eq!(missed.said.len(), 1, "{missed:?}");
    assert!(missed.notes.iter().any(|note| note.contains("`notify` could not be told")), "{missed:?}");
    assert!(is_silent(&at(&folder, "2023-07-03T01:00:00Z").await), "that was said");
    assert_eq!(at(&folder, "2023-07-10T00:30:00Z").await.said.len(), 1);
    assert!(relay.operators_mail().is_empty());

    relay.answers(None);
    draft(&folder, 1, "date = 2023-07-16");
    assert_eq!(at(&folder, "2023-07-17T00:00:00Z").await.sent.len(), 1);
    for hour in 1..4 {
        assert!(is_silent(&at(&folder, &format!("2023-07-17T0{hour}:00:00Z")).await));
    }
    let mail = relay.operators_mail();
    assert_eq!(mail.len(), 1);
    assert_eq!(header(&mail[0], "Subject"), "Small Hours: issue 1");
    let text = text(&mail[0]);
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[0].starts_with("Sun, 2023-07-02 20:30 EDT: no issue was started for Sun, 2023-07-02"),
        "{text}"
    );
    assert!(
        lines[1].starts_with("Sun, 2023-07-09 20:30 EDT: no issue was started for Sun, 2023-07-09"),
        "{text}"
    );
    assert!(lines[2].starts_with("issue 1: 2 accepted now") && lines.len() == 3, "{text}");
}

#[tokio::test]
async fn what_waits_for_notify_goes_out_though_nothing_else_is_done() {
    let (folder, relay) = by_relay().await;
    relay.answers(Some((Stage::Recipient, Action::Reply("550 5.1.1 no such user".to_owned()))));
    for hour in 1..4 {
        at(&folder, &format!("2023-07-03T0{hour}:00:00Z")).await;
    }
    assert!(relay.operators_mail().is_empty());
    relay.answers(None);
    assert!(is_silent(&at(&folder, "2023-07-03T04:00:00Z").await));
    assert!(is_silent(&at(&folder, "2023-07-03T05:00:00Z").await));
    assert_eq!(relay.operators_mail().len(), 1);
}

#[tokio::test]
async fn a_mail_to_notify_of_which_the_relay_does_not_say_whether_it_took_it_goes_out_twice_at_most() {
    let (folder, relay) = by_relay().await;
    relay.answers(Some((Stage::Kept, Action::Cut)));
    assert!(at(&folder, MISSED).await.notes[0].contains("`notify` could not be told"));
    assert!(is_silent(&at(&folder, "2023-07-03T01:00:00Z").await));
    let given_up = at(&folder, "2023-07-03T02:00:00Z").await;
    assert!(
        given_up.notes[0].contains("may never have got this: Sun, 2023-07-02 20:30 EDT: "),
        "{given_up:?}"
    );
    assert!(is_silent(&at(&folder, "2023-07-03T03:00:00Z").await));
    let mail = relay.operators_mail();
    assert_eq!(mail.len(), 2);
    let is_repeat = |mail: &&String| text(mail).contains("Some of this was mailed before");
    assert_eq!(mail.iter().filter(is_repeat).count(), 1);
}

#[tokio::test]
async fn a_relay_that_says_later_for_hours_leaves_one_line_of_an_issue() {
    let (folder, relay) = by_relay().await;
    draft(&folder, 1, "date = 2023-07-02");
    relay.answers(Some((Stage::Recipient, Action::Reply("451 4.4.1 later".to_owned()))));
    for minute in [0, 10, 20, 30] {
        assert_eq!(at(&folder, &format!("2023-07-03T00:{minute:02}:00Z")).await.sent.len(), 1);
    }
    relay.answers(None);
    assert!(is_silent(&at(&folder, "2023-07-03T00:31:00Z").await), "their next attempt is later");
    assert_eq!(at(&folder, "2023-07-03T03:00:00Z").await.sent.len(), 1);
    let mail: Vec<_> = relay.operators_mail().iter().map(|mail| text(mail)).collect();
    let count = |words: &str| mail.iter().map(|mail| mail.matches(words).count()).sum::<usize>();
    assert_eq!((mail.len(), count("2 deferred"), count("of 2, 2 accepted")), (2, 1, 1), "{mail:?}");
}

#[tokio::test]
async fn what_is_wrong_with_an_issue_is_told_once_as_long_as_it_lasts_and_again_when_it_comes_back() {
    let (folder, relay) = by_relay().await;
    folder.edit("newsletter.toml", "schedule =", "require_review = true\nmax_late = \"20h\"\nschedule =");
    draft(&folder, 1, "date = 2023-07-02");
    let told = || relay.operators_mail().iter().map(|mail| text(mail)).collect::<Vec<_>>();
    for hour in 0..3 {
        assert_eq!(at(&folder, &format!("2023-07-03T0{hour}:00:00Z")).await.faults.len(), 1, "each time");
    }
    let of_it = |mail: &&String| mail.contains("issue 1 is due and nobody has approved it");
    assert_eq!(told().iter().filter(of_it).count(), 1, "{:?}", told());

    folder.edit("newsletter.toml", "require_review = true\n", "require_review = false\n");
    folder.edit("drafts/1.toml", "date = 2023-07-02", "date = 2023-07-09");
    assert!(at(&folder, "2023-07-03T03:00:00Z").await.faults.is_empty());
    folder.edit("newsletter.toml", "require_review = false\n", "require_review = true\n");
    for hour in 0..3 {
        at(&folder, &format!("2023-07-10T0{hour}:00:00Z")).await;
    }
    assert_eq!(told().iter().filter(of_it).count(), 2, "{:?}", told());
}

#[tokio::test]
async fn a_list_that_is_missing_is_told_to_notify_once() {
    let (folder, relay) = by_relay().await;
    draft(&folder, 1, "date = 2023-07-02");
    std::fs::remove_file(folder.path().join("subscribers/readers.csv")).unwrap();
    for hour in 0..3 {
        assert_eq!(at(&folder, &format!("2023-07-03T0{hour}:00:00Z")).await.faults.len(), 1, "each time");
    }
    let mail = relay.operators_mail();
    let of_it = |mail: &&String| text(mail).contains("subscribers/readers.csv");
    assert_eq!(mail.iter().filter(of_it).count(), 1, "{mail:?}");
}

/// A relay that does as it is told, and what it took.
struct Relay {
    _inbox: Inbox,
    maildir: TempDir,
    mood: Arc<Mutex<Option<(Stage, Action)>>>,
}

impl Relay {
    fn answers(&self, mood: Option<(Stage, Action)>) {
        *self.mood.lock().unwrap() = mood;
    }

    fn operators_mail(&self) -> Vec<String> {
        let is_theirs = |mail: &String| header(mail, "To") == "operator@example.com";
        received(self.maildir.path()).into_iter().filter(is_theirs).collect()
    }
}

/// A newsletter with two readers that is due on Sundays, and its relay.
async fn by_relay() -> (Folder, Relay) {
    let mood: Arc<Mutex<Option<(Stage, Action)>>> = Arc::default();
    let told = Arc::clone(&mood);
    let script = Script::new(move |_, stage| {
        let mood = told.lock().unwrap().clone();
        mood.filter(|(at, _)| *at == stage).map(|(_, action)| action)
    });
    let maildir = TempDir::new().unwrap();
    let keep = Keep::Maildir(maildir.path().to_owned());
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), keep, script).await.unwrap();
    let folder = weekly();
    folder.relay_through(&inbox);
    (folder, Relay { _inbox: inbox, maildir, mood })
}

/// A mail's words.
fn text(mail: &str) -> String {
    let body = mail.split_once("\r\n\r\n").unwrap().1;
    body.replace("=\r\n", "").replace("\r\n", "\n").trim_end().to_owned()
}
