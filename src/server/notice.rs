//! Our own pages for whoever came, and those that only say something.

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use tera::Context;

use super::answer::{Answer, OURS, html, text};
use super::site::{Closed, Site};
use crate::track::Counters;

impl Site {
    /// One of our pages, for whoever asked for `path`.
    pub(super) fn page(&self, path: &str, status: StatusCode, name: &str, context: Context) -> Answer {
        match self.pages.render(path, name, context) {
            Ok(page) => html(status, OURS, page),
            Err(error) => {
                tracing::error!(name, %error, "a page cannot be made");
                broken(&self.counters)
            }
        }
    }

    /// A page that only says something: by the names of its phrases.
    pub(super) fn notice(&self, path: &str, status: StatusCode, title: &str, paragraphs: &[&str]) -> Answer {
        self.page(path, status, "notice.html", self.notice_of(title, paragraphs))
    }

    /// What such a page is made of.
    pub(super) fn notice_of(&self, title: &str, paragraphs: &[&str]) -> Context {
        let paragraphs: Vec<String> = paragraphs.iter().map(|name| self.say(name)).collect();
        let mut context = Context::new();
        context.insert("title", &self.say(title));
        context.insert("paragraphs", &paragraphs);
        context
    }

    /// Why a page cannot be shown.
    pub(super) fn closed(&self, path: &str, closed: Closed) -> Answer {
        match closed {
            Closed::Specimen => self.notice(path, StatusCode::OK, "specimen", &["specimen_why"]),
            Closed::Unknown => self.unknown(path),
            Closed::Away(error) => {
                tracing::error!(error = format!("{error:#}"), "a page cannot be shown");
                self.away(path)
            }
        }
    }

    pub(super) fn unknown(&self, path: &str) -> Answer {
        self.notice(path, StatusCode::NOT_FOUND, "unknown", &["unknown_why", "unknown_leave"])
    }

    pub(super) fn away(&self, path: &str) -> Answer {
        Counters::count(&self.counters.failures);
        let mut answer = self.notice(path, StatusCode::SERVICE_UNAVAILABLE, "away", &["away_why"]);
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
        answer
    }
}

/// What is left to say where not even a page can be made.
pub(super) fn broken(counters: &Counters) -> Answer {
    Counters::count(&counters.failures);
    text(StatusCode::INTERNAL_SERVER_ERROR, "This page cannot be shown. We know of it.\n")
}
