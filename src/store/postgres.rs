//! A store on a server: PostgreSQL, for any number of machines.

use std::io;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::Mutex as Turn;
use tokio::time::timeout;

use super::connection::{Reading, Transaction, Writing};
use super::statement::sql;
use super::word::Cells;
use super::{PATIENCE, StoreError, migrations};
use crate::delivery::SenderId;

/// Host, port and database.
pub(super) fn name(url: &SecretString) -> String {
    let Ok(options) = PgConnectOptions::from_str(url.expose_secret()) else {
        return "`[store] url`".to_owned();
    };
    let database = options.get_database().unwrap_or(options.get_username());
    match options.get_socket() {
        Some(socket) => format!("database {database} at {}", socket.display()),
        None => format!("database {database} at {}:{}", options.get_host(), options.get_port()),
    }
}

/// A server notices within a minute that a machine is gone, and lets its locks go; and what it says is committed is on its disk.
const SETTINGS: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "20"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
    ("synchronous_commit", "on"),
];

/// A pool of connections, and the sender's own if this process is one.
#[derive(Debug)]
pub(super) struct Server {
    pool: PgPool,
    session: Mutex<Weak<Session>>,
}

/// A sender's own connection. As long as it lives it holds the lock of the sender's id, which tells everyone that the sender is
/// alive; all that the sender writes goes through it, so that one whom the others take for dead cannot write.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SenderId,
    connection: Arc<Turn<PgConnection>>,
}

impl Server {
    /// Connects and brings the tables up to date.
    pub(super) async fn connect(url: &SecretString) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url.expose_secret())?;
        let chosen = options.get_options().unwrap_or_default().to_owned();
        let settings = SETTINGS.into_iter().filter(|(name, _)| !chosen.contains(name));
        let options = options.options(settings).application_name("pressroom").statement_cache_capacity(200);
        let mut connection = connect(&options).await?;
        migrations::postgres()
            .run(&mut connection)
            .await
            .map_err(|error| migrations::failed(error, name(url)))?;
        connection.close().await?;
        let pool =
            PgPoolOptions::new().max_connections(8).acquire_timeout(PATIENCE).connect_lazy_with(options);
        Ok(Self { pool, session: Mutex::default() })
    }

    pub(super) async fn read(&self) -> Result<Reading, StoreError> {
        Ok(Reading::Postgres(self.pool.acquire().await?))
    }

    pub(super) async fn write(&self) -> Result<Writing<'static>, StoreError> {
        Ok(Writing::Postgres(self.pool.acquire().await?))
    }

    /// The sender's own connection; that of anybody where this process is none.
    pub(super) async fn write_as_sender(&self) -> Result<Writing<'static>, StoreError> {
        match self.session() {
            Some(session) => Ok(Writing::Session(Arc::clone(&session.connection).lock_owned().await)),
            None => self.write().await,
        }
    }

    /// Becomes a sender of this id, one of any number.
    pub(super) async fn start_session(&self, id: SenderId) -> Result<Arc<Session>, StoreError> {
        let connection = connect(&self.pool.connect_options()).await?;
        let session = Arc::new(Session { id, connection: Arc::new(Turn::new(connection)) });
        let mut writing = Writing::Session(Arc::clone(&session.connection).lock_owned().await);
        let lock = "select pg_advisory_lock($1), \
            pg_advisory_lock_shared(hashtextextended(current_schema() || ' senders', 0))";
        sql(lock).bind(id).execute(&mut writing).await?;
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&session);
        Ok(session)
    }

    /// Takes the lock of whoever dispatches, for as long as the sender's session lasts.
    pub(super) async fn dispatch_lock(&self, sender: SenderId) -> Result<(), StoreError> {
        let select = "select case when pg_try_advisory_lock(hashtextextended(current_schema() || ' dispatch', 0)) \
            then $1 else 0 end as holder";
        let row = sql(select).bind(sender).fetch_one(&mut self.write_as_sender().await?).await?;
        if Cells(&row).integer("holder")? == sender.0 {
            return Ok(());
        }
        Err(StoreError::SenderAtWork { holder: "a dispatch on another machine".to_owned() })
    }

    /// Whether this process is the only sender.
    pub(super) async fn is_alone(&self) -> Result<bool, StoreError> {
        let select = "select case when pg_try_advisory_xact_lock(hashtextextended(current_schema() || ' senders', 0)) \
            then 1::bigint else 0 end as alone";
        let row = sql(select).fetch_one(&mut self.write_as_sender().await?).await?;
        Ok(Cells(&row).integer("alone")? == 1)
    }

    /// Whether nobody holds a sender's lock, or this process does.
    pub(super) async fn is_gone(
        &self,
        sender: SenderId,
        transaction: &mut Transaction<'_>,
    ) -> Result<bool, StoreError> {
        if self.session().is_some_and(|session| session.id == sender) {
            return Ok(true);
        }
        let select = "select case when pg_try_advisory_xact_lock($1) then 1::bigint else 0 end as gone";
        let row = sql(select).bind(sender).fetch_one(transaction).await?;
        Ok(Cells(&row).integer("gone")? == 1)
    }

    /// The sender that this process is.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    pub(super) async fn close(self) {
        self.pool.close().await;
    }
}

/// Connects, if the server says something soon.
async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let Ok(connected) = timeout(PATIENCE, PgConnection::connect_with(options)).await else {
        let silent = io::Error::new(io::ErrorKind::TimedOut, "the database's server says nothing");
        return Err(sqlx::Error::Io(silent).into());
    };
    Ok(connected?)
}
