//! pressroom composes an email newsletter from a TOML draft and sends it, each reader once.
//!
//! Data travels one way. The modules stand in the order of the journey, and each imports only from those above
//! it; `tests/house.rs` holds the code to that.

// words: no I/O, no clock, no randomness
pub mod mailbox;
pub mod id;
pub mod diagnostic;
pub mod document;
pub mod wrap;
// stages: pure and synchronous; they know neither the world nor its crates
pub mod newsletter;
pub mod markdown;
pub mod sponsor;
pub mod draft;
pub mod issue;
pub mod render;
pub mod check;
pub mod subscriber;
pub mod token;
pub mod message;
pub mod approval;
pub mod delivery;
pub mod event;
pub mod report;
pub mod schedule;
// the world: I/O, no decisions
pub mod config;
pub mod workspace;
pub mod store;
pub mod smtp;
pub mod inbox;
// journeys: one verb each; they return outcomes and print nothing
pub mod app;
pub mod dkim;
pub mod lists;
pub mod track;
pub mod compose;
pub mod send;
pub mod letter;
pub mod rehearse;
pub mod brake;
pub mod deliveries;
pub mod reporting;
pub mod dispatch;
pub mod joining;
// faces
pub mod server;
pub mod cli;
