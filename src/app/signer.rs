//! What signs messages, as newsletter.toml's `[[dkim]]` tables say.

use std::fs;

use secrecy::{ExposeSecret, SecretSlice};

use super::{App, Wrong};
use crate::config::DkimKey;
use crate::message::dkim::{Signer, SigningKey};

impl App {
    /// Reads the keys of all signatures.
    ///
    /// # Errors
    /// [`Wrong`], naming the file that is no key to sign with, and never what is in it.
    pub fn signer(&self) -> anyhow::Result<Signer> {
        let mut signer = Signer::none();
        for DkimKey { domain, selector, key_file } in &self.config.dkim {
            let path = self.workspace.path(key_file);
            let wrong = |reason: String| {
                Wrong(format!("nothing can be signed with the DKIM key {}: {reason}", path.display()))
            };
            let pem: SecretSlice<u8> = fs::read(&path).map_err(|error| wrong(error.to_string()))?.into();
            let key = SigningKey::parse(pem.expose_secret()).map_err(|error| wrong(error.to_string()))?;
            signer = signer.with(domain, selector, key);
        }
        Ok(signer)
    }
}
