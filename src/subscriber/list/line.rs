//! One line of a list file made into a row: each field by what its column holds.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::mem;

use jiff::Timestamp;
use serde::de::{DeserializeOwned, IntoDeserializer, value};
use serde_json::{Map, Value};

use super::breaks::unbroken;
use super::column::{Column, Kind};
use super::header::{Header, field_name};
use super::service::Service;
use super::standing::{More, Row, Standing, time};
use super::telling::{Doubts, Told};
use crate::mailbox::{self, EmailAddress, MailboxError};
use crate::newsletter::Tracking;
use crate::subscriber::guard::unguarded;
use crate::subscriber::{Consent, Entry, Format, Origin, SuppressionReason};

/// The longest value of a column, in characters.
const LONGEST_VALUE: usize = 1000;

/// A row in the making.
struct Making {
    service: Option<Service>,
    address: Result<EmailAddress, String>,
    name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    tracking: Option<Tracking>,
    format: Option<Format>,
    attributes: BTreeMap<String, String>,
    standing: Standing,
    /// A status column that is empty says of nobody that they are subscribed.
    has_status: bool,
    left_at: Option<Timestamp>,
    since: Option<Timestamp>,
    suppressed: Option<SuppressionReason>,
    suppressed_at: Option<Timestamp>,
    /// Which of name, tracking and format are the reader's own word.
    chosen: Vec<Column>,
    more: Option<Box<More>>,
    told: Told,
}

/// Why a line is no row.
pub(super) struct Refused {
    pub(super) reason: String,
    /// Who is on no list by another line either, since this one may ask for no mail.
    pub(super) whose: Option<EmailAddress>,
    /// Columns that it shows to tell who is on the list.
    pub(super) understood: Doubts,
}

impl From<String> for Refused {
    fn from(reason: String) -> Self {
        Self { reason, whose: None, understood: Doubts::default() }
    }
}

impl Header {
    pub(super) fn row(&self, fields: &[Cow<'_, [u8]>]) -> Result<(Row, Told), Refused> {
        if fields.len() != self.columns.len() {
            return Err(format!("it has {} columns, the header {}", fields.len(), self.columns.len()).into());
        }
        let mut making = Making::new(self);
        let (mut wrong, mut unwanted) = (None, None);
        for (column, field) in self.columns.iter().zip(fields) {
            match (column.kind(), self.take(&mut making, column, field)) {
                (Kind::Dropped | Kind::Nothing, _) | (_, Ok(())) => {}
                (Kind::Standing, Err(reason)) => unwanted = unwanted.or(Some(reason)),
                (Kind::Field, Err(reason)) => wrong = wrong.or(Some(reason)),
            }
        }
        if let Some(reason) = unwanted {
            return Err(Refused { reason, whose: making.address.ok(), understood: making.told.understood });
        }
        let told = mem::take(&mut making.told);
        let row = making.row().map_err(|reason| wrong.take().unwrap_or(reason))?;
        // Who is to get nothing gets nothing, whatever is wrong with what they are called.
        if row.standing != Standing::Subscribed || row.suppressed.is_some() {
            return Ok((row, Told::default()));
        }
        if let Some((field, word)) = told.off {
            let reason = format!(
                "its `{field}` is `{word}`; take the line out, import the list of who left with `--suppressed`, or rename the column if it is about \
                 something else"
            );
            return Err(Refused { reason, whose: Some(row.entry.address), understood: told.understood });
        }
        wrong.map_or(Ok((row, told)), |reason| Err(reason.into()))
    }

    fn take(&self, making: &mut Making, column: &Column, field: &[u8]) -> Result<(), String> {
        let text = str::from_utf8(field).map_err(|_| "it is not UTF-8; save the file as UTF-8")?.trim();
        // Only in an address a line break is a mistake.
        let text = if *column == Column::Email { Cow::Borrowed(text) } else { unbroken(text) };
        match self.service {
            // Where a yes is asked for, that is no answer.
            _ if text.is_empty() && !matches!(column, Column::Telling(_)) => Ok(()),
            Some(Service::Pressroom) => making.take(column, unguarded(&text)),
            Some(_) | None => making.take(column, &text),
        }
    }
}

impl Making {
    fn new(header: &Header) -> Self {
        let has = |column| header.columns.contains(&column);
        let has_status = [Column::Status, Column::Unwanted, Column::Wanted].into_iter().any(has);
        // Mailchimp has a file each for those who are on a list and those who are not.
        let is_of_leavers = header.service == Some(Service::Mailchimp)
            && !has_status
            && (has(Column::LeftAt) || has(Column::BouncedAt));
        Self {
            service: header.service,
            address: Err("the address is empty".to_owned()),
            name: None,
            first_name: None,
            last_name: None,
            tracking: None,
            format: None,
            attributes: BTreeMap::new(),
            standing: if is_of_leavers { Standing::Outside } else { Standing::Subscribed },
            has_status,
            left_at: None,
            since: None,
            suppressed: None,
            suppressed_at: None,
            chosen: Vec::new(),
            more: None,
            told: Told::new(header.service.is_some()),
        }
    }

