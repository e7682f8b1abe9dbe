//! An issue ready for the wire, and one reader's message from it.

use std::io::Write;
use std::ops::Range;

use jiff::Timestamp;

use super::body::Body;
use super::fill::{Fill, MissingField, said};
use super::frozen::FrozenIssue;
use super::octets::Octets;
use super::sheet::{Run, Sheet};
use super::{header, quoted_printable};
use crate::mailbox::EmailAddress;
use crate::render::{Field, Piece, RenderedIssue, TextBlock};
use crate::subscriber::{Format, Recipient};
use crate::token::{Keys, Purpose, unsubscribe_url};

/// An issue made ready for the wire once: headers folded, bodies encoded and cut at their fields.
pub struct Edition {
    issue: FrozenIssue,
    /// The header fields that are the same for all.
    head: Run,
    /// What stands before, between and behind the two parts of a message, and before the only one.
    before_text: Run,
    before_html: Run,
    behind_html: Run,
    text_alone: Run,
    text: Body,
    html: Body,
    /// What a reader must not lack.
    needed: Vec<Needed>,
}

/// A reader's field that has no default.
struct Needed {
    name: String,
    /// Whether those who read text do without it.
    html_only: bool,
}

/// What [`Edition::write`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What a bounce calls this reader's copy: ENVID (RFC 3461), the left part of its Message-ID.
    pub id: String,
    /// Where the HTML part stands in the message, in its transfer encoding; empty for those who read text.
    pub html: Range<usize>,
    /// What a look over the message would find.
    pub octets: Octets,
}

impl Written {
    /// How many bytes of HTML `message`, which this describes, shows its reader.
    pub fn html_bytes(&self, message: &[u8]) -> usize {
        message.get(self.html.clone()).map_or(0, quoted_printable::decoded_len)
    }
}

impl Edition {
    /// Does for all readers what can be done for all.
    pub fn new(issue: &FrozenIssue) -> Self {
        // `=_` cannot occur in quoted-printable (RFC 2045 6.7).
        let boundary = format!("=_{}", issue.number());
        let lines = |lines: String| Run::from(lines.into_bytes());
        Self {
            head: common_head(issue).into(),
            before_text: lines(format!(
                "Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n{TEXT}"
            )),
            before_html: lines(format!("\r\n--{boundary}\r\n{HTML}")),
            behind_html: lines(format!("\r\n--{boundary}--\r\n")),
            text_alone: lines(TEXT.to_owned()),
            text: Body::text(issue),
            html: Body::html(issue),
            needed: needed(&issue.rendered),
            issue: issue.clone(),
        }
    }

    /// About how many octets a message takes with its signatures: with a buffer of that size, hardly any message moves its buffer.
    pub fn room(&self) -> usize {
        const HEAD: usize = 6 * 1024;
        HEAD + self.text.len() + self.html.len()
    }

    /// Whether it says nothing of its readers that one of them could lack.
    pub fn suits_everyone(&self) -> bool {
        self.needed.is_empty()
    }

    /// Finds out whether [`Edition::write`] can write to this reader, and writes nothing.
    ///
    /// # Errors
    /// [`MissingField`], as it would.
    pub fn check(&self, recipient: &Recipient) -> Result<(), MissingField> {
        let reads_html = recipient.format == Format::Html;
        let mut asked = self.needed.iter().filter(|needed| reads_html || !needed.html_only);
        asked.try_for_each(|needed| said(recipient, &needed.name, None).map(drop))
    }

    /// Whom a relay tells when it cannot deliver this reader's copy: MAIL FROM. With a return path it says whose copy of
    /// which issue it was, and nobody can forge it (requirement 17); without one it is whoever sends.
    pub fn envelope_from(&self, recipient: &Recipient, keys: &Keys) -> EmailAddress {
        let FrozenIssue { return_path, from, .. } = &self.issue;
        let own = |domain| {
            let local = keys.return_path(self.issue.number(), recipient.reference);
            EmailAddress::parse(&format!("{local}@{domain}")).ok()
        };
        return_path.as_ref().and_then(own).unwrap_or_else(|| from.address.clone())
    }

    /// Whether a message to this reader needs a relay that offers SMTPUTF8 (RFC 6531).
    pub fn needs_smtputf8(&self, recipient: &Recipient) -> bool {
        let FrozenIssue { from, reply_to, .. } = &self.issue;
        let mailboxes = [from].into_iter().chain(reply_to);
        let mut addresses = mailboxes.map(|mailbox| &mailbox.address);
        recipient.address.needs_smtputf8() || addresses.any(EmailAddress::needs_smtputf8)
    }

    /// Writes one reader's message over what `out` held: CRLF, ASCII unless SMTPUTF8 is needed, no line over 998 octets,
    /// the same bytes for the same input. `date` is that of the reader's first attempt; it stands in UTC.
    ///
    /// A Message-ID comes from the reader's reference: where a repeat shall not be known as one (a test copy), give another.
    ///
    /// # Errors
    /// [`MissingField`] where the reader lacks what the issue says of them; `out` is then half a message.
    pub fn write(
        &self,
        recipient: &Recipient,
        keys: &Keys,
        date: Timestamp,
        out: &mut Vec<u8>,
    ) -> Result<Written, MissingField> {
        let fill = Fill::new(&self.issue, recipient, keys);
        let mut sheet = Sheet::over(out);
        let id = keys.message_id(&self.issue.list, self.issue.number(), recipient.reference);
        sheet.own(|out| {
            self.write_own_head(&fill, recipient, date, out)?;
            put(out, format_args!("Message-ID: <{id}@{}>\r\n", self.issue.from.address.domain()));
            Ok(())
        })?;
        sheet.run(&self.head);
        let html = match recipient.format {
            Format::Html => self.write_alternatives(&fill, &mut sheet)?,
            Format::Text => {
                sheet.run(&self.text_alone);
                self.text.write(&fill, &mut sheet)?;
                0..0
            }
        };
        Ok(Written { id, html, octets: sheet.octets })
    }

