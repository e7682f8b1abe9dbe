//! The server's side of one SMTP session, without its connection: octets in, replies out.

mod chunking;

use std::time::Duration;

use memchr::memchr;

use super::body::Body;
use super::command::{self, Command, Mail};
use super::script::{Action, Envelope, Script, Stage};
use crate::mailbox::EmailAddress;

/// The longest message, dot-stuffing included.
pub(super) const MAX_MESSAGE: u64 = 50 * 1024 * 1024;
/// The longest command line, CRLF included; RFC 5321 asks for 512 and more with each extension.
const MAX_LINE: usize = 2048;
const MAX_RECIPIENTS: usize = 1000;
/// Lines that are not understood, after which a client is believed to be something else.
const MAX_ERRORS: u32 = 100;

/// What EHLO offers besides SIZE, line by line.
const EXTENSIONS: &str = "250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES";

/// What the connection has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Nothing: there may be more to do with the octets it has.
    Advanced,
    /// Read: these octets are not enough.
    Starved,
    /// Keep this message, then call [`Session::kept`] or [`Session::not_kept`].
    Received(Received),
    /// Wait so long, then as [`Event::Advanced`].
    Pause(Duration),
    /// Send the replies, then close.
    Close,
    /// Say nothing more.
    Stall,
}

/// A message and its envelope.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) envelope: Envelope,
    /// Octets on the wire.
    pub(super) octets: u64,
    /// As it was before dot-stuffing, if it was to be kept.
    pub(super) message: Option<Vec<u8>>,
}

#[derive(Debug)]
enum State {
    Command,
    /// The rest of a line too long to be a command.
    Overlong,
    Data(Envelope, Body),
    Chunk(chunking::Chunk),
}

/// One client's session.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own: asked for, offered, or said")]
pub(super) struct Session {
    /// Whether somebody wants the messages.
    keep: bool,
    chunking: bool,
    script: Option<Script>,
    greeted: bool,
    transaction: Option<Envelope>,
    /// The transaction's message so far, where it comes in chunks.
    chunks: Option<Body>,
    /// Whether the transaction may hold addresses beyond ASCII (RFC 6531).
    smtputf8: bool,
    state: State,
    /// Whether the connection is to be cut in the middle of the message that is on its way in.
    cuts: bool,
    errors: u32,
    replies: Vec<u8>,
}

impl Session {
    pub(super) fn new(keep: bool, chunking: bool, script: Option<Script>) -> Self {
        let mut session = Self {
            keep,
            chunking,
            script,
            greeted: false,
            transaction: None,
            chunks: None,
            smtputf8: false,
            state: State::Command,
            cuts: false,
            errors: 0,
            replies: Vec::new(),
        };
        session.say("220 localhost ESMTP pressroom inbox");
        session
    }

    /// What is to be sent, and then cleared.
    pub(super) fn replies(&mut self) -> &mut Vec<u8> {
        &mut self.replies
    }

    /// Takes a command, or what there is of a message: how many octets, and what comes of it.
    pub(super) fn advance(&mut self, input: &[u8]) -> (usize, Event) {
        match &mut self.state {
            State::Command => self.command_line(input),
            State::Overlong => self.skip_line(input),
            State::Chunk(_) => self.chunk_octets(input),
            State::Data(_, body) => {
                let (used, ended) = body.take(input);
                if self.cuts && body.length() > 0 {
                    return (input.len(), Event::Close);
                }
                (used, if ended { self.received() } else { Event::Starved })
            }
        }
    }

    /// Tells the client that its message is kept.
    pub(super) fn kept(&mut self, envelope: &Envelope) -> Event {
        self.reply(envelope, Stage::Kept, "250 2.0.0 kept").1
    }

    /// Tells the client that its message could not be kept.
    pub(super) fn not_kept(&mut self) {
        self.say("451 4.3.0 the Maildir could not be written");
    }

    /// Says good-bye to a client that has nothing to say.
    pub(super) fn timed_out(&mut self) {
        self.say("421 4.4.2 you were silent for too long");
    }

