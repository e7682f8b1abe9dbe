//! The review: the dry run is the run, with the last step left out.

use std::process::Output;

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

fn json(output: &Output) -> Value {
    let said =
        || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said()))
}
