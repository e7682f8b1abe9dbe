//! Several relays: each has its share, and the others have the rest of one that is away.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use pressroom::delivery::Counts;
use pressroom::inbox::{Action, Inbox, Keep, Script, Stage};
use pressroom::send::Ending;
use tempfile::TempDir;

use super::Folder;
use super::sending::counting;
use crate::folder::{header, received};

#[tokio::test]
async fn of_several_relays_one_that_lets_us_write_to_nobody_costs_no_reader() {
    let folder = Folder::with_many_readers(200);
    let (taking, script) = (
        counting().await,
        Script::new(|_, stage| {
            (stage == Stage::Recipient).then(|| Action::Reply("554 5.7.1 relay access denied".into()))
        }),
    );
    let refusing = Inbox::scripted("127.0.0.1:0".parse().unwrap(), Keep::Discard, script).await.unwrap();
    let relay = |inbox: &Inbox| format!("[[smtp.relay]]\nurl = \"smtp://{}\"\n", inbox.addr());
    folder.relay_is(&format!("connections = 4\n{}{}", relay(&refusing), relay(&taking)));
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 200), "{sent}");
    assert_eq!(taking.stop().await.messages, 200);
}

#[tokio::test]
async fn of_several_relays_each_has_its_share_and_one_that_is_away_holds_nobody_up() {
    let folder = Folder::with_many_readers(300);
    let (first, second) = (counting().await, counting().await);
    let relay = |address: &str, weight: u32| {
        format!("[[smtp.relay]]\nurl = \"smtp://{address}\"\nweight = {weight}\n")
    };
    let relays =
        [relay(&first.addr().to_string(), 3), relay("127.0.0.1:1", 1), relay(&second.addr().to_string(), 1)];
    folder.relay_is(&format!("connections = 4\n{}", relays.concat()));
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 300));
    assert!(sent.to_string().contains("127.0.0.1:1 cannot be reached"), "{sent}");
    let (first, second) = (first.stop().await, second.stop().await);
    assert_eq!(first.messages + second.messages, 300);
    assert!(first.messages > second.messages && second.messages > 0, "{first} and {second}");
}

#[tokio::test]
async fn a_relay_that_goes_away_in_the_middle_leaves_the_rest_to_the_other_and_nobody_twice() {
    const BEFORE: u64 = 20;
    let folder = Folder::with_many_readers(200);
    let (asked, maildirs) = (AtomicU64::new(0), [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let goes_away = Script::new(move |_, stage| {
        let is_gone = stage == Stage::Mail && asked.fetch_add(1, Ordering::Relaxed) >= BEFORE;
        is_gone.then_some(Action::Cut)
    });
    let keep = |at: usize| Keep::Maildir(maildirs[at].path().to_owned());
    let loopback = "127.0.0.1:0".parse().unwrap();
    let dying = Inbox::scripted(loopback, keep(0), goes_away).await.unwrap();
    let other = Inbox::start(loopback, keep(1)).await.unwrap();
    let relays = [&dying, &other].map(|relay| format!("[[smtp.relay]]\nurl = \"smtp://{}\"\n", relay.addr()));
    folder.relay_is(&format!("connections = 4\n{}", relays.concat()));
    let sent = folder.send().await.unwrap();
    // Whom it broke off with again and again waits a little for another attempt.
    let Counts { accepted, deferred, .. } = sent.counts;
    assert!(accepted + deferred == 200 && deferred < 10, "{sent}");
    let kept = maildirs.each_ref().map(|maildir| received(maildir.path()));
    assert_eq!((kept[0].len() as u64, kept[1].len() as u64), (BEFORE, accepted - BEFORE));
    let reached: HashSet<_> = kept.iter().flatten().map(|message| header(message, "To")).collect();
    assert_eq!(reached.len() as u64, accepted);
    dying.stop().await;
    other.stop().await;
}
