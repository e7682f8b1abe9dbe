//! A row of a list file as bytes: so that it can be compared, and put into a file and back, at the price of a copy.
//!
//! Length of all that follows (4 bytes), of the key (2), the key, how much mail it asks for (1), then the row's fields: texts with their
//! length before them. It never leaves the process that wrote it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read};

use jiff::Timestamp;

use crate::mailbox::EmailAddress;
use crate::newsletter::Tracking;
use crate::subscriber::list::{Doubts, More, Row, Standing};
use crate::subscriber::{Choices, Consent, Entry, Format, Origin, SuppressionReason};

/// A record in memory.
#[derive(Clone, Copy)]
pub(super) struct Record<'r>(&'r [u8]);

/// A record of its own, in the order of records.
#[derive(Default, Eq)]
pub(super) struct OwnRecord(Vec<u8>);

impl OwnRecord {
    pub(super) fn borrow(&self) -> Record<'_> {
        Record(&self.0)
    }

    /// Becomes the next record of a file. Answers whether there was one.
    pub(super) fn read_from(&mut self, file: &mut impl Read) -> io::Result<bool> {
        let mut length = [0; LENGTH];
        match file.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
        self.0.resize(LENGTH + u32::from_le_bytes(length) as usize, 0);
        self.0[..LENGTH].copy_from_slice(&length);
        file.read_exact(&mut self.0[LENGTH..])?;
        Ok(true)
    }
}

impl PartialEq for OwnRecord {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl PartialOrd for OwnRecord {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OwnRecord {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.borrow().order().cmp(&other.borrow().order())
    }
}

const LENGTH: usize = 4;

impl<'r> Record<'r> {
    /// The one that starts there.
    pub(super) fn at(bytes: &'r [u8], start: u32) -> Self {
        let bytes = &bytes[start as usize..];
        let length = bytes.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
        Self(&bytes[..LENGTH + length])
    }

    pub(super) fn bytes(self) -> &'r [u8] {
        self.0
    }

    pub(super) fn key(self) -> &'r [u8] {
        self.order().0
    }

    /// By which records stand: their keys, and of one key whichever asks for less mail first.
    pub(super) fn order(self) -> (&'r [u8], u8) {
        let rest = &self.0[LENGTH..];
        let length = rest.first_chunk().map_or(0, |length| u16::from_le_bytes(*length) as usize);
        (&rest[2..2 + length], rest[2 + length])
    }

    /// The first eight bytes of its key, in the order of keys.
    pub(super) fn prefix(self) -> u64 {
        let mut bytes = [0; 8];
        for (byte, key) in bytes.iter_mut().zip(self.key()) {
            *byte = *key;
        }
        u64::from_be_bytes(bytes)
    }

    /// The key, and the row.
    pub(super) fn read(self) -> io::Result<(&'r str, Row)> {
        let key = self.key();
        let rest = &self.0[LENGTH + 2 + key.len() + 1..];
        let key = str::from_utf8(key).map_err(io::Error::other)?;
        let row = Fields { key, rest }.row().map_err(|CutOff| io::Error::other("a record is cut off"))?;
        Ok((key, row))
    }
}

