//! A rehearsal in words.

use std::fmt;

use super::Rehearsal;
use crate::compose::counted_warnings;
use crate::delivery::Counts;
use crate::delivery::forecast::Destination;

/// Domains that are named; the rest is counted.
const NAMED: usize = 12;

impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { queued, waiting, accepted, deferred, refused, in_doubt, skipped } = self.counts;
        let runs = if self.runs == 1 { "run" } else { "runs" };
        writeln!(f, "rehearsal: issue {} with seed {}, in {} {runs}", self.issue, self.seed, self.runs)?;
        writeln!(
            f,
            "rehearsal: of {queued} readers: {accepted} accepted, {deferred} deferred, {refused} refused, {in_doubt} in doubt, {waiting} not \
             tried; {skipped} skipped"
        )?;
        writeln!(
            f,
            "rehearsal: {} lost, {} doubled; of those in doubt {} have it",
            self.comparison.lost, self.comparison.doubled, self.comparison.in_doubt_and_arrived
        )?;
        if self.resends && self.comparison.doubled > 0 {
            writeln!(f, "rehearsal: `in_doubt = \"resend\"` risks the doubled ones; the default is `skip`")?;
        }
        writeln!(f, "rehearsal: what the inbox did:")?;
        for (fault, times) in &self.faults {
            writeln!(f, "  {times:>12}  {fault}")?;
        }
        if self.retried_for > 0 {
            writeln!(
                f,
                "rehearsal: the last who had to come again were served {} later",
                time(self.retried_for.unsigned_abs())
            )?;
        }
        self.write_forecast(f)?;
        counted_warnings(self.warnings).map_or(Ok(()), |counted| writeln!(f, "rehearsal: {counted}"))?;
        self.notes
            .iter()
            .flat_map(|note| note.lines())
            .try_for_each(|line| writeln!(f, "rehearsal: {line}"))?;
        writeln!(f, "rehearsal: nothing left this machine, and the store is as it was")
    }
}

impl Rehearsal {
    fn write_forecast(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = time(self.forecast.seconds);
        writeln!(
            f,
            "rehearsal: under the limits of newsletter.toml, and at the {} messages a second of this rehearsal, the true run takes {total}:",
            self.rate
        )?;
        let (named, others) = self.forecast.domains.split_at(NAMED.min(self.forecast.domains.len()));
        for Destination { domain, readers, seconds, by_its_own_limit } in named {
            let held = if *by_its_own_limit { ", held up by its own limit" } else { "" };
            writeln!(f, "  {:>12}  {domain}: {readers}{held}", time(*seconds))?;
        }
        if let Some(longest) = others.first() {
            let readers: u64 = others.iter().map(|other| other.readers).sum();
            writeln!(f, "  {:>12}  {} other domains: {readers}", time(longest.seconds), others.len())?;
        }
        Ok(())
    }
}

/// As in `3 h 20 min`: two units, so that nobody takes it for more than it is.
fn time(seconds: u64) -> String {
    let (days, hours, minutes, seconds) =
        (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {seconds} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
