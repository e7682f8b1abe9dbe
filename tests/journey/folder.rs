//! A newsletter's folder in a temporary place, and what arrived in its inbox.
//!
//! It keeps its store in a file, or on the tests' PostgreSQL server: journeys that hold of both are in `on_sqlite` and `on_postgres`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, LazyLock};
use std::thread;

use jiff::{SignedDuration, Timestamp};
use pressroom::app::{App, Clock};
use pressroom::inbox::{Inbox, Keep};
use pressroom::send::{self, Options, Run, Sent};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::server::Schema;

/// The clock that stands still: Sunday, 2 July 2023, 20:00 in New York.
pub(crate) const NOW: &str = "2023-07-03T00:00:00Z";

const NEWSLETTER: &str = r#"
name = "Small Hours"
time_zone = "America/New_York"
from = "Small Hours <editor@mail.example.com>"
subject = "{{ newsletter.name }} Issue #{{ issue.number }}"
list = "readers"
list_id = "small-hours.example.com"
base_url = "https://mail.example.com"
postal_address = "Small Hours, 1 Rope Walk, Exampleland"

[smtp]
url = "inbox"
"#;

/// The line that makes it a trial.
const TRIAL: &str = "url = \"inbox\"";

const DRAFT: &str = r#"
number = 1
date = 2023-07-02
preheader = "One story about a queue, and nothing else for once in this small letter."

[[article]]
title = "The queue was never the bottleneck"
url = "https://halyard.example/queue?a=1&b=2#end"
authors = ["Mara Okafor"]
blurb = "A team drew [the whole path](https://halyard.example/path) on one page."
"#;

/// A newsletter's folder of its own for each test.
pub(crate) struct Fixture<const ON_SERVER: bool> {
    server: Option<OnServer>,
    /// The newsletter's own: it fills the built-in inbox's Maildir.
    relay_line: String,
    folder: TempDir,
}

/// With its store in a file.
pub(crate) type Folder = Fixture<false>;

/// A trial has a store of its own, in a file: what is kept on a server goes over a relay, here one that fills the built-in inbox's Maildir.
struct OnServer {
    store: Schema,
    relay: Inbox,
}

impl OnServer {
    /// The relay outlives whatever runtime a test has, or has none.
    fn start(maildir: PathBuf) -> Self {
        static RELAYS: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
        let relay = || RELAYS.block_on(Inbox::start(([127, 0, 0, 1], 0).into(), Keep::Maildir(maildir)));
        let relay = thread::scope(|scope| scope.spawn(relay).join()).expect("a thread").expect("a relay");
        Self { store: Schema::new(), relay }
    }
}