    /// What stands in a column.
    fn take(&mut self, column: &Column, text: &str) -> Result<(), String> {
        match column {
            Column::Email => self.address = EmailAddress::parse(text).map_err(|error| reason(&error)),
            Column::Name => self.name = name(text)?,
            Column::FirstName => self.first_name = name(text)?,
            Column::LastName => self.last_name = name(text)?,
            Column::Tracking => {
                self.tracking = Some(choice("tracking", text, "`individual`, `aggregate` or `none`")?);
            }
            Column::Format => self.format = Some(choice("format", text, "`html` or `text`")?),
            Column::Attribute(field) => self.attribute(field, text)?,
            Column::Telling(question) => {
                self.told.add(question, text, || start(text));
                if !text.is_empty() {
                    self.attribute(&question.field, text)?;
                }
            }
            Column::Attributes => self.attributes(text)?,
            Column::Nameless | Column::Dropped => {}
            Column::Since
            | Column::Status
            | Column::LeftAt
            | Column::DateLeft
            | Column::BouncedAt
            | Column::DateSuppressed
            | Column::Unwanted
            | Column::Wanted
            | Column::Suppressed
            | Column::PausedUntil
            | Column::Origin
            | Column::Chosen
            | Column::ConsentedAt
            | Column::AskedAt
            | Column::ConsentedFrom
            | Column::ConsentWording => self.take_standing(column, text)?,
        }
        if let (Column::FirstName | Column::LastName, Some(field)) = (column, column.attribute()) {
            self.attribute(field, text)?;
        }
        Ok(())
    }

    /// What a column says of whether mail may go to a reader.
    fn take_standing(&mut self, column: &Column, text: &str) -> Result<(), String> {
        match column {
            Column::Since => self.since = self.since.or_else(|| time(text)),
            Column::Status => {
                self.has_status = false;
                self.standing = self.standing.and(self.status(text)?);
            }
            Column::LeftAt => self.standing = self.standing.and(Standing::Left(time(text))),
            Column::DateLeft => self.left_at = time(text),
            Column::DateSuppressed => self.suppressed_at = time(text),
            Column::BouncedAt => {
                self.suppressed_at = time(text);
                self.standing = self.standing.and(Standing::Suppressed(SuppressionReason::Bounced));
            }
            Column::Unwanted => self.wanted(text, !is_true(text))?,
            Column::Wanted => self.wanted(text, is_true(text))?,
            Column::Suppressed => self.suppressed = Some(suppression(text)?),
            Column::PausedUntil => self.more().choices.paused_until = time(text),
            Column::Origin => self.origin(choice("origin", text, "`file`, `page` or `command`")?),
            Column::Chosen => self.chosen = chosen(text)?,
            Column::ConsentedAt => {
                let consent = time(text).map(|at| Consent { at, asked_at: None, from: None, wording: None });
                self.more().consent = consent;
            }
            Column::AskedAt => self.consent(|consent| consent.asked_at = time(text)),
            Column::ConsentedFrom => {
                let text = attribute("consented_from", text)?;
                self.consent(|consent| consent.from = Some(text));
            }
            Column::ConsentWording => {
                let text = attribute("consent_wording", text)?;
                self.consent(|consent| consent.wording = Some(text));
            }
            _ => {}
        }
        Ok(())
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Most came by a file.
    fn origin(&mut self, origin: Origin) {
        if origin != Origin::File {
            self.more().origin = Some(origin);
        }
    }

    /// Its column comes after that of its time.
    fn consent(&mut self, change: impl FnOnce(&mut Consent)) {
        if let Some(consent) = self.more.as_mut().and_then(|more| more.consent.as_mut()) {
            change(consent);
        }
    }

    fn wanted(&mut self, text: &str, is_wanted: bool) -> Result<(), String> {
        if !is_true(text) && !is_false(text) {
            return Err(format!("`{}` is neither `true` nor `false`", start(text)));
        }
        self.has_status = false;
        if !is_wanted {
            self.standing = self.standing.and(Standing::Left(None));
        }
        Ok(())
    }

    fn status(&self, text: &str) -> Result<Standing, String> {
        let standing = self.service.and_then(|service| service.standing(text));
        let service = self.service.map_or("a list", Service::name);
        standing.ok_or_else(|| format!("`{}` is no status that {service} has", start(text)))
    }

    fn attribute(&mut self, field: &str, text: &str) -> Result<(), String> {
        self.attributes.insert(field.to_owned(), attribute(field, text)?);
        Ok(())
    }

    /// Those of a JSON object; what is nested in it is nobody's field.
    fn attributes(&mut self, text: &str) -> Result<(), String> {
        let object: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| "its attributes are no JSON object")?;
        for (name, value) in object {
            let text = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(is_so) => is_so.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => continue,
            };
            let (field, text) = (field_name(&name), unbroken(text.trim()));
            if !field.is_empty() && !text.is_empty() && !self.attributes.contains_key(&field) {
                self.attribute(&field, &text)?;
            }
        }
        Ok(())
    }

