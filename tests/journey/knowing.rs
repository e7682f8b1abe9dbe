//! What a server knows of issues, their links and their editions, and asks the store for.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use pressroom::id::Place;
use pressroom::store::LinkChange;
use pressroom::track;

use super::Folder;
use crate::reader::get;

/// With an issue that one reader has.
async fn sent() -> Folder {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.send().await.unwrap();
    folder
}

#[tokio::test]
async fn whoever_asks_at_once_for_what_only_the_store_knows_is_told_that_it_is_away() {
    let folder = sent().await;
    let _away = folder.take_store_away();
    let server = folder.serve().await;
    let path = folder.links().to("1");
    let asked = || get(&server, &path);
    let (one, two, three) = tokio::join!(asked(), asked(), asked());
    assert_eq!([one, two, three].map(|answer| answer.status), [503; 3]);
    server.stop().await;
}

#[tokio::test]
async fn an_edition_that_is_known_waits_for_nobody_who_asks_for_issues_that_are_not() {
    let folder = sent().await;
    let server = folder.serve().await;
    assert_eq!(get(&server, "/issues/1").await.status, 200);
    let unknown = AtomicUsize::new(0);
    let asking = async || loop {
        assert_eq!(get(&server, "/issues/2").await.status, 404);
        unknown.fetch_add(1, Ordering::Relaxed);
    };
    let known = async {
        while unknown.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for _ in 0..20 {
            let before = unknown.load(Ordering::Relaxed);
            assert_eq!(get(&server, "/issues/1").await.status, 200);
            // On a busy machine they may have had their answer meanwhile, but not each time.
            if unknown.load(Ordering::Relaxed) == before {
                return true;
            }
        }
        false
    };
    tokio::select! {
        () = asking() => {}
        () = asking() => {}
        () = asking() => {}
        is_shown = known => assert!(is_shown),
    }
    server.stop().await;
}

#[tokio::test]
async fn a_place_that_was_mended_twice_leads_to_the_last_target_and_stays_there() {
    let folder = sent().await;
    let (store, at) = (folder.app().store().await.unwrap(), folder.app().now());
    for (after, target) in [(0, "typo"), (60, "right")] {
        let at = at + SignedDuration::from_secs(after);
        let (was, url) = (String::new(), format!("https://halyard.example/{target}"));
        store.change_link("1".parse().unwrap(), &LinkChange { place: Place(1), at, was, url }).await.unwrap();
    }
    let server = folder.serve().await;
    let copy = track::spool_path(&folder.app()).join("links/1.json");
    let written = || fs::metadata(&copy).unwrap().modified().unwrap();
    let before = written();
    for _ in 0..2 {
        // What is not known is looked for in the store.
        assert_eq!(get(&server, "/issues/2").await.status, 404);
        let leads = get(&server, &folder.links().to("1")).await;
        assert_eq!(leads.header("location"), "https://halyard.example/right");
    }
    assert_eq!(written(), before, "no look found anything new");
    server.stop().await;
}
