//! A reader clicks: sent on at once, and kept for whom they let be counted.

use std::time::Duration;

use pressroom::event::{AgentClass, EventKind, HeaderFlags, Method};
use pressroom::id::{IssueNumber, Place};
use pressroom::store::{Kept, LinkChange};
use pressroom::subscriber::Choices;

use super::Folder;
use crate::reader::{BROWSER, Links, ask, get, judging, post};

const LATER: &str = "2023-07-03T00:05:00Z";
const TARGET: &str = "https://halyard.example/queue?a=1&b=2#end";

fn one() -> IssueNumber {
    IssueNumber::new(1).unwrap()
}

async fn sent() -> Folder {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.send().await.unwrap();
    folder
}

async fn kept(folder: &Folder) -> Vec<Kept> {
    folder.app().store().await.unwrap().events(one(), None, 1000).await.unwrap()
}

#[tokio::test]
async fn a_click_leads_where_the_editor_linked_and_is_kept_for_its_reader() {
    let folder = sent().await;
    let server = folder.serve_at(LATER).await;
    let answer = get(&server, &folder.links().to("1")).await;
    assert_eq!((answer.status, answer.header("location")), (302, TARGET));
    server.stop().await;
    let [click] = &kept(&folder).await[..] else { panic!("one click") };
    assert!(click.subscriber.is_some());
    assert_eq!(click.event.kind, EventKind::Click(Place(1)));
    let signals = click.event.signals;
    assert_eq!((signals.agent, signals.method, signals.delay), (AgentClass::Browser, Method::Get, Some(300)));
    assert!(signals.headers.has(HeaderFlags::NAVIGATION) && signals.headers.has(HeaderFlags::USER));
}

#[tokio::test]
async fn what_robots_give_away_is_kept() {
    let folder = sent().await;
    let server = folder.serve_at(LATER).await;
    let path = folder.links().to("2");
    let head = ask(server.addr(), "HEAD", &path, &[("User-Agent", "curl/8")], "").await;
    assert_eq!((head.status, head.header("location")), (302, "https://halyard.example/path"));
    ask(server.addr(), "GET", &path, &[("Sec-Purpose", "prefetch;prerender")], "").await;
    server.stop().await;
    let signals: Vec<_> = kept(&folder).await.iter().map(|kept| kept.event.signals).collect();
    assert_eq!(signals.len(), 2);
    assert!(signals.iter().any(|s| s.method == Method::Head && s.agent == AgentClass::Library));
    assert!(signals.iter().any(|s| s.headers.has(HeaderFlags::PREFETCH)));
}

#[tokio::test]
async fn a_forged_token_leads_on_and_is_counted_for_nobody_and_as_nothing() {
    let folder = sent().await;
    let server = folder.serve().await;
    let path = folder.links().to("1");
    let open = path.replace("/1/1/", "/1/open/");
    let (start, end) = path.split_at(path.len() - 1);
    let forged = format!("{start}{}", if end == "A" { "Q" } else { "A" });
    for path in [&forged, "/1/1/x", "/1/1/"] {
        let answer = get(&server, path).await;
        assert!([302, 404].contains(&answer.status), "{path}: {}", answer.status);
    }
    assert_eq!(get(&server, &forged).await.header("location"), TARGET);
    assert_eq!(
        get(&server, &open).await.header("content-type"),
        "image/gif",
        "a click's token is none of the pixel's"
    );
    server.stop().await;
    assert_eq!(kept(&folder).await, []);
}

