//! A body's hash, `bh=`: several at once where there are several.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use tape_sha256::hash_many;

use super::{canonical, halves};

/// SHA-256 of a body in canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyHash([u8; 32]);

impl BodyHash {
    /// How many bodies are hashed at once: in the time of two, or less, as a processor's instructions for one wait for each other.
    pub const TOGETHER: usize = 4;

    /// Any body's.
    pub(super) fn of(body: &[u8]) -> Self {
        Self(alone(&canonical::body(body)))
    }

    /// Those of messages as [`Edition::write`](crate::message::Edition::write) writes them, in their order.
    pub fn of_all(messages: &[&[u8]]) -> Vec<Self> {
        let bodies: Vec<&[u8]> =
            messages.iter().map(|message| canonical::calm_body(halves(message).1)).collect();
        let mut hashes = Vec::with_capacity(bodies.len());
        for bodies in bodies.chunks(Self::TOGETHER) {
            match *bodies {
                [a, b, c, d] if *AGREE => hashes.extend(together(&[a, b, c, d]).map(Self)),
                // The fourth place costs nothing.
                [a, b, c] if *AGREE => hashes.extend(together(&[a, b, c, a])[..3].iter().copied().map(Self)),
                _ => hashes.extend(bodies.iter().map(|body| Self(alone(body)))),
            }
        }
        hashes
    }
}

impl AsRef<[u8]> for BodyHash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn alone(body: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, body).as_ref());
    hash
}

fn together(bodies: &[&[u8]; BodyHash::TOGETHER]) -> [[u8; 32]; BodyHash::TOGETHER] {
    let mut hashes = [[0; 32]; BodyHash::TOGETHER];
    hash_many(bodies, &mut hashes);
    hashes
}

/// Whether on this processor both ways come to the same: a wrong hash would show at the receivers alone.
static AGREE: LazyLock<bool> = LazyLock::new(|| {
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(1000).collect();
    let bodies = [&bytes[..], &bytes[1..937], &bytes[..64], &[]];
    together(&bodies) == bodies.map(alone)
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn this_processor_hashes_together_what_it_hashes_alone() {
        assert!(*AGREE);
    }

    proptest! {
        #[test]
        fn any_number_of_messages_is_hashed_each_as_alone(bodies in prop::collection::vec("(a{0,70}\r\n){0,9}", 0..10)) {
            let messages: Vec<String> = bodies.iter().map(|body| format!("A: b\r\n\r\n{body}")).collect();
            let messages: Vec<&[u8]> = messages.iter().map(String::as_bytes).collect();
            let alone: Vec<_> = bodies.iter().map(|body| BodyHash::of(body.as_bytes())).collect();
            prop_assert_eq!(BodyHash::of_all(&messages), alone);
        }
    }
}
