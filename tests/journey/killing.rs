//! A run that is killed: the next one serves everyone left, and nobody twice.

use std::fs;
use std::process::Stdio;

use pressroom::send::{Ending, Options};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

use crate::folder::{Folder, copies, options};

/// The built-in newsletter's connections; each may leave two readers in doubt.
const CONNECTIONS: u64 = 8;

#[test]
fn killed_in_the_middle_everyone_else_gets_it_and_nobody_twice() {
    let folder = Folder::with_many_readers(1500);
    for kill_at in [1, 300, 700] {
        kill_after(&folder, kill_at);
        let listed = String::from_utf8(folder.run(&["--json", "deliveries", "1"]).stdout).expect("lines");
        assert_eq!(listed.lines().count(), 1500);
        for hand in ["\"status\":\"sending\"", "\"status\":\"leased\""] {
            assert!(!listed.contains(hand), "nobody is in the hands of a sender that is gone");
        }
    }
    let last = folder.run(&["--json", "send", "1", "--yes"]);
    let counts: Value = serde_json::from_slice(&last.stdout).expect("one object");
    let in_doubt = counts["in_doubt"].as_u64().expect("a count");
    let accepted = counts["accepted"].as_u64().expect("a count");
    assert_eq!(
        (counts["queued"].as_u64(), counts["deferred"].as_u64(), counts["waiting"].as_u64()),
        (Some(1500), Some(0), Some(0))
    );
    assert_eq!(accepted + in_doubt, 1500, "{counts}");
    assert!(in_doubt <= 3 * 2 * CONNECTIONS, "{in_doubt} in doubt after three kills");

    let copies = copies(&folder.received());
    assert!(copies.values().all(|count| *count == 1), "somebody got it twice");
    let arrived = copies.len() as u64;
    assert!((accepted..=1500).contains(&arrived), "{accepted} accepted, {arrived} arrived");
}

/// Starts a run and kills it once so many more messages are in the inbox.
fn kill_after(folder: &Folder, messages: usize) {
    let inbox = folder.path().join("build/inbox/new");
    let arrived = || fs::read_dir(&inbox).map_or(0, Iterator::count);
    let goal = arrived() + messages;
    let mut run = folder
        .command(&["send", "1", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a run");
    while arrived() < goal {
        assert!(run.try_wait().expect("a process").is_none(), "the run ended before it could be killed");
        std::thread::yield_now();
    }
    run.kill().expect("kill -9");
    run.wait().expect("its end");
}

#[test]
fn a_first_import_killed_in_the_middle_leaves_all_or_nothing_and_the_next_one_all() {
    const READERS: u64 = 30_000;
    let folder = Folder::with_many_readers(30_000);
    let subscribed = || {
        let stats = folder.run(&["--json", "subscribers", "stats", "readers"]);
        let stats: Value = serde_json::from_slice(&stats.stdout).expect("one object");
        stats["status"]["subscribed"].as_u64().unwrap_or(0)
    };
    let size = || fs::metadata(folder.path().join("trial.db")).map_or(0, |file| file.len());
    let mut import = folder.command(&["subscribers", "import"]).stdout(Stdio::null()).spawn().expect("a run");
    while size() < 1 << 20 && import.try_wait().expect("a process").is_none() {
        std::thread::yield_now();
    }
    import.kill().expect("kill -9");
    import.wait().expect("its end");
    let left = subscribed();
    assert!(left == 0 || left == READERS, "{left} readers");
    assert!(folder.run(&["subscribers", "import"]).status.success());
    assert_eq!(subscribed(), READERS);
}

#[tokio::test]
async fn where_somebody_waits_whom_nobody_can_take_the_run_ends_and_says_so() {
    let folder = Folder::with_many_readers(6);
    let (_signal, stop) = tokio::sync::watch::channel(true);
    folder.prepare().await.unwrap().go(Options { stop, ..options() }).await.unwrap();
    let run = folder.prepare().await.unwrap();
    let path = format!("sqlite://{}", folder.path().join("trial.db").display());
    let mut store = SqliteConnection::connect(&path).await.unwrap();
    let damage = "delete from subscription where subscriber = (select max(id) from subscriber)";
    sqlx::query(damage).execute(&mut store).await.unwrap();
    store.close().await.unwrap();
    let sent = run.go(options()).await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted, sent.counts.waiting), (Ending::Deferred, 5, 1), "{sent}");
    assert!(sent.to_string().contains("1 not tried"), "{sent}");
}