    /// The header fields in which readers differ.
    fn write_own_head(
        &self,
        fill: &Fill<'_>,
        recipient: &Recipient,
        date: Timestamp,
        out: &mut Vec<u8>,
    ) -> Result<(), MissingField> {
        put(out, format_args!("Date: {}\r\n", date.strftime("%a, %d %b %Y %H:%M:%S +0000")));
        let mut to = header::Field::new(out, "To");
        to.mailbox(recipient.name.as_deref(), recipient.address.as_str());
        to.end();
        if is_personal(&self.issue.rendered.subject) {
            header::text(out, "Subject", &fill.text(&self.issue.rendered.subject)?);
        }
        self.write_unsubscribe(fill.token(Purpose::Unsubscribe).unwrap_or_default(), out);
        Ok(())
    }

    /// By https, one click (RFC 8058); then by mail, where somebody reads it.
    fn write_unsubscribe(&self, token: &str, out: &mut Vec<u8>) {
        let number = self.issue.number();
        let mut field = header::Field::new(out, "List-Unsubscribe");
        let url = unsubscribe_url(&self.issue.base_url, number, token);
        match &self.issue.unsubscribe_mailbox {
            None => field.uri(&format!("<{url}>")),
            Some(address) => {
                field.uri(&format!("<{url}>,"));
                field.uri(&format!("<mailto:{}?subject=unsubscribe%20{number}%20{token}>", mailto(address)));
            }
        }
        field.end();
    }

    /// Answers where the HTML stands.
    fn write_alternatives(
        &self,
        fill: &Fill<'_>,
        sheet: &mut Sheet<'_>,
    ) -> Result<Range<usize>, MissingField> {
        sheet.run(&self.before_text);
        self.text.write(fill, sheet)?;
        sheet.run(&self.before_html);
        let start = sheet.len();
        self.html.write(fill, sheet)?;
        let html = start..sheet.len();
        sheet.run(&self.behind_html);
        Ok(html)
    }
}

const TEXT: &str =
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
const HTML: &str =
    "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";

fn common_head(issue: &FrozenIssue) -> Vec<u8> {
    let FrozenIssue { rendered, list, list_id, newsletter, from, reply_to, .. } = issue;
    let mut head = Vec::new();
    header::mailbox(&mut head, "From", from);
    if let Some(reply_to) = reply_to {
        header::mailbox(&mut head, "Reply-To", reply_to);
    }
    if !is_personal(&rendered.subject) {
        header::text(&mut head, "Subject", &literals(&rendered.subject));
    }
    let mut id = header::Field::new(&mut head, "List-Id");
    id.mailbox(Some(newsletter), list_id);
    id.end();
    put(&mut head, format_args!("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
    // Gmail's complaint figures are by these; the last, stable one is the sender.
    header::text(&mut head, "Feedback-ID", &format!("{}:{list}:{list_id}", issue.number()));
    put(&mut head, format_args!("MIME-Version: 1.0\r\n"));
    head
}

/// What is known of every reader.
const EVERYONES: [&str; 2] = ["email", "since"];

/// In the order in which a message uses them.
fn needed(rendered: &RenderedIssue) -> Vec<Needed> {
    let blocks = rendered.text.iter().flat_map(|block| match block {
        TextBlock::Lines(pieces) | TextBlock::Paragraph { pieces, .. } => pieces,
    });
    let all = rendered.subject.iter().chain(blocks).map(|piece| (piece, false));
    let mut needed: Vec<Needed> = Vec::new();
    for (piece, html_only) in all.chain(rendered.html.iter().map(|piece| (piece, true))) {
        if let Piece::Field(Field::Reader { name, default: None }) = piece
            && !EVERYONES.contains(&name.as_str())
            && needed.iter().all(|known| known.name != *name)
        {
            needed.push(Needed { name: name.clone(), html_only });
        }
    }
    needed
}

/// Whether readers differ in it.
fn is_personal(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| matches!(piece, Piece::Field(_)))
}

fn literals(pieces: &[Piece]) -> String {
    let literal = |piece: &Piece| match piece {
        Piece::Literal(literal) => literal.clone(),
        Piece::Field(_) => String::new(),
    };
    pieces.iter().map(literal).collect()
}

/// An address as it stands in a `mailto:` (RFC 6068): all but what every URI keeps is percent-encoded.
fn mailto(address: &EmailAddress) -> String {
    let keeps = |byte: u8| byte.is_ascii_alphanumeric() || b"@-._~".contains(&byte);
    let encode = |byte: u8| if keeps(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    address.as_str().bytes().map(encode).collect()
}

fn put(out: &mut Vec<u8>, words: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(words);
}
