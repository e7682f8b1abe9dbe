//! Sending through other people's servers: what they offer and refuse is theirs, not what we believe of it.
//!
//! `tests/relays/unpack` brings them, and `./check` calls it. They are started as root, for they drop what they do not need.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what it missed by panicking"
)]

mod exim;
#[expect(dead_code, reason = "shared with the journeys, which use more of it")]
#[path = "../journey/folder.rs"]
mod folder;

use pressroom::send::{self, Ending, Sent};

use exim::Exim;
use folder::{Folder, copies, options};

/// Half an hour after the first try.
const LATER: &str = "2023-07-03T00:30:00Z";

/// Readers, one of them beyond ASCII, one greylisted, one unknown.
fn folder(exim: &Exim, chunking: bool) -> Folder {
    let mut readers: Vec<String> = (0..60).map(|n| format!("reader{n}@example.com")).collect();
    readers.extend(["grey", "unknown", "jürgen"].map(|name| format!("{name}@example.com")));
    let folder = Folder::with_readers(&readers.iter().map(String::as_str).collect::<Vec<_>>());
    let smtp = format!("url = \"smtp://127.0.0.1:{}\"\nconnections = 2\nchunking = {chunking}", exim.port());
    folder.edit("newsletter.toml", "url = \"inbox\"", &smtp);
    folder
}

async fn send_at(folder: &Folder, now: &str) -> Sent {
    send::prepare(&folder.app_at(now), "1").await.unwrap().go(options()).await.unwrap()
}

/// Sends, and again when the greylisted may be tried again: each reader but the unknown has one copy.
async fn everyone_gets_one_copy(chunking: bool) -> String {
    let exim = Exim::start();
    let folder = folder(&exim, chunking);
    let first = send_at(&folder, folder::NOW).await;
    let Sent { ending, counts, .. } = &first;
    assert_eq!(
        (*ending, counts.accepted, counts.deferred, counts.refused),
        (Ending::Deferred, 61, 1, 1),
        "{first}"
    );
    let second = send_at(&folder, LATER).await;
    assert_eq!((second.ending, second.counts.accepted), (Ending::Incomplete, 62), "{second}");
    let copies = copies(&exim.received(62));
    assert_eq!((copies.len(), copies.values().max()), (62, Some(&1)), "{copies:?}");
    for name in ["grey", "jürgen", "reader0"] {
        assert!(copies.contains_key(&format!("{name}@example.com")), "{copies:?}");
    }
    exim.log()
}

#[tokio::test]
async fn exim_takes_an_issue_in_chunks_and_greylisting_costs_nobody_a_copy() {
    let log = everyone_gets_one_copy(true).await;
    assert!(log.contains("P=esmtp K"), "in chunks:\n{log}");
    assert!(log.contains("P=utf8esmtp"), "under SMTPUTF8:\n{log}");
}

#[tokio::test]
async fn exim_takes_an_issue_by_pipelining_alone() {
    let log = everyone_gets_one_copy(false).await;
    assert!(log.contains("P=esmtp S=") && !log.contains("P=esmtp K"), "{log}");
}
