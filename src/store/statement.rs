//! SQL with its values: one text for both databases, run on whatever is [`Connected`].
//!
//! A fixed text has placeholders `$1`, `$2`, … and is bound in their order. A text that grows with its values has each
//! pushed where it stands ([`Statement::push_bind`]). Both are prepared once a connection.

use std::borrow::Cow;

use jiff::Timestamp;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Decode, Postgres, Row as _, SqlSafeStr, Sqlite, Type};

use super::StoreError;
use super::connection::{Connected, Connection, Dialect};
use crate::delivery::SenderId;
use crate::id::{IssueNumber, ListName, Reference, SubscriberId};

/// A statement, ready to run once all its values are bound.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    /// A growing text has a [`MARK`] for each of the values.
    text: Cow<'static, str>,
    values: Vec<Bound>,
}

const MARK: char = '?';

/// What a column can hold. Times are milliseconds since 1970, UTC.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Integer(Option<i64>),
    Text(Option<String>),
}

#[derive(Debug, Clone)]
enum Bound {
    One(Value),
    /// Of one type, of which something is one.
    List(Vec<Value>),
    /// So many values a row, where a table could stand.
    Rows(usize, Vec<Value>),
    /// Text for PostgreSQL alone.
    Postgres(&'static str),
}

/// A statement in one database's words, its values bound: so that it can be made while the one before runs.
pub(super) enum Ready {
    Sqlite(Query<'static, Sqlite, SqliteArguments>),
    Postgres(Query<'static, Postgres, PgArguments>),
}

/// What came back: to be read through [`super::word::Cells`].
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A statement of this text.
pub(super) fn sql(text: &'static str) -> Statement {
    Statement { text: text.into(), values: Vec::new() }
}

impl Statement {
    /// The value of the next placeholder.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(Bound::One(value.into()));
        self
    }

    /// More of the text.
    pub(super) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// A placeholder here, and its value.
    pub(super) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.push_mark(Bound::One(value.into()))
    }

    /// That what stands before is one of these, all of one type: each is looked up, and no planner walks through a table to find them.
    pub(super) fn push_any_of(&mut self, values: impl IntoIterator<Item = Value>) -> &mut Self {
        self.push_mark(Bound::List(values.into_iter().collect()))
    }

    /// Rows here, in the brackets of a `with` or an `in`, or after the columns of an `insert`.
    pub(super) fn push_rows<const N: usize>(&mut self, rows: impl Iterator<Item = [Value; N]>) -> &mut Self {
        self.push_mark(Bound::Rows(N, rows.flatten().collect()))
    }

    /// More of the text, where the database is PostgreSQL.
    pub(super) fn push_on_postgres(&mut self, text: &'static str) -> &mut Self {
        self.push_mark(Bound::Postgres(text))
    }

    fn push_mark(&mut self, bound: Bound) -> &mut Self {
        self.text.to_mut().push(MARK);
        self.values.push(bound);
        self
    }

    /// Runs it; answers how many rows it changed.
    pub(super) async fn execute(self, on: &mut impl Connected) -> Result<u64, StoreError> {
        let dialect = on.connection().dialect();
        self.ready(dialect).execute(on).await
    }

    pub(super) fn ready(self, dialect: Dialect) -> Ready {
        match dialect {
            Dialect::Sqlite => Ready::Sqlite(self.for_sqlite()),
            Dialect::Postgres => Ready::Postgres(self.for_postgres()),
        }
    }