/// Appends a row.
pub(super) fn write(into: &mut Vec<u8>, row: &Row) {
    let start = into.len();
    into.extend_from_slice(&[0; LENGTH]);
    let Row { entry, standing, doubts, since, suppressed, suppressed_at, more } = row;
    let address = entry.address.as_str();
    let is_key = address.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    let key = if is_key { Cow::Borrowed(address) } else { Cow::Owned(entry.address.key()) };
    // An address has at most 254 octets, and its lower case not many more.
    into.extend_from_slice(&(u16::try_from(key.len()).unwrap_or(u16::MAX)).to_le_bytes());
    into.extend_from_slice(key.as_bytes());
    into.push(rank(row));
    text(into, if is_key { None } else { Some(address) });
    text(into, entry.name.as_deref());
    number(into, entry.tracking.map(|tracking| tracking as i64));
    number(into, entry.format.map(|format| format as i64));
    number(into, i64::try_from(entry.attributes.len()).ok());
    for (field, value) in &entry.attributes {
        text(into, Some(field));
        text(into, Some(value));
    }
    write_standing(into, *standing);
    number(into, Some(doubts.bits().into()));
    time(into, *since);
    number(into, suppressed.map(|reason| reason as i64));
    time(into, *suppressed_at);
    number(into, more.as_ref().map(|_| 1));
    if let Some(more) = more {
        let Choices { name, tracking, format, paused_until } = &more.choices;
        number(into, more.origin.map(|origin| origin as i64));
        text(into, name.as_deref());
        number(into, tracking.map(|tracking| tracking as i64));
        number(into, format.map(|format| format as i64));
        time(into, *paused_until);
        let consent = more.consent.as_ref();
        time(into, consent.map(|consent| consent.at));
        time(into, consent.and_then(|consent| consent.asked_at));
        text(into, consent.and_then(|consent| consent.from.as_deref()));
        text(into, consent.and_then(|consent| consent.wording.as_deref()));
    }
    let length = u32::try_from(into.len() - start - LENGTH).unwrap_or(u32::MAX);
    into[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
}

fn write_standing(into: &mut Vec<u8>, standing: Standing) {
    match standing {
        Standing::Subscribed => into.push(0),
        Standing::Outside => into.push(1),
        Standing::Left(at) => {
            into.push(2);
            time(into, at);
        }
        Standing::Suppressed(reason) => {
            into.push(3);
            number(into, Some(reason as i64));
        }
        Standing::Gone => into.push(4),
    }
}

/// Whoever asks for less mail, or may do so, comes first.
fn rank(row: &Row) -> u8 {
    match row.standing {
        Standing::Suppressed(_) => 0,
        _ if row.suppressed.is_some() => 0,
        Standing::Left(_) => 1,
        Standing::Outside | Standing::Gone => 2,
        Standing::Subscribed if !row.doubts.is_empty() => 3,
        Standing::Subscribed => 4,
    }
}

fn text(into: &mut Vec<u8>, text: Option<&str>) {
    number(into, text.and_then(|text| i64::try_from(text.len()).ok()));
    into.extend_from_slice(text.unwrap_or_default().as_bytes());
}

fn time(into: &mut Vec<u8>, time: Option<Timestamp>) {
    number(into, time.map(Timestamp::as_millisecond));
}

/// A byte where it is a small one.
fn number(into: &mut Vec<u8>, number: Option<i64>) {
    match number {
        None => into.push(NONE),
        Some(number) => match u8::try_from(number) {
            Ok(byte) if byte < LONG => into.push(byte),
            Ok(_) | Err(_) => {
                into.push(LONG);
                into.extend_from_slice(&number.to_le_bytes());
            }
        },
    }
}

const LONG: u8 = 254;
const NONE: u8 = 255;

/// A record that is not whole, or not ours.
struct CutOff;

/// What is left of a record.
struct Fields<'r> {
    key: &'r str,
    rest: &'r [u8],
}

impl<'r> Fields<'r> {
    fn number(&mut self) -> Result<Option<i64>, CutOff> {
        let (byte, rest) = self.rest.split_first().ok_or(CutOff)?;
        self.rest = rest;
        Ok(match *byte {
            NONE => None,
            LONG => {
                let (number, rest) = self.rest.split_first_chunk().ok_or(CutOff)?;
                self.rest = rest;
                Some(i64::from_le_bytes(*number))
            }
            byte => Some(byte.into()),
        })
    }

