//! What is signed verifies where it arrives, for two verifiers that are not ours, and nothing can be changed or added.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::Folder;
use crate::folder::header;
use crate::signatures::{Judged, sign_with_both};

#[test]
fn what_readers_get_is_signed_with_both_algorithms_and_both_judges_say_so() {
    let folder = Folder::shipped();
    let dns = sign_with_both(&folder);
    let sent = folder.run(&["send", "214", "--yes"]);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    let messages = folder.received();
    assert_eq!(messages.len(), 19);
    let judged = Judged::new(&dns);
    for (at, message) in messages.iter().enumerate() {
        judged.put(&format!("{at:02}"), message);
    }
    judged.expect_all("pass", messages.len());
}

#[test]
fn a_changed_byte_or_an_added_field_breaks_every_signature() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    let dns = sign_with_both(&folder);
    assert!(folder.run(&["send", "1", "--yes"]).status.success());
    let [message] = folder.received().try_into().expect("one message");
    let changed = |from: &str, to: &str| {
        assert!(message.contains(from), "{from} is not in the message");
        message.replacen(from, to, 1)
    };
    let judged = Judged::new(&dns);
    judged.put("text", &changed("whole path", "whole-path"));
    judged.put("html", &changed("</html>", "</htmL>"));
    judged.put("subject", &changed("Issue #1", "Issue #2"));
    judged.put("unsubscribe", &changed("/1/unsubscribe/", "/2/unsubscribe/"));
    judged.put("appended", &format!("{message}more\r\n"));
    let added = [
        "From: Eve <eve@example.org>",
        "To: eve@example.org",
        "Subject: urgent",
        "Date: Sun, 02 Jul 2023 20:00:00 +0000",
        "Message-ID: <1@example.org>",
        "Reply-To: eve@example.org",
        "MIME-Version: 1.0",
        "Content-Type: text/html",
        "Content-Transfer-Encoding: base64",
        "List-Id: <eve.example.org>",
        "List-Unsubscribe: <https://example.org/eve>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "List-Help: <https://example.org/eve>",
    ];
    let head = message.find("\r\n\r\n").expect("a header");
    for (at, field) in added.iter().enumerate() {
        judged.put(&format!("{at:02}-above"), &format!("{field}\r\n{message}"));
        judged
            .put(&format!("{at:02}-below"), &format!("{}\r\n{field}{}", &message[..head], &message[head..]));
    }
    judged.expect_all("fail", 5 + 2 * added.len());
}

#[test]
fn what_relays_may_do_breaks_no_signature() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    let dns = sign_with_both(&folder);
    assert!(folder.run(&["send", "1", "--yes"]).status.success());
    let [message] = folder.received().try_into().expect("one message");
    let judged = Judged::new(&dns);
    judged.put("traced", &format!("Received: from a by b; Sun, 02 Jul 2023 20:00:00 +0000\r\n{message}"));
    judged.put("refolded", &message.replacen("Subject: Small Hours", "Subject:   Small\r\n\tHours", 1));
    judged.put("longer", &format!("{message}\r\n\r\n"));
    judged.expect_all("pass", 3);
}

#[test]
fn a_test_copy_is_signed_too() {
    let folder = Folder::with_readers(&[]);
    let dns = sign_with_both(&folder);
    assert!(folder.run(&["send", "1", "--to", "editor@example.com"]).status.success());
    let judged = Judged::new(&dns);
    folder.received().iter().for_each(|message| judged.put("copy", message));
    judged.expect_all("pass", 1);
}

#[tokio::test]
async fn a_bounce_would_come_back_to_an_address_of_the_readers_own() {
    let folder = Folder::with_readers(&["ada@example.com", "bo@example.org"]);
    folder.edit("newsletter.toml", "list = ", "return_path = \"bounces.example.com\"\nlist = ");
    assert!(folder.run(&["send", "1", "--yes"]).status.success());
    let app = folder.app();
    let keys = app.keys(&app.store().await.unwrap()).await.unwrap();
    let whose = |message: &String| {
        let path = header(message, "Return-Path");
        let local = path.strip_prefix('<')?.strip_suffix("@bounces.example.com>")?;
        keys.verify_return_path(local)
    };
    let whose: Vec<_> =
        folder.received().iter().map(|message| whose(message).expect("a return path")).collect();
    assert!(whose.iter().all(|(issue, _)| issue.get() == 1));
    assert_ne!(whose[0].1, whose[1].1);
}

#[test]
fn a_new_key_is_for_its_owners_eyes_and_replaces_none() {
    let folder = Folder::with_readers(&[]);
    let made = folder.run(&["dkim", "new", "--selector", "Pager2023"]);
    let said = String::from_utf8(made.stdout).unwrap();
    for part in [
        "pager2023._domainkey.mail.example.com. IN TXT (",
        "\"v=DKIM1; k=rsa; p=MIIB",
        "key_file = \"dkim/pager2023.pem\"",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    assert!(said.lines().all(|line| line.len() <= 2 + 1 + 255 + 1));
    let key = folder.read("dkim/pager2023.pem");
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\n") && !said.contains(key.lines().nth(1).unwrap()));
    let metadata = fs::metadata(folder.path().join("dkim/pager2023.pem")).unwrap();
    assert_eq!(
        (metadata.permissions().mode() & 0o777, folder.read("dkim/.gitignore").as_str()),
        (0o600, "*\n")
    );

    let again = folder.run(&["dkim", "new", "--selector", "pager2023", "--algorithm", "ed25519"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8(again.stderr).unwrap().contains("--selector"));
    assert_eq!(folder.read("dkim/pager2023.pem"), key);
    assert_eq!(folder.run(&["dkim", "new", "--selector", "../a"]).status.code(), Some(2));
}

#[test]
fn a_key_that_is_none_stops_everything_before_anything_is_sent() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    let table = "\n[[dkim]]\ndomain = \"mail.example.com\"\nselector = \"a\"\nkey_file = \"a.pem\"\n";
    folder.write("newsletter.toml", &(folder.read("newsletter.toml") + table));
    for (content, reason) in [(None, "No such file"), (Some("CANARY"), "no private key")] {
        if let Some(content) = content {
            folder.write("a.pem", content);
        }
        for arguments in [&["send", "1", "--yes"][..], &["send", "1", "--to", "ada@example.com"]] {
            let ended = folder.run(arguments);
            let said = String::from_utf8(ended.stderr).unwrap();
            assert_eq!(ended.status.code(), Some(2), "{said}");
            assert!(said.contains("a.pem") && said.contains(reason) && !said.contains("CANARY"), "{said}");
        }
    }
    assert!(folder.received().is_empty());
}
