//! The first line of a list file: what its columns mean.

use std::fmt;
use std::io;

use serde::Serialize;

use super::column::{Column, Kind};
use super::fields::{Split, split};
use super::service::Service;
use super::telling::{Doubts, Question};
use super::wording::tells;

/// More columns than this are no list of readers.
const MOST_COLUMNS: usize = 200;
/// What columns with addresses are called, the surest first: Mailchimp speaks its customers' languages.
const ADDRESSES: [&str; 21] = [
    "email",
    "email_address",
    "emailaddress",
    "e_mail",
    "e_mail_address",
    "e_mail_adresse",
    "email_adresse",
    "adresse_e_mail",
    "adresse_email",
    "correo_electr_nico",
    "direcci_n_de_correo_electr_nico",
    "direcci_n_de_email",
    "direcci_n_de_e_mail",
    "indirizzo_email",
    "indirizzo_e_mail",
    "endere_o_de_email",
    "endere_o_de_e_mail",
    "e_mailadres",
    "e_mailadresse",
    "e_postadress",
    "mail",
];

/// The columns of a list file and what stands between them.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) delimiter: u8,
    pub(super) columns: Vec<Column>,
    pub(super) service: Option<Service>,
    /// As they stand in the file.
    names: Vec<String>,
}

/// An export that was recognised, and what was made of its columns, by their names in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recognised {
    /// Whose.
    pub service: Service,
    /// What readers are called, and their other fields.
    pub fields: Vec<String>,
    /// Whether and since when they are on the list.
    pub standing: Vec<String>,
    /// What is not kept.
    pub dropped: Vec<String>,
}

/// What was wrong with the first line of a list file.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The file could not be read.
    #[error("the list could not be read")]
    Read(#[from] io::Error),
    /// Not text.
    #[error("the header is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    /// Quotes that do not match.
    #[error("a quote in the header is not closed; the first line names the columns, as in `email,name`")]
    Quote,
    /// No column with addresses.
    #[error(
        "the header has no column `email`; the first line names the columns, as in `email,name`; found {found}"
    )]
    NoEmail {
        /// The columns there are, at most a few.
        found: String,
    },
    /// No column with addresses in another service's export.
    #[error(
        "it is an export of {service}, and no column of it is called as those with addresses are; call that column `email` in the first line; \
         found {found}"
    )]
    NoAddress {
        /// Whose.
        service: &'static str,
        /// The columns there are, at most a few.
        found: String,
    },
    /// Two columns of one name.
    #[error("the column `{0}` is there twice; rename one")]
    Twice(String),
    /// Far too many.
    #[error("the header has {0} columns; a list has at most 200")]
    TooMany(usize),
}

impl Header {
    pub(super) fn parse(line: &[u8]) -> Result<Self, HeaderError> {
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        let delimiter = sniff(line);
        let Split::Fields(fields) = split(line, delimiter) else { return Err(HeaderError::Quote) };
        if fields.len() > MOST_COLUMNS {
            return Err(HeaderError::TooMany(fields.len()));
        }
        let whole: Vec<String> = fields
            .iter()
            .map(|field| Ok(str::from_utf8(field).map_err(|_| HeaderError::NotUtf8)?.trim().to_owned()))
            .collect::<Result<_, HeaderError>>()?;
        let names: Vec<String> = whole.iter().map(|name| field_name(name)).collect();
        let service = Service::of(&names);
        let own = |name: &str| service.and_then(|service| service.column(name));
        let address = names.iter().position(|name| own(name) == Some(Column::Email));
        let Some(address) = address.or_else(|| addresses(&names)) else {
            let found = shown(&whole);
            return Err(match service {
                None => HeaderError::NoEmail { found },
                Some(service) => HeaderError::NoAddress { service: service.name(), found },
            });
        };
        let (mut columns, mut questions) = (Vec::new(), 0);
        for (at, name) in names.iter().enumerate() {
            let is_twice = !name.is_empty() && names[..at].contains(name);
            columns.push(match service {
                None if is_twice => return Err(HeaderError::Twice(name.clone())),
                Some(_) if is_twice => Column::Nameless,
                _ if at == address => Column::Email,
                _ => own(name).unwrap_or_else(|| match (column(name), tells(&whole[at])) {
                    // Our own export says all that there is to say.
                    (Column::Attribute(field), Some(tells)) if service != Some(Service::Pressroom) => {
                        questions += 1;
                        Column::Telling(Question { field, tells, bit: Doubts::of(questions - 1) })
                    }
                    (column, _) => column,
                }),
            });
        }
        Ok(Self { delimiter, columns, service, names: whole })
    }

    /// Whose export it is and what is made of its columns; `None` where it is nobody's, or our own.
    pub(super) fn recognised(&self) -> Option<Recognised> {
        let service = self.service.filter(|service| *service != Service::Pressroom)?;
        let mut recognised =
            Recognised { service, fields: Vec::new(), standing: Vec::new(), dropped: Vec::new() };
        for (column, name) in self.columns.iter().zip(&self.names) {
            let named = match column.kind() {
                Kind::Field => &mut recognised.fields,
                Kind::Standing => &mut recognised.standing,
                Kind::Dropped => &mut recognised.dropped,
                Kind::Nothing => continue,
            };
            named.push(name.clone());
        }
        Some(recognised)
    }
}

impl fmt::Display for Recognised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, fields, standing, dropped } = self;
        write!(f, "it is an export of {}: readers and their fields from {}", service.name(), quoted(fields))?;
        let dropped = (!dropped.is_empty()).then(|| format!("not kept: {}", quoted(dropped)));
        let standing = (!standing.is_empty())
            .then(|| format!("who is on the list, and since when, from {}", quoted(standing)));
        standing.iter().chain(&dropped).try_for_each(|part| write!(f, "; {part}"))
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What stands between columns: whichever of comma, semicolon and tab the header has most of.
pub(super) fn sniff(line: &[u8]) -> u8 {
    let count = |delimiter: u8| line.split(|byte| *byte == delimiter).count();
    // The last of equals wins, so that a header of one column is read with commas.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// A column's name as a template asks for it: `[a-z0-9_]`, as in `first_name` for `First Name`.
pub(super) fn field_name(text: &str) -> String {
    let text = text.trim().to_lowercase();
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(64).collect()
}

fn column(name: &str) -> Column {
    match name {
        // That of the addresses is another, where there is an `email` as well.
        "" | "email" => Column::Nameless,
        "name" => Column::Name,
        "tracking" => Column::Tracking,
        "format" => Column::Format,
        _ => Column::Attribute(name.to_owned()),
    }
}

/// Whether a column of this name holds addresses.
pub(super) fn names_addresses(name: &str) -> bool {
    ADDRESSES.contains(&name)
}

/// Which column holds the addresses, by its name.
fn addresses(names: &[String]) -> Option<usize> {
    ADDRESSES.iter().find_map(|known| names.iter().position(|name| name == known))
}

/// The first columns, as they stand in the file.
pub(super) fn shown(names: &[impl AsRef<str>]) -> String {
    let names = names.iter().map(|name| name.as_ref().trim()).filter(|name| !name.is_empty());
    let names: Vec<String> =
        names.take(5).map(|name| format!("`{}`", name.chars().take(64).collect::<String>())).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
