//! An editor's report, laid out.

use super::page::{Bar, Block, Chart, Page, Row, Table};
use super::words::{codes, count, number, part, robot, share, unknown, way};
use super::{Accepted, Count, Kept, Past, PlaceCount, Readers, Report};
use crate::delivery::Counts;
use crate::event::RobotRule;

impl Report {
    /// Everything, in order.
    pub(super) fn laid_out(&self) -> Page {
        let charts = self.times.iter().flat_map(|times| {
            [
                Chart::of("Clicks in the first two days", "hour", &times.hours),
                Chart::of("Clicks in the first four weeks", "day", &times.days),
            ]
        });
        let mut blocks = vec![Block::Table(self.delivery()), Block::Table(self.clicks())];
        blocks.push(Block::Table(self.links()));
        blocks.extend(charts.flatten().map(Block::Chart));
        blocks.extend(self.opens().map(Block::Table));
        blocks.push(Block::Table(self.leavers()));
        blocks.extend(self.reasons());
        blocks.extend(self.before().map(Block::Table));
        blocks.push(Block::Notes { title: "What these numbers leave out", lines: self.notes() });
        Page {
            title: format!("{} issue {}", self.about.newsletter, self.about.issue),
            dates: self.about.dates(),
            lead: self.lead(),
            blocks,
        }
    }

    fn lead(&self) -> Vec<String> {
        let Counts { queued, accepted, .. } = self.counts;
        let mut lead = vec![format!(
            "{} of {} accepted.",
            number(accepted),
            count(queued, "message was", "messages were")
        )];
        lead.extend(self.about.deleted());
        lead.push(clicked(&self.clicks, self.clicks_of));
        if self.leavers.left > 0 {
            lead.push(format!("{} left by its links.", count(self.leavers.left, "reader", "readers")));
        }
        lead
    }

    fn delivery(&self) -> Table {
        let counts = self.counts;
        let row = |name, readers| Row::new(name, vec![number(readers), share(readers, counts.queued)]);
        let sub = |name: String, readers: u64| Row::part(name, vec![number(readers), String::new()]);
        let mut rows = vec![row("queued", counts.queued), row("accepted", counts.accepted)];
        rows.extend((counts.waiting > 0).then(|| row("not tried yet", counts.waiting)));
        rows.push(row("deferred", counts.deferred));
        rows.push(row("refused", counts.refused));
        rows.extend(self.refusals.iter().map(|refusal| sub(codes(refusal), refusal.readers)));
        rows.push(row("in doubt", counts.in_doubt));
        rows.push(Row::new("skipped", vec![number(counts.skipped), String::new()]));
        rows.extend(self.skipped_by_reason.iter().map(|(why, readers)| sub(why.to_string(), *readers)));
        Table::new("Delivery", &["", "readers", "of the queued"], rows)
    }

    fn clicks(&self) -> Table {
        told_apart(self.about.told_from("Clicks"), ["clicks", "nobody’s"], &self.clicks, self.clicks_of)
    }

    /// Parts and their links.
    fn links(&self) -> Table {
        let (parts, of) = (&self.parts, self.clicks_of);
        let longest = parts.iter().map(|part| sure(&part.count) + unsure(&part.count)).max().unwrap_or(0);
        let rows = parts.iter().flat_map(|one| {
            let row = Row::new(part(&one.part), cells(&one.count, of));
            let row = Row { bar: Some(bar(&one.count, longest)), ..row };
            std::iter::once(row).chain(places(&one.places, of, longest))
        });
        Table::new(self.about.told_from("Clicks by article and link"), &HEAD, rows.collect())
    }

    fn opens(&self) -> Option<Table> {
        let opens = self.opens.as_ref()?;
        let title = self.about.told_from("Opens, unreliable: proxies fetch ahead, and pictures may be off");
        Some(told_apart(title, ["opens", "nobody’s"], &opens.count, opens.of))
    }

    fn leavers(&self) -> Table {
        let leavers = &self.leavers;
        let mut rows = vec![Row::new("left", vec![number(leavers.left)])];
        let by_way =
            |(by, readers): (&_, &u64)| Row::part(format!("by {}", way(*by)), vec![number(*readers)]);
        rows.extend(leavers.by_way.iter().map(by_way));
        if leavers.came_back > 0 {
            rows.push(Row::new("took it back", vec![number(leavers.came_back)]));
        }
        Table::new("Who left by this issue’s links", &["", "readers"], rows)
    }

    fn reasons(&self) -> Option<Block> {
        let lines = self.leavers.reasons.clone();
        (!lines.is_empty()).then_some(Block::Notes { title: "Why, in their words", lines })
    }

