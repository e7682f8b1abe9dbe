//! What an editor and a sponsor are told of an issue, from events that the store holds.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use pressroom::event::{Event, EventKind, Method, RobotRule, Rules, UnknownRule, hear};
use pressroom::id::{IssueNumber, Place, Reference};
use pressroom::mailbox::EmailAddress;
use pressroom::newsletter::Tracking;
use pressroom::report::{Accepted, Forms, Readers, Report};
use pressroom::reporting;
use pressroom::store::{Arrival, Batch, Store};
use pressroom::subscriber::{Choices, Leaving, Way};
use pressroom::wrap::one_line;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::Value;

use super::Folder;
use crate::folder::NOW;
use crate::reader::judging;

/// A week after the issue was sent.
const LATER: &str = "2023-07-10T00:00:00Z";

const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                      Version/17.6 Mobile/15E148 Safari/604.1";

/// A request for a place (0: the pixel) by an agent, so many seconds after the issue was sent.
struct Asked<'a>(&'a str, u16, i64, &'a str);

/// Has a judge of `tests/judges` look at files of a folder.
fn judge(folder: &Folder, judge: &str, arguments: &[&str], files: &[&str]) {
    let judges = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges");
    let mut command = Command::new("node");
    command.arg(judges.join(judge)).args(arguments).args(files.iter().map(|file| folder.path().join(file)));
    let output = command.output().expect("node; ./check installs the judges");
    assert!(output.status.success(), "{judge} says:\n{}", String::from_utf8_lossy(&output.stdout));
}

/// An issue with two links that was sent to six readers; the last two let less be counted.
async fn sent() -> (Folder, Store) {
    let folder = Folder::with_readers(&[]);
    folder.write(
        "subscribers/readers.csv",
        "email,tracking\nada@example.com,\nbo@example.com,\ncy@example.com,\ndi@example.com,\n\
         together@example.com,aggregate\nnobody@example.com,none\n",
    );
    folder.edit("newsletter.toml", "[smtp]", "[tracking]\nopens = \"individual\"\n\n[smtp]");
    folder.send().await.unwrap();
    let store = folder.app().store().await.unwrap();
    (folder, store)
}

