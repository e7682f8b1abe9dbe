//! A stage for journeys that must change nothing: a folder that is thrown away, and the same newsletter with another store and relay.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{App, Clock};
use crate::config::{Config, Pace, Relay, Security, Smtp, StoreUrl};

/// A folder for a store that is thrown away, whatever happens.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one in a folder, for a purpose.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn make(folder: &Path, purpose: &str) -> anyhow::Result<Self> {
        let path = folder.join(format!(".{purpose}-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("{} cannot be written", folder.display()))?;
        Ok(Self(path))
    }

    /// Where the store belongs.
    pub fn store(&self) -> PathBuf {
        self.0.join("scratch.db")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is ignored by git, and harmless.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl App {
    /// The same newsletter for a rehearsal: with that store, the inbox at that address as its only relay, no limits of pace, another clock,
    /// and specimen keys.
    #[must_use]
    pub fn on_stage(&self, store: PathBuf, inbox: SocketAddr, clock: Clock) -> Self {
        let relay = Relay {
            host: inbox.ip().to_string(),
            port: inbox.port(),
            security: Security::Clear,
            login: None,
            weight: NonZeroU32::MIN,
            rate: None,
            window: None,
        };
        let pace = Pace { rate: None, window: None, domains: BTreeMap::new(), ..self.config.pace.clone() };
        let config = Config {
            smtp: Some(Smtp::Relays(vec![relay])),
            pace,
            store: StoreUrl::Sqlite(store),
            ..self.config.clone()
        };
        Self {
            workspace: self.workspace.clone(),
            config,
            clock,
            reply_timeout: self.reply_timeout,
            has_specimen_keys: true,
            caller: self.caller.clone(),
        }
    }
}