impl<const ON_SERVER: bool> Fixture<ON_SERVER> {
    /// With nothing in it.
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let server = ON_SERVER.then(|| OnServer::start(folder.path().join("build/inbox")));
        let relay = server.as_ref().map(|server| format!("url = \"smtp://{}\"", server.relay.addr()));
        Self { server, relay_line: relay.unwrap_or_else(|| TRIAL.to_owned()), folder }
    }

    fn write_newsletter(&self, text: &str) {
        self.write("newsletter.toml", &text.replace(TRIAL, &self.relay_line));
        if let Some(server) = &self.server {
            self.keep_in(&server.store.url());
        }
    }

    /// One draft of one article, with these readers.
    pub(crate) fn with_readers(addresses: &[&str]) -> Self {
        let folder = Self::new();
        folder.write_newsletter(NEWSLETTER);
        folder.write("drafts/1.toml", DRAFT);
        folder.write_readers(addresses);
        folder
    }

    /// One draft of one article, with so many readers.
    pub(crate) fn with_many_readers(count: usize) -> Self {
        let addresses: Vec<String> = (0..count).map(|n| format!("reader{n}@example.com")).collect();
        Self::with_readers(&addresses.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// A copy of the newsletter that ships with the program.
    pub(crate) fn shipped() -> Self {
        let folder = Self::new();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = |name: &str| fs::read_to_string(repository.join(name)).expect(name);
        folder.write_newsletter(&text("newsletter.toml"));
        for name in ["sponsors.toml", "subscribers/readers.csv"] {
            folder.write(name, &text(name));
        }
        for sub in ["drafts", "templates"] {
            for entry in fs::read_dir(repository.join(sub)).expect(sub).flatten() {
                let name = format!("{sub}/{}", entry.file_name().to_string_lossy());
                folder.write(&name, &fs::read_to_string(entry.path()).expect("a text file"));
            }
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a file in the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The same file with something else in it.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} does not hold {from}");
        self.write(name, &text.replace(from, to));
    }

    pub(crate) fn write_readers(&self, addresses: &[&str]) {
        self.write("subscribers/readers.csv", &format!("email\n{}\n", addresses.join("\n")));
    }

    /// Sends as these lines of `[smtp]` say, not by its own relay.
    pub(crate) fn relay_is(&self, lines: &str) {
        self.edit("newsletter.toml", &self.relay_line, lines);
    }

    /// Sends by its own relay, as these lines say.
    pub(crate) fn relay_also(&self, lines: &str) {
        self.relay_is(&format!("{}\n{lines}", self.relay_line));
    }

    /// Sends through this inbox instead of its own relay.
    pub(crate) fn relay_through(&self, inbox: &Inbox) {
        self.relay_is(&format!("url = \"smtp://{}\"\nconnections = 2", inbox.addr()));
    }

    /// Sends by its own relay again.
    pub(crate) fn relay_no_more_through(&self, inbox: &Inbox) {
        self.edit("newsletter.toml", &format!("url = \"smtp://{}\"", inbox.addr()), &self.relay_line);
    }

    /// Keeps its store there.
    pub(crate) fn keep_in(&self, url: &str) {
        self.edit("newsletter.toml", "\n[smtp]\n", &format!("\n[store]\nurl = \"{url}\"\n\n[smtp]\n"));
    }

    /// Its store's, where that is on a server.
    pub(crate) fn server_url(&self) -> Option<String> {
        self.server.as_ref().map(|server| server.store.url())
    }

    pub(crate) fn app(&self) -> App {
        self.app_at(NOW)
    }

    pub(crate) fn app_at(&self, now: &str) -> App {
        let now: Timestamp = now.parse().expect("a time");
        let clock: Clock = Arc::new(move || now);
        App::open(self.path(), clock).expect("a newsletter's folder")
    }

    pub(crate) async fn prepare(&self) -> anyhow::Result<Run> {
        send::prepare(&self.app(), "1").await
    }

    /// Sends draft 1 as the command does, without asking.
    pub(crate) async fn send(&self) -> anyhow::Result<Sent> {
        self.prepare().await?.go(options()).await
    }

    /// The command itself.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pressroom"));
        command.arg("-C").arg(self.path()).args(arguments).env("NO_COLOR", "1");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the command runs")
    }

    /// What the built-in inbox got.
    pub(crate) fn received(&self) -> Vec<String> {
        received(&self.path().join("build/inbox"))
    }
}

/// Options of a run that nobody watches or stops.
pub(crate) fn options() -> Options {
    let (_, stop) = tokio::sync::watch::channel(false);
    Options { patience: SignedDuration::ZERO, stop, progress: Arc::new(|_| {}) }
}

/// The messages in a Maildir, sorted by their recipient.
pub(crate) fn received(maildir: &Path) -> Vec<String> {
    let files = fs::read_dir(maildir.join("new"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect::<Vec<PathBuf>>());
    let mut messages: Vec<String> =
        files.unwrap_or_default().iter().map(|file| fs::read_to_string(file).expect("a message")).collect();
    messages.sort_by_key(|message| header(message, "Delivered-To"));
    messages
}

/// The value of a header, unfolded; empty where it is absent.
pub(crate) fn header(message: &str, name: &str) -> String {
    let head =
        message.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ").replace("\r\n\t", " ");
    let prefix = format!("{name}: ");
    head.split("\r\n").find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
}

/// How many messages each recipient got.
pub(crate) fn copies(messages: &[String]) -> BTreeMap<String, usize> {
    let mut copies = BTreeMap::new();
    for message in messages {
        *copies.entry(header(message, "Delivered-To").trim_matches(['<', '>']).to_owned()).or_default() += 1;
    }
    copies
}
