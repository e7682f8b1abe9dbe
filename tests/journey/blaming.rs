//! Whose fault a refusal is: a reader's, their destination's, or the relay's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pressroom::delivery::Counts;
use pressroom::inbox::{Action, Inbox, Keep, Script, Stage};
use pressroom::send::Ending;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::Folder;
use super::sending::relay;

/// Some at one domain, who stand first in the queue, and others behind them.
fn behind(first: usize, others: usize) -> Folder {
    let first = (0..first).map(|n| format!("a{n:03}@big.example"));
    let others = (0..others).map(|n| format!("b{n:03}@other{}.example", n % 5));
    let readers: Vec<String> = first.chain(others).collect();
    Folder::with_readers(&readers.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_destination_that_blocks_us_and_stands_first_keeps_nobody_from_being_served() {
    for (at, connections) in [(Stage::Recipient, 2), (Stage::Body, 2), (Stage::Body, 1)] {
        let folder = behind(60, 100);
        let script = Script::new(move |envelope, stage| {
            let blocked = stage == at && envelope.to.last()?.domain() == "big.example";
            blocked.then(|| Action::Reply("550 5.7.1 blocked, see our list".into()))
        });
        let (inbox, _maildir) = relay(&folder, script).await;
        folder.edit("newsletter.toml", "connections = 2", &format!("connections = {connections}"));
        let sent = folder.send().await.unwrap();
        let Counts { accepted, refused, deferred, .. } = sent.counts;
        assert_eq!((sent.ending, accepted, refused + deferred), (Ending::Deferred, 100, 60), "{at:?} {sent}");
        assert!(refused < 10, "{at:?} {sent}");
        inbox.stop().await;
    }
}

#[tokio::test]
async fn a_relay_that_refuses_readers_at_all_destinations_is_known_for_that_and_costs_none() {
    let folder = behind(60, 100);
    let refuses =
        |_: &_, stage| (stage == Stage::Body).then(|| Action::Reply("554 5.7.1 not from you".into()));
    let (inbox, _maildir) = relay(&folder, Script::new(refuses)).await;
    let sent = folder.send().await.unwrap();
    let Counts { accepted, refused, deferred, waiting, .. } = sent.counts;
    assert_eq!((sent.ending, accepted, refused), (Ending::RelayRefuses, 0, 0), "{sent}");
    assert_eq!(waiting + deferred, 160, "{sent}");
    assert!(waiting >= 100, "{sent}");
    inbox.stop().await;
}

#[tokio::test]
async fn a_relay_without_room_for_anything_leaves_its_readers_to_the_other() {
    for (at, reply) in
        [(Stage::Mail, "452 4.3.1 insufficient system storage"), (Stage::Body, "451 4.3.0 queue full")]
    {
        let folder = Folder::with_many_readers(200);
        let loopback = "127.0.0.1:0".parse().unwrap();
        let says = move |_: &_, stage| (stage == at).then(|| Action::Reply(reply.to_owned()));
        let full = Inbox::scripted(loopback, Keep::Count, Script::new(says)).await.unwrap();
        let other = Inbox::start(loopback, Keep::Count).await.unwrap();
        let relays = [&full, &other].map(|one| format!("[[smtp.relay]]\nurl = \"smtp://{}\"\n", one.addr()));
        folder.relay_is(&format!("connections = 4\n{}", relays.concat()));
        let sent = folder.send().await.unwrap();
        assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 200), "{at:?} {sent}");
        full.stop().await;
        other.stop().await;
    }
}

#[tokio::test]
async fn where_the_only_relay_has_no_room_nobody_is_put_off_and_the_run_ends() {
    let folder = Folder::with_many_readers(200);
    let says = |_: &_, stage| {
        (stage == Stage::Mail).then(|| Action::Reply("452 4.3.1 insufficient system storage".into()))
    };
    let (inbox, _maildir) = relay(&folder, Script::new(says)).await;
    let sent = folder.send().await.unwrap();
    let Counts { deferred, waiting, .. } = sent.counts;
    assert_eq!((sent.ending, deferred, waiting), (Ending::RelayAway, 0, 200), "{sent}");
    inbox.stop().await;
}

/// A relay behind a door that lets two in at once and tells the others off for good; who has gone is known to it after so long.
async fn for_two_at_once(inbox: &Inbox, late: Duration) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, relay, inside) = (listener.local_addr().unwrap(), inbox.addr(), Arc::new(AtomicU32::new(0)));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let inside = Arc::clone(&inside);
            if inside.fetch_add(1, Ordering::SeqCst) >= 2 {
                inside.fetch_sub(1, Ordering::SeqCst);
                let _ = client.write_all(b"554 5.7.0 too many connections\r\n").await;
                continue;
            }
            tokio::spawn(async move {
                let mut relay = TcpStream::connect(relay).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut relay).await;
                tokio::time::sleep(late).await;
                inside.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    addr
}

#[tokio::test]
async fn a_relay_that_has_enough_of_our_connections_serves_everybody_over_those_it_has() {
    let folder = Folder::with_many_readers(60);
    let inbox = Inbox::start("127.0.0.1:0".parse().unwrap(), Keep::Count).await.unwrap();
    let door = for_two_at_once(&inbox, Duration::ZERO).await;
    folder.relay_is(&format!("url = \"smtp://{door}\"\nconnections = 8"));
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 60), "{sent}");
    inbox.stop().await;
}

/// A connection carries a thousand messages.
#[tokio::test]
async fn a_relay_that_knows_late_that_a_connection_has_ended_is_tried_again_and_not_given_up() {
    let folder = Folder::with_many_readers(2300);
    let inbox = Inbox::start("127.0.0.1:0".parse().unwrap(), Keep::Count).await.unwrap();
    let door = for_two_at_once(&inbox, Duration::from_millis(300)).await;
    folder.relay_is(&format!("url = \"smtp://{door}\"\nconnections = 2"));
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.accepted), (Ending::Done, 2300), "{sent}");
    inbox.stop().await;
}

#[tokio::test]
async fn a_relay_that_will_not_have_us_is_asked_once_where_the_others_wait_for_their_moment() {
    let folder = Folder::with_many_readers(60);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, asked) = (listener.local_addr().unwrap(), Arc::new(AtomicU32::new(0)));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = client.write_all(b"554 5.7.0 not you\r\n").await;
        }
    });
    folder.relay_is(&format!("url = \"smtp://{addr}\"\nconnections = 8\nrate = \"12/m\""));
    let sent = folder.send().await.unwrap();
    assert_eq!((sent.ending, sent.counts.waiting), (Ending::RelayRefuses, 60), "{sent}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
