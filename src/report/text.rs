//! A report in a terminal, as wide as that is: bars and columns of block characters.

use std::fmt::{self, Display, Formatter};

use textwrap::core::display_width;

use super::page::{Bar, Block, Chart, Page, Row, Table};
use crate::wrap::{one_line, wrap};

/// Columns of the whole where nobody says how many: in a file, in a mail.
const IN_A_FILE: usize = 80;
/// At least and at most, whatever the terminal has: narrower, the names beside the numbers are no names; wider, nobody reads on.
const LEAST: usize = 60;
const MOST: usize = 100;
/// Columns of a bar.
const BAR: usize = 16;
const BAR_LEAST: usize = 8;
/// Columns of a row's name, at most; and as many as it needs at least before there may be a bar.
const NAME: usize = 44;
const NAME_LEAST: usize = 24;
/// Between two columns.
const GAP: usize = 2;
/// Lines of a chart.
const HEIGHT: u64 = 8;
/// Filled from below by eighths.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// What cannot be told.
const UNKNOWN: char = '░';

impl Display for Page {
    /// Within the columns asked for (`{page:80}`), as far as that makes sense.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let columns = f.width().unwrap_or(IN_A_FILE).clamp(LEAST, MOST);
        writeln!(f, "{}", wrap(&self.title, columns, "", ""))?;
        writeln!(f, "{}\n", wrap(&self.dates, columns, "", ""))?;
        writeln!(f, "{}", wrap(&self.lead.join(" "), columns, "", ""))?;
        for block in &self.blocks {
            writeln!(f)?;
            match block {
                Block::Table(table) => table.draw(columns, f)?,
                Block::Chart(chart) => chart.draw(columns, f)?,
                Block::Notes { title, lines } => {
                    writeln!(f, "{}", title.to_uppercase())?;
                    for line in lines {
                        writeln!(f, "{}", wrap(line, columns, "  - ", "    "))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Of each column of numbers, how wide it is, and the lines that stand over it.
struct Heads(Vec<(usize, Vec<String>)>);

impl Heads {
    fn columns(&self) -> usize {
        self.0.iter().map(|(width, _)| GAP + width).sum()
    }

    fn height(&self) -> usize {
        self.0.iter().map(|(_, words)| words.len()).max().unwrap_or(0)
    }

    /// A line of cells: for each column what is told of its head and its number.
    fn cells<'a>(
        &'a self,
        cell: impl Fn(&'a [String], usize) -> Option<&'a str>,
    ) -> impl Iterator<Item = String> {
        (0..)
            .zip(&self.0)
            .map(move |(column, (width, words))| right(cell(words, column).unwrap_or_default(), *width))
    }
}

/// How a table's columns share what there is.
struct Room {
    name: usize,
    bar: usize,
}

impl Room {
    /// Names come before bars, unless they are long: then they are wrapped, as long as that leaves enough for them.
    fn share(room: usize, longest_name: usize, has_bars: bool) -> Self {
        let name = longest_name.min(NAME).min(room);
        let bar = room.saturating_sub(name + GAP).clamp(BAR_LEAST, BAR);
        let beside = room.saturating_sub(bar + GAP);
        let is_drawn = has_bars && beside >= name.min(NAME_LEAST);
        if is_drawn { Self { name: name.min(beside), bar } } else { Self { name, bar: 0 } }
    }
}

impl Table {
    fn draw(&self, columns: usize, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", wrap(&self.title.to_uppercase(), columns, "", ""))?;
        let longest_name = self.rows.iter().map(Row::width).max().unwrap_or(0);
        let bars = if self.has_bars { GAP + BAR } else { 0 };
        // Heads stand in one line where there is room for all else beside them.
        let head = self.heads(1);
        let fits = longest_name.min(NAME) + head.columns() + bars <= columns;
        let head = if fits { head } else { self.heads(2) };
        let room = Room::share(columns.saturating_sub(head.columns()), longest_name, self.has_bars);
        for from_below in (0..head.height()).rev() {
            let cells = head.cells(|of, _| of.iter().rev().nth(from_below).map(String::as_str));
            writeln!(f, "{}", line(&left("", room.name), cells, ""))?;
        }
        for row in &self.rows {
            let cells = head.cells(|_, column| row.cells.get(column).map(String::as_str));
            let bar = row.bar.map(|bar| bar.in_a_line(room.bar)).unwrap_or_default();
            let name = row.name(room.name);
            let mut lines = name.iter();
            let first = lines.next().map_or("", String::as_str);
            writeln!(f, "{}", line(&left(first, room.name), cells, &bar))?;
            for rest in lines {
                writeln!(f, "{rest}")?;
            }
        }
        Ok(())
    }

    /// What stands over the numbers, each in so many lines at most.
    fn heads(&self, lines: usize) -> Heads {
        let one = |(column, head): (usize, &&str)| {
            let least = self.width(column);
            let wrapped = (least..).map(|width| wrap(head, width, "", ""));
            let words = wrapped.into_iter().find(|words| words.lines().count() <= lines).unwrap_or_default();
            let words: Vec<String> = words.lines().map(str::to_owned).collect();
            (widest(&words).max(least), words)
        };
        Heads(self.head.iter().enumerate().skip(1).map(one).collect())
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.cells.get(column - 1));
        cells.map(|cell| display_width(cell)).max().unwrap_or(0)
    }
}

impl Row {
    fn indent(&self) -> &'static str {
        if self.is_part { "    " } else { "  " }
    }

    fn width(&self) -> usize {
        self.indent().len() + display_width(&one_line(&self.name))
    }

    /// Indented and wrapped; cut where a word of it, as an address, is too long for a line.
    fn name(&self, columns: usize) -> Vec<String> {
        let indent = self.indent();
        // A link's number stands with its first word.
        let colon = if self.is_part { ":\u{a0}" } else { ": " };
        let name = one_line(&self.name).replacen(": ", colon, 1);
        let wrapped = wrap(&name, columns, indent, &format!("{indent}  ")).replace('\u{a0}', " ");
        let lines: Vec<String> = wrapped.lines().map(str::to_owned).collect();
        if widest(&lines) <= columns {
            return lines;
        }
        let mut cut = indent.to_owned();
        for c in one_line(&self.name).chars() {
            if display_width(&cut) + 1 >= columns {
                cut.push('…');
                break;
            }
            cut.push(c);
        }
        vec![cut]
    }
}

fn widest(lines: &[String]) -> usize {
    lines.iter().map(|line| display_width(line)).max().unwrap_or(0)
}

impl Bar {
    fn in_a_line(self, columns: usize) -> String {
        let blocks = |parts: u64| usize::try_from(parts).unwrap_or(0).saturating_mul(columns).div_ceil(1000);
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

impl Chart {
    fn draw(&self, columns: usize, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", wrap(&self.title.to_uppercase(), columns, "", ""))?;
        for from_below in (0..HEIGHT).rev() {
            let line: String = self.columns.iter().map(|bar| bar.at(from_below)).collect();
            writeln!(f, "{}", format!("  │{line}").trim_end())?;
        }
        let across = self.columns.len();
        writeln!(f, "  └{}", "─".repeat(across))?;
        let room = across.saturating_sub(display_width(&self.from) + display_width(&self.to));
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
