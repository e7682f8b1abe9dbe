//! The whole circle: an issue goes out, people and robots follow its links, somebody leaves, and the report says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use pressroom::app::App;
use pressroom::inbox::{Inbox, Keep};
use pressroom::review;
use pressroom::server::Server;
use pressroom::subscriber::Way;
use tempfile::TempDir;

use super::Folder;
use crate::folder::{NOW, received};
use crate::reader::{BROWSER, Links, ask, get, post};

const READERS: [&str; 6] = [
    "ada@example.com",
    "bo@example.com",
    "cy@example.com",
    "di@example.com",
    "ed@example.com",
    "fay@example.com",
];

/// A clock that is put forward by hand: seconds since the issue was sent.
fn clock(folder: &Folder) -> (App, Arc<AtomicI64>) {
    let sent: Timestamp = NOW.parse().unwrap();
    let after = Arc::new(AtomicI64::new(0));
    let shown = Arc::clone(&after);
    let now = move || Timestamp::from_second(sent.as_second() + shown.load(Ordering::Relaxed)).unwrap();
    (App::open(folder.path(), Arc::new(now)).unwrap(), after)
}

#[tokio::test]
async fn what_people_and_robots_did_is_told_apart_in_the_report() {
    let folder = Folder::with_readers(&READERS);
    let maildir = TempDir::new().unwrap();
    let inbox =
        Inbox::start("127.0.0.1:0".parse().unwrap(), Keep::Maildir(maildir.path().to_owned())).await.unwrap();
    folder.relay_through(&inbox);
    folder.send().await.unwrap();
    let messages = received(maildir.path());
    assert_eq!(messages.len(), READERS.len());
    let links: Vec<Links> = messages.iter().map(|message| Links::of(message)).collect();
    let (app, after) = clock(&folder);
    let server = Server::start(&app, "127.0.0.1:0".parse().ok()).await.unwrap();
    let [ada, bo, cy, di, ed, fay] = &links[..] else { panic!("six readers") };

    // A scanner looks at every link of Bo's as the message arrives; Bo reads it hours later.
    after.store(1, Ordering::Relaxed);
    for place in ["1", "2"] {
        get(&server, &bo.to(place)).await;
    }
    after.store(600, Ordering::Relaxed);
    get(&server, &ada.to("1")).await;
    ask(server.addr(), "HEAD", &cy.to("1"), &BROWSER, "").await;
    ask(server.addr(), "GET", &di.to("1"), &[("User-Agent", "curl/8.5.0")], "").await;
    let objecting = [BROWSER.as_slice(), &[("Sec-GPC", "1")]].concat();
    ask(server.addr(), "GET", &ed.to("1"), &objecting, "").await;
    after.store(9_000, Ordering::Relaxed);
    get(&server, &bo.to("2")).await;
    post(&server, &fay.to("unsubscribe"), "List-Unsubscribe=One-Click").await;
    server.stop().await;

    after.store(7 * 24 * 60 * 60, Ordering::Relaxed);
    let report = review::report(&app, "1".parse().unwrap()).await.unwrap();
    assert_eq!(report.counts.accepted, 6);
    let readers = report.clicks.readers;
    assert_eq!((readers.people, readers.perhaps, readers.robots), (2, 0, 2), "{:?}", report.clicks);
    assert_eq!(report.clicks.nobodys.not_robots(), 1, "{:?}", report.clicks);
    assert_eq!((report.leavers.left, report.leavers.by_way.get(&Way::OneClick)), (1, Some(&1)));
    inbox.stop().await;
}
