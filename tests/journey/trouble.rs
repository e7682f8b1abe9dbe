//! What goes wrong around a newsletter: keys, store, disk, ports, names. Each is said once, with what to do about it.

use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

use crate::folder::Folder;

#[test]
fn a_missing_keys_file_is_not_made_anew_once_an_issue_was_queued() {
    let folder = sent();
    let keys = folder.path().join("trial.keys");
    fs::remove_file(&keys).unwrap();
    let said = refused(&folder, &["send", "1", "--yes"], 2);
    assert!(
        said.contains("trial.keys is missing") && said.contains("backup") && said.contains("PRESSROOM_KEYS"),
        "{said}"
    );
    assert!(!keys.exists());
}

#[test]
fn before_the_first_issue_there_is_no_key_to_rotate() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    let said = refused(&folder, &["keys", "rotate"], 2);
    assert!(said.contains("the first `send` makes keys"), "{said}");
}

#[test]
fn keys_that_others_can_read_are_refused() {
    let folder = sent();
    fs::set_permissions(folder.path().join("trial.keys"), Permissions::from_mode(0o644)).unwrap();
    let said = refused(&folder, &["send", "1", "--yes"], 2);
    assert!(said.contains("mode 0644") && said.contains("chmod 600"), "{said}");
}

#[test]
fn damaged_keys_are_said_once() {
    let folder = sent();
    folder.write("trial.keys", "message_id = 7\n");
    let said = refused(&folder, &["send", "1", "--yes"], 2);
    assert!(said.contains("trial.keys: line 1") && said.matches("backup").count() == 1, "{said}");
}

#[test]
fn the_review_names_who_is_skipped_and_why() {
    let folder = Folder::with_readers(&["ada@example.com", "bo@example.org"]);
    for list in ["readers", "others"] {
        assert!(folder.run(&["subscribers", "add", "cy@example.net", "--list", list]).status.success());
    }
    assert!(folder.run(&["subscribers", "add", "di@example.net", "--list", "others"]).status.success());
    for (address, list) in [("bo@example.org", "readers"), ("di@example.net", "others")] {
        assert!(folder.run(&["subscribers", "unsubscribe", address, "--list", list]).status.success());
    }
    assert!(folder.run(&["send", "1", "--dry-run"]).status.success());
    let audience = folder.read("build/1/audience.csv");
    assert!(audience.starts_with("email,format,clicks,opens,html_bytes,skipped\n"), "{audience}");
    assert!(audience.contains("\nbo@example.org,,,,,they left\n"), "{audience}");
    assert!(audience.contains("cy@example.net,html") && !audience.contains("di@example.net"), "{audience}");
    assert!(
        folder.read("build/1/review.txt").contains("1 reader skipped: they left; audience.csv names them")
    );
}

#[test]
fn a_damaged_store_is_named_once_with_the_remedy() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.write("trial.db", &"no store at all\n".repeat(500));
    for command in [
        &["send", "1", "--yes"][..],
        &["deliveries", "1"],
        &["pause", "1"],
        &["report", "1"],
        &["links", "1"],
        &["dispatch"],
    ] {
        let said = refused(&folder, command, 1);
        assert_eq!(said.matches("trial.db").count(), 1, "{said}");
        assert!(
            said.contains("not a database; restore it from a backup") && !said.contains("returned from"),
            "{said}"
        );
    }
}

#[test]
fn with_json_an_error_is_an_object_on_stdout_too() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    for arguments in
        [&["--json", "send", "2", "--dry-run"][..], &["--json", "subscribers", "import", "reader"]]
    {
        let ended = folder.run(arguments);
        let said: Value = serde_json::from_slice(&ended.stdout).unwrap();
        assert_eq!((&said["exit"], ended.status.code()), (&Value::from(2), Some(2)));
        assert!(said["error"].as_str().is_some_and(|error| !error.is_empty()), "{said}");
        assert!(!ended.stderr.is_empty());
    }
}

#[test]
fn a_file_that_cannot_be_composed_whole_stays_as_it_was() {
    let folder = Folder::with_readers(&[]);
    assert!(folder.run(&["compose", "1"]).status.success());
    let before = folder.read("build/1/issue.html");
    folder.edit("drafts/1.toml", "never the bottleneck", "always the bottleneck");
    fs::create_dir(folder.path().join("build/1/issue.html.new")).unwrap();
    refused(&folder, &["compose", "1"], 1);
    assert_eq!(folder.read("build/1/issue.html"), before);
}

#[test]
fn completions_onto_a_full_disk_end_without_a_panic() {
    let folder = Folder::with_readers(&[]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended = folder.command(&["completions", "bash"]).stdout(full).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(75), "{said}");
    assert!(said.contains("standard output cannot be written") && !said.contains("panicked"), "{said}");
}

#[test]
fn a_log_onto_a_full_disk_keeps_nothing_from_being_sent() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let send = ["--json", "--log", "debug", "send", "1", "--yes"];
    let ended = folder.command(&send).stderr(full).output().unwrap();
    let told: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!((ended.status.code(), &told["accepted"]), (Some(0), &1.into()), "{told}");
}

