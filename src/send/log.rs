//! What a run tells the log: a line an event, readers by number and masked address.

use tracing::{debug, info, warn};

use crate::delivery::{Outcome, SmtpReply};
use crate::id::IssueNumber;
use crate::smtp::{Capabilities, SmtpError};
use crate::store::Leased;

/// What became of one reader's message; `relay` is the host that it went to, as far as that is known.
pub(super) fn settled(issue: IssueNumber, relay: &str, leased: &Leased, outcome: &Outcome) {
    let (reader, address) = (leased.recipient.id.0, &leased.recipient.address);
    let attempt = leased.attempts + 1;
    match outcome {
        Outcome::Accepted(SmtpReply { code, .. }) => {
            info!(%issue, reader, ?address, relay, code, attempt, "accepted");
        }
        Outcome::Deferred { reply, retry_at } => {
            info!(%issue, reader, ?address, relay, code = reply.code, attempt, reply = reply.masked(), %retry_at, "deferred");
        }
        Outcome::Refused(reply) => {
            warn!(%issue, reader, ?address, relay, code = reply.code, attempt, reply = reply.masked(), "refused");
        }
        Outcome::GivenUp(reply) => {
            warn!(%issue, reader, ?address, code = reply.code, attempts = leased.attempts, reply = reply.masked(), "given up untried");
        }
        Outcome::InDoubt => warn!(%issue, reader, ?address, relay, attempt, "in doubt"),
        Outcome::Postponed { retry_at, .. } => debug!(%issue, reader, ?address, %retry_at, "postponed"),
        Outcome::PutBack => debug!(%issue, reader, ?address, relay, "put back"),
    }
}

/// A reader who has left meanwhile.
pub(super) fn withheld(issue: IssueNumber, leased: &Leased) {
    info!(%issue, reader = leased.recipient.id.0, address = ?leased.recipient.address, "left while it goes out");
}

/// A connection that was opened.
pub(super) fn connected(relay: &str, offered: &Capabilities) {
    debug!(relay, ?offered, "connected");
}

/// A connection that could not be opened.
pub(super) fn unreached(relay: &str, error: &SmtpError) {
    let reply = &error.failure().reply;
    warn!(relay, step = %error.failure().step, code = reply.code, reply = reply.masked(), "no connection");
}

/// A relay that is left alone for a while.
pub(super) fn given_up(relay: &str, error: &SmtpError) {
    let reply = &error.failure().reply;
    warn!(relay, step = %error.failure().step, code = reply.code, reply = reply.masked(), "relay given up for a while");
}

/// A relay that lets us have no more connections for a while.
pub(super) fn limited(relay: &str, connections: u32) {
    warn!(relay, connections, "relay lets us have no more connections for a while");
}
