//! Joining: somebody asks on a page, a mail asks back, and only the owner of the address can answer it.
//!
//! A journey. Whoever asks is told the same, whether the address is known or not (requirement 70): what comes of it is told to the
//! address alone, later.

mod list;
mod mailing;

use std::sync::Arc;

use jiff::SignedDuration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::list::full_title;
use self::mailing::{Mailing, hash, new_token};
use crate::app::door::Door;
use crate::app::keys::KeyRing;
use crate::app::phrases::Phrases;
use crate::app::{App, random};
use crate::id::{ListName, Reference};
use crate::mailbox::EmailAddress;
use crate::store::{Asked, Confirmed, JoinRequest, Pending};
use crate::track::Counters;

pub use self::list::{joinable, offered, title};

/// How long a confirmation can be answered.
const VALID: SignedDuration = SignedDuration::from_hours(48);

/// What somebody entered.
#[derive(Debug, Clone)]
pub struct Form {
    /// Their address.
    pub address: EmailAddress,
    /// Their name, if they gave one.
    pub name: Option<String>,
    /// Which list.
    pub list: ListName,
    /// On which page.
    pub source: String,
}

/// Takes requests in; confirmations go out for as long as this lives, one after the other.
pub struct Joining {
    app: App,
    door: Arc<Door>,
    keys: Arc<KeyRing>,
    phrases: Arc<Phrases>,
    counters: Arc<Counters>,
    /// Tells that there is one to be mailed.
    asked: mpsc::Sender<()>,
}

impl Joining {
    /// Gets ready, and mails what was left unmailed. That task ends once this is dropped, with the mail that is on its way.
    pub fn start(
        app: &App,
        door: &Arc<Door>,
        keys: &Arc<KeyRing>,
        counters: &Arc<Counters>,
        phrases: &Arc<Phrases>,
    ) -> (Self, JoinHandle<()>) {
        let phrases = Arc::clone(phrases);
        let (app, door, counters) = (app.clone(), Arc::clone(door), Arc::clone(counters));
        let (asked, waiting) = mpsc::channel(1);
        let mailing = Mailing {
            app: app.clone(),
            door: Arc::clone(&door),
            counters: Arc::clone(&counters),
            keys: Arc::clone(keys),
            phrases: Arc::clone(&phrases),
        };
        let mailing = tokio::spawn(mailing.run(waiting));
        (Self { app, door, keys: Arc::clone(keys), phrases, counters, asked }, mailing)
    }

    /// What somebody agrees to who joins a list: shown where they confirm it, and recorded with their consent.
    pub fn wording(&self, list: &ListName) -> String {
        let title = self.phrases.isolate(&full_title(&self.app.config, list));
        self.phrases.say("consent", &[("newsletter", &title)])
    }

    /// Somebody asks to join. That a mail goes out is not waited for. Answers whether it was heard: not where too many ask.
    ///
    /// # Errors
    /// The store's.
    pub async fn ask(&self, form: Form) -> anyhow::Result<bool> {
        let at = self.app.now();
        let request = JoinRequest {
            wording: self.wording(&form.list),
            list: form.list,
            address: form.address,
            name: form.name,
            // Nobody gets this one: what its mails bear is made when they leave.
            token_hash: hash(&new_token()),
            at,
            expires_at: at + VALID,
            source: form.source,
        };
        let limit = &self.app.config.serve.confirmations;
        let limit = (limit.messages.get(), limit.per.try_into()?);
        let store = self.door.store().await?;
        if store.is_barred(&self.keys.keys().suppression(&request.address)).await? {
            return Ok(true);
        }
        match store.ask_to_join(&request, limit).await? {
            // Where one is told of already, this one is found with it.
            Asked::Mail => drop(self.asked.try_send(())),
            Asked::TooMany => {
                Counters::count(&self.counters.turned_away);
                tracing::warn!("more people ask to join than `[serve] confirmations` lets be written to");
                return Ok(false);
            }
            Asked::Waiting | Asked::Subscribed | Asked::Suppressed => {}
        }
        Ok(true)
    }

    /// What a confirmation would do; `None` where there is nothing to confirm, or no more.
    ///
    /// # Errors
    /// The store's.
    pub async fn pending(&self, token: &str) -> anyhow::Result<Option<Pending>> {
        Ok(self.door.store().await?.pending(&hash(token), self.app.now()).await?)
    }

    /// The owner of the address says yes.
    ///
    /// # Errors
    /// The store's.
    pub async fn confirm(&self, token: &str) -> anyhow::Result<Option<Confirmed>> {
        let store = self.door.store().await?;
        let keys = self.keys.keys();
        let erased = |address: &EmailAddress| keys.suppression(address);
        let confirmed =
            store.confirm(&hash(token), Reference::random(random), self.app.now(), erased).await?;
        if confirmed.as_ref().is_some_and(|confirmed| confirmed.is_new) {
            Counters::count(&self.counters.joined);
        }
        Ok(confirmed)
    }
}
