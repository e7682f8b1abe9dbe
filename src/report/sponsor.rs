//! A report for a sponsor's eyes: what was sent, who clicked, what was set aside, and what cannot be known.

use serde::Serialize;

use super::page::{Block, Page, Row, Table};
use super::whole::{HEAD, by_rules, clicked, left_out, places, sure, told_apart, unsure, why_more};
use super::words::{count, number};
use super::{About, Accepted, Count, Kept, PlaceCount, Report};
use crate::render::Part;
use crate::sponsor::Placement;

/// What the sponsors of an issue are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SponsorReport {
    /// Which issue, sent and counted when.
    #[serde(flatten)]
    pub about: About,
    /// Messages that relays took. Nobody can tell how many were read.
    pub accepted: u64,
    /// Of whom clicks can be counted.
    pub clicks_of: Accepted,
    /// Who stood where.
    pub placements: Vec<Placed>,
}

/// A sponsor at a placement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// Where.
    pub placement: Placement,
    /// By which sponsors.toml names them.
    pub id: String,
    /// Who.
    pub name: String,
    /// People who surely clicked, among those counted one by one; `None` where whatever there was may be deleted.
    pub at_least: Option<u64>,
    /// The same with all who may have: those of whom it cannot be told, and those behind clicks that are nobody's; `None` where some may be
    /// deleted.
    pub at_most: Option<u64>,
    /// All that was counted.
    #[serde(flatten)]
    pub count: Count,
    /// By link.
    pub places: Vec<PlaceCount>,
}

impl Report {
    /// The same for its sponsors.
    pub fn for_sponsors(&self) -> SponsorReport {
        let placed = |part: &super::PartCount| match &part.part {
            Part::Sponsor { placement, id, name } => Some(Placed {
                placement: *placement,
                id: id.clone(),
                name: name.clone(),
                at_least: part.count.told().map(|count| count.readers.people),
                at_most: part.count.most(),
                count: part.count.clone(),
                places: part.places.clone(),
            }),
            Part::Intro | Part::Article { .. } | Part::Section { .. } | Part::Outro | Part::Template => None,
        };
        SponsorReport {
            about: self.about.clone(),
            accepted: self.counts.accepted,
            clicks_of: self.clicks_of,
            placements: self.parts.iter().filter_map(placed).collect(),
        }
    }
}

impl SponsorReport {
    /// Everything, in order.
    pub(super) fn laid_out(&self) -> Page {
        let mut lead = vec![format!(
            "Relays accepted {}. How many were seen, nobody can tell.",
            count(self.accepted, "message", "messages")
        )];
        lead.extend(self.about.deleted());
        if self.placements.is_empty() {
            lead.push("Nobody sponsored this issue.".to_owned());
        }
        Page {
            title: format!("{} issue {}: for its sponsors", self.about.newsletter, self.about.issue),
            dates: self.about.dates(),
            lead,
            blocks: self.placements.iter().flat_map(|placed| self.placed(placed)).collect(),
        }
    }

    fn placed(&self, placed: &Placed) -> Vec<Block> {
        let title = format!("{}, {}", placed.name, placed.placement);
        let told =
            told_apart(self.about.told_from(&title), ["clicks", "nobody’s"], &placed.count, self.clicks_of);
        let robots = placed.count.requests.all_robots() + placed.count.nobodys.all_robots();
        let mut lines = vec![clicked(&placed.count, self.clicks_of)];
        lines.extend(self.bounds(placed));
        lines.extend(left_out(&placed.count, self.clicks_of));
        if placed.count.told().is_some() {
            let since = if placed.count.kept == Kept::Rest { " since then" } else { "" };
            lines.push(format!(
                "Robots are no readers: {} set aside{since}. {}",
                count(robots, "request was", "requests were"),
                by_rules(self.about.rules)
            ));
        }
        vec![
            Block::Table(told),
            Block::Notes { title: "What this says", lines },
            Block::Table(Table::new(
                self.about.told_from(&format!("{title}: by link")),
                &HEAD,
                self.rows(&placed.places),
            )),
        ]
    }

    fn rows(&self, of: &[PlaceCount]) -> Vec<Row> {
        let longest = of.iter().map(|place| sure(&place.count) + unsure(&place.count)).max().unwrap_or(0);
        places(of, self.clicks_of, longest).map(|row| Row { is_part: false, ..row }).collect()
    }

    /// Between which numbers of people the truth lies, as far as it can be said.
    fn bounds(&self, placed: &Placed) -> Option<String> {
        let (least, most) = placed.at_least.zip(placed.at_most)?;
        if self.clicks_of.individual == 0 && most == 0 {
            return None;
        }
        let (least, most) = (number(least), number(most));
        let why = why_more(&placed.count).map_or_else(String::new, |why| format!(": {why}"));
        let others = self.clicks_of.aggregate + self.clicks_of.none;
        let unknown = match others {
            0 => String::new(),
            _ => format!(" Of the {} who are not, it cannot be known.", count(others, "reader", "readers")),
        };
        Some(format!(
            "By the rules, at least {least} and at most {most} of those counted one by one did{why}.{unknown}"
        ))
    }
}
