//! The operator's mail: what dispatch did, or should have done.

use std::fmt::Write as _;
use std::time::SystemTime;

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox as Named, SinglePart};

use super::Dispatched;
use crate::app::{App, random};
use crate::mailbox::{EmailAddress, Mailbox};
use crate::send::test_copy::open;
use crate::smtp::Envelope;

/// Writes to `notify`, if there is such a one and there is news for them.
///
/// # Errors
/// A relay that does not take it.
pub(super) async fn notify(app: &App, outcome: &Dispatched) -> anyhow::Result<()> {
    let Some(operator) = &app.config.notify else { return Ok(()) };
    if outcome.sent.is_empty() && outcome.said.is_empty() {
        return Ok(());
    }
    let mut message = write(app, operator, outcome)?;
    app.signer()?.sign(&mut message, app.now())?;
    let (inbox, routes) = app.open_relays().await?;
    let mut connection = open(&routes).await?;
    let envelope = Envelope {
        from: app.config.newsletter.from.address.clone(),
        to: operator.clone(),
        id: None,
        smtputf8: !operator.as_str().is_ascii(),
        size: Some(message.len() as u64),
    };
    let ready = connection.envelope(&envelope).await?;
    connection.body(ready, &message, None).await.message?;
    connection.quit().await;
    if let Some(inbox) = inbox {
        inbox.stop().await;
    }
    Ok(())
}

fn write(app: &App, operator: &EmailAddress, outcome: &Dispatched) -> anyhow::Result<Vec<u8>> {
    let newsletter = &app.config.newsletter;
    let Mailbox { name, address } = &newsletter.from;
    let mut id = [0; 16];
    random(&mut id);
    let id = id.iter().fold(String::new(), |id, byte| id + &format!("{byte:02x}"));
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    let message = Message::builder()
        .from(Named::new(name.clone(), address.as_str().parse()?))
        .to(Named::new(None, operator.as_str().parse()?))
        .subject(format!("{}: {}", newsletter.name, subject(outcome)))
        .date(SystemTime::from(app.now()))
        .message_id(Some(format!("<{id}@{}>", address.domain())))
        .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
        .singlepart(SinglePart::plain(text(outcome)))?;
    Ok(message.formatted())
}

fn subject(outcome: &Dispatched) -> String {
    let issue = |number| format!("issue {number}");
    let sent: Vec<_> = outcome.sent.iter().map(|done| issue(done.0.issue)).collect();
    if sent.is_empty() { "no issue was sent".to_owned() } else { sent.join(", ") }
}

fn text(outcome: &Dispatched) -> String {
    let mut text = String::new();
    let lines = outcome.sent.iter().map(ToString::to_string).chain(outcome.said.iter().cloned());
    let faults = outcome.faults.iter().map(|fault| format!("{fault:#}"));
    for line in lines.chain(faults).chain(outcome.notes.iter().cloned()) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}\r\n", line.trim_end().replace('\n', "\r\n"));
    }
    text
}
