//! A private key that signs, read from PEM, and the DNS record of its public half.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::{Error, PemObject};
use serde::Serialize;

use super::CannotSign;

/// How a key signs. SHA-1 is none of them (RFC 8301).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// `rsa-sha256`, which every receiver verifies; 2048 bits or more.
    Rsa,
    /// `ed25519-sha256` (RFC 8463): short and fast, unknown to many receivers.
    Ed25519,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        })
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "rsa" => Ok(Self::Rsa),
            "ed25519" => Ok(Self::Ed25519),
            other => Err(format!("`{other}` is no algorithm of DKIM; use `rsa` or `ed25519`")),
        }
    }
}

/// A private key. `Debug` prints nothing of it.
pub struct SigningKey(Pair);

enum Pair {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Reads the first private key of a PEM file: PKCS#8 (`PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`).
    ///
    /// # Errors
    /// [`KeyError`], which never quotes what was read.
    pub fn parse(pem: &[u8]) -> Result<Self, KeyError> {
        if memchr::memmem::find(pem, b"ENCRYPTED").is_some() {
            return Err(KeyError::Encrypted);
        }
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
            Error::NoItemsFound => KeyError::None,
            _ => KeyError::Damaged,
        })?;
        let rsa = match &der {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
                    return Ok(Self(Pair::Ed25519(pair)));
                }
                RsaKeyPair::from_pkcs8(der)
            }
            _ => return Err(KeyError::Algorithm),
        };
        rsa.map(|pair| Self(Pair::Rsa(pair))).map_err(|rejected| match rejected.to_string().as_str() {
            "TooSmall" => KeyError::TooSmall,
            _ => KeyError::Algorithm,
        })
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        match &self.0 {
            Pair::Rsa(_) => Algorithm::Rsa,
            Pair::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// What the TXT record of its selector says (RFC 6376 3.6.1).
    ///
    /// # Errors
    /// [`KeyError::Algorithm`] where the public key cannot be told.
    pub fn record(&self) -> Result<String, KeyError> {
        let public = match &self.0 {
            Pair::Rsa(pair) => {
                let der: PublicKeyX509Der<'_> =
                    pair.public_key().as_der().map_err(|_| KeyError::Algorithm)?;
                STANDARD.encode(der.as_ref())
            }
            // The bare 32 bytes (RFC 8463 4).
            Pair::Ed25519(pair) => STANDARD.encode(pair.public_key()),
        };
        Ok(format!("v=DKIM1; k={}; p={public}", self.algorithm()))
    }

    /// Signs header fields in canonical form: always the same for the same.
    pub(super) fn sign(&self, input: &[u8]) -> Result<Vec<u8>, CannotSign> {
        match &self.0 {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                // PKCS #1 v1.5 uses no randomness, whatever the signature of the function says.
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature)
                    .map_err(|_| CannotSign)?;
                Ok(signature)
            }
            // What is signed is the hash (RFC 8463 3).
            Pair::Ed25519(pair) => {
                let hash = digest(&SHA256, input);
                Ok(pair.try_sign(hash.as_ref()).map_err(|_| CannotSign)?.as_ref().to_vec())
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, …)", self.algorithm())
    }
}

/// Why a file is no key to sign with. Says nothing of what stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No private key in it.
    #[error("it holds no private key in PEM; make one with `pressroom dkim new`")]
    None,
    /// A passphrase would be needed.
    #[error("it is encrypted; write it without a passphrase, as by `openssl pkey -in OLD.pem -out NEW.pem`")]
    Encrypted,
    /// PEM that does not decode.
    #[error("its PEM is damaged; restore it from a backup, or make another key with `pressroom dkim new`")]
    Damaged,
    /// RFC 8301 3.2.
    #[error(
        "it is an RSA key of fewer than 2048 bits, which receivers refuse; make another with `pressroom dkim new`"
    )]
    TooSmall,
    /// Neither of the two, or not a key.
    #[error("it is neither an RSA nor an Ed25519 key; make one with `pressroom dkim new`")]
    Algorithm,
}
