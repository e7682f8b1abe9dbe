//! Who may log in at postfix: a small server of dovecot's authentication protocol, version 1.
//!
//! Postfix holds the conversation with the client (RFC 4954: its lines, its base64, its turns); who is believed is said here, for PLAIN by
//! RFC 4616, for LOGIN by the draft that everybody follows, for XOAUTH2 by Google's description of it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The only user, and their password.
pub(crate) const USER: &str = "weekly";
pub(crate) const PASSWORD: &str = "canary-Pa55word-of-the-relay";

/// What was asked of it, each as the mechanism and what was answered.
#[derive(Clone)]
pub(crate) struct Login {
    mechanism: &'static str,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What a conversation comes to.
enum Next {
    Ask(&'static str),
    Verdict(&'static str),
}

impl Login {
    /// Listens at a socket until the program ends; one mechanism is offered.
    pub(crate) fn start(socket: &Path, mechanism: &'static str) -> Self {
        let listener = UnixListener::bind(socket).expect("a socket");
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666)).expect("for all to ask");
        let login = Self { mechanism, asked: Arc::default() };
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
        self.asked.lock().expect("a list").clone()
    }

    /// One server's questions; who hangs up has asked enough.
    fn serve(&self, mut stream: &UnixStream) -> Option<()> {
        let hello = "SPID\t1\nCUID\t1\nCOOKIE\t0123456789abcdef0123456789abcdef\nDONE\n";
        write!(stream, "VERSION\t1\t2\nMECH\t{}\tplaintext\n{hello}", self.mechanism).ok()?;
        let mut given: Vec<String> = Vec::new();
        for line in BufReader::new(stream).lines() {
            let line = line.ok()?;
            let words: Vec<&str> = line.split('\t').collect();
            let id = match words[..] {
                ["AUTH", id, mechanism, ..] if mechanism == self.mechanism => {
                    given = words.iter().filter_map(|word| word.strip_prefix("resp=")).map(decode).collect();
                    id
                }
                ["CONT", id, answer] => {
                    given.push(decode(answer));
                    id
                }
                _ => continue,
            };
            match next(self.mechanism, &given.iter().map(String::as_str).collect::<Vec<_>>()) {
                Next::Ask(question) => writeln!(stream, "CONT\t{id}\t{}", STANDARD.encode(question)).ok()?,
                Next::Verdict(verdict) => {
                    self.asked.lock().expect("a list").push(format!("{} {verdict}", self.mechanism));
                    writeln!(stream, "{verdict}\t{id}\tuser={USER}").ok()?;
                }
            }
        }
        Some(())
    }
}

fn decode(answer: &str) -> String {
    String::from_utf8(STANDARD.decode(answer).expect("base64")).expect("UTF-8")
}

fn next(mechanism: &str, given: &[&str]) -> Next {
    let verdict = |is_right| Next::Verdict(if is_right { "OK" } else { "FAIL" });
    match (mechanism, given) {
        ("PLAIN", [said]) => verdict(*said == format!("\0{USER}\0{PASSWORD}")),
        ("LOGIN", []) => Next::Ask("Username:"),
        ("LOGIN", [_]) => Next::Ask("Password:"),
        ("LOGIN", [user, password]) => verdict((*user, *password) == (USER, PASSWORD)),
        ("XOAUTH2", [said]) if *said == format!("user={USER}\x01auth=Bearer {PASSWORD}\x01\x01") => {
            verdict(true)
        }
        // Why not; the client answers with nothing, and then it is over.
        ("XOAUTH2", [_]) => Next::Ask(r#"{"status":"401","schemes":"bearer"}"#),
        _ => verdict(false),
    }
}
