//! The journeys that hold of either store, with one on a server.

type Folder = crate::folder::Fixture<true>;

/// What people call it.
const STORE: &str = "PostgreSQL";

#[path = "blaming.rs"]
mod blaming;
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
#[path = "going_on.rs"]
mod going_on;
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
#[path = "refusing.rs"]
mod refusing;
#[path = "rehearsing.rs"]
mod rehearsing;
#[path = "reporting.rs"]
mod reporting;
#[path = "reviewing.rs"]
mod reviewing;
#[path = "saying.rs"]
mod saying;
#[path = "sending.rs"]
mod sending;
#[path = "serving.rs"]
mod serving;
#[path = "several_relays.rs"]
mod several_relays;
#[path = "signing.rs"]
mod signing;
#[path = "spooling.rs"]
mod spooling;
#[path = "telling.rs"]
mod telling;
#[path = "wording.rs"]
mod wording;
