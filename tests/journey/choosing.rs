//! A reader chooses: what is counted, in which form, under which name, on which lists, and when nothing shall come.

use std::fs;

use pressroom::newsletter::Tracking;
use pressroom::subscriber::{Choices, Format, Subscription, SubscriptionStatus, SuppressionReason};
use pressroom::track;
use serde_json::Value;

use super::Folder;
use crate::reader::{ask, get, post};

async fn sent() -> Folder {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.edit(
        "newsletter.toml",
        "[smtp]",
        "[serve.lists]\nreaders = \"Every Sunday\"\noutages = \"Outages only\"\n\n[smtp]",
    );
    folder.send().await.unwrap();
    folder
}

async fn subscriptions(folder: &Folder) -> Vec<Subscription> {
    let store = folder.app().store().await.unwrap();
    store.reader(&"ada@example.com".parse().unwrap()).await.unwrap().unwrap().subscriptions
}

#[tokio::test]
async fn what_is_saved_holds_and_is_shown() {
    let folder = sent().await;
    let server = folder.serve().await;
    let path = folder.links().to("preferences");
    let page = get(&server, &path).await.body;
    assert!(
        page.contains("value=\"individual\" checked") && page.contains("value=\"html\" checked"),
        "{page}"
    );
    let body = "name=Ada+L.&tracking=none&format=text&pause=2&lists=chosen&list=readers&list=outages";
    let saved = post(&server, &path, body).await.body;
    for shown in [
        "Saved.",
        "value=\"Ada L.\"",
        "value=\"none\" checked",
        "value=\"text\" checked",
        "Until Sunday, 16 July 2023",
        "value=\"outages\" checked",
    ] {
        assert!(saved.contains(shown), "{shown} in {saved}");
    }
    server.stop().await;
    let held = subscriptions(&folder).await;
    assert_eq!(held.iter().map(|held| held.list.as_str()).collect::<Vec<_>>(), ["outages", "readers"]);
    let consent = held[0].consent.as_ref().unwrap();
    assert_eq!(consent.from.as_deref(), Some("https://mail.example.com/preferences"));
    assert!(consent.wording.as_ref().unwrap().ends_with("Outages only"), "{consent:?}");
    let choices = &held[1].choices;
    assert_eq!(
        (choices.name.as_deref(), choices.tracking, choices.format),
        (Some("Ada L."), Some(Tracking::None), Some(Format::Text))
    );
    let store = folder.app().store().await.unwrap();
    let audience = store.audience(&"readers".parse().unwrap(), folder.app().now()).await.unwrap();
    assert_eq!(audience.active, 0, "she pauses");
}

#[tokio::test]
async fn what_is_left_as_it_is_stays_the_files_to_say() {
    let folder = sent().await;
    let server = folder.serve().await;
    let body = "name=&tracking=individual&format=html&pause=0&lists=chosen&list=readers";
    assert!(post(&server, &folder.links().to("preferences"), body).await.body.contains("Saved."));
    server.stop().await;
    assert_eq!(subscriptions(&folder).await[0].choices, Choices::default());
}

#[tokio::test]
async fn a_list_that_is_unticked_is_left_and_one_that_is_ticked_again_is_joined_again() {
    let folder = sent().await;
    let server = folder.serve().await;
    let path = folder.links().to("preferences");
    post(&server, &path, "lists=chosen").await;
    assert_eq!(subscriptions(&folder).await[0].status, SubscriptionStatus::Left);
    post(&server, &path, "lists=chosen&list=readers").await;
    let held = subscriptions(&folder).await;
    assert_eq!((held.len(), held[0].status), (1, SubscriptionStatus::Subscribed));
    let consent = held[0].consent.as_ref().unwrap();
    assert_eq!(consent.from.as_deref(), Some("https://mail.example.com/preferences"));
    assert_eq!(consent.wording.as_deref(), Some("Lists: Every Sunday"));
    for lists in ["&list=readers&list=outages", "&list=readers"] {
        post(&server, &path, &format!("lists=chosen{lists}")).await;
    }
    assert_eq!(Folder::counted(&server, "left_total").await, 2);
    assert_eq!(Folder::counted(&server, "returned_total").await, 1);
    server.stop().await;
    let store = folder.app().store().await.unwrap();
    let left = store.departures("1".parse().unwrap()).await.unwrap();
    assert_eq!(left.len(), 1, "to leave another list is not to leave by this issue");
}