async fn ask(store: &Store, (number, issue): (u64, IssueNumber), requests: &[Asked<'_>]) {
    let rules = Rules::built_in().unwrap();
    let mut arrivals = Vec::new();
    for (seq, Asked(address, place, after, agent)) in (0..).zip(requests) {
        let kind = if *place == 0 { EventKind::Open } else { EventKind::Click(Place(*place)) };
        let headers = [
            ("user-agent", *agent),
            ("accept", "text/html,image/webp,*/*"),
            ("accept-language", "en"),
            ("sec-fetch-mode", "navigate"),
        ];
        let heard = hear(Method::Get, kind, headers.map(|(name, value)| (name, value.as_bytes())), &rules);
        let at = NOW.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(*after);
        let event = Event { kind, at, signals: heard.signals };
        let reference = reference(store, address).await;
        arrivals.push(Arrival { issue, reference, seq, event });
    }
    assert!(store.keep_events(&Batch { server: "test", number }, &arrivals).await.unwrap());
}

async fn reference(store: &Store, address: &str) -> Reference {
    if address.is_empty() {
        return Reference::EVERYONE;
    }
    let list = "readers".parse().unwrap();
    let all = store.recipients(&list, None, 100, NOW.parse().unwrap()).await.unwrap();
    all.iter().find(|reader| reader.address.as_str() == address).unwrap().reference
}

fn one() -> IssueNumber {
    IssueNumber::new(1).unwrap()
}

async fn report(folder: &Folder) -> Report {
    reporting::report(&folder.app_at(LATER), one()).await.unwrap()
}

#[tokio::test]
async fn people_and_robots_stand_apart_and_nothing_is_claimed_of_those_who_are_not_counted() {
    let (folder, store) = sent().await;
    ask(
        &store,
        (1, one()),
        &[
            Asked("ada@example.com", 1, 7200, SAFARI),
            Asked("ada@example.com", 2, 7260, SAFARI),
            Asked("ada@example.com", 1, 90_000, SAFARI),
            Asked("bo@example.com", 1, 300, SAFARI),
            Asked("bo@example.com", 2, 301, SAFARI),
            Asked("cy@example.com", 1, 400, "curl/8.10.1"),
            Asked("di@example.com", 2, 3600, "Something new"),
            Asked("di@example.com", 0, 3600, "Mozilla/5.0 (via ggpht.com GoogleImageProxy)"),
            Asked("together@example.com", 1, 5000, SAFARI),
            Asked("", 1, 6000, SAFARI),
        ],
    )
    .await;
    let report = report(&folder).await;
    assert_eq!(report.clicks_of, Accepted { individual: 4, aggregate: 1, none: 1 });
    assert_eq!(report.clicks.readers, Readers { people: 1, perhaps: 1, robots: 2, unproven: 1 });
    assert_eq!((report.clicks.requests.people, report.clicks.nobodys.not_robots()), (3, 2));
    assert_eq!((report.clicks.requests.all_unknown(), report.clicks.requests.all_robots()), (1, 3));
    let opens = report.opens.as_ref().unwrap();
    assert_eq!((opens.count.readers.perhaps, opens.of.individual), (1, 4));
    let places: Vec<_> = report.parts.iter().flat_map(|part| &part.places).collect();
    assert_eq!(places.iter().map(|place| place.count.requests.people).collect::<Vec<_>>(), [2, 1]);
    let times = report.times.as_ref().unwrap();
    assert_eq!((times.hours[2].people, times.days[1].people), (2, 1));
    let said = report.to_string();
    let (head, counted) = said.split_once("\n\n").unwrap();
    assert_eq!(head.contains("A trial: nothing left this machine."), super::STORE == "SQLite", "{head}");
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("report", counted);
    });
}

#[tokio::test]
async fn who_withdraws_is_nobody_from_then_on_and_leaves_the_denominator() {
    let (folder, store) = sent().await;
    ask(&store, (1, one()), &[Asked("ada@example.com", 1, 7200, SAFARI)]).await;
    let bo = store.reader(&EmailAddress::parse("bo@example.com").unwrap()).await.unwrap().unwrap();
    let choices = Choices { tracking: Some(Tracking::None), ..Choices::default() };
    store.choose(&"readers".parse().unwrap(), bo.id, &choices, judging(LATER)).await.unwrap();
    ask(&store, (2, one()), &[Asked("bo@example.com", 1, 9000, SAFARI)]).await;
    let report = report(&folder).await;
    assert_eq!(report.clicks_of, Accepted { individual: 3, aggregate: 1, none: 2 });
    assert_eq!((report.clicks.readers.people, report.clicks.nobodys.not_robots()), (1, 1));
}

/// Bo's and Di's providers look at every link; Cy clicks.
#[tokio::test]
async fn a_robots_sweep_stays_a_robots_when_its_reader_withdraws_or_is_erased() {
    let (folder, store) = sent().await;
    let clicks = [
        Asked("bo@example.com", 1, 300, SAFARI),
        Asked("bo@example.com", 2, 301, SAFARI),
        Asked("di@example.com", 1, 300, SAFARI),
        Asked("di@example.com", 2, 301, SAFARI),
        Asked("ada@example.com", 1, 7200, SAFARI),
        Asked("cy@example.com", 2, 9000, SAFARI),
    ];
    ask(&store, (1, one()), &clicks).await;
    let before = report(&folder).await.clicks;
    assert_eq!(before.requests.robots, BTreeMap::from([(RobotRule::Sweep, 4)]));
    let choices = Choices { tracking: Some(Tracking::Aggregate), ..Choices::default() };
    for address in ["bo@example.com", "cy@example.com"] {
        let reader = store.reader(&EmailAddress::parse(address).unwrap()).await.unwrap().unwrap();
        store.choose(&"readers".parse().unwrap(), reader.id, &choices, judging(LATER)).await.unwrap();
    }
    let di = EmailAddress::parse("di@example.com").unwrap();
    assert_eq!(store.erase(&di, "hash", judging(LATER)).await.unwrap().events, 2);
    let report = report(&folder).await;
    assert_eq!(report.clicks.readers, Readers { people: 1, ..Readers::default() });
    assert_eq!(report.clicks.nobodys.robots, BTreeMap::from([(RobotRule::Sweep, 4)]));
    assert_eq!(report.clicks.nobodys.unknown, BTreeMap::from([(UnknownRule::Alone, 1)]));
    assert_eq!(report.clicks.people_at_most, 1, "the robots' are nobody else's");
    assert!(one_line(&report.to_string()).contains("by the rules of when"), "{report}");
}

