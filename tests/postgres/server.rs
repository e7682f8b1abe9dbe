//! The tests' own PostgreSQL server, where each test has a schema of its own.

use std::process::{self, Command};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, thread};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A new, empty store, which goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Schema {
    server: &'static str,
    name: String,
}

impl Schema {
    pub(crate) fn new() -> Self {
        static SERVER: OnceLock<String> = OnceLock::new();
        static SCHEMAS: AtomicU32 = AtomicU32::new(0);
        let server = SERVER.get_or_init(|| env::var("PRESSROOM_TEST_POSTGRES").unwrap_or_else(|_| start()));
        let name = format!("test_{}_{}", process::id(), SCHEMAS.fetch_add(1, Ordering::Relaxed));
        let schema = Self { server, name };
        let name = &schema.name;
        schema
            .execute(format!("drop schema if exists {name} cascade; create schema {name}"))
            .expect("a schema");
        schema
    }

    pub(crate) fn url(&self) -> String {
        format!("{}?options[search_path]={}", self.server, self.name)
    }

    /// A test may be asynchronous or not: neither is to know.
    fn execute(&self, sql: String) -> sqlx::Result<()> {
        let execute = || execute(self.server, sql);
        thread::scope(|scope| scope.spawn(execute).join()).expect("a thread")
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        // What a test left open may hold its tables: then they stay.
        let drop = format!("set lock_timeout = '2s'; drop schema {} cascade", self.name);
        let _ = self.execute(drop);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn execute(server: &str, sql: String) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(server).await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    connection.close().await
}

/// Started once, and left running for the next time: `tests/postgres/cluster stop` ends it.
fn start() -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres/cluster");
    let output = Command::new(script).arg("start").output().expect("the script that starts a server");
    assert!(output.status.success(), "no server: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a URL").trim().to_owned()
}
