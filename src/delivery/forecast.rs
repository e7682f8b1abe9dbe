//! How long a run will take under the limits that newsletter.toml sets, destination by destination.
//!
//! A reckoning in the manner of a fluid: all destinations are served side by side, each in proportion to its readers, and none faster
//! than its own limit. Faults and a relay's own slowness are not in it: a true run takes at least so long.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{DomainPace, Rate};

/// What keeps a run from being faster.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Messages a second that one connection manages.
    pub by_connection: f64,
    /// Connections at once; at least 1.
    pub connections: u16,
    /// Over all relays.
    pub rate: Option<Rate>,
    /// The quota over all relays.
    pub window: Option<Rate>,
    /// At least one.
    pub relays: Vec<RelayLimits>,
    /// By domain as A-labels; others have no limit of their own.
    pub domains: BTreeMap<String, DomainPace>,
}

/// What one relay takes.
#[derive(Debug, Clone, Copy)]
pub struct RelayLimits {
    /// Its share of the connections against the other relays' weights; at least 1.
    pub weight: u32,
    /// Messages a time.
    pub rate: Option<Rate>,
    /// Its quota.
    pub window: Option<Rate>,
}

/// How long a run will take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Until the last reader is served, in seconds, rounded up.
    pub seconds: u64,
    /// Destination by destination, the longest first.
    pub domains: Vec<Destination>,
}

/// How long one destination will take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Destination {
    /// As A-labels.
    pub domain: String,
    /// Readers there.
    pub readers: u64,
    /// Until the last of them is served, in seconds, rounded up.
    pub seconds: u64,
    /// Whether it is its own limit that holds it up, and not what all share.
    pub by_its_own_limit: bool,
}

/// Reckons how long it takes to write to so many readers at each domain.
pub fn forecast(readers: &BTreeMap<String, u64>, limits: &Limits) -> Forecast {
    let supply = Supply::new(limits);
    let demands: Vec<Demand<'_>> = readers
        .iter()
        .map(|(domain, readers)| Demand { domain, readers: *readers, rate: limits.domain_rate(domain) })
        .collect();
    let (common, held) = shared(&supply, &demands);
    let mut domains: Vec<Destination> = demands
        .iter()
        .map(|demand| {
            let by_its_own_limit = held.contains(demand.domain);
            let seconds = if by_its_own_limit { demand.alone() } else { common };
            Destination {
                domain: demand.domain.to_owned(),
                readers: demand.readers,
                seconds: whole(seconds),
                by_its_own_limit,
            }
        })
        .collect();
    domains.sort_by(|a, b| (b.seconds, b.readers, &a.domain).cmp(&(a.seconds, a.readers, &b.domain)));
    let least = supply.time_for(as_float(readers.values().sum()), |_| 0.0);
    let longest = domains.first().map_or(0, |longest| longest.seconds);
    Forecast { seconds: whole(least).max(longest), domains }
}

/// When those without a limit that holds them up are all served, and who the others are.
fn shared<'a>(supply: &Supply, demands: &[Demand<'a>]) -> (f64, BTreeSet<&'a str>) {
    let mut held = BTreeSet::new();
    loop {
        let (slow, free): (Vec<&Demand<'a>>, Vec<_>) =
            demands.iter().partition(|demand| held.contains(demand.domain));
        let left = as_float(free.iter().map(|demand| demand.readers).sum());
        let common = supply.time_for(left, |time| slow.iter().map(|demand| demand.served_by(time)).sum());
        let before = held.len();
        held.extend(free.iter().filter(|demand| demand.alone() > common).map(|demand| demand.domain));
        if held.len() == before {
            return (common, held);
        }
    }
}

/// What a destination wants.
struct Demand<'a> {
    domain: &'a str,
    readers: u64,
    /// Messages a second at most.
    rate: Option<f64>,
}

impl Demand<'_> {
    /// How long it takes if nothing but its own limit counts.
    fn alone(&self) -> f64 {
        self.rate.map_or(0.0, |rate| as_float(self.readers) / rate)
    }

    /// How many are served by a time, at its own limit.
    fn served_by(&self, time: f64) -> f64 {
        self.rate.map_or(f64::MAX, |rate| rate * time).min(as_float(self.readers))
    }
}

