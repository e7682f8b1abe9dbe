//! What was heard and is not in the store yet waits on the disk, and goes into the store once, whichever server brings it there.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use pressroom::server::Server;
use pressroom::track;

use super::Folder;
use crate::reader::{BROWSER, ask, get};

const LATER: &str = "2023-07-03T00:05:00Z";

/// Sent, and its links known to servers also with the store away.
async fn sent() -> Folder {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.send().await.unwrap();
    folder.serve().await.stop().await;
    folder
}

/// Where the one server that left something, or runs, keeps it.
fn spool(folder: &Folder) -> PathBuf {
    let servers = fs::read_dir(track::spool_path(&folder.app())).unwrap().flatten();
    servers.map(|server| server.path()).find(|server| !server.ends_with("links")).unwrap()
}

/// The server's segments, in order.
fn segments(folder: &Folder) -> Vec<PathBuf> {
    let files = fs::read_dir(spool(folder)).unwrap().flatten().map(|file| file.path());
    let mut segments: Vec<PathBuf> = files.filter(|file| !file.ends_with("lock")).collect();
    segments.sort_unstable();
    segments
}

/// Clicks until so many segments are on the disk; answers how often.
async fn click_into(folder: &Folder, server: &Server, count: usize) -> usize {
    let mut clicks = 0;
    while segments(folder).len() < count {
        assert_eq!(get(server, &folder.links().to("1")).await.status, 302);
        clicks += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    clicks
}

/// Waits until nothing is left on the disk; answers how many clicks the store has then.
async fn kept(folder: &Folder) -> usize {
    while track::waiting(&folder.app()).unwrap() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let store = folder.app().store().await.unwrap();
    store.events("1".parse().unwrap(), None, 1000).await.unwrap().len()
}

#[tokio::test]
async fn a_server_that_ends_with_a_segment_it_could_not_bring_leaves_the_later_ones_to_the_next_too() {
    let folder = sent().await;
    let away = folder.take_store_away();
    let server = folder.serve_at(LATER).await;
    let clicks = click_into(&folder, &server, 2).await;
    // It cannot be brought, whatever the store does, and what comes after it could be.
    let first = segments(&folder).remove(0);
    let aside = folder.path().join("aside");
    fs::rename(&first, &aside).unwrap();
    away.put_back();
    Folder::until(&server, "store_up", 1).await;
    server.stop().await;
    fs::rename(aside, first).unwrap();

    let server = folder.serve_at(LATER).await;
    assert_eq!(kept(&folder).await, clicks);
    server.stop().await;
}

#[tokio::test]
async fn of_segments_that_are_left_together_those_in_the_store_already_are_kept_once() {
    let folder = sent().await;
    let away = folder.take_store_away();
    let server = folder.serve_at(LATER).await;
    let clicks = click_into(&folder, &server, 3).await;
    server.stop().await;
    let left = segments(&folder);
    let copies: Vec<Vec<u8>> = left.iter().map(|segment| fs::read(segment).unwrap()).collect();
    fs::remove_file(&left[2]).unwrap();
    away.put_back();
    folder.serve_at(LATER).await.stop().await;
    assert!(kept(&folder).await < clicks);

    // As one leaves it who was killed before the first two were gone from the disk.
    fs::create_dir_all(left[0].parent().unwrap()).unwrap();
    for (segment, copy) in left.iter().zip(copies) {
        fs::write(segment, copy).unwrap();
    }
    folder.serve_at(LATER).await.stop().await;
    assert_eq!(kept(&folder).await, clicks);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_had_written_down_the_next_one_keeps_once() {
    let folder = sent().await;
    let away = folder.take_store_away();
    let mut serve = folder.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut server = serve.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines().map(Result::unwrap);
    let at = lines.find_map(|line| Some(line.split_once("listening on ")?.1.split_once(';')?.0.to_owned()));
    let at = at.unwrap().parse().unwrap();
    for _ in 0..3 {
        assert_eq!(ask(at, "GET", &folder.links().to("1"), &BROWSER, "").await.status, 302);
    }
    while track::waiting(&folder.app()).unwrap() < 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.kill().unwrap();
    server.wait().unwrap();
    away.put_back();
    let server = folder.serve_at(LATER).await;
    assert_eq!(kept(&folder).await, 3);
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_servers_folder_among_them_keeps_nothing_from_being_sent() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    let spool = track::spool_path(&folder.app());
    fs::create_dir_all(spool.join("0123456789abcdef")).unwrap();
    fs::write(spool.join(".DS_Store"), "").unwrap();
    fs::write(spool.join("0123456789abcdef/7"), "").unwrap();
    folder.send().await.unwrap();
    assert_eq!(track::waiting(&folder.app()).unwrap(), 0);

    fs::create_dir(spool.join("0123456789abcdef/000000000001")).unwrap();
    let refused = format!("{:#}", folder.send().await.unwrap_err());
    assert!(refused.contains("spool/0123456789abcdef"), "{refused}");
}