#[tokio::test]
async fn who_left_by_the_issues_links_is_told_by_way() {
    let (folder, store) = sent().await;
    let list = "readers".parse().unwrap();
    for (address, way) in [("ada@example.com", Way::OneClick), ("bo@example.com", Way::Page)] {
        let reader = store.reader(&EmailAddress::parse(address).unwrap()).await.unwrap().unwrap();
        let leaving = Leaving { at: LATER.parse().unwrap(), issue: Some(one()), way };
        assert!(store.leave(&list, reader.id, leaving).await.unwrap());
    }
    let left = report(&folder).await.leavers;
    assert_eq!(left.by_way, BTreeMap::from([(Way::OneClick, 1), (Way::Page, 1)]));
}

#[tokio::test]
async fn an_issue_stands_beside_those_before_it() {
    let (folder, store) = sent().await;
    ask(&store, (1, one()), &[Asked("ada@example.com", 1, 7200, SAFARI)]).await;
    let draft = folder.read("drafts/1.toml").replace("number = 1", "number = 2");
    folder.write("drafts/2.toml", &draft);
    let run = pressroom::send::prepare(&folder.app_at(LATER), "2").await.unwrap();
    run.go(crate::folder::options()).await.unwrap();
    let report = reporting::report(&folder.app_at(LATER), IssueNumber::new(2).unwrap()).await.unwrap();
    let [before] = report.before.as_slice() else { panic!("{:?}", report.before) };
    assert_eq!((before.issue, before.accepted, before.people, before.clicks), (one(), 6, Some(1), Some(1)));
    assert_eq!(before.nobodys, Some(0));
    assert!(report.to_string().contains("BESIDE THE ISSUES BEFORE"));
}

/// A click of the first day and one of the tenth: before the purge and after it the report is the same.
#[tokio::test]
async fn what_retention_may_have_deleted_is_not_told_and_what_came_later_is() {
    let (folder, store) = sent().await;
    let (early, late) = (7200, 10 * 24 * 3600);
    let clicks = [
        Asked("ada@example.com", 1, early, SAFARI),
        Asked("bo@example.com", 1, late, SAFARI),
        Asked("together@example.com", 2, early, SAFARI),
        Asked("", 1, late, SAFARI),
    ];
    ask(&store, (1, one()), &clicks).await;
    let sent: Timestamp = NOW.parse().unwrap();
    let app = |days: i64| folder.app_at(&(sent + SignedDuration::from_hours(24 * days)).to_string());
    let kept = reporting::report(&app(399), one()).await.unwrap();
    assert_eq!((kept.clicks.readers.people, kept.about.deleted_until), (2, None));
    for (days, people, purged) in [(405, Some(1), 2), (411, None, 2)] {
        let before = reporting::report(&app(days), one()).await.unwrap();
        assert!(
            before.times.is_none() && one_line(&before.to_string()).contains("are deleted by"),
            "{before}"
        );
        let json = serde_json::to_value(&before).unwrap();
        assert_eq!(json["clicks"]["readers"]["people"].as_u64(), people, "{before}");
        assert_eq!(json["clicks"]["nobodys"]["unknown"]["alone"].as_u64(), people, "{before}");
        assert!(json["parts"][0]["places"][1]["readers"].is_null(), "none is left of place 2: {json}");
        assert_eq!(store.purge_events(before.about.deleted_until.unwrap()).await.unwrap(), purged);
        assert_eq!(reporting::report(&app(days), one()).await.unwrap(), before);
    }
    // What is to be kept longer from now on does not bring back what is deleted.
    folder.edit("newsletter.toml", "[smtp]", "[retention]\nevents = \"4000d\"\n\n[smtp]");
    let longer = reporting::report(&app(411), one()).await.unwrap();
    assert_eq!(longer.about.deleted_until, Some(sent + SignedDuration::from_hours(24 * 11)));
    assert!(serde_json::to_value(&longer).unwrap()["clicks"]["readers"].is_null(), "{longer}");
}