#[tokio::test]
async fn what_was_no_link_of_an_issue_leads_nowhere() {
    let folder = sent().await;
    let server = folder.serve().await;
    let token = folder.links().to("1").rsplit('/').next().unwrap().to_owned();
    for path in [
        format!("/1/99/{token}"),
        format!("/1/0/{token}"),
        format!("/2/1/{token}"),
        format!("/x/1/{token}"),
        "/https://evil.example/".to_owned(),
    ] {
        let answer = get(&server, &path).await;
        assert_eq!((answer.status, answer.header("location")), (404, ""), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_pixel_is_an_image_whatever_is_asked() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.edit("newsletter.toml", "[smtp]", "[tracking]\nopens = \"individual\"\n\n[smtp]");
    folder.send().await.unwrap();
    let server = folder.serve().await;
    let path = folder.links().to("open");
    for path in [path.as_str(), "/1/open/x", "/0/open/x", "/x/open/%00"] {
        let answer = get(&server, path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "image/gif"), "{path}");
        assert!(answer.body.starts_with("GIF89a"));
    }
    server.stop().await;
    let kept = kept(&folder).await;
    assert_eq!(kept.iter().map(|kept| kept.event.kind).collect::<Vec<_>>(), [EventKind::Open]);
}

#[tokio::test]
async fn who_asks_not_to_be_tracked_or_withdrew_is_counted_for_nobody() {
    let folder = sent().await;
    let server = folder.serve().await;
    let path = folder.links().to("1");
    ask(server.addr(), "GET", &path, &[("Sec-GPC", "1")], "").await;
    ask(server.addr(), "GET", &path, &[("DNT", "1")], "").await;
    let app = folder.app();
    let store = app.store().await.unwrap();
    let ada = store.reader(&"ada@example.com".parse().unwrap()).await.unwrap().unwrap();
    let choices = Choices { tracking: Some(pressroom::newsletter::Tracking::None), ..Choices::default() };
    store.choose(&"readers".parse().unwrap(), ada.id, &choices, judging(LATER)).await.unwrap();
    get(&server, &path).await;
    server.stop().await;
    let kept = kept(&folder).await;
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|kept| kept.subscriber.is_none() && kept.event.signals.delay.is_none()));
}

#[tokio::test]
async fn a_list_file_that_lets_less_be_counted_acts_on_later_clicks_of_old_mail_and_on_no_earlier_ones() {
    let folder = sent().await;
    let server = folder.serve().await;
    let path = folder.links().to("1");
    get(&server, &path).await;
    Folder::until(&server, "kept_total", 1).await;
    folder.write("subscribers/readers.csv", "email,tracking\nada@example.com,none\n");
    assert!(folder.run(&["subscribers", "import"]).status.success());
    get(&server, &path).await;
    server.stop().await;
    let mut whose: Vec<bool> = kept(&folder).await.iter().map(|kept| kept.subscriber.is_some()).collect();
    whose.sort_unstable();
    assert_eq!(whose, [false, true]);
}

#[tokio::test]
async fn with_the_store_away_clicks_lead_on_readers_leave_and_nothing_is_lost() {
    let folder = sent().await;
    // It makes its own copy of the links.
    folder.serve().await.stop().await;
    let away = folder.take_store_away();

    let server = folder.serve_at(LATER).await;
    let links = folder.links();
    for _ in 0..3 {
        assert_eq!(get(&server, &links.to("1")).await.header("location"), TARGET);
    }
    assert_eq!(get(&server, "/1/open/x").await.header("content-type"), "image/gif");
    let left = post(&server, &links.to("unsubscribe"), "List-Unsubscribe=One-Click").await;
    assert_eq!((left.status, left.body.as_str()), (200, "You are unsubscribed.\n"));
    let page = get(&server, &links.to("preferences")).await;
    assert_eq!((page.status, page.header("retry-after")), (503, "60"));
    assert_eq!(get(&server, "/health").await.status, 200);
    let ready = get(&server, "/ready").await;
    assert!(ready.status == 200 && ready.body.contains("ready; the store is away"), "{}", ready.body);
    Folder::until(&server, "pending", 4).await;
    server.stop().await;

    // Before any server brings it to the store, the review heeds it as the run would.
    away.put_back();
    let nobody = pressroom::send::review::review(&folder.app(), "1").await.unwrap_err().to_string();
    assert!(nobody.contains("nobody on the list"), "{nobody}");

    // Another server, later, on the store as it was: it takes over what the first one left.
    let server = folder.serve_at(LATER).await;
    Folder::until(&server, "kept_total", 3).await;
    Folder::until(&server, "left_total", 1).await;
    server.stop().await;
    assert_eq!(kept(&folder).await.len(), 3);
    let (store, list) = (folder.app().store().await.unwrap(), "readers".parse().unwrap());
    let audience = store.audience(&list, folder.app().now());
    assert_eq!(audience.await.unwrap().active, 0, "who left is gone");
}

