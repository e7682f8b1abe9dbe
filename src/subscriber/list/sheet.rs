//! Writing a list as a file that a spreadsheet opens without harm, and that is read again as it was.

use std::collections::BTreeSet;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::breaks::unbroken;
use crate::mailbox::EmailAddress;
use crate::subscriber::guard::guarded;
use crate::subscriber::{Choices, Subscription, SuppressionReason};

/// Columns that are ours, before those of the attributes.
const COLUMNS: [&str; 16] = [
    "email",
    "name",
    "tracking",
    "format",
    "pressroom_status",
    "pressroom_since",
    "pressroom_left_at",
    "pressroom_paused_until",
    "pressroom_suppressed",
    "pressroom_suppressed_at",
    "pressroom_origin",
    "pressroom_chosen",
    "pressroom_consented_at",
    "pressroom_asked_at",
    "pressroom_consented_from",
    "pressroom_consent_wording",
];

/// A list on its way into a file.
#[derive(Debug)]
pub struct ListWriter<W: Write> {
    file: csv::Writer<W>,
    attributes: BTreeSet<String>,
}

impl<W: Write> ListWriter<W> {
    /// Writes the header, with these attributes.
    ///
    /// # Errors
    /// What the file says.
    pub fn new(file: W, attributes: BTreeSet<String>) -> io::Result<Self> {
        let mut file = csv::Writer::from_writer(file);
        file.write_record(COLUMNS.into_iter().chain(attributes.iter().map(String::as_str)))?;
        Ok(Self { file, attributes })
    }

    /// Writes a reader. What they chose stands in place of what their file said, and is named.
    ///
    /// # Errors
    /// What the file says.
    pub fn reader(
        &mut self,
        address: &EmailAddress,
        subscription: &Subscription,
        suppressed: Option<(SuppressionReason, Timestamp)>,
    ) -> io::Result<()> {
        let Subscription { status, since, left_at, origin, choices, consent, .. } = subscription;
        let name = choices.name.as_ref().or(subscription.name.as_ref());
        let consent = consent.as_ref();
        let fields = [
            address.to_string(),
            name.cloned().unwrap_or_default(),
            word(choices.tracking.or(subscription.tracking)),
            word(choices.format.or(subscription.format)),
            word(Some(*status)),
            since.to_string(),
            time(*left_at),
            time(choices.paused_until),
            word(suppressed.map(|(reason, _)| reason)),
            time(suppressed.map(|(_, at)| at)),
            word(Some(*origin)),
            chosen(choices),
            time(consent.map(|consent| consent.at)),
            time(consent.and_then(|consent| consent.asked_at)),
            consent.and_then(|consent| consent.from.clone()).unwrap_or_default(),
            consent.and_then(|consent| consent.wording.clone()).unwrap_or_default(),
        ];
        let attribute = |field| subscription.attributes.get(field).map_or("", String::as_str);
        let fields = fields.iter().map(String::as_str).chain(self.attributes.iter().map(attribute));
        // What a person agreed to may have line breaks, and is read back without.
        let fields = fields.map(|field| guarded(&unbroken(field)).into_owned());
        self.file.write_record(fields.map(String::into_bytes))?;
        Ok(())
    }

    /// Nobody is left.
    ///
    /// # Errors
    /// What the file says.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A do-not-mail list on its way into a file.
#[derive(Debug)]
pub struct SuppressedWriter<W: Write>(csv::Writer<W>);

impl<W: Write> SuppressedWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// What the file says.
    pub fn new(file: W) -> io::Result<Self> {
        let mut file = csv::Writer::from_writer(file);
        file.write_record(["email", "pressroom_suppressed", "pressroom_suppressed_at"])?;
        Ok(Self(file))
    }

    /// Writes an address.
    ///
    /// # Errors
    /// What the file says.
    pub fn address(&mut self, address: &str, reason: SuppressionReason, at: Timestamp) -> io::Result<()> {
        Ok(self.0.write_record([&*guarded(address), &word(Some(reason)), &at.to_string()])?)
    }

    /// Nobody is left.
    ///
    /// # Errors
    /// What the file says.
    pub fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The columns that are the reader's own word.
fn chosen(choices: &Choices) -> String {
    let Choices { name, tracking, format, paused_until: _ } = choices;
    let columns = [("name", name.is_some()), ("tracking", tracking.is_some()), ("format", format.is_some())];
    let chosen: Vec<&str> = columns.iter().filter(|(_, is_so)| *is_so).map(|(column, _)| *column).collect();
    chosen.join(" ")
}

fn time(time: Option<Timestamp>) -> String {
    time.map(|time| time.to_string()).unwrap_or_default()
}

/// An enum as a file has it.
fn word(value: Option<impl Serialize>) -> String {
    let text = value.and_then(|value| serde_json::to_value(value).ok());
    text.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}
