//! The secrets behind tokens, Message-IDs and suppressed addresses: 256 bits each, HMAC-SHA-256.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use serde::Deserialize;

use super::{Claim, Purpose, SPECIMEN, Token, base32};
use crate::id::{IssueNumber, ListName, Reference};
use crate::mailbox::EmailAddress;

/// What stands before the token in a return path.
const BOUNCES: &str = "bounces+";

/// What a return path is signed for: beside the numbers of [`Purpose`], and like them in mail that is out there.
const RETURN_PATH: u8 = 5;
/// What the link that confirms a request is signed for.
const CONFIRMATION: u8 = 6;

/// A newsletter's keys. `Debug` prints none of them.
pub struct Keys {
    /// Makes tokens.
    newest: TokenKey,
    /// Still verify what they made, oldest first.
    older: Vec<TokenKey>,
    /// Never changes, so that a repeated message is known by its Message-ID.
    message_id: Secret,
    /// Never changes, so that an erased address stays suppressed.
    suppression: Secret,
}

struct TokenKey {
    id: u8,
    secret: Secret,
}

struct Secret {
    bytes: SecretBox<[u8; 32]>,
    key: hmac::Key,
}

impl Keys {
    /// New keys; `fill` fills a slice with random bytes.
    pub fn generate(mut fill: impl FnMut(&mut [u8])) -> Self {
        let mut secret = || {
            let mut bytes = [0; 32];
            fill(&mut bytes);
            Secret::new(bytes)
        };
        let newest = TokenKey { id: SPECIMEN + 1, secret: secret() };
        Self { newest, older: Vec::new(), message_id: secret(), suppression: secret() }
    }

    /// Keys that everybody knows, for previews and test copies: their tokens are valid nowhere.
    pub fn specimen() -> Self {
        let secret = || Secret::new([0; 32]);
        let newest = TokenKey { id: SPECIMEN, secret: secret() };
        Self { newest, older: Vec::new(), message_id: secret(), suppression: secret() }
    }

