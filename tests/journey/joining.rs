//! Somebody joins: by their own word, given twice, the second time from their own mailbox.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;
use pressroom::inbox::{Action, Inbox, Keep, Script, Stage};
use pressroom::server::Server;
use pressroom::store::JoinRequest;
use pressroom::subscriber::{Leaving, Origin, SubscriptionStatus, SuppressionReason, Way};

use super::Folder;
use crate::folder::header;
use crate::reader::{Answer, Links, ask, get, post};

/// The mail that asks back, once it is there.
async fn invitation(folder: &Folder) -> String {
    loop {
        if let Some(message) = folder.received().pop() {
            return message;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn confirmation(message: &str) -> String {
    let message = message.replace("=\r\n", "");
    let at = message.find("/confirm/").expect("a link to confirm");
    message[at..].split_whitespace().next().unwrap().to_owned()
}

async fn audience(folder: &Folder) -> u64 {
    let store = folder.app().store().await.unwrap();
    store.audience(&"readers".parse().unwrap(), folder.app().now()).await.unwrap().active
}

#[tokio::test]
async fn a_name_that_is_too_long_is_refused_and_that_is_said() {
    let folder = Folder::with_readers(&[]);
    let server = folder.serve().await;
    let long = format!("email=ada%40example.com&name={}", "x".repeat(101));
    let refused = post(&server, "/subscribe", &long).await;
    assert!(refused.status == 422 && refused.body.contains("longer than 100 characters"), "{}", refused.body);
    server.stop().await;
}

#[tokio::test]
async fn an_address_in_quotes_with_a_space_is_asked_back_by_mail_too() {
    let folder = Folder::with_readers(&[]);
    let server = folder.serve().await;
    post(&server, "/subscribe", "email=%22a+b%22%40example.com").await;
    let message = invitation(&folder).await;
    assert_eq!(header(&message, "To"), "\"a b\"@example.com");
    assert!(post(&server, &confirmation(&message), "").await.body.contains("Welcome"));
    server.stop().await;
}

#[tokio::test]
async fn who_asks_is_asked_back_by_mail_and_joins_when_they_confirm_and_not_before() {
    let folder = Folder::with_readers(&[]);
    let server = folder.serve().await;
    assert!(get(&server, "/subscribe").await.body.contains("type=\"email\""));
    let asked = post(&server, "/subscribe", "email=Ada%40example.com&name=Ada+Example").await;
    assert!(asked.status == 200 && asked.body.contains("Look into your inbox"), "{}", asked.body);

    let message = invitation(&folder).await;
    assert_eq!(header(&message, "Auto-Submitted"), "auto-generated");
    assert_eq!(header(&message, "To"), "Ada@example.com");
    assert!(header(&message, "From").contains("editor@mail.example.com"));
    assert!(!message.contains("Ada Example"), "what a stranger entered is not mailed");
    let path = confirmation(&message);
    for method in ["GET", "HEAD", "OPTIONS"] {
        ask(server.addr(), method, &path, &[], "").await;
    }
    assert!(get(&server, &path).await.body.contains("Is this you?"));
    assert_eq!(audience(&folder).await, 0, "looking joins nobody");

    assert!(post(&server, &path, "").await.body.contains("Welcome"));
    assert!(post(&server, &path, "").await.body.contains("Welcome"), "twice is the same as once");
    assert_eq!(Folder::counted(&server, "joined_total").await, 1);
    let (store, ada) = (folder.app().store().await.unwrap(), "ada@example.com".parse().unwrap());
    let ada = store.reader(&ada).await.unwrap().unwrap();
    let consent = ada.subscriptions[0].consent.clone().unwrap();
    let leaving = Leaving { at: folder.app().now(), issue: None, way: Way::Page };
    assert!(store.leave(&"readers".parse().unwrap(), ada.id, leaving).await.unwrap());
    is_over(&server, &path).await;
    assert!(store.come_back(&"readers".parse().unwrap(), ada.id, consent).await.unwrap());
    server.stop().await;
    let reader =
        folder.app().store().await.unwrap().reader(&"ada@example.com".parse().unwrap()).await.unwrap();
    let held = reader.unwrap().subscriptions.remove(0);
    assert_eq!((held.status, held.origin), (SubscriptionStatus::Subscribed, Origin::Page));
    assert_eq!(held.choices.name.as_deref(), Some("Ada Example"));
}

/// A confirmation is over, whoever looks at it or presses its button.
async fn is_over(server: &Server, path: &str) {
    for seen in [get(server, path).await, post(server, path, "").await] {
        assert!(seen.status == 404 && seen.body.contains("This link is over"), "{}", seen.body);
    }
}

// The server goes on while a command runs.
#[tokio::test(flavor = "multi_thread")]
async fn no_page_lifts_a_do_not_mail_entry_though_its_owner_asked_before() {
    let folder = Folder::with_readers(&["bo@example.com"]);
    let server = folder.serve().await;
    post(&server, "/subscribe", "email=ada%40example.com").await;
    let path = confirmation(&invitation(&folder).await);
    folder.write("never.csv", "email\nada@example.com\n");
    let never = folder.path().join("never.csv");
    assert!(folder.run(&["subscribers", "import", "--suppressed", never.to_str().unwrap()]).status.success());
    is_over(&server, &path).await;
    server.stop().await;
    let ada = "ada@example.com".parse().unwrap();
    let stands = folder.app().store().await.unwrap().suppression(&ada).await.unwrap();
    assert_eq!(stands.map(|stands| stands.reason), Some(SuppressionReason::DoNotMail));
    assert_eq!(audience(&folder).await, 0);
}

// The server goes on while commands run.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_erased_comes_back_by_the_page_unless_nobody_was_to_write_to_them() {
    let folder = Folder::with_readers(&["bo@example.com"]);
    folder.send().await.unwrap();
    folder.write("never.csv", "email\nada@example.com\n");
    let never = folder.path().join("never.csv");
    let suppress = || folder.run(&["subscribers", "import", "--suppressed", never.to_str().unwrap()]);
    let erase = |who: &str| folder.run(&["subscribers", "erase", who, "--yes"]);
    assert!(suppress().status.success() && erase("ada@example.com").status.success());
    // Once erased, she is found by her hash.
    folder.write("never.csv", "email\ncy@example.com\n");
    assert!(erase("cy@example.com").status.success() && suppress().status.success());
    assert!(erase("di@example.com").status.success());
    let server = folder.serve().await;
    for who in ["ada", "cy", "di"] {
        assert_eq!(post(&server, "/subscribe", &format!("email={who}%40example.com")).await.status, 200);
    }
    Folder::until(&server, "invited_total", 1).await;
    server.stop().await;
    let asked: Vec<String> = folder.received().iter().map(|mail| header(mail, "To")).collect();
    assert!(asked.len() == 2 && asked.iter().any(|to| to.contains("di@")), "{asked:?}");
}

#[tokio::test]
async fn a_confirmation_asked_for_before_its_reader_left_is_over() {
    let folder = Folder::with_readers(&["bo@example.com"]);
    let server = folder.serve().await;
    post(&server, "/subscribe", "email=ada%40example.com").await;
    let path = confirmation(&invitation(&folder).await);
    Folder::until(&server, "invited_total", 1).await;
    server.stop().await;
    folder.write_readers(&["ada@example.com", "bo@example.com"]);
    folder.send().await.unwrap();
    let server = folder.serve_at("2023-07-03T00:00:01Z").await;
    let mails = folder.received();
    let issue =
        mails.iter().find(|mail| mail.contains("/1/unsubscribe/") && header(mail, "To").contains("ada@"));
    let leave = Links::of(issue.unwrap()).to("unsubscribe");
    assert_eq!(post(&server, &leave, "List-Unsubscribe=One-Click").await.status, 200);
    Folder::until(&server, "left_total", 1).await;
    is_over(&server, &path).await;
    server.stop().await;
    assert_eq!(audience(&folder).await, 1);
}

#[tokio::test]
async fn the_answer_is_the_same_whoever_an_address_belongs_to() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.send().await.unwrap();
    let server = folder.serve().await;
    let of = |answer: Answer| (answer.status, answer.body);
    let known = of(post(&server, "/subscribe", "email=ada%40example.com").await);
    let unknown = of(post(&server, "/subscribe", "email=bo%40example.com").await);
    let again = of(post(&server, "/subscribe", "email=bo%40example.com").await);
    assert!(known == unknown && unknown == again);
    Folder::until(&server, "invited_total", 1).await;
    server.stop().await;
    assert_eq!(folder.received().len(), 2, "the issue, and one mail to who is not on the list");
}

#[tokio::test]
async fn a_confirmation_expires_and_a_forged_one_joins_nobody() {
    let folder = Folder::with_readers(&[]);
    let server = folder.serve().await;
    post(&server, "/subscribe", "email=ada%40example.com").await;
    let path = confirmation(&invitation(&folder).await);
    server.stop().await;
    let server = folder.serve_at("2023-07-06T00:00:00Z").await;
    for path in [path.as_str(), "/confirm/AAAAAAAAAAAAAAAAAAAAAA", "/confirm/"] {
        for answer in [get(&server, path).await, post(&server, path, "").await] {
            assert_eq!(answer.status, 404, "{path}");
        }
    }
    server.stop().await;
    assert_eq!(audience(&folder).await, 0);
}

#[tokio::test]
async fn mistakes_are_said_at_the_form_with_what_was_entered() {
    let folder = Folder::with_readers(&[]);
    let server = folder.serve().await;
    for body in [
        "",
        "email=ada",
        "email=%22%3E%3Cscript%3E",
        "email=a%40example.com&name=a%0D%0ABcc:x",
        "email=a%40example.com&list=staff",
    ] {
        let answer = post(&server, "/subscribe", body).await;
        assert_eq!(answer.status, 422, "{body}");
        assert!(
            answer.body.contains("role=\"alert\"") && !answer.body.contains("<script"),
            "{}",
            answer.body
        );
    }
    server.stop().await;
    assert!(folder.received().is_empty());
}

#[tokio::test]
async fn one_client_asks_so_often_and_no_more_and_a_proxys_word_counts_only_if_it_is_ours() {
    let folder = Folder::with_readers(&[]);
    let join = async |addr, n: u32, client: &str| {
        let body = format!("email=reader{n}%40example.com");
        ask(addr, "POST", "/subscribe", &[("X-Forwarded-For", client)], &body).await.status
    };
    let server = folder.serve().await;
    for n in 0..10 {
        assert_eq!(join(server.addr(), n, &format!("192.0.2.{n}")).await, 200);
    }
    assert_eq!(join(server.addr(), 10, "192.0.2.10").await, 429, "a stranger's word on who it is");
    server.stop().await;

    folder.edit("newsletter.toml", "[smtp]", "[serve]\ntrusted_proxies = [\"127.0.0.1\"]\n\n[smtp]");
    let server = folder.serve().await;
    for n in 11..23 {
        assert_eq!(join(server.addr(), n, &format!("192.0.2.{n}")).await, 200);
    }
    server.stop().await;
}

// The server goes on while a command runs.
#[tokio::test(flavor = "multi_thread")]
async fn the_form_can_stand_on_any_page() {
    let folder = Folder::with_readers(&[]);
    let server = folder.serve().await;
    let form = get(&server, "/subscribe/form").await;
    assert!(form.header("content-type").starts_with("text/plain"));
    assert!(form.body.contains("action=\"https://mail.example.com/subscribe\""), "{}", form.body);
    let own = "https://mail.example.com";
    let begins_alike = "https://mail.example.co";
    for (name, origin) in
        [("ada", "https://blog.example.org"), ("bo", begins_alike), ("cy", own), ("di", "null")]
    {
        let headers = [("Origin", origin), ("Content-Type", "application/x-www-form-urlencoded")];
        let body = format!("email={name}%40example.com");
        assert_eq!(ask(server.addr(), "POST", "/subscribe", &headers, &body).await.status, 200);
        let held = folder.run(&["subscribers", "export", &format!("{name}@example.com")]);
        let kept =
            if [own, "null"].contains(&origin) { "https://mail.example.com/subscribe" } else { origin };
        let said = String::from_utf8_lossy(&held.stdout);
        assert!(said.contains(&format!("\"source\": \"{kept}\"")), "{held:?}");
    }
    server.stop().await;
}

/// A relay that nobody answers at.
const AWAY: &str = "url = \"smtp://127.0.0.1:1\"";

/// Somebody asked while the relay was away, and the server was stopped after it had tried.
async fn asked_in_vain(folder: &Folder) {
    folder.relay_is(AWAY);
    let server = folder.serve().await;
    assert_eq!(post(&server, "/subscribe", "email=ada%40example.com").await.status, 200);
    Folder::until(&server, "uninvited_total", 1).await;
    server.stop().await;
    assert!(folder.received().is_empty());
}

/// The relay is there again.
async fn relay(folder: &Folder) -> Inbox {
    let maildir = folder.path().join("build/inbox");
    let inbox = Inbox::start("127.0.0.1:0".parse().unwrap(), Keep::Maildir(maildir)).await.unwrap();
    folder.edit("newsletter.toml", AWAY, &format!("url = \"smtp://{}\"", inbox.addr()));
    inbox
}

#[tokio::test]
async fn a_confirmation_that_no_relay_took_is_mailed_once_after_the_servers_restart() {
    let folder = Folder::with_readers(&[]);
    asked_in_vain(&folder).await;
    let _relay = relay(&folder).await;
    let hour_later = "2023-07-03T01:00:00Z";
    let (one, other) = (folder.serve_at(hour_later).await, folder.serve_at(hour_later).await);
    let path = confirmation(&invitation(&folder).await);
    while Folder::counted(&one, "invited_total").await + Folder::counted(&other, "invited_total").await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // Whichever took it, there is none left to be taken by anybody.
    let store = folder.app().store().await.unwrap();
    let later = folder.app_at("2023-07-04T00:00:00Z").now();
    let lease = SignedDuration::from_mins(1);
    assert_eq!(store.take_invitation(|_| "another".to_owned(), later, lease).await.unwrap(), None);
    assert!(post(&other, &path, "").await.body.contains("Welcome"));
    one.stop().await;
    other.stop().await;
    assert_eq!(folder.received().len(), 1, "one mail, of two servers");
    assert_eq!(audience(&folder).await, 1);
}

#[tokio::test]
async fn a_confirmation_that_expired_while_the_relay_was_away_is_mailed_to_nobody() {
    let folder = Folder::with_readers(&[]);
    asked_in_vain(&folder).await;
    let _relay = relay(&folder).await;
    let server = folder.serve_at("2023-07-05T00:00:01Z").await;
    post(&server, "/subscribe", "email=bo%40example.com").await;
    Folder::until(&server, "invited_total", 1).await;
    server.stop().await;
    let received = folder.received();
    assert_eq!((received.len(), header(&received[0], "To").as_str()), (1, "bo@example.com"));
}

#[tokio::test]
async fn a_confirmation_whose_server_was_killed_with_it_is_mailed_once_more_and_both_links_are_good() {
    let folder = Folder::with_readers(&[]);
    // It keeps the first message, and the server never hears of it.
    let is_silent = AtomicBool::new(true);
    let script = Script::new(move |_, stage| {
        (stage == Stage::Kept && is_silent.swap(false, Ordering::Relaxed)).then_some(Action::Stall)
    });
    let keep = Keep::Maildir(folder.path().join("build/inbox"));
    let inbox = Inbox::scripted("127.0.0.1:0".parse().unwrap(), keep, script).await.unwrap();
    folder.relay_through(&inbox);
    let asked = JoinRequest {
        list: "readers".parse().unwrap(),
        address: "ada@example.com".parse().unwrap(),
        name: None,
        token_hash: String::new(),
        at: folder.app().now(),
        // The server that is killed has a clock of its own.
        expires_at: "2100-01-01T00:00:00Z".parse().unwrap(),
        wording: String::new(),
        source: String::new(),
    };
    let store = folder.app().store().await.unwrap();
    store.ask_to_join(&asked, (1, SignedDuration::from_hours(1))).await.unwrap();
    let mut serve = folder.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut server = serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let first = invitation(&folder).await;
    server.kill().unwrap();
    server.wait().unwrap();

    let server = folder.serve_at("2090-01-01T00:00:00Z").await;
    Folder::until(&server, "invited_total", 1).await;
    let received = folder.received();
    assert_eq!(received.len(), 2, "one more");
    let lease = SignedDuration::from_mins(1);
    let later = "2099-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(store.take_invitation(|_| "another".to_owned(), later, lease).await.unwrap(), None);
    assert_eq!(confirmation(&received[0]), confirmation(&received[1]));
    assert!(post(&server, &confirmation(&first), "").await.body.contains("Welcome"));
    server.stop().await;
    assert_eq!(audience(&folder).await, 1);
}

/// Asks for these lists in a name, of a server that goes on at that time and mails one more.
async fn asked_at(folder: &Folder, at: &str, lists: &[&str]) {
    let server = folder.serve_at(at).await;
    for list in lists {
        let body = format!("email=ada%40example.com&name=Countess&list={list}");
        assert_eq!(post(&server, "/subscribe", &body).await.status, 200);
    }
    Folder::until(&server, "invited_total", 1).await;
    server.stop().await;
}

#[tokio::test]
async fn an_address_that_does_not_confirm_has_one_mail_an_hour_and_three_a_month_of_all_lists_together() {
    let folder = Folder::with_readers(&[]);
    let lists = "[serve.lists]\nextra = \"Extra\"\nthird = \"Third\"\nfourth = \"Fourth\"\n\n[smtp]";
    folder.edit("newsletter.toml", "[smtp]", lists);
    let store = folder.app().store().await.unwrap();
    let nothing_due = async |at: &str| {
        let (at, lease) = (at.parse().unwrap(), SignedDuration::from_mins(1));
        let taken = store.take_invitation(|_| "another".to_owned(), at, lease).await.unwrap();
        assert_eq!(taken, None, "{at}");
    };
    asked_at(&folder, "2023-07-03T00:00:00Z", &["readers", "extra", "third", "fourth"]).await;
    nothing_due("2023-07-03T00:59:59Z").await;
    asked_at(&folder, "2023-07-03T01:00:00Z", &[]).await;
    nothing_due("2023-07-03T01:59:59Z").await;
    asked_at(&folder, "2023-07-03T02:00:00Z", &[]).await;
    nothing_due("2023-07-04T23:00:00Z").await;
    assert_eq!(folder.received().len(), 3);

    // What was asked for is over; that it was is kept, and no more than that.
    let server = folder.serve_at("2023-08-01T00:00:00Z").await;
    for list in ["readers", "extra", "third", "fourth"] {
        assert_eq!(
            post(&server, "/subscribe", &format!("email=ada%40example.com&list={list}")).await.status,
            200
        );
    }
    server.stop().await;
    nothing_due("2023-08-01T00:00:00Z").await;
    let held = folder.run(&["subscribers", "export", "ada@example.com"]);
    let held = String::from_utf8(held.stdout).unwrap();
    assert!(held.contains("2023-07-05T00:00:00Z") && !held.contains("Countess"), "{held}");
    assert!(
        held.contains("\"mailed_at\": \"2023-07-03T02:00:00Z\""),
        "when the last mail left is told: {held}"
    );
    asked_at(&folder, "2023-08-03T00:00:00Z", &["readers"]).await;
    assert_eq!(folder.received().len(), 4, "a month later it may be asked again");
}

#[tokio::test]
async fn who_joins_another_list_agrees_to_that_one_in_the_mail_on_the_page_and_in_the_record() {
    let folder = Folder::with_readers(&[]);
    folder.edit("newsletter.toml", "[smtp]", "[serve.lists]\nextra = \"The extra\"\n\n[smtp]");
    let server = folder.serve().await;
    let form = get(&server, "/subscribe").await.body;
    assert!(form.contains("Send me what I choose here by email."), "{form}");
    post(&server, "/subscribe", "email=ada%40example.com&list=extra").await;
    let mail = invitation(&folder).await;
    assert_eq!(header(&mail, "Subject"), "Please confirm: The extra (Small Hours)");
    assert!(mail.contains("asked for The extra (Small Hours) to be sent"), "{mail}");
    let path = confirmation(&mail);
    let agreed = "Send me The extra (Small Hours) by email.";
    let page = get(&server, &path).await.body;
    assert!(page.contains(agreed) && page.contains("will get The extra."), "{page}");
    post(&server, &path, "").await;
    server.stop().await;
    let held = folder.run(&["subscribers", "export", "ada@example.com"]);
    let held = String::from_utf8(held.stdout).unwrap();
    assert!(held.contains(agreed), "{held}");
}

#[tokio::test]
async fn on_a_page_that_runs_from_right_to_left_the_editors_words_keep_their_own_order() {
    let folder = Folder::with_readers(&[]);
    folder.edit("newsletter.toml", "[smtp]", "[serve.lists]\nextra = \"The extra!\"\n\n[smtp]");
    folder.write("templates/pages/words.toml", "language = \"he\"\ndirection = \"rtl\"\n");
    let server = folder.serve().await;
    let form = get(&server, "/subscribe").await.body;
    for words in ["Small Hours, 1 Rope Walk, Exampleland", "The extra!", "Small Hours"] {
        assert!(form.contains(&format!("<bdi>{words}</bdi>")), "{words} in {form}");
    }
    post(&server, "/subscribe", "email=ada%40example.com&list=extra").await;
    let page = get(&server, &confirmation(&invitation(&folder).await)).await.body;
    server.stop().await;
    for words in ["a***@example.com", "The extra!", "The extra! (Small Hours)"] {
        assert!(page.contains(&format!("\u{2068}{words}\u{2069}")), "{words} in {page}");
    }
}

#[tokio::test]
async fn who_confirmed_one_list_is_asked_back_for_another_at_once() {
    let folder = Folder::with_readers(&[]);
    folder.edit("newsletter.toml", "[smtp]", "[serve.lists]\nextra = \"Extra\"\n\n[smtp]");
    let server = folder.serve().await;
    post(&server, "/subscribe", "email=ada%40example.com").await;
    let path = confirmation(&invitation(&folder).await);
    Folder::until(&server, "invited_total", 1).await;
    assert!(post(&server, &path, "").await.body.contains("Welcome"));
    post(&server, "/subscribe", "email=ada%40example.com&list=extra").await;
    Folder::until(&server, "invited_total", 2).await;
    server.stop().await;
    assert_eq!(folder.received().len(), 2);
}
