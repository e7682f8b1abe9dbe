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
    let others = ["bo@example.org", "nevada@example.com", "v.ada@example.com", "ada@example.com.au"];
    for one in others.into_iter().chain(["ada@example.com", "'Ada@example.com'.", "<ada@example.com>"]) {
        store.notify((None, &format!("the reader {one} has no `city`")), None, NOW).await.unwrap();
    }
    store.erase(&address("Ada@Example.com"), "hash", judging()).await.unwrap();
    let left = store.notifications().await.unwrap();
    let left: Vec<_> = left.iter().filter_map(|line| line.text.split(' ').nth(2)).collect();
    assert_eq!(left, others);
}

#[tokio::test]
async fn a_line_that_comes_while_those_before_it_are_mailed_is_not_forgotten_with_them() {
    let store = TestStore::new().await;
    let ada = address("ada@example.com");
    store.notify((None, "one"), None, later(1)).await.unwrap();
    store.notify((IssueNumber::new(1), "half of it"), None, later(2)).await.unwrap();
    let mailed = store.notifications().await.unwrap()[1].id;
    store.notify((IssueNumber::new(1), "all of it"), None, later(2)).await.unwrap();
    store.forget_notifications(mailed).await.unwrap();
    store.notify((None, "ada@example.com"), None, later(3)).await.unwrap();
    let mailed = store.notifications().await.unwrap()[1].id;
    store.erase(&ada, "hash", judging()).await.unwrap();
    store.notify((None, "two"), None, later(4)).await.unwrap();
    store.forget_notifications(mailed).await.unwrap();
    let left = store.notifications().await.unwrap();
    assert_eq!(left.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["two"]);
}
