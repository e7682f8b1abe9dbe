//! The forms in which a report is told. As a page it is one file that loads nothing and runs nothing.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use tera::{Context, Tera};

use super::page::Page;
use super::{Report, SponsorReport};

/// What is told of an issue: as text of so many columns (`{report:80}`), for programs, and as these.
pub trait Forms: Display + Serialize {
    /// Laid out, before it is text or HTML.
    #[doc(hidden)]
    fn page(&self) -> Page;

    /// A table for spreadsheets.
    ///
    /// # Errors
    /// None that memory does not make.
    fn csv(&self) -> Result<String, csv::Error>;

    /// The whole page.
    ///
    /// # Errors
    /// `HtmlError`, never for the template as shipped.
    fn html(&self) -> Result<String, HtmlError> {
        let mut tera = Tera::default();
        tera.add_raw_template("report.html", include_str!("report.html"))?;
        let mut context = Context::new();
        context.insert("page", &self.page());
        context.insert("style", include_str!("report.css"));
        Ok(tera.render("report.html", &context)?)
    }
}

/// Where a page cannot be drawn: its template, which a test holds, is at fault.
#[derive(Debug, thiserror::Error)]
#[error("the report's page cannot be drawn")]
pub struct HtmlError(#[from] tera::Error);

impl Forms for Report {
    fn page(&self) -> Page {
        self.laid_out()
    }

    fn csv(&self) -> Result<String, csv::Error> {
        self.table()
    }
}

impl Forms for SponsorReport {
    fn page(&self) -> Page {
        self.laid_out()
    }

    fn csv(&self) -> Result<String, csv::Error> {
        self.table()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.laid_out().fmt(f)
    }
}

impl Display for SponsorReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.laid_out().fmt(f)
    }
}
