//! DKIM signatures (RFC 6376; RFC 8463 for Ed25519): relaxed/relaxed, over the whole body, no `l=`.
//!
//! A message's body is hashed once for all its signatures, and its header brought into canonical form once.

mod body_hash;
mod canonical;
mod key;

pub use body_hash::BodyHash;
pub use key::{Algorithm, KeyError, SigningKey};

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::header;

/// What is signed, each once more than it is there, so that none can be added (requirement 24). Gmail wants
/// Feedback-ID among them; Content-Transfer-Encoding says how to read the body, as Content-Type does.
const SIGNED: [&str; 18] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Feedback-ID",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Help",
    "List-Archive",
];

/// About how many octets a signature's field takes.
const FIELD: usize = 1024;

/// Columns of a line of a folded tag.
const WIDTH: usize = 76;

/// Signs for domains. Without signatures it leaves messages as they are.
#[derive(Default)]
pub struct Signer {
    signatures: Vec<Signature>,
}

struct Signature {
    key: SigningKey,
    /// The field's beginning, the same in every message: up to the selector.
    lead: Vec<u8>,
}

impl Signer {
    /// A signer without signatures.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a signature for `domain` (A-labels), whose public key stands under `selector`.
    #[must_use]
    pub fn with(mut self, domain: &str, selector: &str, key: SigningKey) -> Self {
        let mut lead = Vec::new();
        let mut field = header::Field::new(&mut lead, "DKIM-Signature");
        field.word("v=1;");
        field.word(&format!("a={}-sha256;", key.algorithm()));
        field.word("c=relaxed/relaxed;");
        field.word(&format!("d={domain};"));
        field.word(&format!("s={selector};"));
        self.signatures.push(Signature { key, lead });
        self
    }

    /// Puts the signatures on top of `message`: the very bytes that go out, CRLF all through.
    ///
    /// # Errors
    /// [`CannotSign`] where the cryptography fails, which it does where memory is out.
    pub fn sign(&self, message: &mut Vec<u8>, at: Timestamp) -> Result<(), CannotSign> {
        if self.is_none() {
            return Ok(());
        }
        let hash = BodyHash::of(halves(message).1);
        let fields = self.fields(message, &hash, at)?;
        message.splice(0..0, fields);
        Ok(())
    }

    /// Whether it leaves messages as they are.
    pub fn is_none(&self) -> bool {
        self.signatures.is_empty()
    }

    /// The header fields that [`Signer::sign`] puts on top of `message`, whose body's hash is known.
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub fn fields(&self, message: &[u8], hash: &BodyHash, at: Timestamp) -> Result<Vec<u8>, CannotSign> {
        let Signed { names, mut input } = Signed::new(halves(message).0);
        let (tail, len) = (tail(&names, &STANDARD.encode(hash), at), input.len());
        let mut fields = Vec::with_capacity(self.signatures.len() * FIELD);
        for Signature { key, lead } in &self.signatures {
            let start = fields.len();
            fields.extend_from_slice(lead);
            fields.extend_from_slice(&tail);
            input.truncate(len);
            canonical::field(&fields[start..], &mut input);
            put_folded(&STANDARD.encode(key.sign(&input)?), &mut fields);
        }
        Ok(fields)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} signatures)", self.signatures.len())
    }
}

/// The cryptography failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message cannot be signed: the DKIM key gives no signature")]
pub struct CannotSign;

/// The header fields, and what follows the empty line.
fn halves(message: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memmem::find(message, b"\r\n\r\n") {
        Some(at) => (&message[..at + 2], &message[at + 4..]),
        None => (message, &[]),
    }
}

/// What of a header is signed.
struct Signed {
    /// `h=`.
    names: Vec<&'static str>,
    /// Those fields in canonical form.
    input: Vec<u8>,
}

impl Signed {
    fn new(head: &[u8]) -> Self {
        let mut fields = Vec::with_capacity(2 * SIGNED.len());
        fields.extend(canonical::fields(head).map(|field| (canonical::name(field), field)));
        let mut input = Vec::with_capacity(head.len() + FIELD);
        let mut names = Vec::with_capacity(2 * SIGNED.len());
        for name in SIGNED {
            names.push(name);
            // Of several by one name the last comes first (RFC 6376 5.4.2).
            let alike = fields.iter().rev().filter(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes()));
            for (_, field) in alike {
                names.push(name);
                canonical::field(field, &mut input);
                input.extend_from_slice(b"\r\n");
            }
        }
        Self { names, input }
    }
}

/// The rest of a signature's field, up to the signature itself.
fn tail(names: &[&str], body_hash: &str, at: Timestamp) -> Vec<u8> {
    let mut tail = Vec::with_capacity(FIELD);
    tail.extend_from_slice(format!(" t={};\r\n h=", at.as_second()).as_bytes());
    let mut column = " h=".len();
    for (nth, name) in names.iter().enumerate() {
        if nth > 0 {
            tail.push(b':');
        }
        if column + name.len() > WIDTH {
            tail.extend_from_slice(b"\r\n ");
            column = 1;
        }
        tail.extend_from_slice(name.as_bytes());
        column += name.len() + 1;
    }
    tail.extend_from_slice(b";\r\n bh=");
    tail.extend_from_slice(body_hash.as_bytes());
    tail.extend_from_slice(b";\r\n b=");
    tail
}

/// A signature, in lines.
fn put_folded(signature: &str, out: &mut Vec<u8>) {
    for (at, line) in signature.as_bytes().chunks(WIDTH - 4).enumerate() {
        if at > 0 {
            out.extend_from_slice(b"\r\n ");
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
