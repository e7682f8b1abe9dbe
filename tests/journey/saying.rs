//! What a run says, and what nobody ever says: secrets and people.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use super::Folder;

const PASSWORD: &str = "canary-Pa55word-of-the-relay";

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Every file below a folder, as far as it can be read as text, but for those that are meant to hold secrets.
fn files(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_secret =
            name == "relay-password" || path.extension().is_some_and(|kind| kind == "keys" || kind == "pem");
        if path.is_dir() {
            files(&path, found);
        } else if !is_secret {
            found.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
    }
}

/// The words of a file of keys that nobody could guess.
fn secrets(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || c == '"');
    words.filter(|word| word.len() >= 24 && !word.contains("PRIVATE")).map(str::to_owned).collect()
}

#[test]
fn a_secret_turns_up_in_no_log_at_the_most_talkative_level_no_error_no_help_and_no_store() {
    let folder = Folder::with_readers(&["ada@example.com", "bo@example.com"]);
    let made = folder.run(&["dkim", "new", "--json"]);
    let key: Value = serde_json::from_slice(&made.stdout).unwrap();
    let (selector, file) = (key["selector"].as_str().unwrap(), key["key_file"].as_str().unwrap());
    let table = format!(
        "[[dkim]]\ndomain = \"mail.example.com\"\nselector = \"{selector}\"\nkey_file = \"{file}\"\n"
    );
    let text = folder.read("newsletter.toml");
    folder.write("newsletter.toml", &format!("{text}\n{table}"));
    let mut all = String::new();
    for format in ["text", "json"] {
        let log = ["--log", "debug", "--log-format", format, "send", "1", "--yes"];
        all.push_str(&said(&folder.run(&log)));
    }
    assert!(all.contains("accepted") && all.contains("a***@example.com"), "{all}");
    folder.write("relay-password", PASSWORD);
    fs::set_permissions(folder.path().join("relay-password"), fs::Permissions::from_mode(0o600)).unwrap();
    folder.relay_is("url = \"smtps://ada@127.0.0.1:1\"\npassword_file = \"relay-password\"");
    folder.write("drafts/2.toml", &folder.read("drafts/1.toml").replace("number = 1", "number = 2"));
    for arguments in [
        &["send", "2", "--yes"][..],
        &["dispatch"],
        &["send", "2", "--to", "ed@example.com"],
        &["send", "--help"],
        &["--help"],
    ] {
        let log = [&["--log", "debug"], arguments].concat();
        all.push_str(&said(&folder.run(&log)));
    }
    assert!(all.contains("no connection"), "{all}");
    // A trial has keys of its own; what is kept on a server is none.
    let is_there = |name: &&str| folder.path().join(name).exists();
    let keys = ["trial.keys", "pressroom.keys", file];
    let mut secrets: Vec<String> =
        keys.iter().copied().filter(is_there).flat_map(|name| secrets(&folder.read(name))).collect();
    assert!(secrets.len() > 3, "{}", secrets.len());
    secrets.push(PASSWORD.to_owned());
    files(folder.path(), &mut all);
    for secret in secrets {
        assert!(!all.contains(&secret), "{} characters of a secret were said", secret.len());
    }
}

#[test]
fn a_log_has_a_line_an_event_with_numbers_and_masked_addresses() {
    let folder = Folder::with_many_readers(3);
    let sent = folder
        .command(&["send", "1", "--yes"])
        .env("PRESSROOM_LOG", "info")
        .env("PRESSROOM_LOG_FORMAT", "json")
        .output()
        .unwrap();
    let log = String::from_utf8(sent.stderr).unwrap();
    assert!(!log.contains("reader1@"), "{log}");
    let events: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let accepted: Vec<&Value> = events.iter().filter(|event| event["message"] == "accepted").collect();
    assert_eq!(accepted.len(), 3, "{log}");
    assert_eq!(
        (&accepted[0]["issue"], &accepted[0]["code"]),
        (&Value::from("1"), &Value::from(250)),
        "{log}"
    );
    assert!(accepted.iter().all(|event| event["address"] == "r***@example.com" && event["reader"].is_i64()));
    assert!(events.iter().any(|event| event["message"] == "run ends"), "{log}");
}

#[test]
fn without_being_asked_nothing_is_logged() {
    let folder = Folder::with_many_readers(2);
    let sent = folder.run(&["send", "1", "--yes"]);
    assert!(!said(&sent).contains("accepted relay") && !said(&sent).contains("INFO"), "{}", said(&sent));
}
