//! The store fails while an issue goes out: no message leaves that it does not know of, and a later run serves everybody left.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use pressroom::inbox::{Inbox, Keep};
use pressroom::mailbox::EmailAddress;
use pressroom::send::{Ending, Options};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::folder::{Folder, copies, options, received};
use crate::reader::{get, post};

pub(crate) const READERS: usize = 3000;

/// A relay that counts by reader, and a folder that sends through it.
pub(crate) async fn stage() -> (Folder, Inbox) {
    let folder = Folder::with_many_readers(READERS);
    let inbox = Inbox::start("127.0.0.1:0".parse().unwrap(), Keep::Count).await.unwrap();
    folder.relay_through(&inbox);
    (folder, inbox)
}

/// Everybody has it once, or is in doubt; so says a run that has nothing in its way.
pub(crate) fn completes(folder: &Folder, inbox: &Inbox) {
    let last = folder.run(&["--json", "send", "1", "--yes"]);
    let counts: Value = serde_json::from_slice(&last.stdout).unwrap();
    let count = |name: &str| counts[name].as_u64().unwrap();
    assert_eq!(count("accepted") + count("in_doubt"), READERS as u64, "{counts}");
    assert!(count("in_doubt") <= 4, "two connections, each with two readers open: {counts}");
    let copies = |n: usize| inbox.copies(&EmailAddress::parse(&format!("reader{n}@example.com")).unwrap());
    let tally = (0..READERS).fold(BTreeMap::new(), |mut tally, n| {
        *tally.entry(copies(n)).or_insert(0_u64) += 1;
        tally
    });
    assert!(tally.keys().all(|copies| *copies <= 1), "somebody got it twice: {tally:?}");
    assert!(tally[&1] >= count("accepted"), "{tally:?} {counts}");
}

/// The run's end: that it is to be tried again later, and what it said.
pub(crate) fn later(run: Child) -> String {
    let Output { status, stderr, .. } = run.wait_with_output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(75), "{said}");
    said
}

