//! A report as a table for spreadsheets: one long one, of which each line says what it counts.
//!
//! Words of readers and editors begin with nothing that a spreadsheet would compute (requirement 66).

use std::fmt::Display;

use super::words::{codes, part, robot, unknown};
use super::{About, Count, PartCount, Report, Requests, SponsorReport};
use crate::subscriber::guard::guarded;

const HEAD: [&str; 11] = [
    "issue",
    "what",
    "number",
    "name",
    "url",
    "readers",
    "people",
    "people_at_most",
    "clicks",
    "unknown",
    "robots",
];

impl Report {
    /// Counts of deliveries, then what was clicked, then opens, leavers and times.
    pub(super) fn table(&self) -> Result<String, csv::Error> {
        let mut lines = Lines::of(self.about.issue)?;
        let counts = self.counts;
        for (what, readers) in [
            ("queued", counts.queued),
            ("accepted", counts.accepted),
            ("waiting", counts.waiting),
            ("deferred", counts.deferred),
            ("refused", counts.refused),
            ("in doubt", counts.in_doubt),
            ("skipped", counts.skipped),
            ("counted one by one", self.clicks_of.individual),
            ("counted together", self.clicks_of.aggregate),
            ("not counted", self.clicks_of.none),
            ("left", self.leavers.left),
        ] {
            lines.readers(what, "", readers)?;
        }
        for refusal in &self.refusals {
            lines.readers("refused, by codes", &codes(refusal), refusal.readers)?;
        }
        for (reason, readers) in &self.skipped_by_reason {
            lines.readers("skipped, by reason", &reason.to_string(), *readers)?;
        }
        lines.deleted(&self.about)?;
        lines.apart("clicks", &self.clicks)?;
        for one in &self.parts {
            lines.part(one)?;
        }
        if let Some(opens) = &self.opens {
            lines.apart("opens, unreliable", &opens.count)?;
            lines.readers("opens, counted one by one", "", opens.of.individual)?;
            lines.readers("opens, counted together", "", opens.of.aggregate)?;
            lines.readers("opens, not counted", "", opens.of.none)?;
        }
        self.times(&mut lines)?;
        lines.finish()
    }

    fn times(&self, lines: &mut Lines) -> Result<(), csv::Error> {
        let Some(times) = &self.times else { return Ok(()) };
        for (what, moments) in [("clicks, by hour", &times.hours), ("clicks, by day", &times.days)] {
            for (number, moment) in (1..).zip(moments).filter(|(_, moment)| moment.all() > 0) {
                let number: u32 = number;
                lines.write([
                    what,
                    &number.to_string(),
                    "",
                    "",
                    "",
                    "",
                    "",
                    &moment.people.to_string(),
                    &moment.unknown.to_string(),
                    &moment.robots.to_string(),
                ])?;
            }
        }
        Ok(())
    }
}

impl SponsorReport {
    /// What was sent, and what was clicked by placement and link.
    pub(super) fn table(&self) -> Result<String, csv::Error> {
        let mut lines = Lines::of(self.about.issue)?;
        lines.readers("accepted", "", self.accepted)?;
        lines.readers("counted one by one", "", self.clicks_of.individual)?;
        lines.readers("counted together", "", self.clicks_of.aggregate)?;
        lines.readers("not counted", "", self.clicks_of.none)?;
        lines.deleted(&self.about)?;
        for placed in &self.placements {
            let name = format!("{}, {}", placed.name, placed.placement);
            lines.count("sponsor", ["", &name, ""], &placed.count)?;
            lines.rules(&name, &placed.count)?;
            for place in &placed.places {
                lines.count("link", [&place.place.to_string(), &place.words, &place.url], &place.count)?;
            }
        }
        lines.finish()
    }
}

/// The table under way.
struct Lines {
    issue: String,
    writer: csv::Writer<Vec<u8>>,
}

impl Lines {
    fn of(issue: impl Display) -> Result<Self, csv::Error> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(HEAD)?;
        Ok(Self { issue: issue.to_string(), writer })
    }

    /// A line's cells after the issue.
    fn write(&mut self, cells: [&str; HEAD.len() - 1]) -> Result<(), csv::Error> {
        let cells = cells.iter().map(|cell| guarded(cell));
        let line: Vec<_> = std::iter::once(self.issue.as_str().into()).chain(cells).collect();
        self.writer.write_record(line.iter().map(|cell| cell.as_bytes()))
    }

    fn readers(&mut self, what: &str, name: &str, readers: u64) -> Result<(), csv::Error> {
        self.write([what, "", name, "", &readers.to_string(), "", "", "", "", ""])
    }

    /// Until when clicks and opens are deleted, where some of the issue may be.
    fn deleted(&mut self, about: &About) -> Result<(), csv::Error> {
        let Some(until) = about.deleted_until else { return Ok(()) };
        self.write(["clicks and opens deleted until", "", &until.to_string(), "", "", "", "", "", "", ""])
    }

    /// A count, and the same of nobody's requests, where people are not known.
    fn count(&mut self, what: &str, [number, name, url]: [&str; 3], count: &Count) -> Result<(), csv::Error> {
        let Count { kept: _, readers, people_at_most: _, requests, nobodys } = count;
        let all = readers.people + readers.perhaps + readers.robots;
        let is_told = count.told().is_some();
        let shown = |cells: [String; 3]| if is_told { cells } else { cells.map(|_| String::new()) };
        let most = count.most().map_or_else(String::new, |most| most.to_string());
        let [all, people, most] = shown([all.to_string(), readers.people.to_string(), most]);
        let [clicks, unknown, robots] = shown(cells(requests));
        self.write([what, number, name, url, &all, &people, &most, &clicks, &unknown, &robots])?;
        let [clicks, unknown, robots] = shown(cells(nobodys));
        self.write([&format!("{what}, nobody’s"), number, name, url, "", "", "", &clicks, &unknown, &robots])
    }

    /// A count with its rules.
    fn apart(&mut self, what: &str, count: &Count) -> Result<(), csv::Error> {
        self.count(what, ["", "", ""], count)?;
        self.rules(what, count)
    }

    /// Why some are set aside, of readers and of nobody.
    fn rules(&mut self, what: &str, count: &Count) -> Result<(), csv::Error> {
        self.rules_of(what, &count.requests)?;
        self.rules_of(&format!("{what}, nobody’s"), &count.nobodys)
    }

    fn rules_of(&mut self, what: &str, requests: &Requests) -> Result<(), csv::Error> {
        let unknown = requests
            .unknown
            .iter()
            .map(|(rule, times)| ("cannot be told", unknown(*rule), [times.to_string(), String::new()]));
        let robots = requests
            .robots
            .iter()
            .map(|(rule, times)| ("robots", robot(*rule), [String::new(), times.to_string()]));
        for (judged, rule, [unknown, robots]) in unknown.chain(robots) {
            self.write([&format!("{what}, {judged}"), "", rule, "", "", "", "", "", &unknown, &robots])?;
        }
        Ok(())
    }

    fn part(&mut self, one: &PartCount) -> Result<(), csv::Error> {
        let name = part(&one.part);
        self.count("part", ["", &name, ""], &one.count)?;
        for place in &one.places {
            self.count("link", [&place.place.to_string(), &place.words, &place.url], &place.count)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<String, csv::Error> {
        let bytes = self.writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn cells(requests: &Requests) -> [String; 3] {
    [requests.people, requests.all_unknown(), requests.all_robots()].map(|number| number.to_string())
}