impl Limits {
    fn domain_rate(&self, domain: &str) -> Option<f64> {
        let limits = self.domains.get(domain)?;
        let by_connections =
            limits.connections.map(|connections| f64::from(connections.get()) * self.by_connection);
        least(limits.rate.map(Rate::per_second), by_connections)
    }

    /// How many connections lead to each relay: each goes where there are fewest for the relay's weight.
    fn lines(&self) -> Vec<u32> {
        let mut lines = vec![0_u32; self.relays.len()];
        for _ in 0..self.connections {
            let load = |place: &usize| (u64::from(lines[*place]) + 1, u64::from(self.relays[*place].weight));
            let emptiest = (0..lines.len()).min_by(|a, b| {
                let ((lines_a, weight_a), (lines_b, weight_b)) = (load(a), load(b));
                (lines_a * weight_b).cmp(&(lines_b * weight_a))
            });
            if let Some(place) = emptiest {
                lines[place] += 1;
            }
        }
        lines
    }
}

/// How many messages can have gone out by a time: the least of what the run may send and what the relays take together.
struct Supply {
    run: Flow,
    relays: Vec<Flow>,
}

impl Supply {
    fn new(limits: &Limits) -> Self {
        let lines = limits.lines();
        let all = f64::from(limits.connections) * limits.by_connection;
        let flow = |connections: f64, rate: Option<Rate>, window| Flow {
            rate: rate.map_or(connections, |rate| rate.per_second().min(connections)),
            window,
        };
        let relays = limits.relays.iter().zip(lines);
        Self {
            run: flow(all, limits.rate, limits.window),
            relays: relays
                .map(|(relay, lines)| flow(f64::from(lines) * limits.by_connection, relay.rate, relay.window))
                .collect(),
        }
    }

    fn by(&self, time: f64) -> f64 {
        let taken: f64 = self.relays.iter().map(|relay| relay.by(time)).sum();
        self.run.by(time).min(taken)
    }

    /// The time by which so many have gone out beside those that `others` take.
    fn time_for(&self, messages: f64, others: impl Fn(f64) -> f64) -> f64 {
        if messages <= 0.0 {
            return 0.0;
        }
        let is_enough = |time: f64| self.by(time) - others(time) >= messages;
        let mut late = 1.0;
        while !is_enough(late) && late < FOREVER {
            late *= 2.0;
        }
        let mut early = 0.0;
        while late - early > PRECISION {
            let middle = f64::midpoint(early, late);
            if is_enough(middle) { late = middle } else { early = middle }
        }
        late
    }
}

/// Seconds beyond which nobody cares: some thirty years.
const FOREVER: f64 = 1e9;
/// Seconds.
const PRECISION: f64 = 1e-3;

/// A rate, and a quota that it may use up early.
struct Flow {
    rate: f64,
    window: Option<Rate>,
}

impl Flow {
    fn by(&self, time: f64) -> f64 {
        let Some(Rate { messages, per }) = self.window else { return self.rate * time };
        let (messages, per) = (f64::from(messages.get()), per.as_secs_f64());
        (time / per).floor() * messages.min(self.rate * per) + (self.rate * (time % per)).min(messages)
    }
}

