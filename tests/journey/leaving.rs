//! A reader leaves: one click, at once, for good; and nobody else does.

use std::time::Duration;

use pressroom::app::App;
use pressroom::server::Server;
use pressroom::store::Reader;
use pressroom::subscriber::{SubscriptionStatus, SuppressionReason, Way};

use super::Folder;
use crate::reader::{ask, get, post};

const ONE_CLICK: &str = "List-Unsubscribe=One-Click";
const AGREED: &str = "Send me Small Hours by email. I can leave at any time, by one click in every issue.";

async fn sent() -> Folder {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.send().await.unwrap();
    folder
}

async fn status(app: &App) -> SubscriptionStatus {
    status_of(app, 0).await
}

/// Of her lists, by their names.
async fn status_of(app: &App, list: usize) -> SubscriptionStatus {
    reader(app).await.subscriptions[list].status
}

async fn reader(app: &App) -> Reader {
    let store = app.store().await.unwrap();
    store.reader(&"ada@example.com".parse().unwrap()).await.unwrap().unwrap()
}

async fn until_gone(folder: &Folder, server: &Server) {
    until_gone_from(folder, server, 0).await;
}

/// A busy machine writes it down first.
async fn until_gone_from(folder: &Folder, server: &Server, list: usize) {
    while status_of(&folder.app(), list).await != SubscriptionStatus::Left {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Folder::until(server, "pending", 0).await;
}

async fn ways(app: &App) -> Vec<(Way, Option<String>, bool)> {
    let departures = app.store().await.unwrap().departures("1".parse().unwrap()).await.unwrap();
    departures.into_iter().map(|gone| (gone.leaving.way, gone.reason, gone.undone_at.is_some())).collect()
}

#[tokio::test]
async fn looking_never_changes_a_subscription() {
    let folder = sent().await;
    let server = folder.serve().await;
    let path = folder.links().to("unsubscribe");
    for method in ["GET", "HEAD", "OPTIONS"] {
        for path in [&path, &folder.links().to("preferences"), &format!("{path}?{ONE_CLICK}")] {
            ask(server.addr(), method, path, &[], "").await;
        }
    }
    let page = get(&server, &path).await;
    assert!(
        page.body.contains("Leave this list?") && page.body.contains("a***@example.com"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("ada@example.com"));
    server.stop().await;
    assert_eq!(status(&folder.app()).await, SubscriptionStatus::Subscribed);
}

#[tokio::test]
async fn one_click_to_the_letter_leaves_in_both_ways_of_writing_it_without_login_or_redirect() {
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n--b--\r\n",
        "List-Unsubscribe", "One-Click"
    );
    for (content_type, body) in
        [("application/x-www-form-urlencoded", ONE_CLICK), ("multipart/form-data; boundary=b", &multipart)]
    {
        let folder = sent().await;
        let server = folder.serve().await;
        let path = folder.links().to("unsubscribe");
        let header = folder.received()[0].replace("\r\n ", "").replace("\r\n\t", "");
        assert!(header.contains(&path) && header.contains(&format!("List-Unsubscribe-Post: {ONE_CLICK}")));
        for _ in 0..2 {
            let answer = ask(server.addr(), "POST", &path, &[("Content-Type", content_type)], body).await;
            assert_eq!(
                (answer.status, answer.header("location"), answer.header("set-cookie")),
                (200, "", "")
            );
        }
        until_gone(&folder, &server).await;
        assert!(Folder::counted(&server, "left_total").await <= 1);
        server.stop().await;
        assert_eq!(status(&folder.app()).await, SubscriptionStatus::Left);
        assert_eq!(ways(&folder.app()).await, [(Way::OneClick, None, false)]);
    }
}

#[tokio::test]
async fn what_is_not_to_the_letter_leaves_nobody_off() {
    let folder = sent().await;
    let server = folder.serve().await;
    let links = folder.links();
    let path = links.to("unsubscribe");
    for body in
        ["", "List-Unsubscribe=one-click", "List-Unsubscribe=One-Click2", "x=1", "action=", "action=LEAVE"]
    {
        assert_eq!(post(&server, &path, body).await.status, 200, "{body}: the page, again");
    }
    // A click's token, the preferences', another issue's, a forged one: alike, and nobody.
    let token = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let wrong =
        [token(&links.to("1")), token(&links.to("preferences")), "Z".repeat(33) + "A", "x".to_owned()];
    let mut answers = Vec::new();
    for token in
        wrong.iter().map(|token| format!("/1/unsubscribe/{token}")).chain([path.replace("/1/", "/2/")])
    {
        let answer = post(&server, &token, ONE_CLICK).await;
        answers.push((answer.status, answer.body));
    }
    answers.dedup();
    assert_eq!((answers.len(), answers[0].0), (1, 404));
    server.stop().await;
    assert_eq!(status(&folder.app()).await, SubscriptionStatus::Subscribed);
}

#[tokio::test]
async fn with_the_store_away_the_page_still_has_its_button_and_whoever_presses_it_has_left() {
    let folder = sent().await;
    let away = folder.take_store_away();
    let server = folder.serve().await;
    let path = folder.links().to("unsubscribe");
    for page in [get(&server, &path).await, post(&server, &path, "x=1").await] {
        assert_eq!(page.status, 200, "{}", page.body);
        let button = page.body.contains("<button name=\"action\" value=\"leave\">");
        assert!(button && page.body.contains("that this link came to"), "{}", page.body);
        assert!(!page.body.contains("example.com") && !page.body.contains("at once"), "{}", page.body);
    }
    let forged = format!("/1/unsubscribe/{}A", "Z".repeat(33));
    assert_eq!(get(&server, &forged).await.status, 404);
    let left = post(&server, &path, "action=leave").await;
    assert!(left.status == 200 && left.body.contains("You are leaving"), "{}", left.body);
    assert_eq!(Folder::counted(&server, "failures_total").await, 0);
    away.put_back();
    until_gone(&folder, &server).await;
    assert_eq!(ways(&folder.app()).await, [(Way::Page, None, false)]);
    server.stop().await;
}

#[tokio::test]
async fn the_pages_button_leaves_undo_comes_back_and_a_reason_is_kept() {
    let folder = sent().await;
    let server = folder.serve().await;
    let path = folder.links().to("unsubscribe");
    let left = post(&server, &path, "action=leave").await;
    assert!(left.body.contains("You have left") || left.body.contains("You are leaving"));
    until_gone(&folder, &server).await;
    let page = get(&server, &path).await.body;
    assert!(page.contains("You have left") && page.contains("Undo") && page.contains(AGREED), "{page}");
    assert_eq!(status(&folder.app()).await, SubscriptionStatus::Left);

    let thanked = post(&server, &path, "reason=other&words=%3Cb%3Etoo+long%3C%2Fb%3E&action=reason").await;
    assert!(thanked.body.contains("Thank you"));
    assert_eq!(ways(&folder.app()).await, [(Way::Page, Some("other: <b>too long</b>".to_owned()), false)]);

    let back = post(&server, &path, "action=undo").await;
    assert!(back.body.contains("You are back"));
    assert_eq!(status(&folder.app()).await, SubscriptionStatus::Subscribed);
    assert!(ways(&folder.app()).await[0].2);
    assert_eq!(Folder::counted(&server, "returned_total").await, 1);
    let consent = reader(&folder.app()).await.subscriptions.remove(0).consent.unwrap();
    assert_eq!((consent.at, consent.wording.as_deref()), (folder.app().now(), Some(AGREED)));
    assert_eq!(consent.from.as_deref(), Some("https://mail.example.com/unsubscribe"));
    server.stop().await;
}

#[tokio::test]
async fn who_leaves_one_of_several_lists_is_told_which_and_what_goes_on() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.edit("newsletter.toml", "[smtp]", "[serve.lists]\noutages = \"Outages & more\"\n\n[smtp]");
    folder.send().await.unwrap();
    let server = folder.serve().await;
    let (leaving, choosing) = (folder.links().to("unsubscribe"), folder.links().to("preferences"));
    let alone = get(&server, &leaving).await.body;
    assert!(
        alone.contains("will get no more issues. It takes") && !alone.contains("Still coming"),
        "{alone}"
    );
    post(&server, &choosing, "lists=chosen&list=readers&list=outages").await;
    let before = get(&server, &leaving).await.body;
    assert!(before.contains("will get no more issues of Small Hours. It takes"), "{before}");
    post(&server, &leaving, "action=leave").await;
    until_gone_from(&folder, &server, 1).await;
    let after = get(&server, &leaving).await.body;
    assert!(after.contains("gets no more issues of Small Hours.") && after.contains(&choosing), "{after}");
    for page in [before, after] {
        assert!(page.contains("Still coming to you: Outages &amp; more."), "{page}");
    }
    post(&server, &choosing, "lists=chosen").await;
    let last = get(&server, &leaving).await.body;
    server.stop().await;
    assert!(last.contains("gets no more issues.") && !last.contains("Still coming"), "{last}");
}

