//! Whole journeys, through a real store and the real inbox: from an editor's files to what readers get.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what it missed by panicking"
)]

mod braking;
mod chaos;
mod choosing;
mod circle;
mod clicking;
mod command_line;
mod composing;
mod dispatching;
mod folder;
mod joining;
mod killing;
mod leaving;
mod machines;
mod pacing;
mod reader;
mod rehearsing;
mod reporting;
mod reviewing;
mod saying;
mod sending;
mod signatures;
mod signing;
mod stores;
mod trouble;

#[path = "../postgres/server.rs"]
mod server;
