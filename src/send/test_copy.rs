//! A copy for the editor's own eyes: marked, with specimen tokens, in no count and not in the store.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::Ending;
use crate::app::relay::{self, Route};
use crate::app::{App, random};
use crate::compose::{self, specimen};
use crate::delivery::{Counts, SmtpReply};
use crate::id::{IssueNumber, Reference};
use crate::mailbox::EmailAddress;
use crate::message::Edition;
use crate::render::Piece;
use crate::smtp::{Connection, Envelope, SmtpError};
use crate::token::Keys;

/// What became of the copies.
#[derive(Debug, Serialize)]
pub struct Copies {
    /// Which issue.
    pub issue: IssueNumber,
    /// Whether they went to the built-in inbox.
    pub trial: bool,
    /// How it ended.
    pub ending: Ending,
    /// Of these copies alone.
    #[serde(flatten)]
    pub counts: Counts,
    /// What became of each.
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
    /// Where it stands.
    pub status: Status,
    /// What the relay said, if it was that which spoke.
    pub reply: Option<SmtpReply>,
    /// Why it was not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Where a copy stands; nobody tries it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The relay took it.
    Accepted,
    /// Another time it may.
    Deferred,
    /// It would be the same another time.
    Refused,
    /// Its end may have gone out, and no answer came.
    InDoubt,
    /// No relay listened.
    Waiting,
}

impl Copied {
    fn failed(to: EmailAddress, status: Status, error: &SmtpError) -> Self {
        let failure = error.failure();
        let reply = failure.said_by_relay.then(|| failure.reply.clone());
        Self { to, status, reply, why: Some(failure.to_string()) }
    }
}

/// Sends a copy marked `[TEST]` to each address, once however often and however spelled it stands here: as the reader of that address would get it, if one is on the list.
///
/// # Errors
/// Diagnostics on the draft; a relay's password that cannot be had.
pub async fn send(app: &App, draft: &str, addresses: &[EmailAddress]) -> anyhow::Result<Copies> {
    let prepared = compose::prepare(&app.workspace, &app.config, draft)?.with_list(&app.config)?;
    let mut frozen = prepared.freeze(&app.config);
    frozen.rendered.subject.insert(0, Piece::Literal("[TEST] ".into()));
    let edition = Edition::new(&frozen);
    let list = app.workspace.list_path(&prepared.issue.list);
    let signer = app.signer()?;
    let (inbox, routes) = app.open_relays().await?;
    let mut line = Line { routes: &routes, connection: None, away: None };
    let mut copies = Vec::new();
    let mut message = Vec::new();
    let mut keys = HashSet::new();
    for address in addresses.iter().filter(|address| keys.insert(address.key())) {
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
        let envelope = Envelope {
            from: edition.envelope_from(&recipient, &Keys::specimen()),
            to: address.clone(),
            id: None,
            smtputf8: edition.needs_smtputf8(&recipient),
            size: Some(message.len() as u64),
        };
        copies.push(line.copy(envelope, &message).await);
    }
    let away = line.quit().await;
    if let Some(inbox) = inbox {
        inbox.stop().await;
    }
    let inbox = app.is_trial().then(|| app.workspace.inbox_dir());
    let counts = counts(&copies);
    let ending = ending(away.as_ref(), &counts);
    Ok(Copies { issue: frozen.number(), trial: app.is_trial(), ending, counts, copies, inbox })
}

/// The way to whichever relay takes us.
struct Line<'a> {
    routes: &'a [Route],
    connection: Option<Connection>,
    /// Why none does: it is not asked again.
    away: Option<SmtpError>,
}

impl Line<'_> {
    async fn copy(&mut self, envelope: Envelope, message: &[u8]) -> Copied {
        let usable = self.connection.take().filter(Connection::is_usable);
        let opened = match (usable, &self.away) {
            (Some(connection), _) => Ok(connection),
            (None, Some(away)) => Err(away.clone()),
            (None, None) => relay::connect(self.routes).await,
        };
        match opened {
            Ok(connection) => copy(self.connection.insert(connection), envelope, message).await,
            Err(error) => {
                let copied = Copied::failed(envelope.to, Status::Waiting, &error);
                self.away = Some(error);
                copied
            }
        }
    }

    async fn quit(self) -> Option<SmtpError> {
        if let Some(connection) = self.connection {
            connection.quit().await;
        }
        self.away
    }
}

async fn copy(connection: &mut Connection, envelope: Envelope, message: &[u8]) -> Copied {
    let answer = match connection.envelope(&envelope).await {
        Ok(ready) => connection.body(ready, message, None).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(reply) => Copied { to: envelope.to, status: Status::Accepted, reply: Some(reply), why: None },
        Err(error) => {
            let status = match &error {
                SmtpError::Transient(_) => Status::Deferred,
                SmtpError::Permanent(_) => Status::Refused,
                SmtpError::InDoubt(_) => Status::InDoubt,
            };
            Copied::failed(envelope.to, status, &error)
        }
    }
}

fn counts(copies: &[Copied]) -> Counts {
    let mut counts = Counts { queued: copies.len() as u64, ..Counts::default() };
    for copy in copies {
        *match copy.status {
            Status::Accepted => &mut counts.accepted,
            Status::Deferred => &mut counts.deferred,
            Status::Refused => &mut counts.refused,
            Status::InDoubt => &mut counts.in_doubt,
            Status::Waiting => &mut counts.waiting,
        } += 1;
    }
    counts
}

fn ending(away: Option<&SmtpError>, counts: &Counts) -> Ending {
    match away {
        Some(SmtpError::Permanent(_)) => Ending::RelayRefuses,
        Some(SmtpError::Transient(_) | SmtpError::InDoubt(_)) => Ending::RelayAway,
        None if counts.deferred > 0 => Ending::Deferred,
        None if counts.refused + counts.in_doubt > 0 => Ending::Incomplete,
        None => Ending::Done,
    }
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = self.why.as_deref().unwrap_or_default();
        match self.status {
            Status::Accepted => {
                f.write_str("accepted:")?;
                self.reply.iter().try_for_each(|reply| write!(f, " {} {}", reply.code, reply.text))
            }
            Status::Deferred => write!(f, "not accepted: {why}; the same command later may do"),
            Status::Refused => write!(f, "refused: {why}"),
            Status::InDoubt => write!(f, "in doubt, it may have arrived: {why}"),
            Status::Waiting => write!(f, "not tried, for the relay takes nothing: {why}"),
        }
    }
}

impl fmt::Display for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trial = if self.trial { "trial: " } else { "" };
        for copy in &self.copies {
            writeln!(f, "{trial}test copy of issue {} to {}: {copy}", self.issue, copy.to)?;
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
