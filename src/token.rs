//! Tokens: what stands for a reader in a URL, signed, bound to a purpose and an issue, saying nothing else.
//!
//! A token is base64url(key id ‖ the reader's 64-bit reference ‖ 128-bit MAC over purpose, issue and reference):
//! 34 characters (requirements 43 to 47). The same keys make Message-IDs, return paths and the hashes of suppressed
//! addresses.

mod base32;
mod keys;

pub use keys::{Keys, KeysError};

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::id::{IssueNumber, Place, Reference};
use crate::newsletter::BaseUrl;

/// The key id of specimen tokens, which no keys ever verify.
const SPECIMEN: u8 = 0;

/// Key id, reference, MAC.
const LENGTH: usize = 1 + 8 + 16;

/// What a token is good for, and for nothing else. The numbers are in mail that is out there: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Following a link.
    Click = 1,
    /// Showing the pixel.
    Open = 2,
    /// Leaving.
    Unsubscribe = 3,
    /// Changing what one gets.
    Preferences = 4,
}

/// A signed token as it stands in a URL: 34 characters of `A-Z a-z 0-9 - _`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    fn new(key_id: u8, reference: Reference, mac: [u8; 16]) -> Self {
        let mut bytes = [key_id; LENGTH];
        bytes[1..9].copy_from_slice(&reference.0.to_be_bytes());
        bytes[9..].copy_from_slice(&mac);
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The token's characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A token taken apart, not yet believed.
struct Claim {
    key_id: u8,
    reference: Reference,
    mac: [u8; 16],
}

impl Claim {
    fn parse(token: &str) -> Option<Self> {
        // The decoder wants room for whole groups of three.
        let mut bytes = [0; LENGTH.next_multiple_of(3)];
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
        let bytes: [u8; LENGTH] = bytes[..length].try_into().ok()?;
        let (head, mac) = bytes.split_last_chunk()?;
        let (key_id, reference) = head.split_first()?;
        let reference = Reference(u64::from_be_bytes(reference.try_into().ok()?));
        Some(Self { key_id: *key_id, reference, mac: *mac })
    }
}

/// Whether this is a specimen: shown to editors and in test copies, valid nowhere.
pub fn is_specimen(token: &str) -> bool {
    Claim::parse(token).is_some_and(|claim| claim.key_id == SPECIMEN)
}

/// Where a reader's click on a place goes. An empty token gives what stands before it, as with the other URLs.
pub fn click_url(base: &BaseUrl, issue: IssueNumber, place: Place, token: &str) -> String {
    url(base, issue, place, token)
}

/// The page to leave from; a POST to it leaves at once (RFC 8058).
pub fn unsubscribe_url(base: &BaseUrl, issue: IssueNumber, token: &str) -> String {
    url(base, issue, "unsubscribe", token)
}

/// The page of a reader's choices.
pub fn preferences_url(base: &BaseUrl, issue: IssueNumber, token: &str) -> String {
    url(base, issue, "preferences", token)
}

/// The pixel.
pub fn open_url(base: &BaseUrl, issue: IssueNumber, token: &str) -> String {
    url(base, issue, "open", token)
}

fn url(base: &BaseUrl, issue: IssueNumber, what: impl fmt::Display, token: &str) -> String {
    format!("{}/{issue}/{what}/{token}", base.0)
}

#[cfg(test)]
mod tests;
