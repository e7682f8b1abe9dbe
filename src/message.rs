//! Messages: an issue frozen, made ready for the wire as an [`Edition`], and filled in per reader.
//!
//! Once per issue: [`FrozenIssue`] holds all that senders build from, and [`Edition`] has its headers folded and its
//! bodies in quoted-printable, cut at their fields. Once per reader: [`Edition::write`] puts pieces and filled fields
//! into one buffer that is used again and again, and [`dkim::Signer::sign`] puts the signatures on top. What must hold on
//! the wire is requirements 1 to 16 and 23 to 25.

mod body;
pub mod dkim;
mod edition;
mod fill;
mod frozen;
mod header;
mod octets;
mod preview;
mod quoted_printable;
mod sheet;
mod web;

pub use edition::{Edition, Written};
pub use fill::MissingField;
pub use frozen::FrozenIssue;
pub use octets::Octets;
pub(crate) use octets::breaks_lines_badly;
pub use preview::{Preview, preview, subject};
pub use web::web_edition;