    fn say(&mut self, reply: &str) {
        self.replies.extend_from_slice(reply.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
    }

    /// Replies as the script has it, or else as given: whether that was a yes, and what comes of it.
    fn reply(&mut self, envelope: &Envelope, stage: Stage, reply: &str) -> (bool, Event) {
        let action = self.scripted(envelope, stage);
        self.act(action, reply)
    }

    fn scripted(&self, envelope: &Envelope, stage: Stage) -> Option<Action> {
        self.script.as_ref()?.action(envelope, stage)
    }

    fn act(&mut self, action: Option<Action>, reply: &str) -> (bool, Event) {
        match action {
            None => {
                self.say(reply);
                (true, Event::Advanced)
            }
            Some(Action::Late(time)) => {
                self.say(reply);
                (true, Event::Pause(time))
            }
            Some(Action::Reply(scripted)) => {
                self.say(&scripted);
                let event = if scripted.starts_with("421") { Event::Close } else { Event::Advanced };
                (scripted.starts_with(['2', '3']), event)
            }
            Some(Action::Cut) => (false, Event::Close),
            Some(Action::Stall) => (false, Event::Stall),
        }
    }

    fn command_line(&mut self, input: &[u8]) -> (usize, Event) {
        let Some(end) = memchr(b'\n', &input[..input.len().min(MAX_LINE)]) else {
            if input.len() >= MAX_LINE {
                self.state = State::Overlong;
            }
            return (0, if input.len() >= MAX_LINE { Event::Advanced } else { Event::Starved });
        };
        let event = match input[..end].strip_suffix(b"\r").map(command::parse) {
            None => self.complain("500 5.5.2 a line ends with CRLF"),
            Some(Err(complaint)) => self.complain(complaint),
            Some(Ok(command)) => self.obey(command),
        };
        // The CRLF of DATA is left to the message: it may be the first half of what ends an empty one.
        let used = if matches!(self.state, State::Data(..)) { end - 1 } else { end + 1 };
        (used, event)
    }

    fn skip_line(&mut self, input: &[u8]) -> (usize, Event) {
        let Some(end) = memchr(b'\n', input) else { return (input.len(), Event::Starved) };
        self.state = State::Command;
        (end + 1, self.complain("500 5.5.6 the line is too long"))
    }

    fn complain(&mut self, complaint: &str) -> Event {
        self.errors += 1;
        if self.errors > MAX_ERRORS {
            self.say("421 4.7.0 too many errors");
            return Event::Close;
        }
        self.say(complaint);
        Event::Advanced
    }

    fn obey(&mut self, command: Command) -> Event {
        match command {
            Command::Helo => self.greet("250 localhost"),
            Command::Ehlo => {
                let chunking = if self.chunking { "\r\n250-CHUNKING" } else { "" };
                self.greet(&format!("250-localhost\r\n{EXTENSIONS}{chunking}\r\n250 SIZE {MAX_MESSAGE}"));
            }
            Command::Mail(mail) => return self.mail(mail),
            Command::Recipient(address) => return self.recipient(address),
            Command::Data => return self.data(),
            Command::Chunk { .. } if !self.chunking => return self.complain(command::UNKNOWN),
            Command::Chunk { size, last } => self.begin_chunk(size, last),
            Command::Reset => {
                self.drop_transaction();
                self.say("250 2.0.0 reset");
            }
            Command::Noop => self.say("250 2.0.0 nothing done"),
            Command::Verify => self.say("252 2.5.0 send it, and see"),
            Command::Quit => {
                self.say("221 2.0.0 good-bye");
                return Event::Close;
            }
        }
        Event::Advanced
    }

    fn greet(&mut self, reply: &str) {
        self.greeted = true;
        self.drop_transaction();
        self.say(reply);
    }

    fn drop_transaction(&mut self) {
        (self.transaction, self.chunks) = (None, None);
    }

    fn mail(&mut self, mail: Mail) -> Event {
        if !self.greeted {
            return self.complain("503 5.5.1 say EHLO first");
        }
        if self.transaction.is_some() {
            return self.complain("503 5.5.1 a message is under way; say RSET to drop it");
        }
        if mail.size.is_some_and(|size| size > MAX_MESSAGE) {
            return self.complain("552 5.3.4 the message is too big");
        }
        if mail.from.as_ref().is_some_and(EmailAddress::needs_smtputf8) && !mail.smtputf8 {
            return self.complain("553 5.6.7 this address needs SMTPUTF8");
        }
        self.smtputf8 = mail.smtputf8;
        let envelope = Envelope { from: mail.from, to: Vec::new() };
        let (yes, event) = self.reply(&envelope, Stage::Mail, "250 2.1.0 sender ok");
        self.transaction = yes.then_some(envelope);
        event
    }

    fn recipient(&mut self, address: EmailAddress) -> Event {
        let Some(mut envelope) = self.transaction.take_if(|_| self.chunks.is_none()) else {
            return self.complain("503 5.5.1 say MAIL first");
        };
        let objection = if envelope.to.len() >= MAX_RECIPIENTS {
            Some("452 4.5.3 too many recipients")
        } else if address.needs_smtputf8() && !self.smtputf8 {
            Some("553 5.6.7 this address needs SMTPUTF8")
        } else {
            None
        };
        if let Some(objection) = objection {
            self.transaction = Some(envelope);
            return self.complain(objection);
        }
        envelope.to.push(address);
        let (yes, event) = self.reply(&envelope, Stage::Recipient, "250 2.1.5 recipient ok");
        if !yes {
            envelope.to.pop();
        }
        self.transaction = Some(envelope);
        event
    }

    fn data(&mut self) -> Event {
        let Some(envelope) = self.transaction.take_if(|_| self.chunks.is_none()) else {
            return self.complain("503 5.5.1 say MAIL first");
        };
        if envelope.to.is_empty() {
            self.transaction = Some(envelope);
            // No error of a client that pipelines: it could not know.
            self.say("554 5.5.1 no valid recipients");
            return Event::Advanced;
        }
        let (yes, event) = self.reply(&envelope, Stage::Data, "354 end with CRLF . CRLF");
        if yes {
            self.cuts = self.scripted(&envelope, Stage::Within) == Some(Action::Cut);
            self.state = State::Data(envelope, Body::new(self.keep, MAX_MESSAGE));
        } else {
            self.transaction = Some(envelope);
        }
        event
    }

    fn received(&mut self) -> Event {
        let State::Data(envelope, body) = std::mem::replace(&mut self.state, State::Command) else {
            return Event::Advanced;
        };
        if let Some(flaw) = body.flaw() {
            return self.complain(flaw.complaint());
        }
        let (octets, message) = (body.length(), body.unstuffed());
        self.judge(Received { envelope, octets, message })
    }

    /// Lets the script have its way with a message before it is kept.
    fn judge(&mut self, received: Received) -> Event {
        match self.scripted(&received.envelope, Stage::Body) {
            None | Some(Action::Late(_)) => Event::Received(received),
            action => self.act(action, "").1,
        }
    }
}