    /// This issue and those before it.
    fn before(&self) -> Option<Table> {
        let accepted = self.counts.accepted;
        let clicks = self.about.deleted_until.is_none().then_some(&self.clicks);
        let this = Past::new(self.about.issue, accepted, self.clicks_of, clicks, &self.leavers);
        let all: Vec<&Past> = std::iter::once(&this).chain(&self.before).collect();
        let longest = all.iter().filter_map(|past| Some(past.clicks? + past.nobodys?)).max().unwrap_or(0);
        let rows = all.iter().map(|past| past.row(longest)).collect();
        let head = ["", "accepted", "people", "share", "clicks", "nobody’s", "left"];
        (!self.before.is_empty()).then(|| Table::new("Beside the issues before", &head, rows))
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some((why, most)) = why_more(&self.clicks).zip(self.clicks.most()) {
            let most = count(most, "person", "people");
            notes.push(format!("At most {most} of those counted one by one clicked: {why}."));
        }
        notes.extend(left_out(&self.clicks, self.clicks_of));
        notes.extend(self.opens.as_ref().map(|opens| {
            let Accepted { individual, aggregate, none } = opens.of;
            let one_by_one = count(individual, "reader", "readers");
            format!(
                "Opens are counted one by one of {one_by_one}, together of {}, and not of {}.",
                number(aggregate),
                number(none)
            )
        }));
        notes.push("Accepted is what relays said. How many messages were seen, nobody can tell.".to_owned());
        notes.push(by_rules(self.about.rules));
        notes
    }
}

impl Past {
    fn row(&self, longest: u64) -> Row {
        let cells = vec![
            number(self.accepted),
            self.people.map_or_else(dash, |people| people_of(people, self.clicks_of)),
            self.people.map_or_else(dash, |people| share(people, self.clicks_of.individual)),
            self.clicks.map_or_else(dash, number),
            self.nobodys.map_or_else(dash, number),
            number(self.left),
        ];
        Row {
            bar: self.clicks.zip(self.nobodys).map(|(people, nobodys)| Bar::of(people, nobodys, longest)),
            ..Row::new(format!("issue {}", self.issue), cells)
        }
    }
}

/// Who clicked, as far as it is counted.
pub(super) fn clicked(clicks: &Count, of: Accepted) -> String {
    let people = clicks.readers.people;
    let Accepted { individual, aggregate, none: _ } = of;
    if clicks.told().is_none() && individual + aggregate > 0 {
        "How much was clicked, and by how many, is not known any more.".to_owned()
    } else if clicks.kept == Kept::Rest && individual + people > 0 {
        let all = count(individual, "reader", "readers");
        let clicked = count(people, "person", "people");
        format!(
            "{clicked} of the {all} counted one by one clicked since then; whoever did before is not known any more."
        )
    } else if of.individual > 0 || people > 0 {
        let all = count(of.individual, "reader", "readers");
        let clicked = count(people, "person", "people");
        format!("{clicked} clicked: {} of the {all} counted one by one.", share(people, of.individual))
    } else if of.aggregate > 0 {
        format!(
            "{} nobody’s: scanners among them can be told by their program alone, and people are not counted.",
            count(clicks.nobodys.not_robots(), "click is", "clicks are")
        )
    } else if of.none > 0 {
        "Clicks are not counted.".to_owned()
    } else {
        "Nobody has it, so that nobody clicked.".to_owned()
    }
}

