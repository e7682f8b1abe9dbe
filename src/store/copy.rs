//! Copying the readers of a store into one of its own, in a file.

use super::connection::{Connected, Transaction};
use super::statement::{Row, Value, sql};
use super::{Database, Store, StoreError};

/// What a table of readers is copied by, and the types of its columns.
struct Table<const N: usize> {
    /// A cursor on all of its rows.
    declare: &'static str,
    fetch: &'static str,
    insert: &'static str,
    columns: [Column; N],
}

#[derive(Clone, Copy)]
enum Column {
    Integer(&'static str),
    Text(&'static str),
}

use Column::{Integer, Text};

const SUBSCRIBERS: Table<4> = Table {
    declare: "declare subscribers cursor for select * from subscriber order by id",
    fetch: "fetch 1000 from subscribers",
    insert: "insert into subscriber (id, address, key, reference) ",
    columns: [Integer("id"), Text("address"), Text("key"), Integer("reference")],
};

const SUBSCRIPTIONS: Table<17> = Table {
    declare: "declare subscriptions cursor for select * from subscription order by list, subscriber",
    fetch: "fetch 1000 from subscriptions",
    insert: "insert into subscription (list, subscriber, status, since, left_at, origin, name, tracking, format, attributes, \
        chosen_name, chosen_tracking, chosen_format, paused_until, consented_at, consented_from, consent_wording) ",
    columns: [
        Text("list"),
        Integer("subscriber"),
        Text("status"),
        Integer("since"),
        Integer("left_at"),
        Text("origin"),
        Text("name"),
        Text("tracking"),
        Text("format"),
        Text("attributes"),
        Text("chosen_name"),
        Text("chosen_tracking"),
        Text("chosen_format"),
        Integer("paused_until"),
        Integer("consented_at"),
        Text("consented_from"),
        Text("consent_wording"),
    ],
};

const SUPPRESSIONS: Table<4> = Table {
    declare: "declare suppressions cursor for select * from suppression order by key",
    fetch: "fetch 1000 from suppressions",
    insert: "insert into suppression (key, reason, at, detail) ",
    columns: [Text("key"), Text("reason"), Integer("at"), Text("detail")],
};

/// Copies all readers into an empty store in a file.
pub(super) async fn readers(from: &Store, to: &Store) -> Result<(), StoreError> {
    match &from.0 {
        Database::Sqlite(file) => from_file(file.path.to_string_lossy().into_owned(), to).await,
        Database::Postgres(_) => from_server(from, to).await,
    }
}

async fn from_file(path: String, to: &Store) -> Result<(), StoreError> {
    let mut writing = to.write().await?;
    sql("attach database $1 as original").bind(path).execute(&mut writing).await?;
    let mut transaction = writing.begin().await?;
    for insert in [
        "insert into subscriber select * from original.subscriber",
        "insert into subscription select * from original.subscription",
        "insert into suppression select * from original.suppression",
    ] {
        sql(insert).execute(&mut transaction).await?;
    }
    transaction.commit().await?;
    sql("detach database original").execute(&mut writing).await?;
    Ok(())
}

/// As they are at one moment; nothing is written on the server.
async fn from_server(from: &Store, to: &Store) -> Result<(), StoreError> {
    let (mut reading, mut writing) = (from.write().await?, to.write().await?);
    let (mut theirs, mut ours) = (reading.begin().await?, writing.begin().await?);
    sql("set transaction isolation level repeatable read read only").execute(&mut theirs).await?;
    SUBSCRIBERS.copy(&mut theirs, &mut ours).await?;
    SUBSCRIPTIONS.copy(&mut theirs, &mut ours).await?;
    SUPPRESSIONS.copy(&mut theirs, &mut ours).await?;
    theirs.rollback().await?;
    ours.commit().await
}

impl<const N: usize> Table<N> {
    async fn copy(&self, from: &mut Transaction<'_>, to: &mut impl Connected) -> Result<(), StoreError> {
        sql(self.declare).execute(from).await?;
        loop {
            let rows = sql(self.fetch).fetch_all(from).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let rows = rows.iter().map(|row| self.values(row)).collect::<Result<Vec<_>, _>>()?;
            let mut insert = sql(self.insert);
            insert.push_rows(rows.into_iter());
            insert.execute(to).await?;
        }
    }

    fn values(&self, row: &Row) -> Result<[Value; N], StoreError> {
        let mut values = [const { Value::Integer(None) }; N];
        for (value, column) in values.iter_mut().zip(self.columns) {
            *value = match column {
                Integer(name) => Value::Integer(row.get(name)?),
                Text(name) => Value::Text(row.get(name)?),
            };
        }
        Ok(values)
    }
}