#[tokio::test]
async fn who_comes_back_to_an_address_that_nothing_is_sent_to_is_told_so() {
    let folder = sent().await;
    let server = folder.serve().await;
    let path = folder.links().to("unsubscribe");
    post(&server, &path, "action=leave").await;
    until_gone(&folder, &server).await;
    let app = folder.app();
    let suppressed = ("ada@example.com".to_owned(), SuppressionReason::Complained, app.now(), None);
    let store = app.store().await.unwrap();
    store.suppress(vec![suppressed]).await.unwrap();
    let back = post(&server, &path, "action=undo").await.body;
    assert!(back.contains("nothing is sent to this address") && !back.contains("never left"), "{back}");
    server.stop().await;
    assert_eq!(status(&app).await, SubscriptionStatus::Subscribed);
}

#[tokio::test]
async fn who_is_gone_from_the_list_file_is_not_told_that_they_are_back() {
    let folder = sent().await;
    let server = folder.serve().await;
    folder.write_readers(&["bo@example.com"]);
    assert!(folder.run(&["subscribers", "import", "--allow-shrink"]).status.success());
    let page = post(&server, &folder.links().to("unsubscribe"), "action=undo").await.body;
    server.stop().await;
    assert!(!page.contains("You are back"), "{page}");
}

/// The list file is without her, and then has her again.
async fn while_gone_from_the_file(folder: &Folder, leave: impl AsyncFnOnce(&Server)) {
    let import = || assert!(folder.run(&["subscribers", "import", "--allow-shrink"]).status.success());
    folder.write_readers(&["bo@example.com"]);
    import();
    assert_eq!(status(&folder.app()).await, SubscriptionStatus::Gone);
    let server = folder.serve().await;
    leave(&server).await;
    until_gone(folder, &server).await;
    server.stop().await;
    folder.write_readers(&["ada@example.com"]);
    import();
    assert_eq!(status(&folder.app()).await, SubscriptionStatus::Left);
    assert_eq!(ways(&folder.app()).await, [(Way::Page, None, false)]);
}

