//! A copy for the editor's own eyes: marked, with specimen tokens, in no count and not in the store.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::app::relay::Route;
use crate::app::{App, random};
use crate::compose::{self, specimen};
use crate::delivery::SmtpReply;
use crate::id::{IssueNumber, Reference};
use crate::mailbox::EmailAddress;
use crate::message::Edition;
use crate::render::Piece;
use crate::smtp::{Connection, Envelope};
use crate::token::Keys;

/// What became of the copies.
#[derive(Debug, Serialize)]
pub struct Copies {
    /// Which issue.
    pub issue: IssueNumber,
    /// Whether they went to the built-in inbox.
    pub trial: bool,
    /// What the relay said of each.
    pub copies: Vec<Copied>,
    /// Where a trial's messages are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbox: Option<PathBuf>,
}

/// What became of one copy.
#[derive(Debug, Serialize)]
pub struct Copied {
    /// Whose.
    pub to: EmailAddress,
    /// Whether the relay took it.
    pub accepted: bool,
    /// What the relay said, or what went wrong on the way there.
    pub reply: SmtpReply,
}

impl Copies {
    /// How many did not get theirs.
    pub fn refused(&self) -> usize {
        self.copies.iter().filter(|copy| !copy.accepted).count()
    }
}

/// Sends a copy marked `[TEST]` to each address: as the reader of that address would get it, if one is on the list.
///
/// # Errors
/// Diagnostics on the draft; a relay that cannot be reached.
pub async fn send(app: &App, draft: &str, addresses: &[EmailAddress]) -> anyhow::Result<Copies> {
    let prepared = compose::prepare(&app.workspace, &app.config, draft)?.with_list(&app.config)?;
    let mut frozen = prepared.freeze(&app.config);
    frozen.rendered.subject.insert(0, Piece::Literal("[TEST] ".into()));
    let edition = Edition::new(&frozen);
    let list = app.workspace.list_path(&prepared.issue.list);
    let signer = app.signer()?;
    let (inbox, routes) = app.open_relays().await?;
    let mut connection = open(&routes).await?;
    let mut copies = Vec::new();
    let mut message = Vec::new();
    for address in addresses {
        let listed = specimen::on_list(address, &list, prepared.issue.date)?;
        let mut recipient = match listed {
            Some(listed) => listed,
            None => specimen::invented(Some(address), &frozen.rendered, prepared.issue.date)?,
        };
        // A Message-ID of its own: a mailbox must not take the second copy for a repeat of the first.
        let mut reference = [0; 8];
        random(&mut reference);
        recipient.reference = Reference(u64::from_ne_bytes(reference));
        edition.write(&recipient, &Keys::specimen(), app.now(), &mut message)?;
        signer.sign(&mut message, app.now())?;
        if !connection.is_usable() {
            connection = open(&routes).await?;
        }
        let from = edition.envelope_from(&recipient, &Keys::specimen());
        let envelope = Envelope {
            from,
            to: address.clone(),
            id: None,
            smtputf8: edition.needs_smtputf8(&recipient),
            size: Some(message.len() as u64),
        };
        copies.push(copy(&mut connection, envelope, &message).await);
    }
    connection.quit().await;
    if let Some(inbox) = inbox {
        inbox.stop().await;
    }
    let inbox = app.is_trial().then(|| app.workspace.inbox_dir());
    Ok(Copies { issue: frozen.number(), trial: app.is_trial(), copies, inbox })
}

/// A connection to the first relay that takes one.
pub(crate) async fn open(routes: &[Route]) -> anyhow::Result<Connection> {
    let mut last = None;
    for route in routes {
        match Connection::open(&route.relay).await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(|| anyhow::anyhow!("newsletter.toml names no relay"), Into::into))
}

async fn copy(connection: &mut Connection, envelope: Envelope, message: &[u8]) -> Copied {
    let answer = match connection.envelope(&envelope).await {
        Ok(ready) => connection.body(ready, message, None).await,
        Err(error) => Err(error),
    };
    let accepted = answer.is_ok();
    Copied { to: envelope.to, accepted, reply: answer.unwrap_or_else(|error| error.failure().reply.clone()) }
}

impl fmt::Display for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trial = if self.trial { "trial: " } else { "" };
        for copy in &self.copies {
            let verdict = if copy.accepted { "accepted" } else { "not accepted" };
            writeln!(
                f,
                "{trial}test copy of issue {} to {}: {verdict}: {} {}",
                self.issue, copy.to, copy.reply.code, copy.reply.text
            )?;
        }
        if let Some(inbox) = &self.inbox {
            writeln!(
                f,
                "{trial}nothing left this machine; the messages are in {}",
                inbox.join("new").display()
            )?;
        }
        Ok(())
    }
}
