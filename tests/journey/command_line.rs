//! The command line: exit codes, what goes to stdout, what a newcomer reads.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::folder::Folder;

#[test]
fn help_names_every_command_and_gives_examples() {
    let folder = Folder::with_readers(&[]);
    for command in [
        "compose",
        "send",
        "approve",
        "dispatch",
        "pause",
        "resume",
        "cancel",
        "deliveries",
        "report",
        "links",
        "inbox",
        "serve",
        "subscribers",
        "dkim",
        "completions",
    ] {
        assert!(stdout(&folder, &["--help"]).contains(command), "{command}");
        assert!(stdout(&folder, &[command, "--help"]).contains("Example"), "{command} --help has no example");
    }
}

#[test]
fn each_verb_of_subscribers_has_an_example_and_the_program_names_its_exit_codes() {
    let folder = Folder::with_readers(&[]);
    for verb in ["import", "add", "show", "unsubscribe"] {
        assert!(stdout(&folder, &["subscribers", verb, "--help"]).contains("Example"), "{verb}");
    }
    assert!(stdout(&folder, &["--help"]).contains("75  try again later"));
}

#[test]
fn a_mistake_in_a_draft_ends_with_2_and_sends_nothing() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.edit("drafts/1.toml", "title =", "titel =");
    for arguments in
        [&["compose", "1"][..], &["send", "1", "--yes"], &["send", "1", "--dry-run"], &["approve", "1"]]
    {
        let ended = folder.run(arguments);
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains("titel") && said.contains("drafts/1.toml:7"), "{said}");
    }
    assert!(folder.received().is_empty());
}

#[test]
fn without_an_smtp_table_send_says_what_to_write() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.edit("newsletter.toml", "[smtp]\nurl = \"inbox\"\n", "");
    let ended = folder.run(&["send", "1", "--yes"]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("url = \"inbox\""));
}

#[test]
fn outside_a_newsletters_folder_the_remedy_is_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_pressroom"))
        .current_dir(folder.path())
        .args(["compose", "1"])
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("-C"));
}

#[test]
fn escape_sequences_of_a_reader_never_reach_the_terminal() {
    let folder = Folder::with_readers(&[]);
    folder.write(
        "subscribers/readers.csv",
        "email,name\nada@example.com,\"\u{1b}[31mred\"\nbo@example.org,Bo\n",
    );
    let said = folder.run(&["subscribers", "import"]);
    assert!(!said.stdout.contains(&0x1b) && !said.stderr.contains(&0x1b));
}

#[test]
fn a_commands_own_options_stand_before_those_of_every_command() {
    let help = stdout(&Folder::with_readers(&[]), &["send", "--help"]);
    let (own, others) = help.split_once("Options of every command:").unwrap();
    assert!(own.contains("--wait") && own.contains("--rehearse") && !own.contains("--log"), "{help}");
    assert!(others.contains("--log-format") && others.contains("--directory"), "{help}");
}

#[test]
fn whoever_has_read_enough_of_a_list_may_hang_up() {
    let folder = Folder::with_many_readers(2000);
    assert!(folder.run(&["subscribers", "import"]).status.success());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = folder.command(&["subscribers", "export"]).stdout(writer).output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
}

#[test]
fn a_list_or_an_export_that_is_not_there_is_said_with_what_helps() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    let said = |arguments: &[&str]| {
        let ended = folder.run(arguments);
        assert_eq!(ended.status.code(), Some(2));
        String::from_utf8(ended.stderr).unwrap()
    };
    let list = said(&["subscribers", "import", "reader"]);
    assert!(
        list.contains("there is no ") && list.ends_with("reader.csv; the lists are `readers`\n"),
        "{list}"
    );
    let export = said(&["subscribers", "import", "--from", "export.csv"]);
    assert!(export.contains("export.csv cannot be read") && !export.contains("the lists are"), "{export}");
}

#[test]
fn what_is_said_of_a_reader_in_a_trial_is_marked_as_that() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    for verb in ["add", "unsubscribe", "erase"] {
        let ended = folder.run(&["subscribers", verb, "bo@example.com"]);
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(said.starts_with("trial: this goes into the trial's own store"), "{verb}: {said}");
    }
    let shown = folder.run(&["subscribers", "show", "ada@example.com"]);
    assert!(shown.stderr.is_empty(), "{shown:?}");
}

