//! A PostgreSQL server that crashes while an issue goes out, speaks TLS, or says nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::folder::{Fixture, Folder};
use crate::stores::{READERS, arrived, completes, later, stage, start};

/// Gone when it is dropped.
struct Cluster {
    folder: TempDir,
    url: String,
}

impl Cluster {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        // The server runs as somebody else where the tests run as root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let url = control(folder.path(), "start");
        Self { folder, url: url.trim().to_owned() }
    }

    /// It is killed, everybody's sessions with it, and comes back.
    fn crash(&self) {
        control(self.folder.path(), "restart");
    }

    /// From now on it speaks TLS and nothing else. Answers the certificate of whoever signed its own, which names `localhost`.
    fn secure(&self) -> PathBuf {
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let named = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = named.signed_by(&key, &authority).unwrap();
        self.write("server.crt", &certificate.pem());
        self.write("server.key", &key.serialize_pem());
        self.write("pg_hba.conf", "hostssl all all 127.0.0.1/32 scram-sha-256\n");
        let settings = fs::read_to_string(self.path("postgresql.conf")).unwrap();
        self.write("postgresql.conf", &(settings + "ssl = on\n"));
        self.crash();
        let trusted = self.folder.path().join("authority.pem");
        fs::write(&trusted, authority.pem()).unwrap();
        trusted
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("server/cluster").join(name)
    }

    /// A file that the server's user alone may read.
    fn write(&self, name: &str, text: &str) {
        let (path, owner) = (self.path(name), fs::metadata(self.path("")).unwrap());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        control(self.folder.path(), "stop");
    }
}

fn control(folder: &Path, verb: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres/cluster");
    let mut command = Command::new(script);
    let done = command.arg(verb).env("PRESSROOM_CLUSTER", folder.join("server")).output().unwrap();
    assert!(done.status.success(), "{verb}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_stops_the_run_which_says_so_and_the_next_one_completes_it() {
    let cluster = Cluster::start();
    let (folder, inbox) = stage().await;
    folder.keep_in(&cluster.url);
    folder.edit("newsletter.toml", "connections = 2", "connections = 2\nrate = \"100/s\"");
    let mut run = start(folder.command(&["send", "1", "--yes"]));
    arrived(&mut run, &inbox, 50).await;
    cluster.crash();
    let said = tokio::task::spawn_blocking(|| later(run)).await.unwrap();
    assert!(said.contains("database postgres at 127.0.0.1"), "{said}");
    assert!(said.contains("see whether the database's server is there, and run this again"), "{said}");
    assert!(said.contains("nothing that it does not know of has left"), "{said}");
    let arrived = inbox.counts().messages;
    assert!((50..READERS as u64).contains(&arrived), "{arrived} had arrived");
    folder.edit("newsletter.toml", "rate = \"100/s\"", "");
    completes(&folder, &inbox);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_only_whom_the_operator_trusts_is_believed() {
    let cluster = Cluster::start();
    let authority = cluster.secure();
    let by_name = cluster.url.replace("127.0.0.1", "localhost");
    let verified = format!("sslmode=verify-full&sslrootcert={}", authority.display());
    let said = |url: &str| {
        let folder = Folder::with_readers(&["ada@example.com"]);
        folder.relay_is("url = \"smtp://127.0.0.1:1\"");
        folder.keep_in(url);
        let ended = folder.run(&["subscribers", "import"]);
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    for trusting in ["sslmode=require", &verified] {
        let (code, said) = said(&format!("{by_name}?{trusting}"));
        assert_eq!(code, Some(0), "{trusting}: {said}");
    }
    for (url, query, code, why) in [
        (&by_name, "sslmode=verify-full", 1, "UnknownIssuer; see host, `sslmode` and `sslrootcert`"),
        (&cluster.url, &verified, 1, "only valid for DnsName(\"localhost\"); see host, `sslmode`"),
        (&by_name, "sslmode=disable", 1, "no encryption; see user, password and `sslmode`"),
        (&by_name, "sslmode=verify-full&sslrootcert=/no/such/file", 75, "see `sslrootcert`"),
    ] {
        let (ended, said) = said(&format!("{url}?{query}"));
        assert_eq!(ended, Some(code), "{query}: {said}");
        assert!(said.contains(why) && said.contains("database postgres at"), "{query}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_serve_while_the_database_says_nothing_does_not_wait_for_it() {
    let folder = Fixture::<true>::with_readers(&["ada@example.com"]);
    folder.send().await.unwrap();
    let server = folder.serve().await;
    let mut other = PgConnection::connect(&folder.server_url().unwrap()).await.unwrap();
    sqlx::raw_sql("begin; lock table issue in access exclusive mode").execute(&mut other).await.unwrap();
    // It looks for new issues once a second.
    let waits = "select count(*) from pg_locks where relation = 'issue'::regclass and not granted";
    let waiting = async {
        while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut other).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), waiting).await.expect("it looks for new issues");
    tokio::time::timeout(Duration::from_secs(20), server.stop()).await.expect("an end");
}

#[tokio::test]
async fn a_database_that_takes_the_connection_and_says_nothing_is_away() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://ada@{}/news", listener.local_addr().unwrap());
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.relay_is("url = \"smtp://127.0.0.1:1\"");
    folder.edit("newsletter.toml", "[smtp]", &format!("[store]\nurl = \"{url}\"\n\n[smtp]"));
    let ended = tokio::task::spawn_blocking(move || folder.run(&["deliveries", "1"])).await.unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(75) && said.contains("says nothing"), "{:?} {said}", ended.status);
}

#[tokio::test]
async fn a_database_that_takes_no_writes_for_now_is_for_later() {
    let cluster = Cluster::start();
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.relay_is("url = \"smtp://127.0.0.1:1\"");
    folder.edit("newsletter.toml", "[smtp]", &format!("[store]\nurl = \"{}\"\n\n[smtp]", cluster.url));
    let mut server = PgConnection::connect(&cluster.url).await.unwrap();
    sqlx::raw_sql("alter role current_user set default_transaction_read_only = on")
        .execute(&mut server)
        .await
        .unwrap();
    let ended = tokio::task::spawn_blocking(move || folder.run(&["send", "1", "--yes"])).await.unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(
        ended.status.code() == Some(75) && said.contains("takes no writes now"),
        "{:?} {said}",
        ended.status
    );
}