/// Why more people can have clicked than surely did.
pub(super) fn why_more(clicks: &Count) -> Option<String> {
    let people_at_most = clicks.most()?;
    let Readers { perhaps, unproven, .. } = clicks.readers;
    let untold = (perhaps > 0).then(|| {
        format!(
            "of {} it cannot be told whether they clicked themselves",
            count(perhaps, "more reader", "more readers")
        )
    });
    let suspected = (unproven > 0).then(|| {
        let set_aside = count(unproven, "more reader is", "more readers are");
        format!("{set_aside} set aside for haste or company alone, which suggest a robot and prove none")
    });
    let others = (people_at_most > clicks.readers.people_at_most()).then(|| {
        let nobodys =
            count(clicks.nobodys.not_robots(), "click that is nobody’s", "clicks that are nobody’s");
        format!("{nobodys} may be of others of them, whose browsers object (GPC, DNT)")
    });
    let reasons: Vec<String> = [untold, suspected, others].into_iter().flatten().collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// What tells people and robots apart, and which robots it cannot see.
pub(super) fn by_rules(version: u32) -> String {
    format!(
        "People and robots are told apart by version {version} of pressroom’s rules, which take for a person whatever asks as a browser does and takes its time."
    )
}

/// What the counts of clicks leave out.
pub(super) fn left_out(clicks: &Count, of: Accepted) -> Vec<String> {
    let mut notes = Vec::new();
    if of.aggregate > 0 || clicks.nobodys.not_robots() > 0 {
        let together = count(of.aggregate, "reader is", "readers are");
        notes.push(format!(
            "{together} counted together, so that their clicks are nobody’s; so are those of browsers that object (GPC, DNT). Scanners among them can be told by their program alone, so that none of them is called a person’s."
        ));
    }
    let by_reader = [RobotRule::TooSoon, RobotRule::Sweep, RobotRule::Companion];
    if by_reader.iter().any(|rule| clicks.nobodys.robots.contains_key(rule)) {
        notes.push(
            "What is nobody’s because its reader withdrew since was told apart by the rules of when they did.".to_owned(),
        );
    }
    if of.none > 0 {
        notes.push(format!("{} not counted at all.", count(of.none, "reader is", "readers are")));
    }
    notes
}

/// People, what cannot be told, and robots, each with its rules.
pub(super) fn told_apart(
    title: String,
    [requests, nobodys]: [&'static str; 2],
    of: &Count,
    accepted: Accepted,
) -> Table {
    let is_told = of.told().is_some();
    let told = |cells: [String; 3]| if is_told { cells } else { cells.map(|_| dash()) }.into();
    let row = |name: &str, readers: u64, own: u64, other: u64| {
        Row::new(name, told([people_of(readers, accepted), number(own), number(other)]))
    };
    let sub = |name: &str, own: Option<&u64>, other: Option<&u64>| {
        let number = |value: Option<&u64>| value.map_or_else(String::new, |value| number(*value));
        Row::part(name, vec![String::new(), number(own), number(other)])
    };
    let (own, other) = (&of.requests, &of.nobodys);
    let people = told([people_of(of.readers.people, accepted), number(own.people), dash()]);
    let mut rows = vec![Row::new("people", people)];
    rows.push(row("cannot be told", of.readers.perhaps, own.all_unknown(), other.all_unknown()));
    let mut rules: Vec<_> = own.unknown.keys().chain(other.unknown.keys()).collect();
    rules.sort();
    rules.dedup();
    rows.extend(
        rules.iter().map(|rule| sub(unknown(**rule), own.unknown.get(rule), other.unknown.get(rule))),
    );
    rows.push(row("robots, set aside", of.readers.robots, own.all_robots(), other.all_robots()));
    let mut rules: Vec<_> = own.robots.keys().chain(other.robots.keys()).collect();
    rules.sort();
    rules.dedup();
    rows.extend(rules.iter().map(|rule| sub(robot(**rule), own.robots.get(rule), other.robots.get(rule))));
    Table::new(title, &["", "readers", requests, nobodys], rows)
}

pub(super) const HEAD: [&str; 6] = ["", "people", "clicks", "nobody’s", "cannot be told", "robots"];

/// The links of a part.
pub(super) fn places(places: &[PlaceCount], of: Accepted, longest: u64) -> impl Iterator<Item = Row> {
    places.iter().map(move |place| {
        let words = if place.words.is_empty() { &place.url } else { &place.words };
        let mended = if place.before.is_empty() { "" } else { " (mended)" };
        let name = format!("{}: {words}{mended}", place.place);
        Row {
            url: Some(place.url.clone()),
            bar: Some(bar(&place.count, longest)),
            ..Row::part(name, cells(&place.count, of))
        }
    })
}

pub(super) fn cells(count: &Count, of: Accepted) -> Vec<String> {
    let (own, other) = (&count.requests, &count.nobodys);
    let cells = [
        people_of(count.readers.people, of),
        number(own.people),
        number(other.not_robots()),
        number(own.all_unknown()),
        number(own.all_robots() + other.all_robots()),
    ];
    if count.told().is_some() { cells } else { cells.map(|_| dash()) }.into()
}

/// Where there is nothing to be said.
fn dash() -> String {
    "–".to_owned()
}

/// A dash where no people can be counted.
fn people_of(people: u64, of: Accepted) -> String {
    if of.individual == 0 && people == 0 { dash() } else { number(people) }
}

fn bar(count: &Count, longest: u64) -> Bar {
    Bar::of(sure(count), unsure(count), longest)
}

pub(super) fn sure(count: &Count) -> u64 {
    count.requests.people
}

pub(super) fn unsure(count: &Count) -> u64 {
    count.requests.all_unknown() + count.nobodys.not_robots()
}