fn stdout(folder: &Folder, arguments: &[&str]) -> String {
    String::from_utf8(folder.run(arguments).stdout).unwrap()
}

#[test]
fn a_do_not_mail_list_and_a_list_together_are_one_object() {
    let folder = Folder::with_readers(&["ada@example.com", "bo@example.org"]);
    folder.write("gone.csv", "email\nbo@example.org\n");
    let gone = folder.path().join("gone.csv");
    let arguments = ["--json", "subscribers", "import", "readers", "--suppressed", gone.to_str().unwrap()];
    let object: Value = serde_json::from_slice(&folder.run(&arguments).stdout).unwrap();
    assert_eq!((&object["do_not_mail"]["suppressed"], &object["added"]), (&1.into(), &2.into()), "{object}");
}

#[test]
fn a_password_command_that_hangs_is_ended_by_one_signal_and_nothing_was_sent() {
    let send = &["send", "1", "--yes"][..];
    for (arguments, signal) in
        [(send, "TERM"), (send, "HUP"), (&["send", "1", "--to", "ada@example.com"], "TERM")]
    {
        let folder = Folder::with_readers(&["ada@example.com"]);
        folder.relay_is("url = \"smtps://u@127.0.0.1:1\"\npassword_command = \"echo > begun; sleep 600\"");
        // These tests themselves may run where a terminal that is gone is ignored.
        let send = folder.command(arguments);
        let mut heeds = Command::new("env");
        heeds.arg("--default-signal=HUP").arg(send.get_program()).args(send.get_args());
        let running = heeds.stderr(Stdio::piped()).spawn().unwrap();
        while !folder.path().join("begun").exists() {
            thread::sleep(Duration::from_millis(5));
        }
        Command::new("kill").args(["-s", signal, &running.id().to_string()]).status().unwrap();
        let ended = running.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(75), "{said}");
        assert!(said.contains("stopped"), "{said}");
    }
}

#[test]
fn one_mailbox_gets_one_test_copy_however_often_and_however_spelled_it_is_named() {
    let folder = Folder::with_readers(&[]);
    let said = stdout(
        &folder,
        &[
            "--json",
            "send",
            "1",
            "--to",
            "ed@example.com",
            "Ed@Example.com",
            "bo@example.com",
            "ed@example.com",
        ],
    );
    let copies: Value = serde_json::from_str(&said).unwrap();
    let to: Vec<_> = copies["copies"].as_array().unwrap().iter().map(|copy| &copy["to"]).collect();
    assert_eq!(to, ["ed@example.com", "bo@example.com"]);
}

#[test]
fn a_folder_whose_path_is_not_utf_8_is_a_mistake_that_names_its_remedy() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    let odd = folder.path().join(OsStr::from_bytes(b"n\xff"));
    fs::create_dir_all(odd.join("drafts")).unwrap();
    fs::create_dir(odd.join("subscribers")).unwrap();
    for file in ["newsletter.toml", "drafts/1.toml", "subscribers/readers.csv"] {
        fs::copy(folder.path().join(file), odd.join(file)).unwrap();
    }
    for arguments in [&["deliveries", "1"][..], &["send", "1", "--yes"], &["send", "1", "--dry-run"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pressroom"));
        let said = command.arg("-C").arg(&odd).args(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(2), "{arguments:?} {error}");
        assert!(error.contains("rename the folder"), "{error}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once_with_one_object_all_the_same() {
    let relay = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.relay_is(&format!("url = \"smtp://{}\"", relay.local_addr().unwrap()));
    let running = folder.command(&["--json", "send", "1", "--yes"]).stdout(Stdio::piped()).spawn().unwrap();
    // It waits for a greeting that never comes.
    let _line = relay.accept().unwrap();
    for signal in ["-TERM", "-INT"] {
        Command::new("kill").args([signal, &running.id().to_string()]).status().unwrap();
    }
    let ended = running.wait_with_output().unwrap();
    let object: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(75), "{object}");
    assert!(object.is_object());
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = Folder::with_readers(&[]);
    let pages = folder.path().join("man");
    stdout(&folder, &["man", pages.to_str().unwrap()]);
    for (page, words) in [
        ("pressroom.1", "newsletter"),
        ("pressroom-send.1", "dry\\-run"),
        ("pressroom-subscribers-import.1", "suppressed"),
    ] {
        let text = fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS") && text.contains(words), "{page}: {text}");
    }
}