#[tokio::test]
async fn nonsense_is_refused_and_changes_nothing() {
    let folder = sent().await;
    let server = folder.serve().await;
    let path = folder.links().to("preferences");
    let refused = post(&server, &path, "name=a%0D%0ABcc%3A+x&tracking=none").await;
    assert!(refused.body.contains("Nothing was saved"), "{}", refused.body);
    assert_eq!(refused.status, 422);
    let long = format!("name={}&tracking=none", "x".repeat(101));
    for body in [
        long.as_str(),
        "name=&tracking=all",
        "format=pdf",
        "pause=9999",
        "",
        "{\"tracking\":\"none\"}",
        "trackin=none",
        "name=Ada&lists=chosen&list=staff",
        "name=Ada&lists=chosen&list=outages&list=Readers+",
    ] {
        let refused = post(&server, &path, body).await;
        assert!(
            refused.status == 422 && refused.body.contains("Nothing was saved"),
            "{body}: {}",
            refused.body
        );
    }
    let json = [("Content-Type", "application/json")];
    let refused = ask(server.addr(), "POST", &path, &json, "{\"tracking\":\"none\"}").await;
    assert!(refused.status == 415 && refused.body.contains("Nothing was saved"), "{}", refused.body);
    server.stop().await;
    let held = subscriptions(&folder).await;
    assert_eq!(
        (held.len(), held[0].status, &held[0].choices),
        (1, SubscriptionStatus::Subscribed, &Choices::default())
    );
}

#[tokio::test]
async fn a_long_name_that_the_file_has_keeps_nobody_from_choosing() {
    let folder = Folder::with_readers(&[]);
    let name = "x".repeat(101);
    folder.write("subscribers/readers.csv", &format!("email,name\nada@example.com,{name}\n"));
    folder.send().await.unwrap();
    let server = folder.serve().await;
    let path = folder.links().to("preferences");
    let saved = post(&server, &path, &format!("name={name}&tracking=none")).await;
    assert!(saved.status == 200 && saved.body.contains("Saved"), "{}", saved.body);
    server.stop().await;
    let choices = Choices { tracking: Some(Tracking::None), ..Choices::default() };
    assert_eq!(subscriptions(&folder).await[0].choices, choices);
}

#[tokio::test]
async fn who_has_left_sees_that_nothing_comes_and_comes_back_by_the_list_also_where_it_is_the_only_one() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.send().await.unwrap();
    let server = folder.serve().await;
    let path = folder.links().to("preferences");
    let before = get(&server, &path).await.body;
    assert!(before.contains("Rather leave") && !before.contains("type=\"checkbox\""), "{before}");
    post(&server, &folder.links().to("unsubscribe"), "action=leave").await;
    // On a busy machine it may be on the disk first; this clock does not tell it from a later word.
    Folder::until(&server, "pending", 0).await;
    for page in [get(&server, &path).await.body, post(&server, &path, "name=Ada&lists=chosen").await.body] {
        assert!(page.contains("No issue goes to this address now."), "{page}");
        assert!(
            !page.contains("Rather leave") && page.contains("name=\"list\" value=\"readers\">"),
            "{page}"
        );
    }
    let back = post(&server, &path, "name=Ada&lists=chosen&list=readers").await.body;
    assert!(back.contains("Rather leave") && !back.contains("No issue goes"), "{back}");
    server.stop().await;
    assert_eq!(subscriptions(&folder).await[0].status, SubscriptionStatus::Subscribed);
}

#[tokio::test]
async fn to_whom_nobody_writes_any_more_is_told_so_whatever_they_choose() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.send().await.unwrap();
    let store = folder.app().store().await.unwrap();
    let suppressed = ("ada@example.com".to_owned(), SuppressionReason::Complained, folder.app().now(), None);
    store.suppress(vec![suppressed]).await.unwrap();
    let server = folder.serve().await;
    let path = folder.links().to("preferences");
    for page in [get(&server, &path).await.body, post(&server, &path, "name=Ada").await.body] {
        assert!(page.contains("Nothing is sent to this address: mail to it came back"), "{page}");
    }
    server.stop().await;
}

const OTHER: &str = "email,tracking\nada@example.com,";

/// What they clicked, by whether it is theirs.
async fn clicks(folder: &Folder) -> Vec<bool> {
    let store = folder.app().store().await.unwrap();
    let events = store.events("1".parse().unwrap(), None, 100).await.unwrap();
    events.iter().map(|kept| kept.subscriber.is_some()).collect()
}

fn import(folder: &Folder) {
    let imported = folder.run(&["subscribers", "import"]);
    assert!(imported.status.success(), "{imported:?}");
}

async fn click(folder: &Folder, place: &str) {
    let server = folder.serve().await;
    get(&server, &folder.links().to(place)).await;
    server.stop().await;
}

