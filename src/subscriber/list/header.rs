//! The first line of a list file: what its columns mean.

use std::io;

use super::fields::{Split, split};

/// More columns than this are no list of readers.
const MOST_COLUMNS: usize = 200;

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    Email,
    Name,
    Tracking,
    Format,
    /// `reader.FIELD`.
    Attribute(String),
    /// Without a name: nobody can ask for it.
    Nameless,
}

/// The columns of a list file and what stands between them.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) delimiter: u8,
    pub(super) columns: Vec<Column>,
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
        let mut names: Vec<String> = Vec::new();
        for field in &fields {
            let name = field_name(str::from_utf8(field).map_err(|_| HeaderError::NotUtf8)?);
            if !name.is_empty() && names.contains(&name) {
                return Err(HeaderError::Twice(name));
            }
            names.push(name);
        }
        let columns: Vec<Column> = names.iter().map(|name| column(name)).collect();
        if !columns.contains(&Column::Email) {
            return Err(HeaderError::NoEmail { found: shown(&names) });
        }
        Ok(Self { delimiter, columns })
    }
}

/// What stands between columns: whichever of comma, semicolon and tab the header has most of.
fn sniff(line: &[u8]) -> u8 {
    let count = |delimiter: u8| line.split(|byte| *byte == delimiter).count();
    // The last of equals wins, so that a header of one column is read with commas.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// A column's name as a template asks for it: `[a-z0-9_]`, as in `first_name` for `First Name`.
fn field_name(text: &str) -> String {
    let text = text.trim().to_lowercase();
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(64).collect()
}

fn column(name: &str) -> Column {
    match name {
        "" => Column::Nameless,
        "email" => Column::Email,
        "name" => Column::Name,
        "tracking" => Column::Tracking,
        "format" => Column::Format,
        _ => Column::Attribute(name.to_owned()),
    }
}

fn shown(names: &[String]) -> String {
    let names: Vec<String> =
        names.iter().filter(|name| !name.is_empty()).take(5).map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
