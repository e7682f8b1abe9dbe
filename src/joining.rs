//! Joining: somebody asks on a page, a mail asks back, and only the owner of the address can answer it.
//!
//! A journey. Whoever asks is told the same, whether the address is known or not (requirement 70): what comes of it is told to the
//! address alone, later. A mail that no relay takes within `ATTEMPTS` is given up, and its request forgotten, so that it can be made again.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use tera::{Context, Tera};
use tokio::sync::mpsc;

use crate::app::door::Door;
use crate::app::{App, random};
use crate::id::ListName;
use crate::letter::{self, Letter};
use crate::lists::new_reference;
use crate::mailbox::EmailAddress;
use crate::store::{Asked, Confirmed, JoinRequest};
use crate::track::Counters;

/// How long a confirmation can be answered.
const VALID: SignedDuration = SignedDuration::from_hours(48);
/// Pauses after which a mail that no relay took is tried again.
const ATTEMPTS: [u64; 4] = [0, 30, 5 * 60, 30 * 60];
/// Mails that wait for their turn; beyond, a request is forgotten.
const QUEUE: usize = 1_000;

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

/// Takes requests in and mails confirmations.
pub struct Joining {
    app: App,
    door: Arc<Door>,
    mails: mpsc::Sender<Mail>,
    counters: Arc<Counters>,
}

struct Mail {
    letter: Letter,
    token_hash: String,
}

impl Joining {
    /// Gets ready. Mails go out one after the other, for as long as this lives.
    pub fn start(app: &App, door: &Arc<Door>, counters: &Arc<Counters>) -> Self {
        let (mails, waiting) = mpsc::channel(QUEUE);
        let (app, door, counters) = (app.clone(), Arc::clone(door), Arc::clone(counters));
        tokio::spawn(post(app.clone(), Arc::clone(&door), Arc::clone(&counters), waiting));
        Self { app, door, mails, counters }
    }

    /// What somebody agrees to by asking: shown at the form, and recorded with their consent.
    pub fn wording(&self) -> String {
        let name = &self.app.config.newsletter.name;
        format!("Send me {name} by email. I can leave at any time, by one click in every issue.")
    }

    /// Somebody asks to join. That a mail goes out is not waited for.
    ///
    /// # Errors
    /// The store's.
    pub async fn ask(&self, form: Form) -> anyhow::Result<()> {
        let mut token = [0; 16];
        random(&mut token);
        let token = URL_SAFE_NO_PAD.encode(token);
        let at = self.app.now();
        let request = JoinRequest {
            list: form.list,
            address: form.address,
            name: form.name,
            token_hash: hash(&token),
            at,
            expires_at: at + VALID,
            wording: self.wording(),
            source: form.source,
        };
        let limit = &self.app.config.serve.confirmations;
        let limit = (limit.messages.get(), limit.per.try_into()?);
        match self.door.store().await?.ask_to_join(&request, limit).await? {
            Asked::Mail => self.enqueue(&request, &token).await?,
            Asked::TooMany => {
                tracing::warn!("more people ask to join than `[serve] confirmations` lets be written to");
            }
            Asked::Waiting | Asked::Subscribed | Asked::Suppressed => {}
        }
        Ok(())
    }

    async fn enqueue(&self, request: &JoinRequest, token: &str) -> anyhow::Result<()> {
        let letter = self.letter(request, token)?;
        let mail = Mail { letter, token_hash: request.token_hash.clone() };
        if self.mails.try_send(mail).is_err() {
            tracing::error!("too many confirmations wait for the relay; one is given up");
            self.door.store().await?.forget_request(&request.token_hash).await?;
        }
        Ok(())
    }

    fn letter(&self, request: &JoinRequest, token: &str) -> anyhow::Result<Letter> {
        let newsletter = &self.app.config.newsletter;
        let mut context = Context::new();
        context.insert("newsletter", &newsletter.name);
        context.insert("postal_address", &newsletter.postal_address);
        context.insert("url", &format!("{}/confirm/{token}", newsletter.base_url.0));
        let until = request.expires_at.to_zoned(newsletter.time_zone.clone());
        context.insert("until", &until.strftime("%A, %-d %B %Y, %H:%M %Z").to_string());
        Ok(Letter {
            to: request.address.clone(),
            subject: format!("Please confirm: {}", newsletter.name),
            text: Tera::one_off(include_str!("joining/confirm.txt"), &context, false)?,
        })
    }

    /// What a confirmation would do; `None` where there is nothing to confirm, or no more.
    ///
    /// # Errors
    /// The store's.
    pub async fn pending(&self, token: &str) -> anyhow::Result<Option<(ListName, EmailAddress)>> {
        Ok(self.door.store().await?.pending(&hash(token), self.app.now()).await?)
    }

    /// The owner of the address says yes.
    ///
    /// # Errors
    /// The store's.
    pub async fn confirm(&self, token: &str) -> anyhow::Result<Option<Confirmed>> {
        let store = self.door.store().await?;
        let confirmed = store.confirm(&hash(token), new_reference(&mut random), self.now()).await?;
        if confirmed.as_ref().is_some_and(|confirmed| confirmed.is_new) {
            Counters::count(&self.counters.joined);
        }
        Ok(confirmed)
    }

    fn now(&self) -> Timestamp {
        self.app.now()
    }
}

/// By what a token is known in the store: it is 128 random bits, so nobody finds it from this.
fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))
}

async fn post(app: App, door: Arc<Door>, counters: Arc<Counters>, mut waiting: mpsc::Receiver<Mail>) {
    while let Some(Mail { letter, token_hash }) = waiting.recv().await {
        if post_one(&app, &letter).await {
            Counters::count(&counters.invited);
            continue;
        }
        let forgotten = match door.store().await {
            Ok(store) => store.forget_request(&token_hash).await.map_err(anyhow::Error::from),
            Err(error) => Err(error),
        };
        tracing::error!(forgotten = forgotten.is_ok(), "a confirmation is given up: no relay takes it");
    }
}

/// Whether a relay took it in the end.
async fn post_one(app: &App, letter: &Letter) -> bool {
    for pause in ATTEMPTS {
        tokio::time::sleep(Duration::from_secs(pause)).await;
        match letter::post(app, letter).await {
            Ok(()) => return true,
            Err(error) => tracing::warn!(error = format!("{error:#}"), "a confirmation was not taken"),
        }
    }
    false
}
