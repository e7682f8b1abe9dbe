//! Enums, times and attributes as the tables keep them.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::{DeserializeOwned, IntoDeserializer, value};

use super::StoreError;
use super::statement::Row;
use crate::mailbox::EmailAddress;

/// An enum as text: the name that serde gives it.
pub(super) fn word(value: impl Serialize) -> String {
    struct Word<T>(T);
    impl<T: Serialize> fmt::Display for Word<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.serialize(f)
        }
    }
    Word(value).to_string()
}

/// Attributes as JSON, their names in order, so that equal ones are equal text.
pub(super) fn json(attributes: &BTreeMap<String, String>) -> String {
    if attributes.is_empty() { "{}".to_owned() } else { serde_json::json!(attributes).to_string() }
}

/// A row that was written by us, and is read as if it were not.
#[derive(Clone, Copy)]
pub(super) struct Cells<'r>(pub(super) &'r Row);

impl<'r> Cells<'r> {
    pub(super) fn text(self, column: &'static str) -> Result<&'r str, StoreError> {
        self.0.get(column)
    }

    pub(super) fn some_text(self, column: &'static str) -> Result<Option<&'r str>, StoreError> {
        self.0.get(column)
    }

    pub(super) fn owned(self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.0.get(column)
    }

    pub(super) fn integer(self, column: &'static str) -> Result<i64, StoreError> {
        self.0.get(column)
    }

    pub(super) fn some_integer(self, column: &'static str) -> Result<Option<i64>, StoreError> {
        self.0.get(column)
    }

    /// A number that its type holds; a count, say.
    pub(super) fn number<T: TryFrom<i64>>(self, column: &'static str) -> Result<T, StoreError> {
        let number = self.integer(column)?;
        T::try_from(number).map_err(|_| unreadable(column, &number.to_string()))
    }

    /// An enum.
    pub(super) fn word<T: DeserializeOwned>(self, column: &'static str) -> Result<T, StoreError> {
        read(column, self.text(column)?)
    }

    pub(super) fn some_word<T: DeserializeOwned>(
        self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.some_text(column)?.map(|text| read(column, text)).transpose()
    }

    pub(super) fn time(self, column: &'static str) -> Result<Timestamp, StoreError> {
        from_milliseconds(column, self.integer(column)?)
    }

    pub(super) fn some_time(self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        self.some_integer(column)?.map(|milliseconds| from_milliseconds(column, milliseconds)).transpose()
    }

    pub(super) fn attributes(self, column: &'static str) -> Result<BTreeMap<String, String>, StoreError> {
        let text = self.text(column)?;
        serde_json::from_str(text).map_err(|_| unreadable(column, "***"))
    }

    /// What was parsed before it was kept: a list's name, say.
    pub(super) fn parsed<T: std::str::FromStr>(self, column: &'static str) -> Result<T, StoreError> {
        let text = self.text(column)?;
        text.parse().map_err(|_| unreadable(column, text))
    }

    pub(super) fn address(self, column: &'static str) -> Result<EmailAddress, StoreError> {
        EmailAddress::parse(self.text(column)?).map_err(|_| unreadable(column, "***"))
    }
}

fn read<T: DeserializeOwned>(column: &'static str, text: &str) -> Result<T, StoreError> {
    let read: Result<T, value::Error> = T::deserialize(text.into_deserializer());
    read.map_err(|_| unreadable(column, text))
}

fn from_milliseconds(column: &'static str, milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds).map_err(|_| unreadable(column, &milliseconds.to_string()))
}

pub(super) fn unreadable(column: &'static str, text: &str) -> StoreError {
    StoreError::Unreadable { column, text: text.chars().take(40).collect() }
}
