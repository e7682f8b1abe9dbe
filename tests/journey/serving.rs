//! The readers' side as its operator needs it: a log that names nobody, an end that cuts nobody off, and limits.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pressroom::server::{Server, Timeouts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::Folder;
use crate::reader::ask;

/// Long beside every limit here: whoever waits for so long waits in vain.
const FOR_EVER: Duration = Duration::from_mins(5);

async fn within(folder: &Folder, timeouts: Timeouts) -> Server {
    Server::start_within(&folder.app(), "127.0.0.1:0".parse().ok(), timeouts).await.unwrap()
}

/// What comes until the server hangs up.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    timeout(FOR_EVER, stream.read_to_end(&mut answer)).await.expect("the server lets go").unwrap();
    String::from_utf8(answer).unwrap()
}

/// Asks once more over a connection that stays open.
async fn ask_again(stream: &mut TcpStream, path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    loop {
        let mut some = [0; 1024];
        let count = stream.read(&mut some).await.unwrap();
        assert!(count > 0, "{answer}");
        answer += &String::from_utf8_lossy(&some[..count]);
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return body.to_owned();
        }
    }
}

/// The command, once it listens.
async fn serve_with_log(folder: &Folder, log: &Path) -> (Child, SocketAddr) {
    let mut serve = folder.command(&["--log", "debug", "serve", "--listen", "127.0.0.1:0"]);
    let server = serve.stdout(Stdio::null()).stderr(File::create(log).unwrap()).spawn().unwrap();
    let addr = loop {
        let said = fs::read_to_string(log).unwrap();
        let listens = said.split_once("listening on ").and_then(|(_, rest)| rest.split_once(';'));
        if let Some((addr, _)) = listens {
            break addr.parse().unwrap();
        }
        sleep(Duration::from_millis(20)).await;
    };
    (server, addr)
}

/// The path of the link in the mail that asks back, once it is there.
async fn confirmation(folder: &Folder) -> String {
    loop {
        let mails = folder.received().into_iter().map(|mail| mail.replace("=\r\n", ""));
        if let Some(mail) = mails.into_iter().find(|mail| mail.contains("/confirm/")) {
            return mail[mail.find("/confirm/").unwrap()..].split_whitespace().next().unwrap().to_owned();
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_log_at_its_most_talkative_has_no_address_no_token_and_no_program() {
    let folder = Folder::with_readers(&["ada.lovelace@example.com"]);
    let settings =
        "[serve]\ntrusted_proxies = [\"127.0.0.1\"]\n\n[tracking]\nopens = \"individual\"\n\n[smtp]";
    folder.edit("newsletter.toml", "[smtp]", settings);
    folder.send().await.unwrap();
    let log = folder.path().join("log");
    let (mut server, addr) = serve_with_log(&folder, &log).await;
    let client = [
        ("User-Agent", "Rarebrowser/7.77"),
        ("X-Forwarded-For", "198.51.100.77"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let links = folder.links();
    let [click, open, leave, choose] = ["1", "open", "unsubscribe", "preferences"].map(|what| links.to(what));
    let forged = format!("/1/unsubscribe/{}", "Z".repeat(34));
    let mut asked = vec![
        ("GET", click, ""),
        ("GET", open, ""),
        ("POST", choose, "name=Countess&tracking=aggregate&format=text&pause=2"),
        ("POST", leave.clone(), "List-Unsubscribe=One-Click"),
        ("POST", leave, "action=reason&reason=other&words=Countess"),
        ("POST", "/subscribe".to_owned(), "email=newcomer%40example.net&name=Countess"),
        ("POST", forged, "List-Unsubscribe=One-Click"),
    ];
    for (method, path, body) in &asked {
        assert_ne!(ask(addr, method, path, &client, body).await.status, 500, "{path}");
    }
    asked.push(("POST", confirmation(&folder).await, ""));
    let (method, path, body) = asked.last().unwrap();
    assert_eq!(ask(addr, method, path, &client, body).await.status, 200);
    assert!(Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap().success());
    assert!(server.wait().unwrap().success());
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("listening addr=") && log.contains("stopped"), "it tells what happens: {log}");
    let tokens = asked.iter().map(|(_, path, _)| path.rsplit('/').next().unwrap());
    let people = ["lovelace", "newcomer", "Countess", "198.51.100.77", "Rarebrowser"];
    for word in tokens.filter(|token| *token != "subscribe").chain(people) {
        assert!(!log.contains(word), "{word} in {log}");
    }
}

#[tokio::test]
async fn the_world_sees_no_numbers_whether_its_proxy_is_named_or_not() {
    let folder = Folder::with_readers(&[]);
    for named in ["trusted_proxies = []", "trusted_proxies = [\"127.0.0.1\"]"] {
        folder.edit("newsletter.toml", "[smtp]", &format!("[serve]\n{named}\n\n[smtp]"));
        let server = folder.serve().await;
        for said in [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.1")] {
            assert_eq!(
                ask(server.addr(), "GET", "/metrics", &[said], "").await.status,
                404,
                "{said:?}, {named}"
            );
        }
        assert_eq!(ask(server.addr(), "GET", "/metrics", &[], "").await.status, 200, "{named}");
        server.stop().await;
        folder.edit("newsletter.toml", &format!("[serve]\n{named}\n\n"), "");
    }
}

#[tokio::test]
async fn a_request_that_is_under_way_when_the_server_is_stopped_is_answered() {
    let folder = Folder::with_readers(&[]);
    let server = folder.serve().await;
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let body = "email=nonsense";
    let head = format!(
        "POST /subscribe HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    let stopping = tokio::spawn(server.stop());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    stream.write_all(body.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 422 ") && answer.contains("</html>"), "{answer}");
    stopping.await.unwrap();
}

#[tokio::test]
async fn who_takes_too_long_for_a_head_or_says_nothing_is_let_go() {
    let folder = Folder::with_readers(&[]);
    let server = within(&folder, Timeouts { head: Duration::from_millis(50), ..Timeouts::default() }).await;
    for some in ["", "GET /health HTTP/1.1\r\nHost: x\r\n"] {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.write_all(some.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_takes_too_long_for_a_form_is_told_so_and_is_no_failure_of_the_servers() {
    let folder = Folder::with_readers(&[]);
    let server =
        within(&folder, Timeouts { answer: Duration::from_millis(500), ..Timeouts::default() }).await;
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let request =
        "POST /subscribe HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100\r\n\r\nemail";
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("This was not understood"), "{answer}");
    assert_eq!(Folder::counted(&server, "failures_total").await, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_form_that_is_garbled_on_its_way_is_no_link_that_leads_nowhere() {
    let folder = Folder::with_readers(&[]);
    let server = folder.serve().await;
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let request = "POST /subscribe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("This was not understood"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn no_more_connections_are_served_at_once_than_there_may_be_and_who_waits_has_their_turn() {
    let folder = Folder::with_readers(&[]);
    folder.edit("newsletter.toml", "[smtp]", "[serve]\nconnections = 1\n\n[smtp]");
    let server = folder.serve().await;
    let mut first = TcpStream::connect(server.addr()).await.unwrap();
    ask_again(&mut first, "/health").await;
    let mut other = TcpStream::connect(server.addr()).await.unwrap();
    other.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    for _ in 0..50 {
        ask_again(&mut first, "/health").await;
    }
    let metrics = ask_again(&mut first, "/metrics").await;
    assert!(metrics.contains("\npressroom_connections 1\n"), "{metrics}");
    drop(first);
    let answer = rest(&mut other).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.stop().await;
}
