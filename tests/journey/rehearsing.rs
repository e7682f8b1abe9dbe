//! A rehearsal: every fault, nobody lost, nobody twice, and nothing changed.

use std::collections::BTreeMap;
use std::fs;

use pressroom::inbox::Fault;
use pressroom::rehearse::{Rehearsal, rehearse};
use serde_json::Value;

use super::Folder;
use crate::folder::options;

async fn rehearsed(folder: &Folder, seed: u32) -> Rehearsal {
    rehearse(&folder.app(), "1", seed, &options()).await.unwrap()
}

/// So many readers, at three domains by turns.
fn folder(readers: usize) -> Folder {
    let domains = ["example.com", "example.org", "example.net"];
    let addresses: Vec<String> = (0..readers).map(|n| format!("reader{n}@{}", domains[n % 3])).collect();
    Folder::with_readers(&addresses.iter().map(String::as_str).collect::<Vec<_>>())
}

/// All files of the folder, with what is in them.
fn files(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![folder.path().to_owned()]);
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[tokio::test]
async fn a_rehearsal_meets_every_fault_and_loses_nobody_and_leaves_nothing_behind() {
    let folder = folder(300);
    let before = files(&folder);
    let rehearsal = rehearsed(&folder, 7).await;
    assert!(rehearsal.is_sound(), "{rehearsal}");
    assert_eq!((rehearsal.comparison.lost, rehearsal.comparison.doubled), (0, 0), "{rehearsal}");
    let counts = rehearsal.counts;
    assert_eq!((counts.queued, counts.waiting, counts.deferred), (300, 0, 0), "{rehearsal}");
    assert_eq!(counts.accepted + counts.refused + counts.in_doubt, 300);
    assert!(counts.refused > 0 && counts.in_doubt >= 3 && rehearsal.comparison.in_doubt_and_arrived > 0);
    assert_eq!(rehearsal.faults.keys().copied().collect::<Vec<_>>(), Fault::ALL);
    assert!(rehearsal.runs > 1 && rehearsal.retried_for >= 30, "{rehearsal}");
    assert_eq!(files(&folder), before, "not even keys or a store were made");
}

#[tokio::test]
async fn the_same_seed_has_the_same_readers_refused_and_in_doubt() {
    let folder = folder(300);
    let (one, other) = (rehearsed(&folder, 11).await, rehearsed(&folder, 11).await);
    assert_eq!(one.counts, other.counts, "{one}{other}");
    assert_eq!(one.comparison, other.comparison);
}

#[tokio::test]
async fn an_issue_that_was_sent_can_be_rehearsed_and_who_left_is_not_on_stage() {
    let folder = folder(12);
    folder.send().await.unwrap();
    assert!(folder.run(&["subscribers", "unsubscribe", "reader3@example.com"]).status.success());
    let rehearsal = rehearsed(&folder, 1).await;
    assert_eq!((rehearsal.counts.queued, rehearsal.counts.skipped), (11, 1), "{rehearsal}");
    assert_eq!(rehearsal.comparison.lost + rehearsal.comparison.doubled, 0, "{rehearsal}");
    let store = folder.app().store().await.unwrap();
    assert_eq!(store.counts("1".parse().unwrap()).await.unwrap().accepted, 12);
    assert_eq!(folder.received().len(), 12);
}

#[tokio::test]
async fn the_true_run_is_reckoned_by_the_limits_and_its_relay_is_left_alone() {
    let folder = folder(300);
    let limits =
        "url = \"smtp://127.0.0.1:1\"\nrate = \"2/s\"\n[smtp.domain.\"example.net\"]\nrate = \"1/m\"";
    folder.relay_is(limits);
    let forecast = rehearsed(&folder, 1).await.forecast;
    let domains: BTreeMap<_, _> = forecast
        .domains
        .iter()
        .map(|one| (one.domain.as_str(), (one.readers, one.by_its_own_limit)))
        .collect();
    let expected =
        [("example.com", (100, false)), ("example.net", (100, true)), ("example.org", (100, false))];
    assert_eq!(domains, BTreeMap::from(expected));
    assert_eq!((forecast.seconds, forecast.domains[0].domain.as_str()), (6000, "example.net"));
    assert!((100..=102).contains(&forecast.domains[1].seconds), "{forecast:?}");
}

#[tokio::test]
async fn where_doubt_is_sent_again_a_rehearsal_shows_what_that_costs() {
    let folder = folder(50);
    folder.edit("newsletter.toml", "[smtp]", "[send]\nin_doubt = \"resend\"\n\n[smtp]");
    let rehearsal = rehearsed(&folder, 1).await;
    assert_eq!((rehearsal.comparison.lost, rehearsal.counts.in_doubt), (0, 0), "{rehearsal}");
    assert!(rehearsal.comparison.doubled > 0 && rehearsal.is_sound(), "{rehearsal}");
    assert!(rehearsal.to_string().contains("in_doubt = \"resend\""), "{rehearsal}");
}

#[test]
fn the_command_says_it_in_words_and_in_json() {
    let folder = folder(20);
    let said = folder.run(&["send", "1", "--rehearse", "--seed", "5"]);
    let text = String::from_utf8(said.stdout).unwrap();
    assert_eq!(said.status.code(), Some(0), "{text}");
    assert!(text.contains("with seed 5") && text.contains("0 lost, 0 doubled"), "{text}");
    assert!(text.contains("example.org: 7") && text.contains("nothing left this machine"), "{text}");
    let said = folder.run(&["--json", "send", "1", "--rehearse"]);
    let object: Value = serde_json::from_slice(&said.stdout).unwrap();
    for key in [
        "issue", "queued", "accepted", "deferred", "refused", "in_doubt", "skipped", "lost", "doubled",
        "seed",
    ] {
        assert!(object[key].is_u64(), "{key}: {object}");
    }
    assert!(object["forecast"]["domains"][0]["seconds"].is_u64(), "{object}");
    folder.relay_is("");
    folder.edit("newsletter.toml", "[smtp]\n", "");
    assert_eq!(folder.run(&["send", "1", "--rehearse"]).status.code(), Some(2));
}
