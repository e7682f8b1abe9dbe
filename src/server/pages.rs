//! Our own pages: templates and one stylesheet, built into the program; the editor may have their own in templates/pages.

use axum::http::StatusCode;
use tera::{Context, Tera};

use super::answer::{Answer, answer};
use crate::app::phrases::Phrases;
use crate::app::{App, Wrong};

/// The stylesheet.
pub(super) const STYLE: &str = include_str!("pages/style.css");

const TEMPLATES: [(&str, &str); 9] = [
    ("base.html", include_str!("pages/base.html")),
    ("notice.html", include_str!("pages/notice.html")),
    ("unsubscribe.html", include_str!("pages/unsubscribe.html")),
    ("left.html", include_str!("pages/left.html")),
    ("preferences.html", include_str!("pages/preferences.html")),
    ("subscribe.html", include_str!("pages/subscribe.html")),
    ("form.html", include_str!("pages/form.html")),
    ("confirm.html", include_str!("pages/confirm.html")),
    ("welcome.html", include_str!("pages/welcome.html")),
];

/// The templates, read.
pub(super) struct Pages {
    tera: Tera,
}

impl Pages {
    /// Reads them, the editor's own first.
    ///
    /// # Errors
    /// A file of templates/pages that cannot be read, or is no template.
    pub(super) fn open(app: &App, phrases: &Phrases) -> anyhow::Result<Self> {
        let newsletter = &app.config.newsletter;
        let mut templates = Vec::with_capacity(TEMPLATES.len());
        for (name, built_in) in TEMPLATES {
            let own = app.workspace.page(name)?;
            templates.push((name, own.map_or_else(|| built_in.to_owned(), |own| own.text().to_owned())));
        }
        let mut tera = Tera::new();
        let wrong = |error: tera::Error| Wrong(format!("in templates/pages: {error}"));
        tera.add_raw_templates(templates).map_err(wrong)?;
        let global = tera.global_context();
        global.insert("newsletter", &newsletter.name);
        global.insert("tagline", &newsletter.tagline);
        global.insert("postal_address", &newsletter.postal_address);
        global.insert("words", phrases);
        Ok(Self { tera })
    }

    /// A page for whoever asked for `path`: its links are relative, so that a proxy may put it anywhere.
    pub(super) fn render(&self, path: &str, name: &str, mut context: Context) -> tera::TeraResult<String> {
        let depth = path.matches('/').count().saturating_sub(1).min(8);
        context.insert("root", &"../".repeat(depth));
        self.tera.render(name, &context)
    }
}

pub(super) async fn style() -> Answer {
    answer(StatusCode::OK, "text/css; charset=utf-8", STYLE)
}
