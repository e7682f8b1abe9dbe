//! Confirmations on their way: each waits in the store until a relay takes it, so that none is lost with the server, and is written down
//! as leaving before its body does, so that one that was taken goes out once, however many servers there are. One whose server died in
//! between, or whose relay did not answer, may have arrived or not: it goes out again once another mail may, with the same link.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use tokio::sync::mpsc;

use super::list::full_title;
use crate::app::door::Door;
use crate::app::keys::KeyRing;
use crate::app::phrases::Phrases;
use crate::app::{App, random};
use crate::letter::{self, Letter};
use crate::send::pause;
use crate::smtp::{SmtpError, Step};
use crate::store::{Invitation, Progress, Store};
use crate::track::Counters;
use crate::wrap::wrap;

/// How often it looks for what another server left, or what is to be tried again.
const ROUND: Duration = Duration::from_secs(15);
/// Nobody else takes a confirmation for so long.
const LEASE: SignedDuration = SignedDuration::from_mins(10);
/// A letter's width.
const COLUMNS: usize = 72;

pub(super) struct Mailing {
    pub(super) app: App,
    pub(super) door: Arc<Door>,
    pub(super) keys: Arc<KeyRing>,
    pub(super) counters: Arc<Counters>,
    pub(super) phrases: Arc<Phrases>,
}

/// What became of one.
enum Posted {
    Taken,
    /// Nobody wants it any more, or another server has it.
    Void,
    /// The relay will not have it for good.
    Refused(SmtpError),
    /// It may have left.
    InDoubt(SmtpError),
    Later(anyhow::Error),
}

impl Mailing {
    /// Mails what is due whenever it is told to, and now and then, until nobody can tell it any more.
    pub(super) async fn run(self, mut asked: mpsc::Receiver<()>) {
        let mut round = tokio::time::interval(ROUND);
        loop {
            tokio::select! {
                asked = asked.recv() => if asked.is_none() { return },
                _ = round.tick() => {}
            }
            if let Err(error) = self.post_all(&asked).await {
                tracing::warn!(error = format!("{error:#}"), "confirmations wait for the store");
            }
        }
    }

    /// Until none is due, nobody can ask any more, or the relay is away: then the others wait too.
    async fn post_all(&self, asked: &mpsc::Receiver<()>) -> anyhow::Result<()> {
        let store = self.door.store().await?;
        let keys = self.keys.keys();
        let token = |Invitation { list, address, asked_at, .. }: &Invitation| {
            keys.confirmation(list, address, *asked_at)
        };
        while let Some(invitation) =
            store.take_invitation(|taken| hash(&token(taken)), self.app.now(), LEASE).await?
        {
            let posted = self.post(&store, &invitation, &token(&invitation)).await;
            if self.settle(&store, &invitation, posted).await? || asked.is_closed() {
                break;
            }
        }
        Ok(())
    }

    async fn post(&self, store: &Store, invitation: &Invitation, token: &str) -> Posted {
        let letter = self.letter(invitation, token);
        let leaves = async || Ok(store.put_invitation(invitation, Progress::Leaves(self.app.now())).await?);
        let error = match letter::post_if(&self.app, &letter, leaves).await {
            Ok(true) => return Posted::Taken,
            Ok(false) => return Posted::Void,
            Err(error) => error,
        };
        match error.downcast::<SmtpError>() {
            Ok(error) => verdict(error),
            Err(error) => Posted::Later(error),
        }
    }

    /// Answers whether the relay is away.
    async fn settle(&self, store: &Store, invitation: &Invitation, posted: Posted) -> anyhow::Result<bool> {
        match posted {
            Posted::Taken => {
                store.put_invitation(invitation, Progress::Left(self.app.now())).await?;
                Counters::count(&self.counters.invited);
            }
            Posted::Void => {}
            Posted::Refused(error) => {
                tracing::error!(
                    reply = said(&error),
                    "a confirmation is refused for good; its request is forgotten"
                );
                store.forget_request(invitation).await?;
            }
            Posted::InDoubt(error) => {
                tracing::warn!(
                    reply = said(&error),
                    "a confirmation may have arrived; while nobody confirms, it is sent again when its address may have another mail"
                );
            }
            Posted::Later(error) => {
                Counters::count(&self.counters.uninvited);
                let reply = error.downcast_ref().map_or_else(|| format!("{error:#}"), said);
                tracing::warn!(reply, tries = invitation.tries, "a confirmation is not taken; it waits");
                let again_at = self.app.now() + pause(invitation.tries);
                store.put_invitation(invitation, Progress::Waits(again_at)).await?;
                return Ok(error.downcast_ref().is_none_or(is_of_connection));
            }
        }
        Ok(false)
    }

    fn letter(&self, invitation: &Invitation, token: &str) -> Letter {
        let newsletter = &self.app.config.newsletter;
        let until = invitation.expires_at.to_zoned(newsletter.time_zone.clone());
        let title = self.phrases.isolate(&full_title(&self.app.config, &invitation.list));
        let fill = [
            ("newsletter", title.as_str()),
            ("url", &format!("{}/confirm/{token}", newsletter.base_url.0)),
            ("until", &self.phrases.write("time", &until)),
        ];
        let text = wrap(&self.phrases.say("letter", &fill), COLUMNS, "", "");
        let (name, address) = (&newsletter.name, &newsletter.postal_address);
        Letter {
            to: invitation.address.clone(),
            subject: self.phrases.say("letter_subject", &fill),
            text: format!("{text}\n\n-- \n{name}\n{address}\n"),
        }
    }
}

fn verdict(error: SmtpError) -> Posted {
    match error {
        SmtpError::InDoubt(_) => Posted::InDoubt(error),
        // What is said to us before any address was named is for the operator to mend.
        SmtpError::Permanent(_) if !is_of_connection(&error) => Posted::Refused(error),
        SmtpError::Permanent(_) | SmtpError::Transient(_) => Posted::Later(error.into()),
    }
}

/// Whether every other letter would meet the same.
fn is_of_connection(error: &SmtpError) -> bool {
    match error.failure().step {
        Step::Connect | Step::Greeting | Step::Hello | Step::Tls | Step::Authentication | Step::Reset => true,
        Step::Mail | Step::Recipient | Step::Data | Step::Body => false,
    }
}

/// A relay's words, addresses masked.
fn said(error: &SmtpError) -> String {
    error.failure().reply.masked()
}

/// 128 random bits.
pub(super) fn new_token() -> String {
    let mut token = [0; 16];
    random(&mut token);
    URL_SAFE_NO_PAD.encode(token)
}

/// By what a token is known in the store: nobody finds its 128 bits from this.
pub(super) fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))
}