    fn row(mut self) -> Result<Row, String> {
        for column in mem::take(&mut self.chosen) {
            let (name, tracking, format) = (self.name.clone(), self.tracking, self.format);
            let choices = &mut self.more().choices;
            match column {
                // Empty, they took it away.
                Column::Name => choices.name = Some(name.unwrap_or_default()),
                Column::Tracking => choices.tracking = tracking,
                Column::Format => choices.format = format,
                _ => {}
            }
        }
        let name = self.name.or_else(|| match (self.first_name, self.last_name) {
            (Some(first), Some(last)) => Some(format!("{first} {last}")),
            (first, last) => first.or(last),
        });
        let (tracking, format, attributes) = (self.tracking, self.format, self.attributes);
        let standing = if self.has_status { self.standing.and(Standing::Outside) } else { self.standing };
        let standing = match standing {
            Standing::Left(at) => Standing::Left(at.or(self.left_at)),
            Standing::Subscribed | Standing::Outside | Standing::Gone | Standing::Suppressed(_) => standing,
        };
        let entry = Entry { address: self.address?, name, tracking, format, attributes };
        let (since, suppressed, suppressed_at, more) =
            (self.since, self.suppressed, self.suppressed_at, self.more);
        Ok(Row { entry, standing, doubts: Doubts::default(), since, suppressed, suppressed_at, more })
    }
}

/// What was wrong, without the address itself.
pub(super) fn reason(error: &MailboxError) -> String {
    match error {
        MailboxError::Address { reason, .. } => format!("the address is malformed: {reason}"),
        MailboxError::Name { .. } => error.to_string(),
    }
}

fn name(text: &str) -> Result<Option<String>, String> {
    mailbox::display_name(short("name", text)?).map_err(|error| error.to_string())
}

fn choice<T: DeserializeOwned>(column: &str, text: &str, choices: &str) -> Result<T, String> {
    word(text).ok_or_else(|| format!("`{}` is no {column}; it is {choices}, or empty", start(text)))
}

/// The columns that a reader chose, by their names.
fn chosen(text: &str) -> Result<Vec<Column>, String> {
    let column = |word: &str| match word {
        "name" => Ok(Column::Name),
        "tracking" => Ok(Column::Tracking),
        "format" => Ok(Column::Format),
        _ => Err(format!("`{}` is no choice; it is `name`, `tracking` or `format`", start(word))),
    };
    text.split_whitespace().map(column).collect()
}

/// Why nobody writes to an address, in our words or those that services have for it.
pub(super) fn suppression(text: &str) -> Result<SuppressionReason, String> {
    word(text).ok_or_else(|| format!("`{}` is no reason why nobody writes to an address", start(text)))
}

fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    let word = text.to_ascii_lowercase();
    let read: Result<T, value::Error> = T::deserialize(word.as_str().into_deserializer());
    read.ok()
}

fn is_true(text: &str) -> bool {
    ["true", "yes", "1", "t"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_false(text: &str) -> bool {
    ["false", "no", "0", "f"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Enough of what stands there to find it, and no address.
fn start(text: &str) -> String {
    if text.contains('@') {
        return "…@…".to_owned();
    }
    let start: String = text.chars().take(20).collect();
    start.escape_debug().to_string()
}

fn short<'t>(column: &str, text: &'t str) -> Result<&'t str, String> {
    // No text has more characters than bytes.
    if text.len() > LONGEST_VALUE && text.chars().nth(LONGEST_VALUE).is_some() {
        return Err(format!("its `{column}` is longer than {LONGEST_VALUE} characters"));
    }
    Ok(text)
}

fn attribute(column: &str, text: &str) -> Result<String, String> {
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(format!("its `{column}` holds a control character"));
    }
    short(column, text).map(str::to_owned)
}