    /// All its rows.
    pub(super) async fn fetch_all(self, on: &mut impl Connected) -> Result<Vec<Row>, StoreError> {
        Ok(match on.connection() {
            Connection::Sqlite(on) => {
                self.for_sqlite().fetch_all(on).await?.into_iter().map(Row::Sqlite).collect()
            }
            Connection::Postgres(on) => {
                Box::pin(self.for_postgres().fetch_all(on)).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Its one row, if there is one.
    pub(super) async fn fetch_optional(self, on: &mut impl Connected) -> Result<Option<Row>, StoreError> {
        Ok(match on.connection() {
            Connection::Sqlite(on) => self.for_sqlite().fetch_optional(on).await?.map(Row::Sqlite),
            Connection::Postgres(on) => {
                Box::pin(self.for_postgres().fetch_optional(on)).await?.map(Row::Postgres)
            }
        })
    }

    /// Its one row.
    pub(super) async fn fetch_one(self, on: &mut impl Connected) -> Result<Row, StoreError> {
        Ok(match on.connection() {
            Connection::Sqlite(on) => Row::Sqlite(self.for_sqlite().fetch_one(on).await?),
            Connection::Postgres(on) => Row::Postgres(Box::pin(self.for_postgres().fetch_one(on)).await?),
        })
    }

    /// The text, each mark replaced by what stands for its values.
    fn render(
        text: Cow<'static, str>,
        values: &[Bound],
        mut stand_in: impl FnMut(&Bound, &mut String),
    ) -> sqlx::SqlStr {
        let text = match text {
            Cow::Borrowed(text) => return text.into_sql_str(),
            Cow::Owned(text) => text,
        };
        let mut rendered = String::with_capacity(text.len());
        let mut values = values.iter();
        for (at, piece) in text.split(MARK).enumerate() {
            if at > 0
                && let Some(bound) = values.next()
            {
                stand_in(bound, &mut rendered);
            }
            rendered.push_str(piece);
        }
        AssertSqlSafe(rendered).into_sql_str()
    }

    fn for_sqlite(self) -> Query<'static, Sqlite, SqliteArguments> {
        let text = Self::render(self.text, &self.values, |bound, text| match bound {
            Bound::One(_) => text.push('?'),
            Bound::List(values) => {
                text.push_str("in (");
                push_marks(text, values.len());
                text.push(')');
            }
            Bound::Rows(width, values) => {
                for row in 0..values.len() / width {
                    text.push_str(if row == 0 { "values (" } else { "), (" });
                    push_marks(text, *width);
                }
                text.push(')');
            }
            Bound::Postgres(_) => {}
        });
        let values = self.values.into_iter().flat_map(|bound| match bound {
            Bound::One(value) => vec![value],
            Bound::List(values) | Bound::Rows(_, values) => values,
            Bound::Postgres(_) => Vec::new(),
        });
        values.fold(sqlx::query(text), |query, value| match value {
            Value::Integer(integer) => query.bind(integer),
            Value::Text(text) => query.bind(text),
        })
    }

    /// Lists and rows go as arrays, a column each: the text is the same for any number of them.
    fn for_postgres(self) -> Query<'static, Postgres, PgArguments> {
        let mut number = 0;
        let mut next = || {
            number += 1;
            format!("${number}")
        };
        let text = Self::render(self.text, &self.values, |bound, text| match bound {
            Bound::One(_) => text.push_str(&next()),
            Bound::Postgres(own) => text.push_str(own),
            Bound::List(_) => text.extend(["= any (", &next(), ")"]),
            Bound::Rows(width, _) => {
                let columns: Vec<_> = (0..*width).map(|_| next()).collect();
                text.extend(["select * from unnest(", &columns.join(", "), ")"]);
            }
        });
        self.values.into_iter().fold(sqlx::query(text), |query, bound| match bound {
            Bound::One(Value::Integer(integer)) => query.bind(integer),
            Bound::One(Value::Text(text)) => query.bind(text),
            Bound::List(values) => bind_column(query, values),
            Bound::Rows(width, values) => columns(width, values).into_iter().fold(query, bind_column),
            Bound::Postgres(_) => query,
        })
    }
}

impl Ready {
    /// Runs it on the database that it was made for; answers how many rows it changed.
    pub(super) async fn execute(self, on: &mut impl Connected) -> Result<u64, StoreError> {
        Ok(match (self, on.connection()) {
            (Self::Sqlite(query), Connection::Sqlite(on)) => query.execute(on).await?.rows_affected(),
            (Self::Postgres(query), Connection::Postgres(on)) => {
                Box::pin(query.execute(on)).await?.rows_affected()
            }
            (Self::Sqlite(_), Connection::Postgres(_)) | (Self::Postgres(_), Connection::Sqlite(_)) => {
                return Err(sqlx::Error::Protocol("a statement for the other database".into()).into());
            }
        })
    }
}

fn push_marks(text: &mut String, count: usize) {
    for at in 0..count {
        text.push_str(if at == 0 { "?" } else { ", ?" });
    }
}

/// Rows of so many values, turned.
fn columns(width: usize, values: Vec<Value>) -> Vec<Vec<Value>> {
    let mut columns = vec![Vec::with_capacity(values.len() / width); width];
    for (at, value) in values.into_iter().enumerate() {
        columns[at % width].push(value);
    }
    columns
}

/// Values of the type of the first.
fn bind_column(
    query: Query<'static, Postgres, PgArguments>,
    values: Vec<Value>,
) -> Query<'static, Postgres, PgArguments> {
    let is_text = matches!(values.first(), Some(Value::Text(_)));
    let (mut integers, mut texts) = (Vec::new(), Vec::new());
    for value in values {
        match value {
            Value::Integer(integer) => integers.push(integer),
            Value::Text(text) => texts.push(text),
        }
    }
    if is_text { query.bind(texts) } else { query.bind(integers) }
}

impl Row {
    pub(super) fn get<'r, T>(&'r self, column: &'static str) -> Result<T, StoreError>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
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
