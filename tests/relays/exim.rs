//! Debian's exim4, from where `tests/relays/unpack` put it, on a port of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::folder::received;

/// Whom it runs as: nobody.
const USER: u32 = 65534;
/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running exim; it ends when dropped.
pub(crate) struct Exim {
    root: TempDir,
    port: u16,
    daemon: Child,
}

impl Exim {
    pub(crate) fn start() -> Self {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/exim4");
        assert!(tools.join("complete").exists(), "exim4 is not there: run tests/relays/unpack");
        let root = TempDir::new().expect("a temporary folder");
        let port = free_port();
        prepare(root.path(), &tools, port);
        let libraries = root.path().join("usr/lib/x86_64-linux-gnu");
        let daemon = Command::new(root.path().join("usr/sbin/exim4"))
            .arg("-C")
            .arg(root.path().join("exim.conf"))
            .arg("-bdf")
            .env("LD_LIBRARY_PATH", &libraries)
            .env("LD_PRELOAD", libraries.join("libnss_wrapper.so"))
            .env("NSS_WRAPPER_PASSWD", root.path().join("passwd"))
            .env("NSS_WRAPPER_GROUP", root.path().join("group"))
            .stdin(Stdio::null())
            .spawn()
            .expect("exim4 starts");
        let exim = Self { root, port, daemon };
        exim.wait_until("it listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        exim
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The messages delivered, once there are so many.
    pub(crate) fn received(&self, count: usize) -> Vec<String> {
        let mail = self.spool().join("mail");
        self.wait_until("all is delivered", || received(&mail).len() >= count);
        received(&mail)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.spool().join("mainlog")).unwrap_or_default()
    }

    fn spool(&self) -> PathBuf {
        self.root.path().join("spool")
    }

    fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "waited in vain until {what}; run as root? {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        // It is ours, and has no more to say.
        let _killed = self.daemon.kill();
        let _ended = self.daemon.wait();
    }
}

/// Its folder: the configuration is root's, the spool its own, and it knows a user of its name.
fn prepare(root: &Path, tools: &Path, port: u16) {
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).expect("a folder that it may enter");
    // Nobody has to be able to run it, and may not be let into the checkout.
    let copied = Command::new("cp").arg("-r").arg(tools.join("usr")).arg(root).status().expect("cp");
    assert!(copied.success(), "exim4 cannot be copied");
    let spool = root.join("spool");
    fs::create_dir(&spool).expect("a spool");
    chown(&spool, Some(USER), Some(USER)).expect("only root can start a mail server: run as root");
    let configuration = include_str!("exim.conf")
        .replace("ROOT", &root.to_string_lossy())
        .replace("EXIM", &root.join("usr/sbin/exim4").to_string_lossy())
        .replace("PORT", &port.to_string());
    let users = format!("root:x:0:0::/:/bin/false\nDebian-exim:x:{USER}:{USER}::/:/bin/false\n");
    let groups = format!("root:x:0:\nmail:x:8:\nDebian-exim:x:{USER}:\n");
    for (name, text) in [("exim.conf", configuration), ("passwd", users), ("group", groups)] {
        fs::write(root.join(name), text).expect("a file");
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
