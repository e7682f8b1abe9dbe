//! The tests' own PostgreSQL server, where each test has a schema of its own.

use std::process::{self, Command};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, thread};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The URL of a new, empty store.
pub(crate) fn new_store() -> String {
    static SERVER: OnceLock<String> = OnceLock::new();
    static STORES: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(|| env::var("PRESSROOM_TEST_POSTGRES").unwrap_or_else(|_| start()));
    let name = format!("test_{}_{}", process::id(), STORES.fetch_add(1, Ordering::Relaxed));
    // A test may be asynchronous or not: neither is to know.
    let create = thread::scope(|scope| scope.spawn(|| create(server, &name)).join());
    create.expect("a schema on the tests' server");
    format!("{server}?options[search_path]={name}")
}

#[tokio::main(flavor = "current_thread")]
async fn create(server: &str, name: &str) {
    let mut connection = PgConnection::connect(server).await.expect("the tests' server");
    let create = format!("drop schema if exists {name} cascade; create schema {name}");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.expect("a schema");
}

/// Started once, and left running for the next time: `tests/postgres/cluster stop` ends it.
fn start() -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres/cluster");
    let output = Command::new(script).arg("start").output().expect("the script that starts a server");
    assert!(output.status.success(), "no server: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a URL").trim().to_owned()
}
