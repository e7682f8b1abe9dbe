//! Several machines send one issue together, over one PostgreSQL.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use jiff::SignedDuration;
use pressroom::brake::{self, Pull};
use pressroom::inbox::{Action, Inbox, Keep, Script, Stage};
use pressroom::send::{Ending, Options};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::folder::{Fixture, Folder, copies, options, received};
use crate::server::Schema;

type OnServer = Fixture<true>;

const READERS: usize = 1500;
const CONNECTIONS: usize = 2;

/// Machines of the same newsletter: the same files, the same keys, one store, and a relay that keeps what it gets.
struct Machines {
    folders: Vec<Folder>,
    keys: String,
    maildir: TempDir,
    inbox: Inbox,
    _store: Schema,
}

impl Machines {
    async fn new(count: usize) -> Self {
        let maildir = TempDir::new().unwrap();
        let inbox = Inbox::start("127.0.0.1:0".parse().unwrap(), Keep::Maildir(maildir.path().to_owned()));
        let inbox = inbox.await.unwrap();
        let store = Schema::new();
        let machine = |_| {
            let folder = Folder::with_many_readers(READERS);
            folder.relay_through(&inbox);
            folder.edit("newsletter.toml", "connections = 2", "connections = 2\nrate = \"150/s\"");
            folder.keep_in(&store.url());
            folder
        };
        let keys = pressroom::token::Keys::generate(pressroom::app::random).to_file();
        let keys = secrecy::ExposeSecret::expose_secret(&keys).to_owned();
        Self { folders: (0..count).map(machine).collect(), keys, maildir, inbox, _store: store }
    }

