//! What the readers' side counts, for whoever watches it: numbers alone, of nobody.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counted since the server began.
#[derive(Debug, Default)]
pub struct Counters {
    /// Clicks that were redirected.
    pub clicks: AtomicU64,
    /// Pixels that were shown.
    pub opens: AtomicU64,
    /// Of both, those whose token said nothing: forged, cut short, or of another issue.
    pub unsigned: AtomicU64,
    /// Clicks on what was no link of ours.
    pub nowhere: AtomicU64,
    /// Clicks and opens that are in the store.
    pub kept: AtomicU64,
    /// On the disk, not in the store yet, of what this server heard.
    pub pending: AtomicU64,
    /// The same of what servers that died have left, at the last look.
    pub orphaned: AtomicU64,
    /// Neither on the disk nor in the store.
    pub lost: AtomicU64,
    /// Readers who left.
    pub left: AtomicU64,
    /// Readers who came back.
    pub returned: AtomicU64,
    /// Confirmations that were mailed.
    pub invited: AtomicU64,
    /// Attempts to mail one that a relay did not take.
    pub uninvited: AtomicU64,
    /// Requests to join beyond `[serve] confirmations`.
    pub turned_away: AtomicU64,
    /// Readers who confirmed.
    pub joined: AtomicU64,
    /// Answers that failed because of us.
    pub failures: AtomicU64,
    /// Connections that are open.
    pub connections: AtomicU64,
}

impl Counters {
    /// One more.
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What waits on the disk, whoever heard it.
    pub(super) fn waiting(&self) -> u64 {
        self.pending.load(Ordering::Relaxed) + self.orphaned.load(Ordering::Relaxed)
    }

    /// All of them, and whether the store can be asked, in Prometheus' text format.
    pub fn text(&self, is_store_up: bool) -> String {
        let (pending, store_up) = (self.waiting().into(), AtomicU64::new(is_store_up.into()));
        let counters = [
            ("clicks_total", "clicks that were redirected", &self.clicks),
            ("opens_total", "pixels that were shown", &self.opens),
            ("unsigned_total", "clicks and opens whose token said nothing", &self.unsigned),
            ("nowhere_total", "clicks on what was no link of ours", &self.nowhere),
            ("kept_total", "clicks and opens that are in the store", &self.kept),
            ("lost_total", "clicks and opens that are lost", &self.lost),
            ("left_total", "readers who left", &self.left),
            ("returned_total", "readers who came back", &self.returned),
            ("invited_total", "confirmations that were mailed", &self.invited),
            ("uninvited_total", "attempts to mail a confirmation that no relay took", &self.uninvited),
            ("turned_away_total", "requests to join beyond the limit of confirmations", &self.turned_away),
            ("joined_total", "readers who confirmed", &self.joined),
            ("failures_total", "answers that failed because of the server", &self.failures),
        ];
        let gauges = [
            ("pending", "clicks, opens and leavings on the disk that are not in the store yet", &pending),
            ("connections", "connections that are open", &self.connections),
            ("store_up", "1 while the store can be asked", &store_up),
        ];
        let mut text = String::new();
        let counters = counters.into_iter().map(|(name, help, value)| (name, "counter", help, value));
        let gauges = gauges.into_iter().map(|(name, help, value)| (name, "gauge", help, value));
        for (name, kind, help, value) in counters.chain(gauges) {
            let value = value.load(Ordering::Relaxed);
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "# HELP pressroom_{name} {help}\n# TYPE pressroom_{name} {kind}\npressroom_{name} {value}\n"
            );
        }
        text
    }
}
