//! Bodies are hashed together with those of other messages that are written at the same moment: four take the time of two.

use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::yield_now;

use crate::message::dkim::BodyHash;

/// Where messages come together.
#[derive(Default)]
pub(super) struct Hashing(Mutex<Round>);

#[derive(Default)]
struct Round {
    number: u64,
    messages: Vec<Waiting>,
}

struct Waiting {
    message: Vec<u8>,
    back: oneshot::Sender<(Vec<u8>, BodyHash)>,
}

/// Whoever had the message in hand broke down.
#[derive(Debug, thiserror::Error)]
#[error("a message was lost while its body was hashed")]
pub(super) struct Lost;

impl Hashing {
    /// Gives the message back with its body's hash. It waits for those who are at work already, and for nobody who waits himself.
    pub(super) async fn hash(&self, message: Vec<u8>) -> Result<(Vec<u8>, BodyHash), Lost> {
        let (back, hashed) = oneshot::channel();
        let number = self.join(Waiting { message, back });
        let mut before = 0;
        while let Some(here) =
            self.here(number).filter(|here| (before + 1..BodyHash::TOGETHER).contains(here))
        {
            before = here;
            yield_now().await;
        }
        hash(self.close(number));
        hashed.await.map_err(|_| Lost)
    }

    /// Answers which round it is.
    fn join(&self, waiting: Waiting) -> u64 {
        let mut round = self.round();
        round.messages.push(waiting);
        round.number
    }

    /// How many there are; `None` once somebody else has closed the round.
    fn here(&self, number: u64) -> Option<usize> {
        let round = self.round();
        (round.number == number).then_some(round.messages.len())
    }

    /// Who was in the round; nobody, where somebody else has closed it.
    fn close(&self, number: u64) -> Vec<Waiting> {
        let mut round = self.round();
        if round.number != number {
            return Vec::new();
        }
        round.number += 1;
        take(&mut round.messages)
    }

    fn round(&self) -> MutexGuard<'_, Round> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(round: Vec<Waiting>) {
    let messages: Vec<&[u8]> = round.iter().map(|waiting| &waiting.message[..]).collect();
    let hashes = BodyHash::of_all(&messages);
    for (Waiting { message, back }, hash) in round.into_iter().zip(hashes) {
        // A connection that is gone needs its message no more.
        let _ = back.send((message, hash));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinSet;

    use super::*;

    fn message(nth: usize) -> Vec<u8> {
        format!("To: {nth}\r\n\r\n{}\r\n", "words ".repeat(nth) + "end").into_bytes()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn however_many_come_together_each_gets_their_own_message_back_with_its_own_hash() {
        let hashing = Arc::new(Hashing::default());
        let mut connections = JoinSet::new();
        for connection in 0..10 {
            let hashing = Arc::clone(&hashing);
            connections.spawn(async move {
                for nth in (connection..400).step_by(10) {
                    let hash = BodyHash::of_all(&[&message(nth)])[0];
                    assert_eq!(hashing.hash(message(nth)).await.unwrap(), (message(nth), hash));
                }
            });
        }
        while let Some(done) = connections.join_next().await {
            done.unwrap();
        }
        assert!(hashing.round().messages.is_empty());
    }

    #[tokio::test]
    async fn who_comes_alone_waits_for_nobody_and_who_is_gone_holds_nobody_up() {
        let hashing = Hashing::default();
        drop(tokio::time::timeout(std::time::Duration::ZERO, hashing.hash(message(1))).await);
        assert_eq!(hashing.hash(message(2)).await.unwrap().0, message(2));
        assert!(hashing.round().messages.is_empty());
    }
}
