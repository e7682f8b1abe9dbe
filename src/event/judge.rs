//! Who it was, over all that one reader did with one issue.
//!
//! What alone gives a robot away comes first: HEAD, fetching ahead, the agent's own words, the time since the message was accepted.
//! Then what only the whole shows: link after link, and the company of a robot. Whoever is left and asks as a browser does is a person,
//! once nothing more can come that would tell otherwise.

use jiff::Timestamp;

use super::rules::{Rules, Sweep, Thresholds};
use super::{AgentClass, Event, EventKind, HeaderFlags, Method, RobotRule, Signals, UnknownRule, Verdict};
use crate::id::Place;

/// A verdict for each event of one reader for one issue, in whatever order they come. `places` is how many links the issue has.
///
/// What other readers did is no argument: it cannot make a robot of anybody.
pub fn judge(events: &[Event], places: usize, rules: &Rules, now: Timestamp) -> Vec<Verdict> {
    let thresholds = &rules.thresholds;
    if let [one] = events {
        let verdict = alone(one, thresholds).unwrap_or_else(|| settled(one, thresholds, now));
        return vec![verdict];
    }
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|index| in_order(&events[*index]));
    let mut verdicts: Vec<Option<Verdict>> = events.iter().map(|event| alone(event, thresholds)).collect();
    let clicks = clicks(events, &order);
    for sweep in sweeps(thresholds, places) {
        mark_sweep(events, &clicks, sweep, &mut verdicts);
    }
    mark_company(events, &order, thresholds.companion, &mut verdicts);
    let settle = |(event, verdict): (&Event, Option<Verdict>)| {
        verdict.unwrap_or_else(|| settled(event, thresholds, now))
    };
    events.iter().zip(verdicts).map(settle).collect()
}

/// What is to be kept of verdicts when it is forgotten whose the events were: which are robots' for what they alone do not show then. Of
/// the others it cannot be told any more; nor of those of which it could not yet.
pub fn given_away(events: &[Event], places: usize, rules: &Rules, now: Timestamp) -> Vec<Option<RobotRule>> {
    let kept = |verdict| match verdict {
        Verdict::Robot(rule) => (!rule.proves()).then_some(rule),
        Verdict::Person | Verdict::Unknown(_) => None,
    };
    judge(events, places, rules, now).into_iter().map(kept).collect()
}

/// The verdict on an event that no reader is known of (aggregate tracking), or none any more, after what then gave it away: there is
/// nothing to hold it against, so that it is never a person's for sure.
pub fn judge_alone(event: &Event, given_away: Option<RobotRule>, rules: &Rules) -> Verdict {
    let shown = alone(event, &rules.thresholds).or_else(|| given_away.map(Verdict::Robot));
    match shown.unwrap_or_else(|| asked_as(event)) {
        Verdict::Person => Verdict::Unknown(UnknownRule::Alone),
        verdict @ (Verdict::Unknown(_) | Verdict::Robot(_)) => verdict,
    }
}

/// By time; what came at the same instant, in an order that is always the same.
fn in_order(event: &Event) -> impl Ord + use<> {
    let Signals { agent, method, headers, delay } = event.signals;
    (event.at, event.kind, agent, method, headers.0, delay)
}

/// What a request alone gives away.
fn alone(event: &Event, thresholds: &Thresholds) -> Option<Verdict> {
    let signals = &event.signals;
    let least = match event.kind {
        EventKind::Click(_) => thresholds.too_soon.click,
        EventKind::Open => thresholds.too_soon.open,
    };
    let rule = if signals.method == Method::Head {
        RobotRule::Head
    } else if signals.headers.has(HeaderFlags::PREFETCH) {
        RobotRule::Prefetch
    } else if matches!(signals.agent, AgentClass::Scanner | AgentClass::Bot | AgentClass::Library) {
        RobotRule::Agent
    } else if signals.delay.is_some_and(|delay| delay < least) {
        RobotRule::TooSoon
    } else {
        return None;
    };
    Some(Verdict::Robot(rule))
}

/// The verdict where nothing speaks of a robot: not before its window is closed.
fn settled(event: &Event, thresholds: &Thresholds, now: Timestamp) -> Verdict {
    match asked_as(event) {
        Verdict::Person if now.duration_since(event.at).as_millis() < i128::from(thresholds.window) => {
            Verdict::Unknown(UnknownRule::WindowOpen)
        }
        verdict => verdict,
    }
}

/// A person, if it is a browser and asks as one.
fn asked_as(event: &Event) -> Verdict {
    match event.signals.agent {
        AgentClass::ImageProxy => Verdict::Unknown(UnknownRule::ImageProxy),
        AgentClass::Unknown => Verdict::Unknown(UnknownRule::Agent),
        AgentClass::Browser if !asks_as_browser(event) => Verdict::Unknown(UnknownRule::Unlike),
        AgentClass::Browser => Verdict::Person,
        // Their own words have told already.
        AgentClass::Scanner | AgentClass::Bot | AgentClass::Library => Verdict::Robot(RobotRule::Agent),
    }
}