async fn save(folder: &Folder, body: &str) -> String {
    let server = folder.serve().await;
    let saved = post(&server, &folder.links().to("preferences"), body).await.body;
    server.stop().await;
    assert!(saved.contains("Saved."), "{saved}");
    saved
}

#[tokio::test]
async fn who_asks_to_be_counted_less_is_heeded_also_where_the_file_says_so_already() {
    for (word, less) in [("none", Tracking::None), ("aggregate", Tracking::Aggregate)] {
        let folder = sent().await;
        click(&folder, "1").await;
        folder.write("subscribers/readers.csv", &format!("{OTHER}{word}\n"));
        import(&folder);
        assert_eq!(clicks(&folder).await, [true], "the file takes nothing along");
        save(&folder, &format!("name=&format=html&pause=0&tracking={word}")).await;
        assert_eq!(clicks(&folder).await, [false], "{word}");
        folder.write("subscribers/readers.csv", &format!("{OTHER}individual\n"));
        import(&folder);
        assert_eq!(subscriptions(&folder).await[0].choices.tracking, Some(less));
        click(&folder, "2").await;
        assert_eq!(clicks(&folder).await, [false, false], "no file outranks what a person chose");
    }
}

#[tokio::test]
async fn a_newsletter_that_counts_less_by_now_lets_readers_withdraw_from_what_went_out_before() {
    for (now, body, left) in [
        ("aggregate", "tracking=aggregate", Tracking::Aggregate),
        ("none", "tracking=aggregate", Tracking::Aggregate),
        ("none", "tracking=none", Tracking::None),
    ] {
        let folder = sent().await;
        click(&folder, "1").await;
        folder.edit("newsletter.toml", "[smtp]", &format!("[tracking]\nclicks = \"{now}\"\n\n[smtp]"));
        let server = folder.serve().await;
        let page = get(&server, &folder.links().to("preferences")).await.body;
        server.stop().await;
        assert!(
            page.contains("value=\"none\">")
                && page.contains("value=\"aggregate\">")
                && page.contains("value=\"individual\" checked"),
            "{now}: {page}"
        );
        save(&folder, "name=&tracking=individual").await;
        assert_eq!(subscriptions(&folder).await[0].choices.tracking, None, "that is how it is anyway");
        save(&folder, body).await;
        assert_eq!(subscriptions(&folder).await[0].choices.tracking, Some(left), "{now}, {body}");
        assert_eq!(clicks(&folder).await, [false], "{now}, {body}");
    }
}

#[tokio::test]
async fn copies_of_links_from_before_they_said_what_is_counted_are_made_anew() {
    let folder = sent().await;
    folder.serve().await.stop().await;
    let copy = track::spool_path(&folder.app()).join("links/1.json");
    let mut table: Value = serde_json::from_slice(&fs::read(&copy).unwrap()).unwrap();
    assert!(table.as_object_mut().unwrap().remove("tracking").is_some());
    fs::write(&copy, table.to_string()).unwrap();
    folder.edit("newsletter.toml", "[smtp]", "[tracking]\nclicks = \"none\"\n\n[smtp]");
    let server = folder.serve().await;
    let page = get(&server, &folder.links().to("preferences")).await.body;
    server.stop().await;
    assert!(page.contains("value=\"individual\" checked"), "{page}");
}

#[tokio::test]
async fn what_is_chosen_holds_for_a_list_that_is_joined_in_the_same_save_too() {
    let folder = sent().await;
    save(&folder, "name=Ada&tracking=none&format=text&pause=2&lists=chosen&list=readers&list=outages").await;
    let [outages, readers] = &subscriptions(&folder).await[..] else { panic!("two lists") };
    assert_eq!((&outages.choices, outages.list.as_str()), (&readers.choices, "outages"));
    assert_eq!(outages.choices.tracking, Some(Tracking::None));
    assert!(outages.choices.paused_until.is_some(), "{outages:?}");
}

#[tokio::test]
async fn what_was_chosen_before_holds_for_a_list_that_is_joined_later_as_the_page_shows_it() {
    let folder = sent().await;
    save(&folder, "name=Ada&tracking=none&format=text&pause=2&lists=chosen&list=readers").await;
    let page = "name=Ada&tracking=none&format=text&pause=keep&lists=chosen&list=readers&list=outages";
    save(&folder, page).await;
    let [outages, readers] = &subscriptions(&folder).await[..] else { panic!("two lists") };
    assert_eq!(outages.choices, readers.choices);
    assert!(outages.choices.paused_until.is_some(), "{outages:?}");
}
