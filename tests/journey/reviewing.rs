//! The review: the dry run is the run, with the last step left out.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use pressroom::inbox::{Action, Inbox, Keep, Script, Stage};
use serde_json::Value;

use super::Folder;

#[test]
fn the_dry_run_counts_who_the_run_then_writes_to() {
    let folder = Folder::shipped();
    let review = json(&folder.run(&["--json", "send", "214", "--dry-run"]));
    assert!(!folder.path().join("trial.db").exists(), "a dry run changes nothing in the store");
    let sent = json(&folder.run(&["--json", "send", "214", "--yes"]));
    assert_eq!(review["readers"], sent["queued"]);
    assert_eq!(sent["accepted"], sent["queued"]);
}

#[test]
fn an_approval_holds_until_something_readers_see_is_changed() {
    let folder = Folder::shipped();
    let approved = json(&folder.run(&["--json", "approve", "214", "--by", "Ada Example"]));
    let file = folder.read("drafts/214.approved");
    assert!(file.contains(approved["review"]["digest"].as_str().unwrap()) && file.contains("Ada Example"));

    folder.edit("newsletter.toml", "connections", "connections");
    folder.write("subscribers/readers.csv", "email\nsomebody.else@example.com\n");
    let same = json(&folder.run(&["--json", "send", "214", "--dry-run"]));
    assert_eq!(same["digest"], approved["review"]["digest"], "the audience is not covered");

    folder.edit("drafts/214.toml", "number = 214", "number = 214\nlist = \"readers\"\nsubject = \"Other\"");
    let other = json(&folder.run(&["--json", "send", "214", "--dry-run"]));
    assert_ne!(other["digest"], approved["review"]["digest"]);
}

#[test]
fn a_readers_missing_field_is_found_before_the_first_message_leaves() {
    let folder = Folder::with_readers(&[]);
    folder.write("subscribers/readers.csv", "email,city\nada@example.com,Lower Mill\nbo@example.org,\n");
    folder.write(
        "templates/issue.txt",
        "Hello {{ reader.city }},\n\n{{ unsubscribe_url }}\n{{ newsletter.postal_address }}\n",
    );
    let refused = folder.run(&["send", "1", "--yes"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("city") && said.contains("bo@example.org"), "{said}");
    assert!(said.contains("a message cannot be built") && !said.contains("more"), "{said}");
    let readers: Vec<String> = (10..22).map(|n| format!("reader{n}@example.com,")).collect();
    folder.write("subscribers/readers.csv", &format!("email,city\n{}\n", readers.join("\n")));
    for how in ["--yes", "--dry-run"] {
        let said = String::from_utf8(folder.run(&["send", "1", how]).stderr).unwrap();
        assert!(said.matches("@example.com").count() == 10 && said.contains("and 2 more"), "{said}");
    }
    assert!(folder.received().is_empty());
}

#[test]
fn a_test_copy_is_marked_and_in_no_count() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    assert!(folder.run(&["send", "1", "--to", "editor@example.com", "second@example.com"]).status.success());
    let copies = folder.received();
    assert_eq!(copies.len(), 2);
    assert!(copies.iter().all(|copy| copy.contains("Subject: [TEST] Small Hours Issue #1")));
    let sent = json(&folder.run(&["--json", "send", "1", "--yes"]));
    assert_eq!(sent["queued"], 1);
}

/// What the command says of a copy to each of two, over a relay that does so at that stage to the first.
async fn copies(stage: Stage, action: Action) -> (Option<i32>, Value, String) {
    let folder = Folder::with_readers(&["ada@example.com"]);
    let script = Script::new(move |envelope, at| {
        let is_first = envelope.to.last().is_some_and(|to| to.as_str().starts_with("first@"));
        (is_first && at == stage).then(|| action.clone())
    });
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), Keep::Discard, script).await.unwrap();
    folder.relay_through(&inbox);
    let command = ["send", "1", "--to", "first@example.com", "second@example.com"];
    let told = folder.run(&command);
    let object = folder.run(&[&["--json"], &command[..]].concat());
    assert_eq!(told.status.code(), object.status.code());
    inbox.stop().await;
    (told.status.code(), json(&object), String::from_utf8(told.stdout).unwrap())
}