/// Every browser names languages and accepts pages for a link; what fetches pictures in mail programs is less strict.
fn asks_as_browser(event: &Event) -> bool {
    let headers = event.signals.headers;
    match event.kind {
        EventKind::Open => headers.has(HeaderFlags::ACCEPTS),
        EventKind::Click(_) => {
            headers.has(HeaderFlags::LANGUAGE.with(HeaderFlags::ACCEPTS, true))
                && (headers.has(HeaderFlags::NAVIGATION) || !headers.has(HeaderFlags::MODERN))
        }
    }
}

/// The sweeps that an issue of so many links can tell.
fn sweeps(thresholds: &Thresholds, places: usize) -> impl Iterator<Item = Sweep> {
    let every = thresholds.every.iter().filter(move |sweep| places >= sweep.places);
    thresholds.some.iter().copied().chain(every.map(move |sweep| Sweep { places, ..*sweep }))
}

/// The clicks among events, each with its place.
fn clicks(events: &[Event], order: &[usize]) -> Vec<(usize, Place)> {
    let place = |index: &usize| match events[*index].kind {
        EventKind::Click(place) => Some((*index, place)),
        EventKind::Open => None,
    };
    order.iter().filter_map(place).collect()
}

/// Marks the clicks on so many different places within so long.
fn mark_sweep(events: &[Event], clicks: &[(usize, Place)], sweep: Sweep, verdicts: &mut [Option<Verdict>]) {
    if clicks.len() < sweep.places {
        return;
    }
    let mut seen = Seen::default();
    let (mut first, mut marked) = (0, 0);
    for last in 0..clicks.len() {
        seen.add(clicks[last].1);
        while milliseconds_between(&events[clicks[first].0], &events[clicks[last].0]) > sweep.within {
            seen.remove(clicks[first].1);
            first += 1;
        }
        if seen.0.len() >= sweep.places {
            for (index, _) in &clicks[marked.max(first)..=last] {
                verdicts[*index].get_or_insert(Verdict::Robot(RobotRule::Sweep));
            }
            marked = last + 1;
        }
    }
}

/// How often each place stands in a window of time: they are few, an issue's links at most.
#[derive(Default)]
struct Seen(Vec<(Place, usize)>);

impl Seen {
    fn add(&mut self, place: Place) {
        match self.0.iter_mut().find(|(seen, _)| *seen == place) {
            Some((_, times)) => *times += 1,
            None => self.0.push((place, 1)),
        }
    }

    fn remove(&mut self, place: Place) {
        let Some(at) = self.0.iter().position(|(seen, _)| *seen == place) else { return };
        self.0[at].1 -= 1;
        if self.0[at].1 == 0 {
            self.0.swap_remove(at);
        }
    }
}

/// Marks what is close to a sure robot. Company has no company of its own.
fn mark_company(events: &[Event], order: &[usize], within: i64, verdicts: &mut [Option<Verdict>]) {
    let sure: Vec<bool> =
        events.iter().zip(&*verdicts).map(|(event, verdict)| draws(event, *verdict)).collect();
    if !sure.contains(&true) {
        return;
    }
    let before = nearest(events, order.iter().copied(), &sure, within);
    let after = nearest(events, order.iter().rev().copied(), &sure, within);
    for index in 0..events.len() {
        if verdicts[index].is_none() {
            verdicts[index] = match (before[index], after[index]) {
                (None, None) => None,
                (Some(robot), None) if may_look_first(&events[robot], &events[index]) => {
                    Some(Verdict::Unknown(UnknownRule::LookedFirst))
                }
                (Some(_), _) | (_, Some(_)) => Some(Verdict::Robot(RobotRule::Companion)),
            };
        }
    }
}

/// For each event the last sure robot on the way to it, if that is close.
fn nearest(
    events: &[Event],
    order: impl Iterator<Item = usize>,
    sure: &[bool],
    within: i64,
) -> Vec<Option<usize>> {
    let mut nearest = vec![None; events.len()];
    let mut last: Option<usize> = None;
    for index in order {
        nearest[index] =
            last.filter(|robot| milliseconds_between(&events[*robot], &events[index]).abs() <= within);
        last = if sure[index] { Some(index) } else { last };
    }
    nearest
}

/// Whether what is near it is its company. A preview made for a chat, a browser that fetches ahead and a picture shown too soon are often
/// near people.
fn draws(event: &Event, verdict: Option<Verdict>) -> bool {
    match verdict {
        Some(Verdict::Robot(RobotRule::Head | RobotRule::Sweep)) => true,
        Some(Verdict::Robot(RobotRule::Agent)) => event.signals.agent != AgentClass::Bot,
        Some(Verdict::Robot(RobotRule::TooSoon)) => event.kind != EventKind::Open,
        Some(
            Verdict::Robot(RobotRule::Prefetch | RobotRule::Companion)
            | Verdict::Person
            | Verdict::Unknown(_),
        )
        | None => false,
    }
}

/// Whether a click that follows a scanner's look at the same link may be that of somebody who waited for it.
fn may_look_first(robot: &Event, click: &Event) -> bool {
    robot.signals.agent == AgentClass::Scanner
        && robot.kind == click.kind
        && asked_as(click) == Verdict::Person
}

fn milliseconds_between(earlier: &Event, later: &Event) -> i64 {
    later.at.as_millisecond() - earlier.at.as_millisecond()
}
