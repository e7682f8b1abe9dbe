use super::sending::later;
use super::*;

#[tokio::test]
async fn a_hundred_lines_wait_for_a_relay_and_the_oldest_tells_how_many_made_room() {
    let store = TestStore::new().await;
    for n in 0..105 {
        store.notify((IssueNumber::new(n + 1), &format!("line {n}")), None, later(n)).await.unwrap();
    }
    store.notify((None, "line 104"), None, later(200)).await.unwrap();
    let waiting = store.notifications().await.unwrap();
    assert_eq!((waiting.len(), waiting[0].text.as_str(), waiting[0].dropped), (100, "line 5", 5));
    assert_eq!((waiting[99].said_at, waiting[99].issue), (later(104), IssueNumber::new(105)));
    store.forget_notifications(waiting[49].id).await.unwrap();
    store.notify((None, &"long ".repeat(1000)), None, NOW).await.unwrap();
    let waiting = store.notifications().await.unwrap();
    assert_eq!((waiting.len(), waiting[50].text.len()), (51, 2000));
}

#[tokio::test]
async fn a_line_for_notify_is_noted_with_what_it_is_about_in_one_step() {
    let store = TestStore::new().await;
    store.notify((None, "no issue"), Some("missed 1"), NOW).await.unwrap();
    assert_eq!(store.noted("missed 1").await.unwrap(), Some(NOW));
    let last = store.notifications().await.unwrap()[0].id;
    store.count_try(last, 1).await.unwrap();
    assert_eq!(store.notifications().await.unwrap()[0].tries, 1);
    store.count_try(last, -1).await.unwrap();
    assert_eq!(store.notifications().await.unwrap()[0].tries, 0);
}

#[tokio::test]
async fn who_is_erased_is_named_in_no_line_that_waits_for_notify() {
    let store = TestStore::new().await;
    store.import(&["Ada@Example.com", "bo@example.org"]).await;
    for line in ["the reader ada@example.com has no `city`", "the reader bo@example.org has no `city`"] {
        store.notify((None, line), None, NOW).await.unwrap();
    }
    store.erase(&address("Ada@Example.com"), "hash", judging()).await.unwrap();
    let left = store.notifications().await.unwrap();
    assert!(left.len() == 1 && left[0].text.contains("bo@example.org"), "{left:?}");
}
