//! Whole journeys, through a real store and the real inbox: from an editor's files to what readers get.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what it missed by panicking"
)]

mod command_line;
mod composing;
mod folder;
mod gate;
mod killing;
mod machines;
#[expect(clippy::duplicate_mod, reason = "the same journeys with either store")]
mod on_postgres;
mod on_sqlite;
mod own_server;
mod reader;
mod signatures;
mod stores;
mod trouble;

#[path = "../postgres/server.rs"]
mod server;
