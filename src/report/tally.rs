//! Counting what readers did with an issue, reader by reader. What it holds does not grow with the readers.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Accepted, Count, Moment, PartCount, PlaceCount, Readers, Requests, Times};
use crate::event::{Event, EventKind, RobotRule, Rules, Verdict, judge, judge_alone};
use crate::id::Place;
use crate::render::{Link, Part};

/// Hours that are counted one by one.
pub(crate) const HOURS: u32 = 48;
/// Days of 24 hours that are counted one by one.
pub(crate) const DAYS: u32 = 28;
const SECONDS_AN_HOUR: i64 = 3600;

/// Counts of an issue, under way.
#[derive(Debug)]
pub struct Tally<'a> {
    rules: &'a Rules,
    now: Timestamp,
    sent_at: Timestamp,
    links: &'a [Link],
    /// In the order of the issue.
    parts: Vec<&'a Part>,
    /// For each place its part's index.
    part_of: Vec<usize>,
    /// All clicks, the opens, the parts, the places.
    counts: Vec<Count>,
    times: Times,
    /// For each count the best that is known of the reader in hand.
    best: Vec<Best>,
}

/// The best that is known of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Best {
    Nothing,
    Robot,
    Suspect,
    Unknown,
    Person,
}

/// Where all clicks are counted.
const CLICKS: usize = 0;
/// Where the opens are.
const OPENS: usize = 1;
/// The first part's.
const PARTS: usize = 2;

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) clicks: Count,
    pub(crate) opens: Count,
    pub(crate) parts: Vec<PartCount>,
    /// `None` where some may be deleted.
    pub(crate) times: Option<Times>,
}

impl Counted {
    /// The same, where whatever came before what was counted is deleted.
    pub(crate) fn rest(mut self) -> Self {
        self.times = None;
        self.each(Count::forget_earlier, Count::forget_earlier);
        self
    }

    /// The same, with how many people it can be at most of whom clicks and opens are counted.
    pub(crate) fn of(mut self, clicks: Accepted, opens: Accepted) -> Self {
        self.each(|count| count.bound(clicks), |count| count.bound(opens));
        self
    }

    /// A place leads elsewhere since the issue went out.
    pub(crate) fn mended(&mut self, place: Place, url: String) {
        let mut places = self.parts.iter_mut().flat_map(|part| &mut part.places);
        if let Some(mended) = places.find(|count| count.place == place) {
            mended.before.push(std::mem::replace(&mut mended.url, url));
        }
    }

    fn each(&mut self, clicks: impl Fn(&mut Count), opens: impl Fn(&mut Count)) {
        clicks(&mut self.clicks);
        opens(&mut self.opens);
        for part in &mut self.parts {
            clicks(&mut part.count);
            part.places.iter_mut().for_each(|place| clicks(&mut place.count));
        }
    }
}

