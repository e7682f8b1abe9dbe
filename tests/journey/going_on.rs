//! An issue that was begun goes on, whatever became of its draft and its list meanwhile.

use pressroom::delivery::{Counts, SkipReason};
use pressroom::send::{Ending, Options};

use super::Folder;
use crate::folder::{copies, options};

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
