//! A report laid out, before it is text or HTML: sentences, tables with bars, a chart.

use serde::Serialize;

use super::words::{number, time};
use super::{About, Moment};

/// All of it, in order.
#[derive(Debug, Serialize)]
pub struct Page {
    pub(super) title: String,
    /// When it was sent and counted.
    pub(super) dates: String,
    /// The totals, in sentences.
    pub(super) lead: Vec<String>,
    pub(super) blocks: Vec<Block>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(super) enum Block {
    Table(Table),
    Chart(Chart),
    /// What is to be known beside the numbers.
    Notes {
        title: &'static str,
        lines: Vec<String>,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct Table {
    pub(super) title: String,
    /// Of each column; the first is that of the rows' names.
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
    /// Whether its rows are drawn beside each other: it takes all the room there is.
    pub(super) has_bars: bool,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Row {
    /// Whether it tells of a part of the row before.
    pub(super) is_part: bool,
    pub(super) name: String,
    /// Where the name leads.
    pub(super) url: Option<String>,
    pub(super) cells: Vec<String>,
    pub(super) bar: Option<Bar>,
}

/// Parts of a thousand: what is sure, and after it what cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Bar {
    pub(super) people: u64,
    pub(super) unknown: u64,
}

impl Bar {
    /// Beside others of which the longest is `longest`.
    pub(super) fn of(people: u64, unknown: u64, longest: u64) -> Self {
        let scaled = |value: u64| value.saturating_mul(1000).checked_div(longest).unwrap_or(0);
        Self { people: scaled(people), unknown: scaled(people + unknown) - scaled(people) }
    }
}

/// Columns side by side.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    pub(super) title: String,
    /// The same in words.
    pub(super) summary: String,
    pub(super) columns: Vec<Bar>,
    /// Below the first and the last column.
    pub(super) from: String,
    pub(super) to: String,
}

impl Chart {
    /// Of people's clicks and of those of which it cannot be told. `None` where there are none.
    pub(super) fn of(title: &str, unit: &str, moments: &[Moment]) -> Option<Self> {
        let height = |moment: &Moment| moment.people + moment.unknown;
        let longest = moments.iter().map(height).max().filter(|most| *most > 0)?;
        let most = moments.iter().position(|moment| height(moment) == longest)? + 1;
        Some(Self {
            title: title.to_owned(),
            summary: format!("Most in {unit} {most}: {}.", number(longest)),
            columns: moments.iter().map(|moment| Bar::of(moment.people, moment.unknown, longest)).collect(),
            from: format!("{unit} 1"),
            to: format!("{unit} {}", moments.len()),
        })
    }
}

impl Table {
    pub(super) fn new(title: impl Into<String>, head: &[&'static str], rows: Vec<Row>) -> Self {
        let has_bars = rows.iter().any(|row| row.bar.is_some());
        Self { title: title.into(), head: head.to_vec(), rows, has_bars }
    }
}

impl Row {
    /// A row of numbers.
    pub(super) fn new(name: impl Into<String>, cells: Vec<String>) -> Self {
        Self { name: name.into(), cells, ..Self::default() }
    }

    /// A part of the row before.
    pub(super) fn part(name: impl Into<String>, cells: Vec<String>) -> Self {
        Self { is_part: true, ..Self::new(name, cells) }
    }
}

impl About {
    /// The dates of a page's head.
    pub(super) fn dates(&self) -> String {
        let trial = if self.trial { "A trial: nothing left this machine. " } else { "" };
        let (sent, counted) = (time(self.sent_at, &self.time_zone), time(self.counted_at, &self.time_zone));
        format!("{trial}Sent {sent}. Counted {counted}.")
    }

    /// That what is told of clicks and opens is of some of them alone.
    pub(super) fn deleted(&self) -> Option<String> {
        let until = time(self.deleted_until?, &self.time_zone);
        Some(format!(
            "Clicks and opens from before {until} are deleted by `[retention]`: those of this issue are told from then on, and where there is a dash, none is left."
        ))
    }

    /// A title over clicks or opens, which says from when on they are told.
    pub(super) fn told_from(&self, title: &str) -> String {
        self.deleted_until.map_or_else(
            || title.to_owned(),
            |until| {
                let from = until.to_zoned(self.time_zone.clone()).strftime("%-d %B %Y, %H:%M").to_string();
                format!("{title}, from {from} on")
            },
        )
    }
}