#[tokio::test]
async fn a_store_that_takes_back_nothing_of_a_quota_takes_nothing_from_what_was_done() {
    let folder = Folder::with_readers(&["ada@example.com", "bo@example.org"]);
    folder.relay_also("window = \"1000/h\"");
    assert!(folder.run(&["subscribers", "import"]).status.success());
    let path = format!("sqlite://{}", folder.path().join("trial.db").display());
    let mut store = SqliteConnection::connect(&path).await.unwrap();
    let refuse = "create trigger refuse before update on quota when new.messages < old.messages begin \
        select raise(abort, 'not now'); end";
    sqlx::query(refuse).execute(&mut store).await.unwrap();
    store.close().await.unwrap();
    let ended = folder.run(&["--json", "--log", "warn", "send", "1", "--yes"]);
    let told: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let logged = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), &told["accepted"]), (Some(0), &2.into()), "{told}");
    assert!(logged.contains("stays counted") && logged.contains("not now"), "{logged}");
}

#[test]
fn what_a_trial_has_to_note_says_that_it_is_one() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.edit("drafts/1.toml", "preheader = \"One story", "# preheader = \"One story");
    let said = |arguments: &[&str]| {
        let Output { stdout, stderr, .. } = folder.run(arguments);
        format!("{}{}", String::from_utf8(stderr).unwrap(), String::from_utf8(stdout).unwrap())
    };
    for arguments in [&["send", "1", "--dry-run"][..], &["send", "1", "--yes"]] {
        let said = said(arguments);
        assert!(said.contains("trial: 2 warnings, above"), "{said}");
    }
    folder.edit("drafts/1.toml", "never the bottleneck", "always the bottleneck");
    let said = said(&["send", "1", "--yes"]);
    assert!(said.contains("trial: issue 1 was frozen on"), "{said}");
}

#[test]
fn an_issue_for_nobody_is_not_queued() {
    let folder = Folder::with_readers(&[]);
    fs::remove_file(folder.path().join("subscribers/readers.csv")).unwrap();
    for arguments in [&["send", "1", "--dry-run"][..], &["send", "1", "--yes"]] {
        let said = refused(&folder, arguments, 2);
        assert!(said.contains("nothing was queued") && said.contains("subscribers/readers.csv"), "{said}");
    }
    folder.write_readers(&["ada@example.com"]);
    assert!(folder.run(&["send", "1", "--yes"]).status.success());
    assert_eq!(folder.received().len(), 1);
}

#[test]
fn the_inbox_says_why_it_cannot_listen() {
    let folder = Folder::with_readers(&[]);
    let said = refused(&folder, &["inbox", "--listen", "0.0.0.0:2525"], 2);
    assert!(said.contains("127.0.0.1"), "{said}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = refused(&folder, &["inbox", "--listen", &address], 2);
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
}

#[test]
fn a_password_that_cannot_be_had_is_found_before_anything_is_queued() {
    for (key, value) in [
        ("password_env", "NO_SUCH_VARIABLE"),
        ("password_file", "no/such/file"),
        ("password_command", "exit 3"),
    ] {
        let folder = Folder::with_readers(&["ada@example.com"]);
        let relay = format!("url = \"smtps://ada@127.0.0.1:1\"\n{key} = \"{value}\"");
        folder.edit("newsletter.toml", "url = \"inbox\"", &relay);
        let said = refused(&folder, &["send", "1", "--yes"], 2);
        assert!(said.contains(key) && said.contains("nothing was sent"), "{said}");
        fs::remove_file(folder.path().join("pressroom.keys")).unwrap();
        let again = refused(&folder, &["send", "1", "--yes"], 2);
        assert!(again.contains(key), "nothing was queued, so that keys may be made: {again}");
    }
}

#[test]
fn a_key_that_everybody_can_read_is_said_and_used() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    assert!(folder.run(&["dkim", "new", "--selector", "a"]).status.success());
    let table = "\n[[dkim]]\ndomain = \"mail.example.com\"\nselector = \"a\"\nkey_file = \"dkim/a.pem\"\n";
    folder.write("newsletter.toml", &(folder.read("newsletter.toml") + table));
    fs::set_permissions(folder.path().join("dkim/a.pem"), Permissions::from_mode(0o644)).unwrap();
    let sent = folder.run(&["send", "1", "--yes"]);
    let said = String::from_utf8(sent.stderr).unwrap();
    assert!(sent.status.success(), "{said}");
    assert!(said.contains("dkim/a.pem is open to everybody") && said.contains("chmod o= "), "{said}");
}

#[test]
fn a_list_that_nobody_knows_is_refused_with_those_there_are() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.write("subscribers/authors.csv", "email\ncy@example.net\n");
    for arguments in [
        &["subscribers", "unsubscribe", "ada@example.com", "--list", "raeders"][..],
        &["subscribers", "import", "raeders"],
    ] {
        let said = refused(&folder, arguments, 2);
        assert!(said.contains("the lists are `readers`, `authors`"), "{said}");
    }
}

#[test]
fn one_who_left_is_not_added() {
    let folder = Folder::with_readers(&[]);
    assert!(folder.run(&["subscribers", "unsubscribe", "ada@example.com"]).status.success());
    let ended = folder.run(&["subscribers", "add", "ada@example.com"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8(ended.stdout).unwrap().contains("only they can come back"));
}

#[test]
fn a_folder_that_cannot_be_written_is_named_itself() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.write("build", "a file where a folder should be");
    let said = refused(&folder, &["send", "1", "--dry-run"], 1);
    assert!(said.contains("build/1 cannot be written") && !said.contains(".review"), "{said}");
}

/// A folder whose issue 1 was sent.
fn sent() -> Folder {
    let folder = Folder::with_readers(&["ada@example.com"]);
    assert!(folder.run(&["send", "1", "--yes"]).status.success());
    folder
}

/// What the command says, which ends with this code.
fn refused(folder: &Folder, arguments: &[&str], code: i32) -> String {
    let Output { status, stderr, .. } = folder.run(arguments);
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{arguments:?}: {said}");
    said
}