    fn text(&mut self) -> Result<Option<&'r str>, CutOff> {
        let Some(length) = self.number()? else { return Ok(None) };
        let length = usize::try_from(length).map_err(|_| CutOff)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(CutOff)?;
        self.rest = rest;
        Ok(Some(str::from_utf8(text).map_err(|_| CutOff)?))
    }

    fn own(&mut self) -> Result<Option<String>, CutOff> {
        Ok(self.text()?.map(str::to_owned))
    }

    fn time(&mut self) -> Result<Option<Timestamp>, CutOff> {
        self.number()?.map(Timestamp::from_millisecond).transpose().map_err(|_| CutOff)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Result<Option<T>, CutOff> {
        let one = |number| usize::try_from(number).ok().and_then(|number| all.get(number)).copied();
        self.number()?.map(|number| one(number).ok_or(CutOff)).transpose()
    }

    fn reason(&mut self) -> Result<Option<SuppressionReason>, CutOff> {
        use SuppressionReason::{Bounced, Complained, DoNotMail, Erased};
        self.one_of(&[Bounced, Complained, Erased, DoNotMail])
    }

    fn row(&mut self) -> Result<Row, CutOff> {
        let entry = self.entry()?;
        let standing = match self.number()?.ok_or(CutOff)? {
            0 => Standing::Subscribed,
            1 => Standing::Outside,
            2 => Standing::Left(self.time()?),
            4 => Standing::Gone,
            _ => Standing::Suppressed(self.reason()?.ok_or(CutOff)?),
        };
        let doubts = u16::try_from(self.number()?.ok_or(CutOff)?).map_err(|_| CutOff)?;
        let (since, suppressed, suppressed_at) = (self.time()?, self.reason()?, self.time()?);
        let more = match self.number()? {
            None => None,
            Some(_) => Some(Box::new(self.more()?)),
        };
        Ok(Row { entry, standing, doubts: Doubts::from_bits(doubts), since, suppressed, suppressed_at, more })
    }

    fn entry(&mut self) -> Result<Entry, CutOff> {
        let address = EmailAddress::parse(self.text()?.unwrap_or(self.key)).map_err(|_| CutOff)?;
        let (name, tracking, format) = (self.own()?, self.tracking()?, self.format()?);
        let mut attributes = BTreeMap::new();
        for _ in 0..self.number()?.ok_or(CutOff)? {
            let (field, value) = (self.own()?.ok_or(CutOff)?, self.own()?.ok_or(CutOff)?);
            attributes.insert(field, value);
        }
        Ok(Entry { address, name, tracking, format, attributes })
    }

    fn tracking(&mut self) -> Result<Option<Tracking>, CutOff> {
        self.one_of(&[Tracking::None, Tracking::Aggregate, Tracking::Individual])
    }

    fn format(&mut self) -> Result<Option<Format>, CutOff> {
        self.one_of(&[Format::Html, Format::Text])
    }

    fn more(&mut self) -> Result<More, CutOff> {
        let origin = self.one_of(&[Origin::File, Origin::Page, Origin::Command])?;
        let (name, tracking, format) = (self.own()?, self.tracking()?, self.format()?);
        let choices = Choices { name, tracking, format, paused_until: self.time()? };
        let (at, asked_at, from, wording) = (self.time()?, self.time()?, self.own()?, self.own()?);
        Ok(More { origin, choices, consent: at.map(|at| Consent { at, asked_at, from, wording }) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::subscriber::list::ListReader;

    proptest! {
        #[test]
        fn a_row_comes_back_as_it_was(line in concat!(
            "(Ada|BO|x)@(example\\.com|Bücher\\.example),[a-z'=é]{0,4}(x{300})?,(none|aggregate|individual)?,",
            "(html|text)?,(subscribed|left|gone),(2020-01-01)?,(1931-01-01)?,(bounced|do-not-mail)?,(2028-01-01)?,(2030-01-01)?,(2029-01-01)?,[a-z]{0,3},",
            "(file|page|command)?,(name)?( tracking)?( format)?,[a-z]{0,300}"
        )) {
            let file = format!("email,name,tracking,format,pressroom_status,pressroom_since,pressroom_left_at,pressroom_suppressed,pressroom_suppressed_at,\
                pressroom_consented_at,pressroom_asked_at,pressroom_consented_from,pressroom_origin,pressroom_chosen,city\n{line}\n");
            let row = ListReader::new(file.as_bytes()).unwrap().next().unwrap().unwrap().unwrap();
            let mut bytes = vec![7; 5];
            write(&mut bytes, &row);
            let (key, read) = Record::at(&bytes, 5).read().unwrap();
            prop_assert_eq!(key, row.entry.address.key());
            prop_assert_eq!(read, row);
        }
    }
}