fn counted(object: &Value) -> Vec<u64> {
    let names = ["queued", "accepted", "deferred", "refused", "in_doubt", "waiting", "skipped"];
    names.iter().map(|name| object[name].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_copy_whose_end_went_out_without_an_answer_may_have_arrived() {
    let (code, object, told) = copies(Stage::Kept, Action::Cut).await;
    assert_eq!((code, counted(&object)), (Some(3), vec![2, 1, 0, 0, 1, 0, 0]), "{object}");
    assert_eq!(
        (&object["copies"][0]["status"], &object["copies"][0]["reply"]),
        (&"in-doubt".into(), &Value::Null)
    );
    assert!(
        told.contains("first@example.com: in doubt, it may have arrived: ") && !told.contains("451"),
        "{told}"
    );
    assert!(told.contains("second@example.com: accepted: 250 "), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_copy_tells_later_from_never() {
    let (code, object, told) = copies(Stage::Recipient, Action::Reply("451 4.7.1 greylisted".into())).await;
    assert_eq!((code, counted(&object)), (Some(75), vec![2, 1, 1, 0, 0, 0, 0]), "{object}");
    assert!(told.contains("with 451 4.7.1 greylisted; the same command later may do"), "{told}");
    let (code, object, told) = copies(Stage::Recipient, Action::Reply("550 5.1.1 no such user".into())).await;
    assert_eq!((code, counted(&object)), (Some(3), vec![2, 1, 0, 1, 0, 0, 0]), "{object}");
    assert!(told.contains("refused: the relay answered RCPT TO with 550 5.1.1 no such user"), "{told}");
}

#[test]
fn a_test_copy_over_a_relay_that_is_away_is_for_later_and_one_object() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.relay_is("url = \"smtp://127.0.0.1:1\"");
    let ended = folder.run(&["--json", "send", "1", "--to", "first@example.com", "second@example.com"]);
    let object = json(&ended);
    assert_eq!((ended.status.code(), counted(&object)), (Some(75), vec![2, 0, 0, 0, 0, 2, 0]), "{object}");
    assert_eq!(object["ending"], "relay-away");
}

/// Copies of the list that a dry run works on.
fn copies_of_list(folder: &Folder) -> Vec<PathBuf> {
    let within = fs::read_dir(folder.path().join("build/1")).into_iter().flatten().flatten();
    let hidden = within.map(|entry| entry.path());
    hidden.filter(|path| path.join("scratch.db").exists()).collect()
}

/// A command that is held in the middle of its work, and the copy of the list that it works on.
fn begun(folder: &Folder, arguments: &[&str]) -> (Child, PathBuf) {
    let before = copies_of_list(folder);
    let mut run = folder.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    loop {
        if let Some(copy) = copies_of_list(folder).into_iter().find(|copy| !before.contains(copy)) {
            signal(&run, "-STOP");
            assert!(copy.exists() && run.try_wait().unwrap().is_none(), "it ended before it could be held");
            return (run, copy);
        }
        assert!(run.try_wait().unwrap().is_none(), "it ended before it could be held");
        thread::yield_now();
    }
}

fn signal(run: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &run.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_dry_run_that_is_stopped_is_for_later_and_leaves_no_copy_of_the_list_behind() {
    let folder = Folder::with_many_readers(20_000);
    for (arguments, name, told) in [
        (&["send", "1", "--dry-run"][..], "-INT", "stopped; nothing was sent"),
        (&["approve", "1"], "-TERM", "stopped; nothing was approved"),
    ] {
        let (run, _) = begun(&folder, arguments);
        signal(&run, name);
        signal(&run, "-CONT");
        let ended = run.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.code() == Some(75) && said.contains(told), "{:?} {said}", ended.status);
        assert_eq!(copies_of_list(&folder), Vec::<PathBuf>::new());
    }
    assert!(!folder.path().join("drafts/1.approved").exists());
}

#[test]
fn a_copy_of_the_list_that_a_killed_dry_run_left_goes_with_the_next_one_and_with_an_erasure() {
    let folder = Folder::with_many_readers(20_000);
    let kill = || {
        let (mut run, copy) = begun(&folder, &["send", "1", "--dry-run"]);
        run.kill().unwrap();
        run.wait().unwrap();
        copy
    };
    let dead = kill();
    let (one, ones) = begun(&folder, &["send", "1", "--dry-run"]);
    assert!(!dead.exists());
    let (other, _) = begun(&folder, &["approve", "1"]);
    assert!(ones.exists(), "who is alive keeps theirs");
    let erase = &["subscribers", "erase", "reader1@example.com", "--yes"];
    let erased = String::from_utf8(folder.run(erase).stdout).unwrap();
    assert!(erased.contains("at work on a copy of the list; once it has ended, run this again"), "{erased}");
    for run in [one, other] {
        signal(&run, "-CONT");
        let ended = run.wait_with_output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
    }
    assert_eq!(copies_of_list(&folder), Vec::<PathBuf>::new());
    kill();
    let erased = String::from_utf8(folder.run(erase).stdout).unwrap();
    assert!(erased.contains("is erased") && !erased.contains("at work"), "{erased}");
    assert_eq!(copies_of_list(&folder), Vec::<PathBuf>::new());
}

#[test]
fn two_who_compose_or_review_one_issue_at_once_are_not_in_each_others_way() {
    let folder = Folder::with_many_readers(50);
    for _ in 0..15 {
        let _ = fs::remove_dir_all(folder.path().join("build/1"));
        let commands =
            [&["send", "1", "--dry-run"][..], &["compose", "1"], &["approve", "1"]].into_iter().cycle();
        let runs = commands.take(6).map(|arguments| {
            folder.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        });
        for run in runs.collect::<Vec<_>>() {
            let ended = run.wait_with_output().unwrap();
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        }
        let built = |name: &str| fs::read_to_string(folder.path().join("build/1").join(name)).unwrap();
        assert_eq!(built("audience.csv").lines().count(), 51);
        assert!(
            built("review.txt").contains("50 readers of list") && built("issue.html").ends_with("</html>")
        );
        assert!(built("samples/html-clicks-individual-opens-none.eml").ends_with("--\r\n"));
    }
}

fn json(output: &Output) -> Value {
    let said =
        || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said()))
}
