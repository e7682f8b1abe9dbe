//! A report as a page: one file that loads nothing and runs nothing.

use tera::{Context, Tera};

use super::page::Page;
use super::{Report, SponsorReport};

/// Where a page cannot be drawn: its template, which a test holds, is at fault.
#[derive(Debug, thiserror::Error)]
#[error("the report's page cannot be drawn")]
pub struct HtmlError(#[from] tera::Error);

impl Report {
    /// The whole page.
    ///
    /// # Errors
    /// `HtmlError`, never for the template as shipped.
    pub fn html(&self) -> Result<String, HtmlError> {
        draw(&self.page())
    }
}

impl SponsorReport {
    /// The whole page.
    ///
    /// # Errors
    /// `HtmlError`, never for the template as shipped.
    pub fn html(&self) -> Result<String, HtmlError> {
        draw(&self.page())
    }
}

fn draw(page: &Page) -> Result<String, HtmlError> {
    let mut tera = Tera::default();
    tera.add_raw_template("report.html", include_str!("report.html"))?;
    let mut context = Context::new();
    context.insert("page", page);
    context.insert("style", include_str!("report.css"));
    Ok(tera.render("report.html", &context)?)
}