fn least(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no list has so many readers that it matters")]
fn as_float(readers: u64) -> f64 {
    readers as f64
}

/// What is within the precision of a whole number of seconds is that number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and no more than `FOREVER`"
)]
fn whole(seconds: f64) -> u64 {
    (seconds - 2.0 * PRECISION).ceil().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU16, NonZeroU32};
    use std::time::Duration;

    use super::*;

    const ALONE: RelayLimits = RelayLimits { weight: 1, rate: None, window: None };

    fn second(messages: u32) -> Rate {
        Rate { messages: NonZeroU32::new(messages).unwrap(), per: Duration::from_secs(1) }
    }

    fn hour(messages: u32) -> Rate {
        Rate { messages: NonZeroU32::new(messages).unwrap(), per: Duration::from_hours(1) }
    }

    /// Eight connections of a hundred messages a second to one relay.
    fn limits() -> Limits {
        Limits {
            by_connection: 100.0,
            connections: 8,
            rate: None,
            window: None,
            relays: vec![ALONE],
            domains: BTreeMap::new(),
        }
    }

    fn readers(domains: &[(&str, u64)]) -> BTreeMap<String, u64> {
        domains.iter().map(|(domain, readers)| ((*domain).to_owned(), *readers)).collect()
    }

    fn limited(domains: &[(&str, DomainPace)]) -> BTreeMap<String, DomainPace> {
        domains.iter().map(|(domain, limits)| ((*domain).to_owned(), *limits)).collect()
    }

    /// Seconds by domain, in the order of the forecast.
    fn seconds(forecast: &Forecast) -> Vec<(&str, u64)> {
        forecast.domains.iter().map(|one| (one.domain.as_str(), one.seconds)).collect()
    }

    #[test]
    fn without_limits_the_connections_alone_count() {
        let forecast = forecast(&readers(&[("a.example", 600), ("b.example", 1000)]), &limits());
        assert_eq!((forecast.seconds, seconds(&forecast)), (2, vec![("b.example", 2), ("a.example", 2)]));
        let nobody = super::forecast(&BTreeMap::new(), &limits());
        assert_eq!(nobody, Forecast { seconds: 0, domains: vec![] });
    }

    #[test]
    fn the_overall_rate_holds_everybody_alike() {
        let limits = Limits { rate: Some(second(14)), ..limits() };
        let forecast = forecast(&readers(&[("a.example", 1400), ("b.example", 12_600)]), &limits);
        assert_eq!(
            (forecast.seconds, seconds(&forecast)),
            (1000, vec![("b.example", 1000), ("a.example", 1000)])
        );
    }

    #[test]
    fn a_slow_destination_takes_its_time_and_leaves_the_rest_to_the_others() {
        let slow = DomainPace { connections: None, rate: Some(second(2)) };
        let limits =
            Limits { rate: Some(second(10)), domains: limited(&[("slow.example", slow)]), ..limits() };
        let forecast = forecast(&readers(&[("fast.example", 800), ("slow.example", 1000)]), &limits);
        assert_eq!(forecast.seconds, 500);
        assert_eq!(seconds(&forecast), [("slow.example", 500), ("fast.example", 100)]);
        assert_eq!(
            forecast.domains.iter().map(|one| one.by_its_own_limit).collect::<Vec<_>>(),
            [true, false]
        );
    }

    #[test]
    fn a_limit_that_is_wider_than_what_all_share_holds_nobody_up() {
        let wide = DomainPace { connections: Some(NonZeroU16::MIN), rate: None };
        let limits = Limits { rate: Some(second(10)), domains: limited(&[("a.example", wide)]), ..limits() };
        let forecast = forecast(&readers(&[("a.example", 100), ("b.example", 100)]), &limits);
        assert_eq!((forecast.seconds, forecast.domains[0].by_its_own_limit), (20, false));
    }

    #[test]
    fn connections_of_a_destination_are_worth_what_a_connection_manages() {
        let one = DomainPace { connections: Some(NonZeroU16::MIN), rate: None };
        let limits = Limits { domains: limited(&[("a.example", one)]), ..limits() };
        let forecast = forecast(&readers(&[("a.example", 1000), ("b.example", 700)]), &limits);
        assert_eq!(seconds(&forecast), [("a.example", 10), ("b.example", 1)]);
    }

    #[test]
    fn a_quota_is_used_up_and_then_waited_for() {
        let limits = Limits { window: Some(hour(4000)), ..limits() };
        let time = |count| forecast(&readers(&[("a.example", count)]), &limits).seconds;
        assert_eq!((time(4000), time(4800), time(8000), time(8800)), (5, 3601, 3605, 7201));
        let wide = Limits { rate: Some(second(1)), window: Some(hour(4000)), ..self::limits() };
        assert_eq!(forecast(&readers(&[("a.example", 7200)]), &wide).seconds, 7200);
    }

    #[test]
    fn several_relays_give_together_what_each_allows() {
        let slow = RelayLimits { weight: 1, rate: Some(second(10)), window: None };
        let limits = Limits { relays: vec![RelayLimits { weight: 3, ..ALONE }, slow], ..limits() };
        assert_eq!(limits.lines(), [6, 2]);
        assert_eq!(forecast(&readers(&[("a.example", 6100)]), &limits).seconds, 10);
        let few = Limits { connections: 1, ..limits };
        assert_eq!(forecast(&readers(&[("a.example", 1000)]), &few).seconds, 10);
    }
}