/// What the command says at a terminal of so many columns.
fn at_a_terminal(folder: &Folder, columns: u16, arguments: &[&str]) -> String {
    let mut terminal = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let path = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let end = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    tcsetwinsize(&end, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let mut command = folder.command(arguments).stdout(end).spawn().unwrap();
    // Once the other end is closed, there is an error instead of an end.
    let mut said = Vec::new();
    let _ = terminal.read_to_end(&mut said);
    assert!(command.wait().unwrap().success());
    String::from_utf8(said).unwrap().replace('\r', "")
}

#[tokio::test]
async fn a_report_at_a_terminal_is_as_wide_as_that() {
    let (folder, _) = sent().await;
    let widest = |said: &str| said.lines().map(|line| line.chars().count()).max();
    for columns in [64, 96] {
        let said = at_a_terminal(&folder, columns, &["report", "1"]);
        assert!(said.contains("CLICKS BY ARTICLE AND LINK"), "{said}");
        let widest = widest(&said).unwrap();
        assert!((usize::from(columns) - 8..=usize::from(columns)).contains(&widest), "{widest}: {said}");
    }
}

#[tokio::test]
async fn the_command_gives_each_form_on_stdout_and_nothing_else() {
    let (folder, store) = sent().await;
    ask(&store, (1, one()), &[Asked("ada@example.com", 1, 7200, SAFARI)]).await;
    // The command's clock is the true one, the issue is of 2023.
    folder.edit("newsletter.toml", "[smtp]", "[retention]\nevents = \"36500d\"\n\n[smtp]");
    let said = |arguments: &[&str]| {
        let output = folder.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(said(&["report", "1"]).contains("CLICKS BY ARTICLE AND LINK"));
    assert!(said(&["report", "1", "--format", "html"]).starts_with("<!DOCTYPE html>"));
    assert!(said(&["report", "1", "--sponsor", "--format", "csv"]).starts_with("issue,what,"));
    assert!(one_line(&said(&["report", "1", "--sponsor"])).contains("Nobody sponsored this issue."));
    for arguments in [&["report", "1", "--json"][..], &["report", "1", "--format", "json"]] {
        let json: Value = serde_json::from_str(&said(arguments)).unwrap();
        for key in ["issue", "queued", "accepted", "deferred", "refused", "in_doubt", "skipped"] {
            assert!(json[key].is_u64(), "{key} in {json}");
        }
        assert_eq!(json["clicks"]["readers"]["people"], 1);
    }
}

#[tokio::test]
async fn the_pages_of_a_shipped_issue_are_pages_that_anybody_can_use() {
    let folder = Folder::shipped();
    let run = pressroom::send::prepare(&folder.app(), "214").await.unwrap();
    run.go(crate::folder::options()).await.unwrap();
    let store = folder.app().store().await.unwrap();
    let issue = IssueNumber::new(214).unwrap();
    let readers =
        store.recipients(&"readers".parse().unwrap(), None, 100, NOW.parse().unwrap()).await.unwrap();
    let mut clicks = Vec::new();
    for (place, reader) in (1..).zip(&readers) {
        clicks.push(Asked(reader.address.as_str(), place, 60 * i64::from(place), SAFARI));
        clicks.push(Asked(reader.address.as_str(), 1, 9999, "Something new"));
    }
    ask(&store, (1, issue), &clicks).await;
    let report = reporting::report(&folder.app_at(LATER), issue).await.unwrap();
    let sponsors = report.for_sponsors();
    assert!(report.clicks.readers.people > 9 && sponsors.placements.len() == 1, "{report}");
    folder.write("report.html", &report.html().unwrap());
    folder.write("sponsors.html", &sponsors.html().unwrap());
    judge(&folder, "html.mjs", &[], &["report.html", "sponsors.html"]);
    judge(&folder, "page.mjs", &["--pages"], &["report.html", "sponsors.html"]);
}

#[test]
fn an_issue_that_was_never_sent_has_no_report_and_no_links() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    for arguments in
        [&["report", "1"][..], &["links", "1"], &["links", "1", "1", "--to", "https://a.example/"]]
    {
        let output = folder.run(arguments);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, "pressroom: issue 1 was never sent; `pressroom send 1` does it\n");
    }
    let nothing = folder.run(&["report", "999"]);
    let said = String::from_utf8(nothing.stderr).unwrap();
    assert_eq!(nothing.status.code(), Some(2));
    assert_eq!(said, "pressroom: issue 999 was never sent, and no draft has that number\n");
}