    fn send(&self, machine: usize) -> Child {
        let mut send = self.folders[machine].command(&["--json", "send", "1", "--yes"]);
        send.env("PRESSROOM_KEYS", &self.keys).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn arrived(&self) -> usize {
        fs::read_dir(self.maildir.path().join("new")).map_or(0, Iterator::count)
    }

    fn wait_for(&self, arrived: usize) {
        while self.arrived() < arrived {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_machines_is_killed_and_the_others_finish_its_share() {
    let machines = Machines::new(3).await;
    let mut dying = machines.send(0);
    machines.wait_for(100);
    let others = [machines.send(1), machines.send(2)];
    machines.wait_for(300);
    assert!(dying.try_wait().unwrap().is_none(), "it ended before it could be killed");
    dying.kill().unwrap();
    dying.wait().unwrap();

    let [one, other] = others.map(|machine| machine.wait_with_output().unwrap());
    for ended in [&one, &other] {
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(matches!(ended.status.code(), Some(0 | 3)), "{said}");
    }
    let counts: Value = serde_json::from_slice(&one.stdout).unwrap();
    let count = |key: &str| usize::try_from(counts[key].as_u64().unwrap()).unwrap();
    assert_eq!(count("accepted") + count("in_doubt"), READERS, "{counts}");
    assert!(count("in_doubt") <= 2 * CONNECTIONS, "{counts}");

    let copies = copies(&received(machines.maildir.path()));
    assert!(copies.values().all(|copies| *copies == 1), "somebody got it twice");
    let in_doubt = machines.folders[1].run(&["--json", "deliveries", "1", "--in-doubt"]);
    let in_doubt: BTreeSet<String> = String::from_utf8(in_doubt.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["address"].as_str().unwrap().to_owned())
        .collect();
    let missing = (0..READERS).map(|n| format!("reader{n}@example.com")).filter(|a| !copies.contains_key(a));
    assert!(missing.into_iter().all(|address| in_doubt.contains(&address)), "somebody was forgotten");
    machines.inbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_does_not_move_is_not_waited_for_and_goes_on_with_its_share_once_it_does() {
    let machines = Machines::new(2).await;
    let mut frozen = machines.send(0);
    machines.wait_for(100);
    let signal = |name: &str| {
        assert!(Command::new("kill").args([name, &frozen.id().to_string()]).status().unwrap().success());
    };
    signal("-STOP");
    let folder = &machines.folders[1];
    folder.write("pressroom.keys", &machines.keys);
    fs::set_permissions(folder.path().join("pressroom.keys"), Permissions::from_mode(0o600)).unwrap();
    let soon = Options { patience: SignedDuration::from_secs(2), ..options() };
    let run = pressroom::send::prepare(&folder.app(), "1").await.unwrap();
    let sent = run.go(soon).await.unwrap();
    signal("-CONT");
    assert!(sent.ending == Ending::Deferred && sent.counts.waiting > 0, "{sent}");
    frozen.wait().unwrap();
    let copies = copies(&received(machines.maildir.path()));
    assert_eq!((copies.len(), copies.values().max()), (READERS, Some(&1)));
    machines.inbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_with_an_older_list_takes_nobody_off() {
    let machines = Machines::new(2).await;
    let older: Vec<_> = (0..READERS - 50).map(|n| format!("reader{n}@example.com")).collect();
    machines.folders[1].write_readers(&older.iter().map(String::as_str).collect::<Vec<_>>());
    let first = machines.send(0);
    machines.wait_for(100);
    let mut accepted = 0;
    for machine in [machines.send(1), first] {
        let ended = machine.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let counts: Value = serde_json::from_slice(&ended.stdout).unwrap();
        accepted += counts["accepted_now"].as_u64().unwrap();
    }
    assert_eq!(accepted, READERS as u64, "each says what it did itself");
    assert_eq!(copies(&received(machines.maildir.path())).len(), READERS);
    machines.inbox.stop().await;
}

/// What a command says that does what it is asked for.
fn said<const ON_SERVER: bool>(folder: &Fixture<ON_SERVER>, arguments: &[&str]) -> String {
    let ended = folder.run(arguments);
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(ended.stdout).unwrap() + &stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_goes_its_whole_way_with_a_store_on_a_server() {
    let folder = OnServer::with_readers(&["ada@example.com", "bo@example.com", "cy@example.com"]);
    assert!(said(&folder, &["subscribers", "import"]).contains('3'));
    said(&folder, &["subscribers", "unsubscribe", "cy@example.com"]);
    assert!(said(&folder, &["send", "1", "--dry-run"]).contains("2 readers of list `readers` would get it"));
    assert!(said(&folder, &["send", "1", "--yes"]).contains("2 accepted"));
    assert!(said(&folder, &["send", "1", "--yes"]).contains("nothing was left to do"));
    assert!(said(&folder, &["deliveries", "1"]).contains("ada@example.com  accepted"));
    assert!(said(&folder, &["subscribers", "show", "cy@example.com"]).contains("left"));
    let copies = copies(&folder.received());
    assert_eq!(
        copies.into_iter().collect::<Vec<_>>(),
        [("ada@example.com".into(), 1), ("bo@example.com".into(), 1)]
    );
    assert!(folder.path().join("pressroom.keys").exists() && !folder.path().join("pressroom.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_paused_and_cancelled_from_another_machine() {
    let machines = Machines::new(2).await;
    let mut run = machines.send(0);
    machines.wait_for(50);
    assert!(said(&machines.folders[1], &["pause", "1"]).contains("a sender is at work"));
    let mut held = 0;
    while machines.arrived() != held {
        held = machines.arrived();
        thread::sleep(Duration::from_secs(2));
    }
    assert!(held < READERS);
    assert!(said(&machines.folders[1], &["cancel", "1"]).contains("is cancelled"));
    assert!(run.wait().unwrap().code().is_some());
    assert_eq!(machines.arrived(), held);
    machines.inbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_other_keys_is_refused_before_anything_is_queued() {
    let one = OnServer::with_readers(&["ada@example.com"]);
    let other = Folder::with_readers(&["ada@example.com"]);
    other.write("newsletter.toml", &one.read("newsletter.toml"));
    said(&one, &["send", "1", "--yes"]);
    let keys = pressroom::token::Keys::generate(pressroom::app::random).to_file();
    let mut send = other.command(&["send", "1", "--yes"]);
    let ended = send.env("PRESSROOM_KEYS", secrecy::ExposeSecret::expose_secret(&keys)).output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("not the keys that the store was used with"), "{stderr}");
}

/// How many wait for a transaction of this connection's.
async fn waiting_for(server: &mut PgConnection) -> i64 {
    let select = "select count(*) from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))";
    sqlx::query_scalar(select).fetch_one(server).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_goes_on_while_a_connection_waits_for_the_quota_brings_each_reader_their_own() {
    let folder = OnServer::with_many_readers(3);
    let maildir = TempDir::new().unwrap();
    let mails = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&mails);
    let script = Script::new(move |_, stage| {
        let is_first = stage == Stage::Mail && seen.fetch_add(1, Ordering::SeqCst) == 0;
        is_first.then(|| Action::Late(Duration::from_secs(4)))
    });
    let keep = Keep::Maildir(maildir.path().to_owned());
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), keep, script).await.unwrap();
    // So few that each is booked by itself.
    folder.relay_is(&format!("url = \"smtp://{}\"\nconnections = 1\nwindow = \"100/d\"", inbox.addr()));
    let options = Options { patience: SignedDuration::from_mins(1), ..options() };
    let running = tokio::spawn(folder.prepare().await.unwrap().go(options));
    while mails.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Another machine's booking that takes its time.
    let mut other = PgConnection::connect(&folder.server_url().unwrap()).await.unwrap();
    let mut booking = other.begin().await.unwrap();
    sqlx::query("update quota set messages = 0 where start = -1").execute(&mut *booking).await.unwrap();
    let issue = "1".parse().unwrap();
    brake::pull(&folder.app(), issue, Pull::Pause).await.unwrap();
    while waiting_for(&mut booking).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    brake::pull(&folder.app(), issue, Pull::Resume).await.unwrap();
    // The run looks twice a second whether it may go on.
    tokio::time::sleep(Duration::from_secs(1)).await;
    booking.commit().await.unwrap();
    let sent = running.await.unwrap().unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 3));
    let copies = copies(&received(maildir.path()));
    assert_eq!((copies.len(), copies.values().max()), (3, Some(&1)), "{copies:?}");
    inbox.stop().await;
}
