//! What a server knows of issues, their links and their editions, and asks the store for.

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
