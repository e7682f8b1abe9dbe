//! The whole circle: an issue goes out, people and robots follow its links, somebody leaves, and the report says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use pressroom::app::App;
use pressroom::event::RobotRule;
use pressroom::inbox::{Inbox, Keep};
use pressroom::reporting;
use pressroom::server::Server;
use pressroom::subscriber::Way;
use serde_json::Value;
use tempfile::TempDir;

use super::Folder;
use crate::folder::{NOW, received};
use crate::reader::{BROWSER, Links, ask, post};

/// A browser that objects to being counted, one that fetches ahead, and one that shows pictures.
const OBJECTS: &[(&str, &str)] = &[("Sec-GPC", "1")];
const FETCHES_AHEAD: &[(&str, &str)] = &[("Sec-Purpose", "prefetch")];
const SHOWS_PICTURES: &[(&str, &str)] = &[BROWSER[0], ("Accept", "image/avif,image/webp,*/*")];
const IMAGE_PROXY: &[(&str, &str)] = &[("User-Agent", "Mozilla/5.0 (via ggpht.com GoogleImageProxy)")];
const LIBRARY: &[(&str, &str)] = &[("User-Agent", "curl/8.5.0")];
const SCANNER: &[(&str, &str)] = &[("User-Agent", "Mozilla/5.0 (compatible; Barracuda Sentinel (EE))")];
const BOT: &[(&str, &str)] = &[("User-Agent", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)")];

/// A clock that is put forward by hand: seconds since the issue was sent.
fn clock(folder: &Folder) -> (App, Arc<AtomicI64>) {
    let sent: Timestamp = NOW.parse().unwrap();
    let after = Arc::new(AtomicI64::new(0));
    let shown = Arc::clone(&after);
    let now = move || Timestamp::from_second(sent.as_second() + shown.load(Ordering::Relaxed)).unwrap();
    (App::open(folder.path(), Arc::new(now)).unwrap(), after)
}

/// Where a message's links lead: as a browser asks, with something more.
async fn as_browser(server: &Server, path: &str, more: &[(&str, &str)]) {
    assert_eq!(ask(server.addr(), "GET", path, &[&BROWSER, more].concat(), "").await.status, 302);
}

const READERS: [&str; 12] = ["ada", "bo", "cy", "di", "ed", "fay", "gus", "hal", "ivy", "jo", "kim", "lea"];

/// The issue goes out over a relay; what each reader's message leads to.
async fn sent(folder: &Folder) -> Vec<Links> {
    let told = "[tracking]\nopens = \"individual\"\n\n[retention]\nevents = \"36500d\"\n\n[smtp]";
    folder.edit("newsletter.toml", "[smtp]", told);
    let maildir = TempDir::new().unwrap();
    let inbox =
        Inbox::start("127.0.0.1:0".parse().unwrap(), Keep::Maildir(maildir.path().to_owned())).await.unwrap();
    folder.relay_through(&inbox);
    folder.send().await.unwrap();
    inbox.stop().await;
    received(maildir.path()).iter().map(|message| Links::of(message)).collect()
}

/// A scanner that calls itself a browser looks at every link of Bo's as the message arrives; Bo reads it hours later. Ada reads it, Ed's
/// browser objects, Fay leaves, and the others' programs are each a robot of its kind.
async fn read(server: &Server, links: &[Links], after: &AtomicI64) {
    let [ada, bo, cy, di, ed, fay, gus, hal, ivy, jo, kim, lea] = links else { panic!("twelve readers") };
    after.store(1, Ordering::Relaxed);
    for place in ["1", "2"] {
        as_browser(server, &bo.to(place), &[]).await;
    }
    after.store(600, Ordering::Relaxed);
    ask(server.addr(), "GET", &ada.to("open"), SHOWS_PICTURES, "").await;
    ask(server.addr(), "GET", &lea.to("open"), IMAGE_PROXY, "").await;
    for (reader, more) in [(ada, &[][..]), (ed, OBJECTS), (gus, FETCHES_AHEAD), (jo, &[])] {
        as_browser(server, &reader.to("1"), more).await;
    }
    for reader in [cy, kim] {
        ask(server.addr(), "HEAD", &reader.to("1"), &BROWSER, "").await;
    }
    for (reader, agent) in [(di, LIBRARY), (hal, SCANNER), (ivy, BOT)] {
        ask(server.addr(), "GET", &reader.to("1"), agent, "").await;
    }
    for (seconds, reader) in [(602, jo), (610, kim), (9_000, bo)] {
        after.store(seconds, Ordering::Relaxed);
        as_browser(server, &reader.to("2"), &[]).await;
    }
    post(server, &fay.to("unsubscribe"), "List-Unsubscribe=One-Click").await;
}

#[tokio::test]
async fn what_people_and_every_kind_of_robot_did_is_told_apart_in_the_report() {
    let readers = READERS.map(|name| format!("{name}@example.com"));
    let folder = Folder::with_readers(&readers.each_ref().map(String::as_str));
    let links = sent(&folder).await;
    let (app, after) = clock(&folder);
    let server = Server::start(&app, "127.0.0.1:0".parse().ok()).await.unwrap();
    read(&server, &links, &after).await;
    server.stop().await;

    after.store(7 * 24 * 60 * 60, Ordering::Relaxed);
    let report = reporting::report(&app, "1".parse().unwrap()).await.unwrap();
    assert_eq!(report.counts.accepted, 12);
    let readers = report.clicks.readers;
    assert_eq!((readers.people, readers.perhaps, readers.robots), (2, 0, 7), "{:?}", report.clicks);
    let robots = [
        (RobotRule::Head, 2),
        (RobotRule::Prefetch, 1),
        (RobotRule::Agent, 3),
        (RobotRule::TooSoon, 2),
        (RobotRule::Sweep, 2),
        (RobotRule::Companion, 1),
    ];
    assert_eq!(report.clicks.requests.robots, BTreeMap::from(robots));
    assert_eq!((report.clicks.requests.people, report.clicks.requests.all_unknown()), (2, 0));
    assert_eq!(report.clicks.nobodys.not_robots(), 1, "{:?}", report.clicks);
    let opens = &report.opens.as_ref().unwrap().count;
    assert_eq!((opens.readers.people, opens.readers.perhaps), (1, 1), "{opens:?}");
    assert_eq!((report.leavers.left, report.leavers.by_way.get(&Way::OneClick)), (1, Some(&1)));
    let told = folder.run(&["--json", "report", "1"]).stdout;
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(told["clicks"], serde_json::to_value(&report.clicks).unwrap());
    assert_eq!(told["leavers"], serde_json::to_value(&report.leavers).unwrap());
}
