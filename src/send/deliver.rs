//! Delivering what is queued: several connections, each with one message on its way and the next one ready.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at};
use tracing::warn;

use super::destination::LineId;
use super::line;
use super::pool::{AWAY, Standing};
use super::shared::Shared;

/// Why a run ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nothing is left to try, or not soon.
    Finished {
        /// When, at the earliest, who waits for a destination's pace or a relay's quota can be tried.
        held_until: Option<Timestamp>,
    },
    /// Asked to stop.
    Stopped,
    /// No relay takes anything.
    RelayAway {
        /// Whether trying again would not help.
        for_good: bool,
    },
}

/// How often to look whether other senders are still at work.
const LOOK: Duration = Duration::from_secs(1);

/// Delivers until nothing can be tried for a while.
///
/// # Errors
/// The journal's, the store's, or a message that cannot be built.
pub(super) async fn run(shared: &Arc<Shared>) -> anyhow::Result<Ended> {
    // Rounds in a row that took nobody, and since when.
    let (mut in_vain, mut since) = (0, Instant::now());
    loop {
        (in_vain, since) = if round(shared).await? { (0, Instant::now()) } else { (in_vain + 1, since) };
        if shared.is_stopped() {
            return Ok(Ended::Stopped);
        }
        let is_left = shared.store.counts(shared.issue).await?.waiting > 0;
        let held_until = match shared.pool.standing(shared.now()) {
            Standing::Away if is_left => {
                return Ok(Ended::RelayAway { for_good: shared.pool.refuses() });
            }
            Standing::Away => None,
            Standing::UsedUp(until) => Some(until),
            Standing::Open => shared.queue.later().and_then(|wait| shared.now().checked_add(wait).ok()),
        };
        let held_until = held_until.filter(|_| is_left);
        // What a connection put back as the last one ended waits for another round.
        if is_left && held_until.is_none() {
            // Or another machine has the rest in hand, whose share is to be finished if it dies.
            let at_work = shared.recover().await?;
            if in_vain > 1 && !at_work {
                warn!(issue = %shared.issue, "some wait who cannot be taken; the run ends");
                return Ok(Ended::Finished { held_until });
            }
            let waited = SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX);
            if at_work && waited > shared.options.patience {
                warn!(issue = %shared.issue, "another machine has the rest in hand; the run ends");
                return Ok(Ended::Finished { held_until });
            }
            if in_vain > 0 || at_work {
                shared.sleep(LOOK).await;
            }
            continue;
        }
        let deferred_until = shared.resend.next_attempt(&shared.store, shared.issue, shared.now()).await?;
        let Some(at) = held_until.into_iter().chain(deferred_until).min() else {
            return Ok(Ended::Finished { held_until });
        };
        let wait = at.duration_since(shared.now()).max(SignedDuration::ZERO);
        if wait > shared.options.patience {
            return Ok(Ended::Finished { held_until });
        }
        shared.sleep(wait.unsigned_abs()).await;
        shared.resend.requeue_due(&shared.store, shared.issue, shared.now()).await?;
    }
}

/// Every connection works until there is nothing to lease; then all that it led to is in the store. Those that ended for want of a relay, while
/// others go on, are begun again after a while: by then one may let us have more of them. Answers whether anybody was leased.
async fn round(shared: &Arc<Shared>) -> anyhow::Result<bool> {
    let mut lines = JoinSet::new();
    let begin = |lines: &mut JoinSet<_>, id| {
        let shared = Arc::clone(shared);
        lines.spawn(async move { (id, line::work(shared, id).await) });
    };
    (0..shared.connections).for_each(|id| begin(&mut lines, id));
    let (mut outcome, mut missing) = (Ok(()), Vec::<LineId>::new());
    let mut anew = interval_at(Instant::now() + AWAY, AWAY);
    loop {
        tokio::select! {
            _ = anew.tick(), if outcome.is_ok() => missing.drain(..).for_each(|id| begin(&mut lines, id)),
            line = lines.join_next() => match line.transpose()? {
                None => break,
                Some((id, Ok(wants_relay))) => missing.extend(wants_relay.then_some(id)),
                Some((_, Err(error))) => outcome = Err(error),
            },
        }
    }
    outcome?;
    shared.journal.written().await?;
    shared.store.requeue_refused(shared.issue, shared.sender, &shared.pool.doubted(), shared.now()).await?;
    let took_any = shared.queue.clear().await;
    shared.store.release(shared.issue, shared.sender, shared.now()).await?;
    Ok(took_any)
}