#[tokio::test]
async fn while_the_store_is_away_it_is_said_to_be_however_often_one_looks() {
    let folder = sent().await;
    let away = folder.take_store_away();
    let server = folder.serve_at(LATER).await;
    get(&server, &folder.links().to("1")).await;
    for _ in 0..40 {
        assert_eq!(Folder::counted(&server, "store_up").await, 0);
        let ready = get(&server, "/ready").await.body;
        assert!(ready.contains("the store is away"), "{ready}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    away.put_back();
    Folder::until(&server, "store_up", 1).await;
    server.stop().await;
}

#[tokio::test]
async fn a_store_that_comes_back_gets_what_was_heard_meanwhile_once() {
    let folder = sent().await;
    folder.serve().await.stop().await;
    let away = folder.take_store_away();
    let server = folder.serve_at(LATER).await;
    get(&server, &folder.links().to("1")).await;
    Folder::until(&server, "pending", 1).await;
    away.put_back();
    Folder::until(&server, "kept_total", 1).await;
    get(&server, &folder.links().to("2")).await;
    Folder::until(&server, "kept_total", 2).await;
    server.stop().await;
    assert_eq!(kept(&folder).await.len(), 2);
}

#[tokio::test]
async fn a_mended_link_leads_to_its_new_target_in_mail_already_sent() {
    let folder = sent().await;
    let server = folder.serve().await;
    let change = LinkChange {
        place: Place(1),
        at: folder.app().now(),
        was: TARGET.into(),
        url: "https://halyard.example/mended".into(),
    };
    folder.app().store().await.unwrap().change_link(one(), &change).await.unwrap();
    while get(&server, &folder.links().to("1")).await.header("location") != change.url {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(get(&server, "/issues/1").await.body.contains("halyard.example/mended"));
    server.stop().await;
}

#[tokio::test]
async fn an_issue_that_was_sent_after_the_server_started_is_known_at_once() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    let server = folder.serve().await;
    folder.send().await.unwrap();
    assert_eq!(get(&server, &folder.links().to("1")).await.status, 302);
    server.stop().await;
}

#[tokio::test]
async fn several_servers_on_one_store_keep_each_click_once() {
    let folder = sent().await;
    let (one, other) = (folder.serve().await, folder.serve().await);
    for _ in 0..20 {
        get(&one, &folder.links().to("1")).await;
        get(&other, &folder.links().to("2")).await;
    }
    one.stop().await;
    other.stop().await;
    assert_eq!(kept(&folder).await.len(), 40);
}

#[tokio::test]
async fn every_answer_keeps_the_link_to_itself() {
    let folder = sent().await;
    let server = folder.serve().await;
    let links = folder.links();
    let paths = ["1", "unsubscribe", "preferences"].map(|what| links.to(what));
    for path in paths.iter().map(String::as_str).chain(["/1/open/x", "/subscribe", "/nothing", "/issues/1"]) {
        let answer = get(&server, path).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("x-robots-tag"), "noindex", "{path}");
        assert_eq!(answer.header("set-cookie"), "", "{path}");
        let is_page = answer.header("content-type").starts_with("text/html");
        assert_eq!(is_page, !answer.header("content-security-policy").is_empty(), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_web_edition_bears_nobodys_token() {
    let folder = sent().await;
    let server = folder.serve().await;
    let edition = get(&server, "/issues/1").await;
    assert_eq!(edition.status, 200);
    assert!(
        edition.body.contains("The queue was never the bottleneck")
            && edition.body.contains(&TARGET.replace('&', "&amp;"))
    );
    assert!(!edition.body.contains("mail.example.com/1/") && !edition.body.contains("ada@example.com"));
    assert_eq!(get(&server, "/issues/2").await.status, 404);
    assert_eq!(get(&server, "/unsubscribe").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_test_copys_links_say_that_they_are_specimens() {
    let folder = sent().await;
    let editor = ["editor@example.com".parse().unwrap()];
    pressroom::send::test_copy::send(&folder.app(), "1", &editor).await.unwrap();
    let [_, copy] = &folder.received()[..] else { panic!("Ada's and the editor's") };
    let (server, links) = (folder.serve().await, Links::of(copy));
    for what in ["1", "unsubscribe", "preferences"] {
        let answer = get(&server, &links.to(what)).await;
        assert_eq!(answer.status, 200, "{what}");
        assert!(answer.body.contains("specimen"), "{what}");
    }
    let posted = post(&server, &links.to("unsubscribe"), "List-Unsubscribe=One-Click").await;
    assert!(posted.body.contains("specimen"));
    server.stop().await;
    assert_eq!(kept(&folder).await, []);
}

#[tokio::test]
async fn a_rotated_key_leaves_old_links_alive_and_new_ones_are_believed_by_a_server_that_runs() {
    let folder = sent().await;
    let server = folder.serve().await;
    let old = folder.links().to("1");
    let rotated = String::from_utf8(folder.run(&["keys", "rotate"]).stdout).unwrap();
    assert_eq!(rotated, "a new key signs links from the next run on; the one before it goes on verifying\n");
    folder.write("drafts/2.toml", &folder.read("drafts/1.toml").replace("number = 1", "number = 2"));
    let run = pressroom::send::prepare(&folder.app(), "2").await.unwrap();
    run.go(crate::folder::options()).await.unwrap();
    let newer =
        folder.received().into_iter().map(|message| message.replace("=\r\n", "").replace("/2/", "/1/"));
    let newer = newer.map(|message| Links::of(&message).to("1")).find(|link| *link != old).unwrap();
    let newer = newer.replace("/1/1/", "/2/1/");
    // The server looks for new keys now and then; until then nobody signed this for it.
    let mut unsigned = 0;
    while get(&server, &newer).await.status != 302 {
        unsigned += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(get(&server, &old).await.status, 302);
    assert_eq!(Folder::counted(&server, "unsigned_total").await, unsigned);
    server.stop().await;
}

#[tokio::test]
async fn keys_that_know_no_link_in_mail_are_refused_by_all_that_would_use_them() {
    let folder = sent().await;
    let app = folder.app();
    let path = app.workspace.keys_path(&app.workspace.store(&app.config));
    let keys = std::fs::read(&path).unwrap();
    let server = folder.serve().await;
    let others = pressroom::token::Keys::generate(pressroom::app::random).to_file();
    std::fs::write(&path, secrecy::ExposeSecret::expose_secret(&others)).unwrap();
    let refused = pressroom::server::Server::start(&app, Some("127.0.0.1:0".parse().unwrap())).await;
    let said = refused.err().unwrap().to_string();
    assert!(said.contains("not the keys that the store was used with"), "{said}");
    assert_eq!(folder.run(&["send", "1", "--yes"]).status.code(), Some(2));
    assert_eq!(get(&server, &folder.links().to("1")).await.status, 302, "who runs keeps what it had");
    std::fs::write(&path, keys).unwrap();
    server.stop().await;
    folder.serve().await.stop().await;
}

#[tokio::test]
async fn floods_of_nonsense_and_what_is_too_large_are_turned_away() {
    let folder = sent().await;
    let server = folder.serve().await;
    let large = "x".repeat(40_000);
    for path in ["/subscribe".to_owned(), folder.links().to("unsubscribe")] {
        let body = ask(server.addr(), "POST", &path, &BROWSER, &large).await;
        assert_eq!((body.status, body.header("cache-control")), (413, "no-store"));
        assert!(body.body.contains("This was not understood"), "{}", body.body);
    }
    let head = ask(server.addr(), "GET", &format!("/{}", &large[..30_000]), &BROWSER, "").await;
    assert!([414, 431].contains(&head.status), "{}", head.status);
    for method in ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"] {
        let answer =
            ask(server.addr(), method, &folder.links().to("unsubscribe"), &[], "List-Unsubscribe=One-Click")
                .await;
        assert_eq!(answer.status, 405, "{method}");
    }
    assert_eq!(Folder::counted(&server, "left_total").await, 0);
    server.stop().await;
}
