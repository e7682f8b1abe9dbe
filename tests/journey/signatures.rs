//! Signatures, and the two verifiers that are not ours.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::folder::Fixture;

/// Makes a key of either algorithm and has the newsletter sign with both; gives the DNS, as published.
pub(crate) fn sign_with_both<const ON_SERVER: bool>(folder: &Fixture<ON_SERVER>) -> Value {
    let mut newsletter = folder.read("newsletter.toml");
    let mut dns = json!({});
    for algorithm in ["rsa", "ed25519"] {
        let made = folder.run(&["dkim", "new", "--algorithm", algorithm, "--json"]);
        let made: Value = serde_json::from_slice(&made.stdout).expect("one object");
        let text = |name: &str| made[name].as_str().expect(name).to_owned();
        newsletter.push_str("\n[[dkim]]\n");
        for key in ["domain", "selector", "key_file"] {
            let _ = writeln!(newsletter, "{key} = \"{}\"", text(key));
        }
        dns[text("name")] = made["record"].clone();
    }
    folder.write("newsletter.toml", &newsletter);
    dns
}

/// Messages, laid before dkimpy and mailauth.
pub(crate) struct Judged(TempDir);

impl Judged {
    pub(crate) fn new(dns: &Value) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        fs::write(folder.path().join("dns.json"), dns.to_string()).expect("a file");
        Self(folder)
    }

    pub(crate) fn put(&self, name: &str, message: &str) {
        fs::write(self.0.path().join(format!("{name}.eml")), message).expect("a file");
    }

    /// Both judges give this verdict on both signatures of so many messages.
    pub(crate) fn expect_all(&self, verdict: &str, messages: usize) {
        // Debian's own interpreter: its packages are for it alone.
        for (program, judge) in [("/usr/bin/python3", "signature.py"), ("node", "signature.mjs")] {
            let said = self.ask(program, judge);
            for algorithm in ["rsa-sha256", "ed25519-sha256"] {
                let count =
                    said.lines().filter(|line| line.ends_with(&format!(" {algorithm} {verdict}"))).count();
                assert_eq!(count, messages, "{judge} on {algorithm}:\n{said}");
            }
        }
    }

    fn ask(&self, program: &str, judge: &str) -> String {
        let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges").join(judge);
        let output = Command::new(program)
            .arg(&judge)
            .arg(self.0.path())
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}; ./check installs the judges"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {stderr}; ./check installs the judges", judge.display());
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}