    /// Reads what [`Keys::to_file`] wrote, from the file or from the environment.
    ///
    /// # Errors
    /// [`KeysError`], which never quotes what was read.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let file: File = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            KeysError::Malformed { line: before.matches('\n').count() + 1 }
        })?;
        let secret = |name: &str, text: &str| {
            Secret::parse(text).ok_or_else(|| KeysError::Secret { name: name.to_owned() })
        };
        let mut tokens: Vec<TokenKey> = Vec::new();
        for FileToken { id, key } in file.token {
            if id == SPECIMEN || tokens.iter().any(|token| token.id == id) {
                return Err(KeysError::TokenId { id });
            }
            tokens.push(TokenKey { id, secret: secret(&format!("token {id}"), &key)? });
        }
        Ok(Self {
            newest: tokens.pop().ok_or(KeysError::NoToken)?,
            older: tokens,
            message_id: secret("message_id", &file.message_id)?,
            suppression: secret("suppression", &file.suppression)?,
        })
    }

    /// The keys as TOML, for a file that nobody else may read.
    pub fn to_file(&self) -> SecretString {
        let tokens = self.older.iter().chain([&self.newest]).map(|TokenKey { id, secret }| {
            format!("\n[[token]]\nid = {id}\nkey = \"{}\"\n", secret.encode())
        });
        let text = format!(
            "# pressroom's keys: whoever reads them can forge links, whoever loses them breaks those in mail already sent.\n\
             # All token keys verify, the last one signs.\n\
             message_id = \"{}\"\nsuppression = \"{}\"\n{}",
            self.message_id.encode(),
            self.suppression.encode(),
            tokens.collect::<String>()
        );
        text.into()
    }

    /// The same keys with a new one that signs tokens from now on; those before it go on verifying. `fill` fills a slice with random bytes.
    ///
    /// # Errors
    /// [`KeysError::Full`] after 254 times.
    pub fn rotate(mut self, mut fill: impl FnMut(&mut [u8])) -> Result<Self, KeysError> {
        let highest = self.older.iter().map(|key| key.id).fold(self.newest.id, u8::max);
        let id = highest.checked_add(1).ok_or(KeysError::Full)?;
        let mut bytes = [0; 32];
        fill(&mut bytes);
        let newest = TokenKey { id, secret: Secret::new(bytes) };
        self.older.push(std::mem::replace(&mut self.newest, newest));
        Ok(self)
    }

    /// How many keys verify tokens.
    pub fn count(&self) -> usize {
        self.older.len() + 1
    }

    /// The token of a reader, or of [`Reference::EVERYONE`], for one purpose in one issue.
    pub fn token(&self, purpose: Purpose, issue: IssueNumber, reference: Reference) -> Token {
        let TokenKey { id, secret } = &self.newest;
        Token::new(*id, reference, secret.token_mac(purpose as u8, issue, reference))
    }

    /// Whom a token stands for, if one of these keys made it for this purpose and issue. In constant time where it counts.
    pub fn verify(&self, purpose: Purpose, issue: IssueNumber, token: &str) -> Option<Reference> {
        let Claim { key_id, reference, mac } = Claim::parse(token)?;
        let expected = self.verifying(key_id)?.token_mac(purpose as u8, issue, reference);
        verify_slices_are_equal(&expected, &mac).ok()?;
        Some(reference)
    }

    /// The local part of the address that a relay tells when it cannot deliver this reader's copy (VERP): 55 octets, the same
    /// in lower case, `bounces` with a detail (RFC 5233), so that one mailbox may take them all.
    pub fn return_path(&self, issue: IssueNumber, reference: Reference) -> String {
        let TokenKey { id, secret } = &self.newest;
        let mac = secret.token_mac(RETURN_PATH, issue, reference);
        let claim = [&[*id][..], &issue.get().to_be_bytes(), &reference.0.to_be_bytes(), &mac].concat();
        format!("{BOUNCES}{}", base32::encode(&claim))
    }

    /// Whose copy of which issue came back, if one of these keys made this local part, whatever its case.
    pub fn verify_return_path(&self, local: &str) -> Option<(IssueNumber, Reference)> {
        let local = local.to_ascii_lowercase();
        let claim: [u8; 29] = base32::decode(local.strip_prefix(BOUNCES)?)?.try_into().ok()?;
        let ([key_id], rest) = claim.split_first_chunk()?;
        let (issue, rest) = rest.split_first_chunk()?;
        let (reference, mac) = rest.split_first_chunk()?;
        let issue = IssueNumber::new(u32::from_be_bytes(*issue).into())?;
        let reference = Reference(u64::from_be_bytes(*reference));
        let expected = self.verifying(*key_id)?.token_mac(RETURN_PATH, issue, reference);
        verify_slices_are_equal(&expected, mac).ok()?;
        Some((issue, reference))
    }

    /// What confirms that an address joins a list, 22 characters: the same in each mail of a request, and in no other request's.
    pub fn confirmation(&self, list: &ListName, address: &EmailAddress, asked_at: Timestamp) -> String {
        // No list's name holds a NUL.
        let mac = self.newest.secret.mac(&[
            &[CONFIRMATION],
            &asked_at.as_millisecond().to_be_bytes(),
            list.as_str().as_bytes(),
            &[0],
            address.key().as_bytes(),
        ]);
        URL_SAFE_NO_PAD.encode(mac)
    }

    /// The secret of a key id; a specimen verifies nothing.
    fn verifying(&self, id: u8) -> Option<&Secret> {
        let mut keys = self.older.iter().chain([&self.newest]);
        keys.find(|key| key.id == id && id != SPECIMEN).map(|key| &key.secret)
    }

    /// The local part of a Message-ID: the same for this reader's copy on every retry, and for nobody else's (promise 1).
    pub fn message_id(&self, list: &ListName, issue: IssueNumber, reference: Reference) -> String {
        // The numbers have a fixed length and a list's name comes last: no two inputs look alike.
        let mac = self.message_id.mac(&[
            &issue.get().to_be_bytes(),
            &reference.0.to_be_bytes(),
            list.as_str().as_bytes(),
        ]);
        hex(mac)
    }

    /// By what these keys are known: 32 hexadecimal digits that say nothing about them, the same however often token keys rotate.
    pub fn fingerprint(&self) -> String {
        hex(self.message_id.mac(&[b"fingerprint"]))
    }

    /// By what a suppressed address is known after it was erased: 32 hexadecimal digits.
    pub fn suppression(&self, address: &EmailAddress) -> String {
        hex(self.suppression.mac(&[address.key().as_bytes()]))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Secret {
    fn new(bytes: [u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &bytes), bytes: SecretBox::new(Box::new(bytes)) }
    }

    fn parse(text: &str) -> Option<Self> {
        Some(Self::new(STANDARD.decode(text).ok()?.try_into().ok()?))
    }

    fn encode(&self) -> String {
        STANDARD.encode(self.bytes.expose_secret())
    }

    /// The first 128 bits of the MAC over all parts.
    fn mac(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(part);
        }
        let mut mac = [0; 16];
        mac.copy_from_slice(&context.sign().as_ref()[..16]);
        mac
    }

    fn token_mac(&self, purpose: u8, issue: IssueNumber, reference: Reference) -> [u8; 16] {
        self.mac(&[&[purpose], &issue.get().to_be_bytes(), &reference.0.to_be_bytes()])
    }
}

fn hex(mac: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(mac))
}

/// The file's shape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    message_id: String,
    suppression: String,
    token: Vec<FileToken>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileToken {
    id: u8,
    key: String,
}

/// What was wrong with a keys file. Says nothing of what stood there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Not the TOML that [`Keys::to_file`] writes.
    #[error("line {line} of the keys is not as pressroom wrote it; restore them from a backup")]
    Malformed {
        /// Counted from 1.
        line: usize,
    },
    /// A key that is not 32 bytes of base64.
    #[error("the key `{name}` is not 32 bytes of base64; restore the keys from a backup")]
    Secret {
        /// Which.
        name: String,
    },
    /// An id that is taken or reserved.
    #[error("the token key id {id} is there twice or reserved; ids run from 1 to 255, each once")]
    TokenId {
        /// The id.
        id: u8,
    },
    /// No id is left for another key.
    #[error(
        "the keys hold as many token keys as there are ids; take the oldest out, whose mails nobody opens any more"
    )]
    Full,
    /// Nothing to sign with.
    #[error("the keys hold no token key; restore them from a backup")]
    NoToken,
}