#[tokio::test]
async fn who_is_gone_from_the_list_file_leaves_by_the_page_and_stays_away_when_the_file_has_them_again() {
    let folder = sent().await;
    while_gone_from_the_file(&folder, async |server| {
        let path = folder.links().to("unsubscribe");
        let page = get(server, &path).await.body;
        assert!(page.contains("value=\"leave\"") && !page.contains("You have left"), "{page}");
        let left = post(server, &path, "action=leave").await.body;
        assert!(left.contains("You have left") || left.contains("You are leaving"), "{left}");
    })
    .await;
}

#[tokio::test]
async fn who_is_gone_from_the_list_file_and_saves_no_list_stays_away_when_the_file_has_them_again() {
    let folder = sent().await;
    while_gone_from_the_file(&folder, async |server| {
        let path = folder.links().to("preferences");
        let page = get(server, &path).await.body;
        assert!(
            page.contains("No issue goes to this address now.") && page.contains("Rather leave"),
            "{page}"
        );
        let saved =
            post(server, &path, "name=&tracking=individual&format=html&pause=0&lists=chosen").await.body;
        assert!(saved.contains("Saved.") && !saved.contains("Rather leave"), "{saved}");
    })
    .await;
}

#[tokio::test]
async fn to_whom_nothing_is_sent_leaves_all_the_same_and_is_not_told_that_other_lists_still_come() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.edit("newsletter.toml", "[smtp]", "[serve.lists]\noutages = \"Outages\"\n\n[smtp]");
    folder.send().await.unwrap();
    let server = folder.serve().await;
    let path = folder.links().to("unsubscribe");
    post(&server, &folder.links().to("preferences"), "pause=8&lists=chosen&list=readers&list=outages").await;
    let suppressed = ("ada@example.com".to_owned(), SuppressionReason::Complained, folder.app().now(), None);
    let app = folder.app();
    app.store().await.unwrap().suppress(vec![suppressed]).await.unwrap();
    post(&server, &path, "action=leave").await;
    until_gone_from(&folder, &server, 1).await;
    let page = get(&server, &path).await.body;
    server.stop().await;
    assert!(page.contains("You have left") && !page.contains("Still coming"), "{page}");
}

