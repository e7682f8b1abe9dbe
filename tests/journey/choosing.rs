//! A reader chooses: what is counted, in which form, under which name, on which lists, and when nothing shall come.

use pressroom::newsletter::Tracking;
use pressroom::subscriber::{Choices, Format, Subscription, SubscriptionStatus, SuppressionReason};

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
    post(&server, &path, "lists=chosen&list=readers&list=staff").await;
    let held = subscriptions(&folder).await;
    assert_eq!(
        (held.len(), held[0].status),
        (1, SubscriptionStatus::Subscribed),
        "nobody joins what is not offered"
    );
    server.stop().await;
}

#[tokio::test]
async fn nonsense_is_refused_and_changes_nothing() {
    let folder = sent().await;
    let server = folder.serve().await;
    let path = folder.links().to("preferences");
    let refused = post(&server, &path, "name=a%0D%0ABcc%3A+x&tracking=none").await;
    assert!(refused.body.contains("Nothing was saved"), "{}", refused.body);
    assert_eq!(refused.status, 422);
    for body in
        ["name=&tracking=all", "format=pdf", "pause=9999", "", "{\"tracking\":\"none\"}", "trackin=none"]
    {
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
    assert_eq!(subscriptions(&folder).await[0].choices, Choices::default());
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
    let suppressed = ("ada@example.com".to_owned(), SuppressionReason::Complained, None);
    store.suppress_all(vec![suppressed], folder.app().now()).await.unwrap();
    let server = folder.serve().await;
    let path = folder.links().to("preferences");
    for page in [get(&server, &path).await.body, post(&server, &path, "name=Ada").await.body] {
        assert!(page.contains("Nothing is sent to this address: mail to it came back"), "{page}");
    }
    server.stop().await;
}
