//! Debian's postfix, from where `tests/relays/unpack` put it, on ports of its own: STARTTLS on one, TLS from the start on the other,
//! and a login on both.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::exim::free_port;
use crate::folder::received;
use crate::login::Login;

/// Whom it runs as: Debian's `mail`.
const USER: u32 = 8;
/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running postfix; it ends when dropped.
pub(crate) struct Postfix {
    root: TempDir,
    /// Where STARTTLS is offered.
    pub(crate) port: u16,
    /// Where TLS is spoken from the start.
    pub(crate) tls_port: u16,
    pub(crate) login: Login,
    master: Child,
}

impl Postfix {
    /// Starts it with other settings than `postfix.cf`'s; a login is PLAIN.
    pub(crate) fn start(settings: &str) -> Self {
        Self::start_with(settings, "PLAIN")
    }

    /// The same with a login of this mechanism alone.
    pub(crate) fn start_with(settings: &str, mechanism: &'static str) -> Self {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/postfix");
        assert!(tools.join("complete").exists(), "postfix is not there: run tests/relays/unpack");
        let root = TempDir::new().expect("a temporary folder");
        let (port, tls_port) = (free_port(), free_port());
        prepare(root.path(), &tools, (port, tls_port), settings);
        let login = Login::start(&root.path().join("spool/private/login"), mechanism);
        let libraries = ["usr/lib/postfix", "usr/lib/x86_64-linux-gnu"].map(|path| tools.join(path));
        let libraries = std::env::join_paths(libraries).expect("paths");
        let master = Command::new(tools.join("usr/lib/postfix/sbin/master"))
            .args(["-d", "-c"])
            .arg(root.path().join("etc"))
            .env("LD_LIBRARY_PATH", libraries)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("postfix starts");
        let postfix = Self { root, port, tls_port, login, master };
        postfix.wait_until("it listens", || TcpStream::connect(("127.0.0.1", tls_port)).is_ok());
        postfix
    }

    /// The certificate of who signed its own.
    pub(crate) fn authority(&self) -> PathBuf {
        self.root.path().join("authority.pem")
    }

    /// The messages delivered, once there are so many, with the line ends of mail.
    pub(crate) fn received(&self, count: usize) -> Vec<String> {
        let mail = self.root.path().join("mail/all");
        self.wait_until("all is delivered", || received(&mail).len() >= count);
        received(&mail).iter().map(|message| message.replace('\n', "\r\n")).collect()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.root.path().join("log")).unwrap_or_default()
    }

    fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "waited in vain until {what}; run as root? {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // It is ours, with all that it started, and has no more to say.
        let group = format!("-{}", self.master.id());
        let _killed = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ended = self.master.wait();
    }
}

fn prepare(root: &Path, tools: &Path, (port, tls_port): (u16, u16), settings: &str) {
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).expect("a folder that it may enter");
    let queues =
        "active bounce corrupt defer deferred flush hold incoming private public maildrop saved trace";
    let own = queues.split(' ').map(|queue| format!("spool/{queue}"));
    for folder in own.chain(["lib".to_owned(), "mail".to_owned()]) {
        let path = root.join(folder);
        fs::create_dir_all(&path).expect("a folder");
        chown(&path, Some(USER), Some(USER)).expect("only root can start a mail server: run as root");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("a folder of its own");
    }
    fs::create_dir_all(root.join("spool/pid")).expect("a folder");
    fs::create_dir_all(root.join("etc")).expect("a folder");
    certify(root);
    let main = include_str!("postfix.cf")
        .replace("ROOT", &root.to_string_lossy())
        .replace("TOOLS", &tools.to_string_lossy());
    fs::write(root.join("etc/main.cf"), format!("{main}{settings}\n")).expect("a file");
    let master = include_str!("postfix.services")
        .replace("TLS_PORT", &tls_port.to_string())
        .replace("PORT", &port.to_string());
    fs::write(root.join("etc/master.cf"), master).expect("a file");
    fs::write(root.join("readers"), "if !/^unknown@/\n/./ all/\nendif\n").expect("a file");
}

/// A certificate for `localhost`, its key, and who signed it.
fn certify(root: &Path) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let leaf = leaf.signed_by(&key, &authority).expect("a certificate");
    for (name, text) in [
        ("authority.pem", authority.pem()),
        ("key.pem", key.serialize_pem()),
        ("certificate.pem", leaf.pem()),
    ] {
        fs::write(root.join(name), text).expect("a file");
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o600)).expect("a file of its own");
    }
    fs::set_permissions(root.join("authority.pem"), fs::Permissions::from_mode(0o644))
        .expect("for all to read");
}
