//! Who may log in at postfix: a small server of dovecot's authentication protocol, version 1.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// The only user, and their password.
pub(crate) const USER: &str = "weekly";
pub(crate) const PASSWORD: &str = "canary-Pa55word-of-the-relay";

/// What was asked of it, each as the mechanism and what was answered.
#[derive(Clone, Default)]
pub(crate) struct Login(Arc<Mutex<Vec<String>>>);

impl Login {
    /// Listens at a socket until the program ends.
    pub(crate) fn start(socket: &Path) -> Self {
        let listener = UnixListener::bind(socket).expect("a socket");
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666)).expect("for all to ask");
        let login = Self::default();
        let asked = login.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let asked = asked.clone();
                std::thread::spawn(move || asked.serve(&stream));
            }
        });
        login
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.lock().expect("a list").clone()
    }

    /// One server's questions; who hangs up has asked enough.
    fn serve(&self, mut stream: &UnixStream) -> Option<()> {
        let hello = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0123456789abcdef0123456789abcdef\nDONE\n";
        stream.write_all(hello.as_bytes()).ok()?;
        for line in BufReader::new(stream).lines() {
            let line = line.ok()?;
            let words: Vec<&str> = line.split('\t').collect();
            if let ["AUTH", id, mechanism, ..] = words[..] {
                let given = words.iter().find_map(|word| word.strip_prefix("resp=")).unwrap_or_default();
                let verdict = if given == expected() { "OK" } else { "FAIL" };
                self.0.lock().expect("a list").push(format!("{mechanism} {verdict}"));
                writeln!(stream, "{verdict}\t{id}\tuser={USER}").ok()?;
            }
        }
        Some(())
    }
}

/// RFC 4616.
fn expected() -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(format!("\0{USER}\0{PASSWORD}"))
}