#[tokio::test]
async fn a_mended_link_is_kept_with_its_old_target() {
    let (folder, _) = sent().await;
    let mend = |to: &str| folder.run(&["links", "1", "2", "--to", to]);
    let said = String::from_utf8(mend("https://halyard.example/moved").stdout).unwrap();
    assert_eq!(
        said.trim_start_matches("trial: "),
        "place 2 of issue 1 leads to https://halyard.example/moved from now on; \
         it led to https://halyard.example/path\n"
    );
    assert!(String::from_utf8(mend("https://halyard.example/moved").stdout).unwrap().contains("already"));
    let links: Value = serde_json::from_slice(&folder.run(&["links", "1", "--json"]).stdout).unwrap();
    assert_eq!(links["places"][1]["url"], "https://halyard.example/moved");
    assert_eq!(links["places"][1]["before"][0]["url"], "https://halyard.example/path");
    assert_eq!(links["places"][1]["part"]["kind"], "article");
    let report: Value = serde_json::from_slice(&folder.run(&["report", "1", "--json"]).stdout).unwrap();
    let parts = report["parts"].as_array().unwrap().iter();
    let place = parts.flat_map(|part| part["places"].as_array().unwrap()).find(|place| place["place"] == 2);
    assert_eq!(place.unwrap()["url"], "https://halyard.example/moved");
    assert_eq!(place.unwrap()["before"][0], "https://halyard.example/path");
    assert!(String::from_utf8(folder.run(&["report", "1"]).stdout).unwrap().contains("(mended)"));
    for bad in [
        "javascript:alert(1)",
        "https://me@halyard.example/",
        "halyard.example",
        "https://a b/",
        "https://a.example/\u{1}",
    ] {
        let refused = mend(bad);
        assert_eq!(refused.status.code(), Some(2), "{bad}");
    }
    for back in ["https://mail.example.com/1/2/abc", "http://MAIL.example.com/7/unsubscribe/abc"] {
        let refused = mend(back);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(2) && said.contains("place 2 of issue 1"), "{back}: {said}");
    }
    assert!(mend("https://mail.example.com/issues/1").status.success(), "a page of ours is no circle");
    let evil = mend("https://mail.example.com/../\\evil");
    assert!(evil.status.code() == Some(2) && String::from_utf8_lossy(&evil.stderr).contains("a backslash"));
    let lacking = folder.run(&["links", "1", "9", "--to", "https://halyard.example/"]);
    assert_eq!(lacking.status.code(), Some(2));
    assert!(String::from_utf8(lacking.stderr).unwrap().contains("has no place 9, but 1 to 2"));
}
