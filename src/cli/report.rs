//! `pressroom report` and `pressroom links`.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::face::{Face, columns, document, print, text};
use crate::id::{IssueNumber, Place};
use crate::report::Forms;
use crate::reporting;

/// Tells what became of an issue: deliveries, people's clicks apart from robots', opens, leavers, over time, beside the issues before.
///
/// Each class of tracking has its own denominator: people are counted only among readers who are counted one by one.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pressroom report 214\n  pressroom report 214 --format html > 214.html\n  \
                  pressroom report 214 --sponsor --format html > for-the-sponsor.html"
)]
pub(super) struct ReportCommand {
    /// The issue
    issue: IssueNumber,
    /// For the sponsors' eyes: what was sent, who clicked, robots set aside, the bounds of error
    #[arg(long)]
    sponsor: bool,
    /// The form; `csv` is safe for spreadsheets
    #[arg(long, value_enum, default_value = "text", hide_default_value = true)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Html,
    Csv,
    Json,
}

impl ReportCommand {
    pub(super) fn run(self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        let app = super::open(directory)?;
        let report = super::complete(&app, reporting::report(&app, self.issue))?;
        let form = if face.is_json() { Format::Json } else { self.format };
        if self.sponsor {
            say(&report.for_sponsors(), form)?;
        } else {
            say(&report, form)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A report on stdout; as text, as wide as a terminal there is.
fn say(report: &impl Forms, form: Format) -> anyhow::Result<()> {
    match form {
        Format::Text => {
            text(&columns().map_or_else(|| report.to_string(), |columns| format!("{report:columns$}")))
        }
        Format::Json => document(report),
        Format::Html => print(report.html()?.as_bytes()),
        Format::Csv => print(report.csv()?.as_bytes()),
    }
}

/// Shows where an issue's links lead; mends one that leads wrong, for mail that is out already.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pressroom links 214\n  pressroom links 214 7 --to https://example.com/moved"
)]
pub(super) struct LinksCommand {
    /// The issue
    issue: IssueNumber,
    /// The place to mend
    #[arg(requires = "to")]
    place: Option<u16>,
    /// Where it leads from now on
    #[arg(long, value_name = "URL", requires = "place")]
    to: Option<String>,
}

impl LinksCommand {
    pub(super) fn run(self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        let app = super::open(directory)?;
        super::complete(&app, async {
            match (self.place, &self.to) {
                (Some(place), Some(to)) => {
                    face.say(&reporting::links::mend(&app, self.issue, Place(place), to).await?)?;
                }
                (Some(_) | None, _) => face.say(&reporting::links::list(&app, self.issue).await?)?,
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}
