//! What is kept on people: given out, counted, left alone, forgotten in time, and erased.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use pressroom::id::Reference;
use pressroom::newsletter::Tracking;
use pressroom::subscriber::{Choices, Consent, Entry, Joining, Origin};
use serde_json::Value;

use super::Folder;
use super::dispatching::at as at_that_time;
use crate::folder::header;
use crate::reader::{get, post};

const READERS: [&str; 2] = ["ada.lovelace@example.com", "bo@example.org"];
const ADA: &str = READERS[0];

/// Stdout of a command that does what it is told.
fn done(folder: &Folder, arguments: &[&str]) -> String {
    let output = folder.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn at(folder: &Folder, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Issue 1 went out, and Ada followed its first link.
async fn clicked() -> Folder {
    let folder = Folder::with_readers(&READERS);
    folder.send().await.unwrap();
    let server = folder.serve().await;
    assert_eq!(get(&server, &folder.links().to("1")).await.status, 302);
    Folder::until(&server, "kept_total", 1).await;
    server.stop().await;
    folder
}

fn held(folder: &Folder, address: &str) -> Value {
    json(&done(folder, &["subscribers", "export", address]))
}

fn length(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

/// Files of the newsletter's folder, its reviews and trials aside, in which these words stand, letter case aside.
fn files_with(folder: &Path, words: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, words));
        } else if String::from_utf8_lossy(&fs::read(&path).unwrap()).to_lowercase().contains(words) {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

#[tokio::test]
async fn a_list_that_is_given_out_comes_back_as_it_was() {
    let folder = clicked().await;
    done(&folder, &["subscribers", "unsubscribe", "bo@example.org"]);
    let exported = done(&folder, &["subscribers", "export"]);
    assert!(exported.starts_with("email,") && exported.contains(",left,"), "{exported}");
    let other = Folder::with_readers(&[]);
    other.write("subscribers/readers.csv", &exported);
    done(&other, &["subscribers", "import"]);
    assert_eq!(done(&other, &["subscribers", "export"]), exported);
    let sent = json(&done(&other, &["--json", "send", "1", "--yes"]));
    assert_eq!(
        (&sent["queued"], &sent["accepted"]),
        (&Value::from(1), &Value::from(1)),
        "who left stays gone"
    );
}

#[tokio::test]
async fn who_is_gone_from_the_file_and_the_do_not_mail_list_outlive_a_new_store() {
    let (folder, _) = given_out().await;
    let never =
        "email,reason\nbo@example.org,spam complaint\n=never@example.com,hard bounce\nED@example.com,\n";
    folder.write("do-not-mail.csv", never);
    done(&folder, &["subscribers", "import", "--suppressed", &at(&folder, "do-not-mail.csv")]);
    let (plain, empty) = ("email\nada.lovelace@example.com\nbo@example.org\n", "email\nzoe@example.com\n");
    folder.write("subscribers/readers.csv", empty);
    done(&folder, &["subscribers", "import", "--allow-shrink"]);
    let list = done(&folder, &["subscribers", "export"]);
    let do_not_mail = done(&folder, &["subscribers", "export", "--suppressed"]);
    assert_eq!(list.matches(",gone,").count(), 2, "{list}");
    assert_eq!(do_not_mail.lines().count(), 4, "{do_not_mail}");
    assert!(do_not_mail.contains("'=never@example.com,bounced,20"), "{do_not_mail}");

    let other = Folder::with_readers(&[]);
    other.write("subscribers/readers.csv", &list);
    other.write("do-not-mail.csv", &do_not_mail);
    let taken = done(&other, &["subscribers", "import"]);
    assert!(taken.contains("2 gone from the file"), "{taken}");
    done(&other, &["subscribers", "import", "--suppressed", &at(&other, "do-not-mail.csv")]);
    assert_eq!(sorted(&done(&other, &["subscribers", "export"])), sorted(&list));
    assert_eq!(done(&other, &["subscribers", "export", "--suppressed"]), do_not_mail);
    let again = done(&other, &["subscribers", "import"]);
    assert!(!again.contains("gone"), "they were: {again}");
    other.write("subscribers/readers.csv", &format!("{plain}=never@example.com\n"));
    done(&other, &["subscribers", "import", "--allow-shrink"]);
    let ada = &held(&other, ADA)["subscriptions"][0];
    let chosen = &ada["choices"];
    assert_eq!(
        (&chosen["tracking"], &chosen["format"], &ada["status"]),
        (&"none".into(), &"text".into(), &"subscribed".into())
    );
    let queued = &json(&done(&other, &["--json", "send", "1", "--yes"]))["queued"];
    assert_eq!(queued, &Value::from(3), "Ada, and those two who came otherwise");
}

fn sorted(file: &str) -> Vec<&str> {
    let mut lines: Vec<_> = file.lines().collect();
    lines.sort_unstable();
    lines
}

/// What a list has of its readers beside what its file says.
async fn members(folder: &Folder) -> Vec<(String, Origin, Choices, Option<Consent>)> {
    let store = folder.app().store().await.unwrap();
    let mut members = store.members(&"readers".parse().unwrap(), None, 10).await.unwrap();
    members.sort_by_key(|member| member.address.key());
    let on_list = members.into_iter().map(|member| (member.address.to_string(), member.subscription));
    on_list.map(|(address, held)| (address, held.origin, held.choices, held.consent)).collect()
}

/// Ada chose all there is to choose, Cy joined on a page, Di was added.
async fn given_out() -> (Folder, String) {
    let folder = clicked().await;
    let server = folder.serve().await;
    post(&server, &folder.links().to("preferences"), "name=Ada+L.&tracking=none&format=text&pause=0").await;
    server.stop().await;
    done(&folder, &["subscribers", "add", "di@example.net"]);
    let entry = Entry {
        address: "cy@example.com".parse().unwrap(),
        name: Some("Cy".to_owned()),
        tracking: None,
        format: None,
        attributes: BTreeMap::new(),
    };
    let at = folder.app().now();
    let (from, wording) =
        (Some("https://mail.example.com/subscribe".to_owned()), Some("Yes,\nplease".to_owned()));
    let joining =
        Joining { origin: Origin::Page, at, consent: Some(Consent { at, asked_at: None, from, wording }) };
    let store = folder.app().store().await.unwrap();
    store.subscribe(&"readers".parse().unwrap(), &entry, Reference(7).into(), joining).await.unwrap();
    let exported = done(&folder, &["subscribers", "export"]);
    (folder, exported)
}

#[tokio::test]
async fn what_readers_chose_and_how_they_came_outlives_a_new_store_and_the_plain_file_read_again() {
    let (folder, exported) = given_out().await;
    let mut had = members(&folder).await;
    had[2].3.as_mut().unwrap().wording = Some("Yes, please".to_owned());
    let (ada, cy, di) = (&had[0], &had[2], &had[3]);
    assert_eq!((cy.1, di.1, ada.2.tracking), (Origin::Page, Origin::Command, Some(Tracking::None)));
    for plain_file_comes_first in [false, true] {
        let other = Folder::with_readers(&READERS);
        if plain_file_comes_first {
            done(&other, &["subscribers", "import"]);
        }
        other.write("exported.csv", &exported);
        done(&other, &["subscribers", "import", "--from", &at(&other, "exported.csv")]);
        let again = done(&other, &["subscribers", "import", "--from", &at(&other, "exported.csv")]);
        assert!(again.contains(": 4 unchanged"), "{again}");
        assert_eq!(members(&other).await, had);
        done(&other, &["subscribers", "import"]);
        assert_eq!(members(&other).await, had);
        let sent = json(&done(&other, &["--json", "send", "1", "--yes"]));
        assert_eq!(sent["accepted"], 4, "{sent}");
        assert_eq!(members(&other).await, had);
        assert!(header(&other.received()[0], "Content-Type").starts_with("text/plain"), "as Ada chose");
    }
}

#[tokio::test]
async fn a_person_is_given_all_that_is_held_on_them_and_what_they_withdraw_is_no_more_theirs() {
    let folder = clicked().await;
    let before = held(&folder, ADA);
    assert_eq!(before["subscriptions"][0]["status"], "subscribed", "{before}");
    assert_eq!((length(&before["deliveries"]), length(&before["events"])), (1, 1), "{before}");
    assert_eq!(before["events"][0]["place"], 1);

    let server = folder.serve().await;
    post(&server, &folder.links().to("preferences"), "tracking=aggregate").await;
    get(&server, &folder.links().to("1")).await;
    Folder::until(&server, "kept_total", 1).await;
    server.stop().await;
    let after = held(&folder, ADA);
    assert_eq!(length(&after["events"]), 0, "{after}");
    assert_eq!(after["subscriptions"][0]["choices"]["tracking"], "aggregate");
    assert_eq!(after["deliveries"][0]["tracking"], "aggregate");
    let report = json(&done(&folder, &["--json", "report", "1"]));
    assert!(report.to_string().contains("nobody"), "{report}");
    let events = folder.app().store().await.unwrap().events("1".parse().unwrap(), None, 10).await.unwrap();
    assert_eq!(
        events.iter().map(|kept| kept.subscriber).collect::<Vec<_>>(),
        [None, None],
        "both clicks stay counted"
    );
}

#[tokio::test]
async fn who_is_erased_is_in_no_file_but_those_that_are_named_and_stays_away() {
    let folder = clicked().await;
    done(&folder, &["send", "1", "--dry-run"]);
    done(&folder, &["compose", "1", "--as", ADA]);
    let erased = done(&folder, &["subscribers", "erase", "Ada.Lovelace@example.com", "--yes"]);
    for words in [
        "1 subscription removed",
        "1 click or open",
        "subscribers/readers.csv still has them; take their line out",
        "build/1/audience.csv",
        "build/1/samples/",
        "build/1/issue.eml still has them; delete it",
    ] {
        assert!(erased.contains(words), "{words} in {erased}");
    }
    fs::remove_dir_all(folder.path().join("build")).unwrap();
    done(&folder, &["subscribers", "import"]);
    assert_eq!(files_with(folder.path(), "lovelace"), ["readers.csv"]);

    let again = folder.run(&["subscribers", "add", ADA, "--name", "Ada"]);
    assert!(
        again.status.code() == Some(1) && said(&again).contains("only they can come back"),
        "{}",
        said(&again)
    );
    folder.write("do-not-mail.csv", &format!("{ADA}\n"));
    done(&folder, &["subscribers", "import", "--suppressed", &at(&folder, "do-not-mail.csv")]);
    done(&folder, &["subscribers", "unsubscribe", ADA]);
    fs::remove_file(folder.path().join("do-not-mail.csv")).unwrap();
    assert_eq!(files_with(folder.path(), "lovelace"), ["readers.csv"], "no command writes them down again");
    let held = held(&folder, ADA);
    assert_eq!((&held["suppression"]["reason"], length(&held["subscriptions"])), (&Value::from("erased"), 0));
    let stats = json(&done(&folder, &["--json", "subscribers", "stats"]));
    assert_eq!(stats["status"]["subscribed"], 1, "{stats}");
}

#[tokio::test]
async fn nobody_on_a_do_not_mail_list_is_written_to_and_stats_say_so() {
    let folder = Folder::with_readers(&READERS);
    folder
        .write("do-not-mail.csv", "Email Address,Reason\nADA.Lovelace@example.com,spam complaint\nnobody,\n");
    let taken = folder.run(&["subscribers", "import", "--suppressed", &at(&folder, "do-not-mail.csv")]);
    assert_eq!(taken.status.code(), Some(1), "somebody may be written to who is not to be");
    assert!(said(&taken).contains("1 bad and skipped"), "{}", said(&taken));
    done(&folder, &["subscribers", "import"]);
    let stats = json(&done(&folder, &["--json", "subscribers", "stats"]));
    assert_eq!((&stats["status"]["subscribed"], &stats["suppressed"]), (&Value::from(2), &Value::from(1)));
    let counted = done(&folder, &["subscribers", "stats", "readers"]);
    assert!(counted.contains("of the subscribed 1 suppressed"), "{counted}");
    let sent = json(&done(&folder, &["--json", "send", "1", "--yes"]));
    assert_eq!(sent["accepted"], 1, "{sent}");
    assert_eq!(folder.received().len(), 1);
    assert!(
        folder.run(&["subscribers", "stats", "raeders"]).status.code() == Some(2),
        "a list that there is not"
    );
}

#[tokio::test]
async fn where_all_of_a_list_are_kept_from_an_issue_the_refusal_says_by_what() {
    let folder = Folder::with_readers(&READERS);
    folder.write("do-not-mail.csv", &READERS.join("\n"));
    done(&folder, &["subscribers", "import", "--suppressed", &at(&folder, "do-not-mail.csv")]);
    for how in ["--yes", "--dry-run"] {
        let refused = said(&folder.run(&["send", "1", how]));
        assert!(refused.contains("of its readers 0 are paused, 2 suppressed, 0 left"), "{refused}");
        assert!(!refused.contains("write subscribers/"), "{refused}");
    }
}

/// How many clicks a reader has after a dispatch at this time, and what that has to note.
async fn after_dispatch(folder: &Folder, now: &str) -> (usize, Vec<String>) {
    let notes = at_that_time(folder, now).await.notes;
    (length(&held(folder, ADA)["events"]), notes)
}

/// The click is of 3 July 2023.
#[tokio::test]
async fn clicks_that_are_older_than_the_newsletter_keeps_them_are_forgotten_by_dispatch_and_by_the_server() {
    for by_server in [false, true] {
        let folder = clicked().await;
        folder.edit("newsletter.toml", "[smtp]", "[retention]\nevents = \"30d\"\n\n[smtp]");
        assert_eq!(after_dispatch(&folder, "2023-07-31T00:00:00Z").await, (1, Vec::new()));
        let later = "2023-08-03T00:00:00Z";
        if by_server {
            let server = folder.serve_at(later).await;
            let forgotten = async {
                while length(&held(&folder, ADA)["events"]) > 0 {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::time::timeout(Duration::from_mins(1), forgotten).await.expect("it is forgotten");
            server.stop().await;
        } else {
            assert_eq!(after_dispatch(&folder, later).await, (0, Vec::new()));
        }
        let held = held(&folder, ADA);
        assert_eq!(length(&held["deliveries"]), 1, "what was sent is no click");
    }
}

#[tokio::test]
async fn a_clock_that_is_years_ahead_is_said_and_costs_no_clicks_for_a_day() {
    let folder = clicked().await;
    for (now, kept, says) in [
        ("2023-07-04T00:00:00Z", 1, false),
        ("2031-01-01T12:00:00Z", 1, true),
        ("2031-01-02T11:00:00Z", 1, false),
        ("2023-07-05T00:00:00Z", 1, false),
        ("2031-01-01T12:00:00Z", 1, true),
        ("2031-01-02T12:00:00Z", 0, false),
    ] {
        let (clicks, notes) = after_dispatch(&folder, now).await;
        assert_eq!(clicks, kept, "{now}");
        let told = notes.iter().filter(|note| note.contains("see whether the clock is right")).count();
        assert_eq!(told, usize::from(says), "{now}: {notes:?}");
    }
}

#[tokio::test]
async fn who_was_never_on_a_list_and_is_kept_off_it_did_not_join_it() {
    let folder = Folder::with_readers(&READERS);
    done(&folder, &["subscribers", "import"]);
    let joined = || {
        let stats = json(&done(&folder, &["--json", "subscribers", "stats"]));
        stats["months"].as_array().unwrap().iter().map(|month| month["joined"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(joined(), 2);
    done(&folder, &["subscribers", "unsubscribe", "nobody@example.com"]);
    assert_eq!(joined(), 2);
    done(&folder, &["subscribers", "unsubscribe", ADA]);
    assert_eq!(joined(), 2, "she was on it");
}

#[tokio::test]
async fn who_left_as_a_plain_status_column_says_gets_no_mail_and_the_import_says_so() {
    let folder = Folder::with_readers(&[]);
    let list = "email,name,status\nada@example.com,Ada,subscribed\nbo@example.org,Bo,unsubscribed\n";
    folder.write("subscribers/readers.csv", list);
    let said = done(&folder, &["subscribers", "import"]);
    for words in ["1 added, 1 bad and skipped", "line 3: its `status` is `unsubscribed`", "--suppressed"] {
        assert!(said.contains(words), "{words} in {said}");
    }
    let sent = json(&done(&folder, &["--json", "send", "1", "--yes"]));
    assert_eq!(sent["accepted"], 1, "{sent}");
    assert_eq!(header(&folder.received()[0], "To"), "Ada <ada@example.com>");
}
