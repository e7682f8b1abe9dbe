//! A reader leaves by mail: to the address that List-Unsubscribe names beside the link.

use pressroom::subscriber::{SubscriptionStatus, Way};

use super::Folder;
use crate::folder::header;

/// What a mail program writes when its user leaves by mail: to whom, and the subject.
fn mailto(folder: &Folder) -> (String, String) {
    let header = header(&folder.received()[0], "List-Unsubscribe").replace(' ', "");
    let (_, mailto) = header.split_once("<mailto:").expect("a mailto");
    let (address, subject) = mailto.trim_end_matches('>').split_once("?subject=").unwrap();
    (address.to_owned(), subject.replace("%20", " "))
}

#[tokio::test]
async fn a_mail_to_the_address_in_the_header_leaves_once_and_what_is_no_such_mail_is_named() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.edit("newsletter.toml", "list_id", "unsubscribe_mailbox = \"leave@example.com\"\nlist_id");
    folder.send().await.unwrap();
    let (to, subject) = mailto(&folder);
    let mail = |subject: &str| {
        format!("From: Anybody <x@example.org>\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n{subject}\r\n")
    };
    folder.write("leave/cur/.keep", "");
    folder.write("leave/new/1", &mail("please let me go"));
    folder.write("leave/new/2", &mail(&subject.replace("unsubscribe 1 ", "unsubscribe 2 ")));
    folder.write(
        "leave/new/3",
        &mail(&format!("Re: {}", subject.replace("unsubscribe 1 ", "Unsubscribe 1\r\n "))),
    );
    let at = |name: &str| folder.path().join(name).display().to_string();
    let command = ["subscribers", "unsubscribe", "--mail", &at("leave")];
    let run = folder.run(&command);
    let said = String::from_utf8(run.stdout).unwrap();
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("1 left by mail") && said.contains("cur/1:2,: ") && said.contains("cur/2:2,: "),
        "{said}"
    );
    let store = folder.app().store().await.unwrap();
    let reader = store.reader(&"ada@example.com".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(reader.subscriptions[0].status, SubscriptionStatus::Left);
    let [departure] = &store.departures("1".parse().unwrap()).await.unwrap()[..] else { panic!("one left") };
    assert_eq!(departure.leaving.way, Way::Mail);
    assert!(folder.path().join("leave/cur/3:2,S").exists(), "it is read once, or coming back would not last");
    assert_eq!(folder.run(&command).stdout, b"0 left by mail\n");

    folder.write("mail.eml", &mail(&subject));
    let run = folder.run(&["subscribers", "unsubscribe", "--mail", &at("mail.eml")]);
    assert_eq!((run.status.code(), &run.stdout[..]), (Some(0), &b"0 left by mail; 1 had left already\n"[..]));
}

#[cfg(unix)]
#[tokio::test]
async fn an_entry_of_a_maildir_that_is_no_mail_keeps_nobody_on_the_list_and_is_named() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.edit("newsletter.toml", "list_id", "unsubscribe_mailbox = \"leave@example.com\"\nlist_id");
    folder.send().await.unwrap();
    let (_, subject) = mailto(&folder);
    let encoded: Vec<_> = subject.bytes().map(|byte| format!("={byte:02X}")).collect();
    folder.write("leave/cur/.keep", "");
    folder.write("leave/new/5", &format!("Subject: =?utf-8?Q?{}?=\r\n\r\n", encoded.concat()));
    let new = folder.path().join("leave/new");
    symlink("/nowhere", new.join("1")).unwrap();
    std::fs::create_dir(new.join("2")).unwrap();
    assert!(Command::new("mkfifo").arg(new.join("3")).status().unwrap().success());
    let _socket = UnixListener::bind(new.join("4")).unwrap();
    let leave = folder.path().join("leave").display().to_string();
    let run = folder.run(&["--json", "subscribers", "unsubscribe", "--mail", &leave]);
    let said: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(
        (run.status.code(), &said["left"], &said["unclear"]),
        (Some(1), &1.into(), &[""; 0][..].into())
    );
    let failed: Vec<_> = said["failed"].as_array().unwrap().iter().map(|one| &one["mail"]).collect();
    assert_eq!(
        failed,
        ["1", "2", "3", "4"].map(|name| new.join(name).display().to_string()).iter().collect::<Vec<_>>()
    );
    assert!(folder.path().join("leave/cur/5:2,S").exists());
    let run = folder.run(&["subscribers", "unsubscribe", "--mail", &leave]);
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(
        said.starts_with("0 left by mail\n") && said.contains("new/3: it cannot be read: it is no file"),
        "{said}"
    );
}
