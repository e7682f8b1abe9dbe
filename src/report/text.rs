//! A report in a terminal: 100 columns, bars and columns of block characters.

use std::fmt::{self, Display, Formatter};

use textwrap::core::display_width;

use super::page::{Bar, Block, Chart, Page, Row, Table};
use super::{Report, SponsorReport};
use crate::wrap::{one_line, wrap};

/// Columns of the whole.
const WIDTH: usize = 100;
/// Columns of a bar.
const BAR: u64 = 16;
/// Columns of a row's name, at most.
const NAME: usize = 44;
/// Lines of a chart.
const HEIGHT: u64 = 8;
/// Filled from below by eighths.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// What cannot be told.
const UNKNOWN: char = '░';

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.page().fmt(f)
    }
}

impl Display for SponsorReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.page().fmt(f)
    }
}

impl Display for Page {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n", one_line(&self.title), wrap(&self.dates, WIDTH, "", ""))?;
        writeln!(f, "{}", wrap(&self.lead.join(" "), WIDTH, "", ""))?;
        for block in &self.blocks {
            writeln!(f)?;
            match block {
                Block::Table(table) => table.fmt(f)?,
                Block::Chart(chart) => chart.fmt(f)?,
                Block::Notes { title, lines } => {
                    writeln!(f, "{}", title.to_uppercase())?;
                    for line in lines {
                        writeln!(f, "{}", wrap(line, WIDTH, "  - ", "    "))?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", one_line(&self.title).to_uppercase())?;
        let names: Vec<String> = self.rows.iter().map(Row::name).collect();
        let name = names.iter().map(|name| display_width(name)).max().unwrap_or(0);
        let widths: Vec<usize> = (1..self.head.len()).map(|column| self.width(column)).collect();
        let head = self.head[1..].iter().zip(&widths).map(|(head, width)| right(head, *width));
        writeln!(f, "{}", line(&left("", name), head, ""))?;
        for (row, shown) in self.rows.iter().zip(&names) {
            let cells = row.cells.iter().zip(&widths).map(|(cell, width)| right(cell, *width));
            let bar = row.bar.map(Bar::in_a_line).unwrap_or_default();
            writeln!(f, "{}", line(&left(shown, name), cells, &bar))?;
        }
        Ok(())
    }
}

impl Table {
    fn width(&self, column: usize) -> usize {
        let cells =
            self.rows.iter().filter_map(|row| row.cells.get(column - 1)).map(|cell| display_width(cell));
        cells.chain([display_width(self.head[column])]).max().unwrap_or(0)
    }
}

impl Row {
    /// Indented, and cut where it is too long.
    fn name(&self) -> String {
        let indent = if self.is_part { "    " } else { "  " };
        let mut name = indent.to_owned();
        let whole = one_line(&self.name);
        for c in whole.chars() {
            if display_width(&name) >= NAME {
                name.push('…');
                break;
            }
            name.push(c);
        }
        name
    }
}

impl Bar {
    fn in_a_line(self) -> String {
        let blocks = |parts: u64| usize::try_from((parts * BAR).div_ceil(1000)).unwrap_or(0);
        let people = blocks(self.people);
        let all = blocks(self.people + self.unknown);
        format!("{}{}", "█".repeat(people), UNKNOWN.to_string().repeat(all - people))
    }

    /// What stands in a column at a line, counted from below.
    fn at(self, line: u64) -> char {
        let height = |parts: u64| (parts * HEIGHT * 8).div_ceil(1000).saturating_sub(line * 8).min(8);
        let (people, all) = (height(self.people), height(self.people + self.unknown));
        match usize::try_from(people) {
            Ok(0) if all > 0 => UNKNOWN,
            Ok(eighths) => EIGHTHS[eighths.min(8)],
            Err(_) => ' ',
        }
    }
}

impl Display for Chart {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title.to_uppercase())?;
        for from_below in (0..HEIGHT).rev() {
            let line: String = self.columns.iter().map(|bar| bar.at(from_below)).collect();
            writeln!(f, "{}", format!("  │{line}").trim_end())?;
        }
        let columns = self.columns.len();
        writeln!(f, "  └{}", "─".repeat(columns))?;
        let room = columns.saturating_sub(display_width(&self.from) + display_width(&self.to));
        writeln!(f, "   {}{}{}", self.from, " ".repeat(room), self.to)?;
        writeln!(f, "  {} {UNKNOWN} cannot be told.", self.summary)
    }
}

fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(display_width(text))))
}

fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(display_width(text))))
}

/// A line of a table.
fn line(name: &str, cells: impl Iterator<Item = String>, bar: &str) -> String {
    let mut line = name.to_owned();
    for cell in cells {
        line.push_str("  ");
        line.push_str(&cell);
    }
    if !bar.is_empty() {
        line.push_str("  ");
        line.push_str(bar);
    }
    line.trim_end().to_owned()
}