#[tokio::test]
async fn no_import_brings_back_who_left_by_a_click() {
    let folder = sent().await;
    let server = folder.serve().await;
    post(&server, &folder.links().to("unsubscribe"), ONE_CLICK).await;
    server.stop().await;
    assert!(folder.run(&["subscribers", "import"]).status.success());
    assert_eq!(status(&folder.app()).await, SubscriptionStatus::Left);
}

#[tokio::test]
async fn the_links_of_somebody_erased_are_answered_as_forged_ones_are() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.edit("newsletter.toml", "[smtp]", "[tracking]\nopens = \"individual\"\n\n[smtp]");
    folder.send().await.unwrap();
    let links = folder.links();
    assert!(folder.run(&["subscribers", "erase", "ada@example.com", "--yes"]).status.success());
    let server = folder.serve().await;
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    for (method, what, body) in [
        ("GET", "unsubscribe", ""),
        ("POST", "unsubscribe", ONE_CLICK),
        ("POST", "unsubscribe", "action=leave"),
        ("POST", "unsubscribe", "action=undo"),
        ("POST", "unsubscribe", "action=reason&reason=other"),
        ("GET", "preferences", ""),
        ("POST", "preferences", "name=Ada&lists=chosen"),
        ("GET", "1", ""),
        ("GET", "open", ""),
    ] {
        let erased = links.to(what);
        let (start, token) = erased.rsplit_once('/').unwrap();
        let forged = format!("{start}/{}A", "Z".repeat(token.len() - 1));
        let mut answers = Vec::new();
        for path in [&erased, &forged] {
            let answer = ask(server.addr(), method, path, &form, body).await;
            let head = answer.head.lines().filter(|line| !line.starts_with("date: "));
            answers.push((head.collect::<Vec<_>>().join("\n"), answer.body));
        }
        assert_eq!(answers[0], answers[1], "{method} {what} {body}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_no_page_takes_is_refused_with_the_same_headers_as_everything() {
    let folder = sent().await;
    let server = folder.serve().await;
    let answer = ask(server.addr(), "PUT", &folder.links().to("unsubscribe"), &[], ONE_CLICK).await;
    server.stop().await;
    assert_eq!(answer.status, 405);
    for (name, value) in
        [("cache-control", "no-store"), ("referrer-policy", "no-referrer"), ("x-robots-tag", "noindex")]
    {
        assert_eq!(answer.header(name), value);
    }
    assert_eq!(status(&folder.app()).await, SubscriptionStatus::Subscribed);
}
