//! The tests of this folder on SQLite.

use super::*;

type TestStore = super::TestStore<false>;

#[path = "files.rs"]
mod files;
#[path = "deciding.rs"]
mod deciding;
#[path = "erasing.rs"]
mod erasing;
#[path = "importing.rs"]
mod importing;
#[path = "joining.rs"]
mod joining;
#[path = "notifications.rs"]
mod notifications;
#[path = "readers.rs"]
mod readers;
#[path = "reporting.rs"]
mod reporting;
#[path = "requeueing.rs"]
mod requeueing;
#[path = "rules.rs"]
mod rules;
#[path = "sending.rs"]
mod sending;
#[path = "states.rs"]
mod states;
