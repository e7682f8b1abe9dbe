//! A reader's mail program and browser: links out of the mail that arrived, and requests to the server.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use pressroom::event::Rules;
use pressroom::server::Server;
use pressroom::store::Judging;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::folder::Fixture;

/// What a browser says besides, opened from a mail.
pub(crate) const BROWSER: [(&str, &str); 5] = [
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("Accept-Language", "en-GB,en;q=0.5"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-User", "?1"),
];

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::built_in().expect("the rules"));

/// The last judgement over what a reader did, at a time.
pub(crate) fn judging(at: &str) -> Judging<'static> {
    Judging { rules: &RULES, at: at.parse().expect("a time") }
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// A header's value; empty where it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let named =
            |line: &&str| line.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name));
        self.head.lines().find(named).and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value)
    }
}

/// Asks for a path, and takes the whole answer.
pub(crate) async fn ask(
    server: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(server).await.expect("the server listens");
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let (headers, length) = (headers.concat(), body.len());
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: mail.example.com\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the server answers");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// As a browser does.
pub(crate) async fn get(server: &Server, path: &str) -> Answer {
    ask(server.addr(), "GET", path, &BROWSER, "").await
}

/// As a form on a page does.
pub(crate) async fn post(server: &Server, path: &str, body: &str) -> Answer {
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    ask(server.addr(), "POST", path, &form, body).await
}

/// The paths of a message's own links: those that bear a token.
#[derive(Debug)]
pub(crate) struct Links {
    message: String,
}

impl Links {
    pub(crate) fn of(message: &str) -> Self {
        Self { message: message.replace("=\r\n", "") }
    }

    /// `place`, `open`, `unsubscribe`, `preferences`: the path of the first such link.
    pub(crate) fn to(&self, what: &str) -> String {
        let start = format!("https://mail.example.com/1/{what}/");
        let at = self.message.find(&start).unwrap_or_else(|| panic!("no link to {what}"));
        let link = &self.message[at + "https://mail.example.com".len()..];
        let end = link.find(|c: char| !c.is_ascii_alphanumeric() && !"/-_".contains(c)).unwrap_or(link.len());
        link[..end].to_owned()
    }
}

impl<const ON_SERVER: bool> Fixture<ON_SERVER> {
    /// The readers' side, on a port of its own.
    pub(crate) async fn serve(&self) -> Server {
        self.serve_at(crate::folder::NOW).await
    }

    /// The same at another time.
    pub(crate) async fn serve_at(&self, now: &str) -> Server {
        let loopback = "127.0.0.1:0".parse().expect("an address");
        Server::start(&self.app_at(now), Some(loopback)).await.expect("the server starts")
    }

    /// The links that came with the first message.
    pub(crate) fn links(&self) -> Links {
        Links::of(&self.received()[0])
    }

    /// A number that the server counts.
    pub(crate) async fn counted(server: &Server, name: &str) -> u64 {
        let metrics = ask(server.addr(), "GET", "/metrics", &[], "").await.body;
        let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("pressroom_{name} ")));
        line.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{name} in {metrics}"))
    }

    /// Waits until the server has counted so many.
    pub(crate) async fn until(server: &Server, name: &str, count: u64) {
        while Self::counted(server, name).await != count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
