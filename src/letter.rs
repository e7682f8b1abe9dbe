//! A letter to one person that is no issue: what dispatch tells the operator, what asks a reader to confirm.
//!
//! A journey: written as plain text, signed like everything else, handed over by the same relays.

use std::time::SystemTime;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox as Named, SinglePart};
use lettre::{Address, Message};

use crate::app::{App, random, relay};
use crate::mailbox::{EmailAddress, Mailbox};
use crate::smtp::Envelope;

/// What is said to whom.
#[derive(Debug, Clone)]
pub struct Letter {
    /// To whom.
    pub to: EmailAddress,
    /// One line.
    pub subject: String,
    /// Plain text, lines ended by `\n`.
    pub text: String,
}

/// Hands a letter over, if it may go at the last instant before its body does. Answers whether it went.
///
/// # Errors
/// A relay that does not take it, a [`SmtpError`](crate::smtp::SmtpError); whatever keeps `may_go` from being told.
pub async fn post_if(
    app: &App,
    letter: &Letter,
    may_go: impl AsyncFnOnce() -> anyhow::Result<bool>,
) -> anyhow::Result<bool> {
    let mut message = write(app, letter)?;
    app.signer()?.sign(&mut message, app.now())?;
    let (inbox, routes) = app.open_relays().await?;
    let mut connection = relay::connect(&routes).await?;
    let envelope = Envelope {
        from: app.config.newsletter.from.address.clone(),
        to: letter.to.clone(),
        id: None,
        smtputf8: false,
        size: Some(message.len() as u64),
    };
    let ready = connection.envelope(&envelope).await?;
    let goes = may_go().await?;
    if goes {
        connection.body(ready, &message, None).await?;
        connection.quit().await;
    }
    if let Some(inbox) = inbox {
        inbox.stop().await;
    }
    Ok(goes)
}

fn write(app: &App, letter: &Letter) -> anyhow::Result<Vec<u8>> {
    let Mailbox { name, address } = &app.config.newsletter.from;
    let mut id = [0; 16];
    random(&mut id);
    let id = id.iter().fold(String::new(), |id, byte| id + &format!("{byte:02x}"));
    let (from, to): (Address, Address) = (address.as_str().parse()?, letter.to.as_str().parse()?);
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    let message = Message::builder()
        // Of an address with a space in quotes it would make none. Ours is the one that counts.
        .envelope(lettre::address::Envelope::new(Some(from.clone()), vec![to.clone()])?)
        .from(Named::new(name.clone(), from))
        .to(Named::new(None, to))
        .subject(&letter.subject)
        .date(SystemTime::from(app.now()))
        .message_id(Some(format!("<{id}@{}>", address.domain())))
        .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
        .singlepart(SinglePart::plain(letter.text.replace('\n', "\r\n")))?;
    Ok(message.formatted())
}
