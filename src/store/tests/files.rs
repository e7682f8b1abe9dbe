//! What holds of a store in a file.

use super::sending::{issue, number};
use super::*;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::connection::{Connected as _, Connection};

#[tokio::test]
async fn a_store_of_the_first_version_is_brought_up_to_date_with_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pressroom.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut old = SqliteConnection::connect_with(&options).await.unwrap();
    migrations::sqlite().run_to(1, &mut old).await.unwrap();
    let insert = "insert into issue (number, list, frozen, digest, queued_at, state) \
        values (379, 'readers', '{}', 'd', 1700000000000, 'running')";
    sqlx::query(insert).execute(&mut old).await.unwrap();
    old.close().await.unwrap();

    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.issue(number()).await.unwrap(), Some(issue()));
    assert!(store.pause(number()).await.unwrap());
    assert_eq!(store.state(number()).await.unwrap(), Some(IssueState::Paused));
    assert!(store.unfinished().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_second_sender_is_told_who_is_at_work() {
    let store = TestStore::new().await;
    let lock = store.sender_lock(ME).await.unwrap();
    let error = store.sender_lock(SenderId(8)).await.unwrap_err();
    assert!(error.is_transient());
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    let by_another_name = store.folder.path().join("linked.db");
    std::os::unix::fs::symlink(store.folder.path().join("pressroom.db"), &by_another_name).unwrap();
    let linked = Store::open(&by_another_name).await.unwrap();
    assert!(linked.sender_lock(SenderId(9)).await.is_err(), "it is the same store");
    drop(lock);
    store.sender_lock(SenderId(8)).await.unwrap();
}

#[tokio::test]
async fn a_store_is_private_and_refuses_a_newer_ones_tables() {
    use std::os::unix::fs::PermissionsExt;
    let store = TestStore::queued(1).await;
    for name in ["pressroom.db", "pressroom.db-wal", "pressroom.db-shm"] {
        let mode = std::fs::metadata(store.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
        values (9999, 'newer', true, x'00', 0)";
    sql(newer).execute(&mut store.store.write().await.unwrap()).await.unwrap();
    assert!(matches!(Store::at(&store.url).await, Err(StoreError::Newer { .. })));
}

async fn pragma(store: &Store, name: &'static str) -> String {
    let mut writing = store.write().await.unwrap();
    let Connection::Sqlite(on) = writing.connection() else { panic!("it is a file") };
    sqlx::query(name).fetch_one(on).await.unwrap().try_get_unchecked(0).unwrap()
}

#[tokio::test]
async fn a_first_import_leaves_the_store_as_it_works_else() {
    let store = TestStore::new().await;
    let entries = (0..5000).map(|n| entry(&format!("reader{n}@example.com"))).collect();
    store.import_entries(entries, false).await;
    assert_eq!(pragma(&store, "pragma journal_mode").await, "wal");
    assert_eq!(pragma(&store, "select cast(foreign_keys as text) from pragma_foreign_keys").await, "1");
    assert_eq!(pragma(&store, "select cast(synchronous as text) from pragma_synchronous").await, "2");
    assert!(!store.folder.path().join("pressroom.db-journal").exists());
    assert_eq!(store.audience(&list(), NOW).await.unwrap().active, 5000);
    store.import_entries(vec![entry("ada@example.com")], true).await;
    assert_eq!(store.audience_of().await, ["ada@example.com"]);
}

#[tokio::test]
async fn a_first_import_goes_on_beside_whoever_has_the_store_open() {
    let store = TestStore::new().await;
    let other = store.again().await;
    assert_eq!(other.audience(&list(), NOW).await.unwrap().active, 0);
    let entries = (0..5000).map(|n| entry(&format!("reader{n}@example.com"))).collect();
    store.import_entries(entries, false).await;
    assert_eq!(other.audience(&list(), NOW).await.unwrap().active, 5000);
    let reader = other.reader(&address("reader7@example.com")).await.unwrap().unwrap();
    other.choose(&list(), reader.id, &Choices::default(), judging()).await.unwrap();
    assert_eq!(pragma(&store, "pragma journal_mode").await, "wal");
}

#[tokio::test]
async fn who_is_erased_while_another_program_reads_is_in_the_files_until_that_has_ended() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com"]).await;
    let options = SqliteConnectOptions::new().filename(store.folder.path().join("pressroom.db"));
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    let mut reading = other.begin().await.unwrap();
    sqlx::query("select * from subscriber").fetch_all(&mut *reading).await.unwrap();
    let erase = async || store.erase(&address("ada@example.com"), "hash", judging()).await.unwrap();
    let is_there = || {
        ["pressroom.db", "pressroom.db-wal"].iter().any(|name| {
            let bytes = std::fs::read(store.folder.path().join(name)).unwrap();
            memchr::memmem::find(&bytes, b"ada@example.com").is_some()
        })
    };
    assert!(erase().await.lingers && is_there());
    reading.rollback().await.unwrap();
    assert!(!erase().await.lingers && !is_there());
    assert_eq!(pragma(&store, "select cast(timeout as text) from pragma_busy_timeout").await, "30000");
}

/// As SQLite does by itself where the disk is full.
#[tokio::test]
async fn a_transaction_that_was_rolled_back_behind_its_back_keeps_nobody_from_writing() {
    let store = TestStore::queued(1).await;
    {
        let mut writing = store.store.write().await.unwrap();
        let mut transaction = writing.begin().await.unwrap();
        sql("rollback").execute(&mut transaction).await.unwrap();
    }
    assert!(store.pause(number()).await.unwrap());
    assert_eq!(store.state(number()).await.unwrap(), Some(IssueState::Paused));
}
