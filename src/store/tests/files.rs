//! What holds of a store in a file.

use super::sending::{issue, number};
use super::*;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

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