impl<'a> Tally<'a> {
    /// Nothing counted yet, of an issue with these links that was sent at a time.
    pub fn new(links: &'a [Link], sent_at: Timestamp, rules: &'a Rules, now: Timestamp) -> Self {
        let mut parts: Vec<&Part> = Vec::new();
        let mut known: BTreeMap<&Part, usize> = BTreeMap::new();
        let index = |link: &'a Link| {
            *known.entry(&link.part).or_insert_with(|| {
                parts.push(&link.part);
                parts.len() - 1
            })
        };
        let part_of: Vec<usize> = links.iter().map(index).collect();
        let counts = PARTS + parts.len() + links.len();
        let times = Times {
            hours: vec![Moment::default(); HOURS as usize],
            days: vec![Moment::default(); DAYS as usize],
            later: Moment::default(),
        };
        Self {
            rules,
            now,
            sent_at,
            links,
            parts,
            part_of,
            counts: vec![Count::default(); counts],
            times,
            best: vec![Best::Nothing; counts],
        }
    }

    /// Counts all that one reader did; in whatever order, but once a reader.
    pub fn reader(&mut self, events: &[Event]) {
        let mut touched = Vec::with_capacity(8);
        let verdicts = judge(events, self.links.len(), self.rules, self.now);
        for (event, verdict) in events.iter().zip(verdicts) {
            for index in self.counted_at(event.kind).into_iter().flatten() {
                add(&mut self.counts[index].requests, verdict, 1);
                if self.best[index] == Best::Nothing {
                    touched.push(index);
                }
                self.best[index] = self.best[index].max(Best::of(verdict));
            }
            self.happened(event, verdict, 1);
        }
        for index in touched {
            let best = std::mem::replace(&mut self.best[index], Best::Nothing);
            best.count(&mut self.counts[index].readers);
        }
    }

    /// Counts events that look the same and are nobody's, and what gave a robot away when they were somebody's.
    pub fn nobodys(&mut self, event: &Event, given_away: Option<RobotRule>, times: u64) {
        let verdict = judge_alone(event, given_away, self.rules);
        for index in self.counted_at(event.kind).into_iter().flatten() {
            add(&mut self.counts[index].nobodys, verdict, times);
        }
        self.happened(event, verdict, times);
    }

    /// What was counted, the parts in the order of the issue.
    pub(crate) fn finish(mut self) -> Counted {
        let mut places = self.counts.split_off(PARTS + self.parts.len());
        let of_parts = self.counts.split_off(PARTS);
        let opens = self.counts.pop().unwrap_or_default();
        let clicks = self.counts.pop().unwrap_or_default();
        let mut parts: Vec<PartCount> = self
            .parts
            .iter()
            .zip(of_parts)
            .map(|(part, count)| PartCount { part: (*part).clone(), count, places: Vec::new() })
            .collect();
        let links = (1..).zip(self.links).zip(self.part_of.iter().zip(&mut places));
        for ((place, link), (part, count)) in links {
            let count = std::mem::take(count);
            let (words, url) = (link.words.clone(), link.url.clone());
            let place = Place(place);
            parts[*part].places.push(PlaceCount { place, words, url, before: Vec::new(), count });
        }
        Counted { clicks, opens, parts, times: Some(self.times) }
    }

    /// The counts that an event belongs to.
    fn counted_at(&self, kind: EventKind) -> [Option<usize>; 3] {
        let EventKind::Click(place) = kind else { return [Some(OPENS), None, None] };
        let at = usize::from(place.0).wrapping_sub(1);
        let part = self.part_of.get(at);
        let place = part.map(|_| PARTS + self.parts.len() + at);
        [Some(CLICKS), part.map(|part| PARTS + part), place]
    }

    fn happened(&mut self, event: &Event, verdict: Verdict, times: u64) {
        if event.kind == EventKind::Open {
            return;
        }
        let since = event.at.duration_since(self.sent_at).as_secs().max(0) / SECONDS_AN_HOUR;
        let hour = usize::try_from(since).unwrap_or(usize::MAX);
        if let Some(moment) = self.times.hours.get_mut(hour) {
            moment.add(verdict, times);
        }
        self.times.days.get_mut(hour / 24).unwrap_or(&mut self.times.later).add(verdict, times);
    }
}

impl Best {
    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Person => Self::Person,
            Verdict::Unknown(_) => Self::Unknown,
            Verdict::Robot(rule) if rule.proves() => Self::Robot,
            Verdict::Robot(_) => Self::Suspect,
        }
    }

    fn count(self, readers: &mut Readers) {
        match self {
            Self::Nothing => {}
            Self::Robot => readers.robots += 1,
            Self::Suspect => {
                readers.robots += 1;
                readers.unproven += 1;
            }
            Self::Unknown => readers.perhaps += 1,
            Self::Person => readers.people += 1,
        }
    }
}

impl Moment {
    fn add(&mut self, verdict: Verdict, times: u64) {
        *match verdict {
            Verdict::Person => &mut self.people,
            Verdict::Unknown(_) => &mut self.unknown,
            Verdict::Robot(_) => &mut self.robots,
        } += times;
    }
}

fn add(requests: &mut Requests, verdict: Verdict, times: u64) {
    *match verdict {
        Verdict::Person => &mut requests.people,
        Verdict::Unknown(rule) => requests.unknown.entry(rule).or_default(),
        Verdict::Robot(rule) => requests.robots.entry(rule).or_default(),
    } += times;
}
