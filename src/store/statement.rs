//! SQL with its values: one text for all databases, run on whatever is [`Connected`].
//!
//! A fixed text has placeholders `$1`, `$2`, … and is bound in their order. A text that grows with its values has each
//! pushed where it stands ([`Statement::push_bind`]). Both are prepared once a connection.

use std::borrow::Cow;

use jiff::Timestamp;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Decode, Row as _, SqlSafeStr, Sqlite, Type};

use super::StoreError;
use super::connection::{Connected, Connection};
use crate::delivery::SenderId;
use crate::id::{IssueNumber, ListName, Reference, SubscriberId};

/// A statement, ready to run once all its values are bound.
#[derive(Debug)]
pub(super) struct Statement {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

/// What a column can hold. Times are milliseconds since 1970, UTC.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Integer(Option<i64>),
    Text(Option<String>),
}

/// What came back: to be read through [`super::word::Cells`].
pub(super) enum Row {
    Sqlite(SqliteRow),
}

/// A statement of this text.
pub(super) fn sql(text: &'static str) -> Statement {
    Statement { text: text.into(), values: Vec::new() }
}

impl Statement {
    /// The value of the next placeholder.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// More of the text.
    pub(super) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// A placeholder here, and its value.
    pub(super) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self.push("?")
    }

    /// Placeholders here with commas between them, and their values.
    pub(super) fn push_list(&mut self, values: impl IntoIterator<Item = Value>) -> &mut Self {
        for (at, value) in values.into_iter().enumerate() {
            self.push(if at == 0 { "" } else { ", " }).push_bind(value);
        }
        self
    }

    /// `values (…), (…)` here, a tuple a row.
    pub(super) fn push_rows<const N: usize>(&mut self, rows: impl Iterator<Item = [Value; N]>) -> &mut Self {
        for (at, row) in rows.enumerate() {
            self.push(if at == 0 { "values (" } else { "), (" }).push_list(row);
        }
        self.push(")")
    }

    /// Runs it; answers how many rows it changed.
    pub(super) async fn execute(self, on: &mut impl Connected) -> Result<u64, StoreError> {
        Ok(match on.connection() {
            Connection::Sqlite(on) => self.for_sqlite().execute(on).await?.rows_affected(),
        })
    }

    /// All its rows.
    pub(super) async fn fetch_all(self, on: &mut impl Connected) -> Result<Vec<Row>, StoreError> {
        Ok(match on.connection() {
            Connection::Sqlite(on) => {
                self.for_sqlite().fetch_all(on).await?.into_iter().map(Row::Sqlite).collect()
            }
        })
    }

    /// Its one row, if there is one.
    pub(super) async fn fetch_optional(self, on: &mut impl Connected) -> Result<Option<Row>, StoreError> {
        Ok(match on.connection() {
            Connection::Sqlite(on) => self.for_sqlite().fetch_optional(on).await?.map(Row::Sqlite),
        })
    }

    /// Its one row.
    pub(super) async fn fetch_one(self, on: &mut impl Connected) -> Result<Row, StoreError> {
        Ok(match on.connection() {
            Connection::Sqlite(on) => Row::Sqlite(self.for_sqlite().fetch_one(on).await?),
        })
    }

    fn for_sqlite(self) -> Query<'static, Sqlite, SqliteArguments> {
        let text = match self.text {
            Cow::Borrowed(text) => text.into_sql_str(),
            Cow::Owned(text) => AssertSqlSafe(text).into_sql_str(),
        };
        self.values.into_iter().fold(sqlx::query(text), |query, value| match value {
            Value::Integer(integer) => query.bind(integer),
            Value::Text(text) => query.bind(text),
        })
    }
}

impl Row {
    pub(super) fn get<'r, T>(&'r self, column: &'static str) -> Result<T, StoreError>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite>,
    {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
        })
    }
}

/// What is kept as an integer.
macro_rules! integers {
    ($($type:ty: $value:ident => $integer:expr),* $(,)?) => { $(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                Self::Integer(Some($integer))
            }
        }
    )* };
}

integers! {
    i64: value => value,
    u32: value => value.into(),
    Timestamp: value => value.as_millisecond(),
    IssueNumber: value => value.get().into(),
    SubscriberId: value => value.0,
    SenderId: value => value.0,
    Reference: value => value.0.cast_signed(),
}

/// What is kept as text.
macro_rules! texts {
    ($($type:ty: $value:ident => $text:expr),* $(,)?) => { $(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                Self::Text(Some($text))
            }
        }
    )* };
}

texts! {
    String: value => value,
    &String: value => value.clone(),
    &str: value => value.to_owned(),
    &ListName: value => value.as_str().to_owned(),
}

impl From<Option<Timestamp>> for Value {
    fn from(value: Option<Timestamp>) -> Self {
        Self::Integer(value.map(Timestamp::as_millisecond))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Integer(value)
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}
