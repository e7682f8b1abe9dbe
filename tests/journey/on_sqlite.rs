//! The journeys that hold of either store, with one in a file.

type Folder = crate::folder::Fixture<false>;

/// What people call it.
const STORE: &str = "SQLite";

#[path = "braking.rs"]
mod braking;
#[path = "chaos.rs"]
mod chaos;
#[path = "choosing.rs"]
mod choosing;
#[path = "circle.rs"]
mod circle;
#[path = "clicking.rs"]
mod clicking;
#[path = "dispatching.rs"]
mod dispatching;
#[path = "joining.rs"]
mod joining;
#[path = "keeping.rs"]
mod keeping;
#[path = "knowing.rs"]
mod knowing;
#[path = "leaving.rs"]
mod leaving;
#[path = "leaving_by_mail.rs"]
mod leaving_by_mail;
#[path = "pacing.rs"]
mod pacing;
#[path = "reporting.rs"]
mod reporting;
#[path = "reviewing.rs"]
mod reviewing;
#[path = "sending.rs"]
mod sending;
#[path = "spooling.rs"]
mod spooling;
#[path = "telling.rs"]
mod telling;