/// Waits until some have got it, and the run goes on.
pub(crate) async fn arrived(run: &mut Child, inbox: &Inbox, messages: u64) {
    while inbox.counts().messages < messages {
        assert!(run.try_wait().unwrap().is_none(), "the run ended too soon");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) fn start(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_no_more_stops_the_run_and_says_so() {
    let (folder, inbox) = stage().await;
    // No file of this process may grow beyond so many blocks of 512 octets: the store's own journal is the first to meet it.
    let limited = "trap '' XFSZ; ulimit -f 4000; exec \"$@\"";
    let send = folder.command(&["send", "1", "--yes"]);
    let mut command = Command::new("sh");
    command.args(["-c", limited, "sh"]).arg(send.get_program()).args(send.get_args());
    let said = later(start(command));
    assert!(said.contains("pressroom.db") && said.contains("see whether the disk is full"), "{said}");
    assert!(said.contains("nothing that it does not know of has left"), "{said}");
    let arrived = inbox.counts().messages;
    assert!((1..READERS as u64).contains(&arrived), "{arrived} had arrived");
    completes(&folder, &inbox);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_another_program_holds_for_long_stops_the_run_and_says_so() {
    let (folder, inbox) = stage().await;
    let mut run = start(folder.command(&["send", "1", "--yes"]));
    arrived(&mut run, &inbox, 50).await;
    let path = format!("sqlite://{}", folder.path().join("pressroom.db").display());
    let mut other = SqliteConnection::connect(&path).await.unwrap();
    sqlx::query("pragma busy_timeout = 30000").execute(&mut other).await.unwrap();
    sqlx::query("begin immediate").execute(&mut other).await.unwrap();
    let said = tokio::task::spawn_blocking(|| later(run)).await.unwrap();
    assert!(said.contains("pressroom.db") && said.contains("another program holds it"), "{said}");
    let before = inbox.counts().messages;
    sqlx::query("rollback").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    assert!(before < READERS as u64, "{before} had arrived");
    completes(&folder, &inbox);
}

#[tokio::test]
async fn a_store_that_fails_between_two_messages_leaves_nobody_in_doubt() {
    for chunking in [false, true] {
        let (folder, maildir) = (Folder::with_many_readers(40), TempDir::new().unwrap());
        let keep = Keep::Maildir(maildir.path().to_owned());
        let offer = pressroom::inbox::Options { keep, script: None, chunking };
        let inbox = Inbox::start("127.0.0.1:0".parse().unwrap(), offer).await.unwrap();
        // So small a quota that each message is booked by itself.
        let lines = format!("connections = 1\nwindow = \"100/d\"\nchunking = {chunking}");
        folder.relay_is(&format!("url = \"smtp://{}\"\n{lines}", inbox.addr()));
        let run = folder.prepare().await.unwrap();
        let path = format!("sqlite://{}", folder.path().join("pressroom.db").display());
        let mut other = SqliteConnection::connect(&path).await.unwrap();
        let fails = "create trigger fails before insert on quota \
            when (select count(*) from delivery where status = 'accepted') >= 12 begin select raise(abort, 'no'); end";
        sqlx::query(fails).execute(&mut other).await.unwrap();
        run.go(options()).await.unwrap_err();
        let counts = folder.app().store().await.unwrap().counts("1".parse().unwrap()).await.unwrap();
        let arrived = received(maildir.path()).len() as u64;
        assert!((12..40).contains(&arrived), "{arrived}");
        assert_eq!(
            (counts.accepted, counts.in_doubt, counts.waiting),
            (arrived, 0, 40 - arrived),
            "{chunking}"
        );
        sqlx::query("drop trigger fails").execute(&mut other).await.unwrap();
        assert_eq!(folder.send().await.unwrap().ending, Ending::Done);
        let copies = copies(&received(maildir.path()));
        assert_eq!((copies.len(), copies.values().max()), (40, Some(&1)));
        inbox.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_store_another_program_holds_is_ready_and_says_so() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.send().await.unwrap();
    let server = folder.serve().await;
    let says = async |what: &str| loop {
        let ready = get(&server, "/ready").await;
        assert!(ready.status == 200 && ready.body.starts_with("ready; the store is "), "{}", ready.body);
        if ready.body.contains(what) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    says("there\n").await;
    let path = format!("sqlite://{}", folder.path().join("trial.db").display());
    let mut other = SqliteConnection::connect(&path).await.unwrap();
    sqlx::query("begin immediate").execute(&mut other).await.unwrap();
    says("cannot be written now").await;
    assert_eq!(get(&server, &folder.links().to("1")).await.status, 302);
    sqlx::query("rollback").execute(&mut other).await.unwrap();
    says("there\n").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_taken_away_stops_the_run_and_says_so() {
    let (folder, inbox) = stage().await;
    let (store, elsewhere) = (folder.path().join("pressroom.db"), folder.path().join("elsewhere.db"));
    let mut run = start(folder.command(&["send", "1", "--yes"]));
    arrived(&mut run, &inbox, 50).await;
    fs::rename(&store, &elsewhere).unwrap();
    let said = tokio::task::spawn_blocking(|| later(run)).await.unwrap();
    assert!(said.contains("pressroom.db") && said.contains("put it back"), "{said}");
    fs::rename(&elsewhere, &store).unwrap();
    completes(&folder, &inbox);
}

#[tokio::test]
async fn where_nobody_can_tell_who_is_at_work_no_sender_is_made_up() {
    let folder = Folder::with_many_readers(2);
    let (_signal, stop) = watch::channel(true);
    folder.prepare().await.unwrap().go(Options { stop, ..options() }).await.unwrap();
    let lock = folder.path().join("trial.db.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let said = folder.run(&["pause", "1"]);
    let (said, out) = (String::from_utf8(said.stderr).unwrap(), String::from_utf8(said.stdout).unwrap());
    assert!(said.contains("trial.db.lock cannot be opened") && !out.contains("at work"), "{said}{out}");
    let listed = folder.run(&["deliveries", "1", "--in-doubt"]);
    let said = String::from_utf8(listed.stderr).unwrap();
    assert!(said.contains("whom a sender that died may have left in doubt is not told apart"), "{said}");
    fs::remove_dir(&lock).unwrap();
    let again = folder.run(&["pause", "1"]);
    assert!(String::from_utf8(again.stdout).unwrap().starts_with("trial: issue 1 is paused already"));
}

/// A newsletter that is no trial, with an issue that everybody has.
async fn served() -> (Folder, Inbox) {
    let folder = Folder::with_readers(&["ada@example.com", "bo@example.com"]);
    let keep = Keep::Maildir(folder.path().join("build/inbox"));
    let inbox = Inbox::start("127.0.0.1:0".parse().unwrap(), keep).await.unwrap();
    folder.relay_through(&inbox);
    assert!(folder.run(&["send", "1", "--yes"]).status.success());
    (folder, inbox)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_lost_is_not_made_anew_and_nobody_gets_an_issue_again() {
    let (folder, inbox) = served().await;
    let store = folder.path().join("pressroom.db");
    let kept = fs::read(&store).unwrap();
    let keys = fs::read_to_string(folder.path().join("pressroom.keys")).unwrap();
    fs::remove_file(&store).unwrap();
    let commands: [&[&str]; 9] = [
        &["send", "1", "--yes"],
        &["send", "1", "--dry-run"],
        &["send", "1", "--rehearse"],
        &["approve", "1"],
        &["dispatch"],
        &["deliveries", "1"],
        &["report", "1"],
        &["pause", "1"],
        &["subscribers", "import"],
    ];
    let refused = |command: &[&str], left: &str| {
        let ended = folder.command(command).env("PRESSROOM_KEYS", &keys).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{command:?}: {said}");
        assert!(said.contains("pressroom.db is missing") && said.contains(left), "{command:?}: {said}");
        assert!(said.contains("backup") && !store.exists(), "{command:?}: {said}");
    };
    for command in commands {
        refused(command, "pressroom.keys says");
    }
    // With the keys in the environment there is no file of them.
    fs::remove_file(folder.path().join("pressroom.keys")).unwrap();
    refused(&["send", "1", "--yes"], "pressroom.db.lock says");
    assert_eq!(inbox.counts().messages, 2);

    fs::write(&store, kept).unwrap();
    let again = folder.command(&["send", "1", "--yes"]).env("PRESSROOM_KEYS", &keys).output().unwrap();
    assert_eq!((again.status.code(), inbox.counts().messages), (Some(0), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_begins_a_store_anew_and_a_trial_is_made_anew_anyway() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    assert!(folder.run(&["send", "1", "--yes"]).status.success());
    fs::remove_file(folder.path().join("trial.db")).unwrap();
    assert!(folder.run(&["send", "1", "--yes"]).status.success());
    assert_eq!(folder.received().len(), 2);

    let (folder, _inbox) = served().await;
    folder.write("pressroom.db", "");
    let ended = folder.run(&["deliveries", "1"]);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("never sent"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_store_is_taken_away_writes_down_what_it_hears_until_it_is_back() {
    let (folder, _inbox) = served().await;
    let server = folder.serve().await;
    let links = folder.links();
    assert_eq!(get(&server, &links.to("1")).await.status, 302);
    Folder::until(&server, "kept_total", 1).await;
    let (store, elsewhere) = (folder.path().join("pressroom.db"), folder.path().join("elsewhere.db"));
    fs::rename(&store, &elsewhere).unwrap();
    assert_eq!(get(&server, &links.to("1")).await.status, 302);
    let left = post(&server, &links.to("unsubscribe"), "List-Unsubscribe=One-Click").await;
    assert_eq!(left.status, 200);
    Folder::until(&server, "pending", 2).await;
    assert!(!store.exists());
    fs::rename(&elsewhere, &store).unwrap();
    Folder::until(&server, "kept_total", 2).await;
    Folder::until(&server, "pending", 0).await;
    server.stop().await;
    let (store, list) = (folder.app().store().await.unwrap(), "readers".parse().unwrap());
    assert_eq!(store.audience(&list, folder.app().now()).await.unwrap().active, 1, "one of two has left");
}
