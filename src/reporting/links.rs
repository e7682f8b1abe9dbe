//! Where the links of an issue lead, and mending one that leads wrong after the issue went out.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use super::stored;
use crate::app::{App, Wrong};
use crate::document::web_address;
use crate::id::{IssueNumber, Place};
use crate::newsletter::{BaseUrl, Tracking};
use crate::render::{Link, Part};
use crate::store::{LinkChange, Store};

/// An issue's places.
#[derive(Debug, Clone, Serialize)]
pub struct Links {
    /// Which issue.
    pub issue: IssueNumber,
    /// Whether it went to the built-in inbox.
    pub trial: bool,
    /// In the order of the issue.
    pub places: Vec<Leading>,
}

/// Where a place leads now.
#[derive(Debug, Clone, Serialize)]
pub struct Leading {
    /// Its number.
    pub place: Place,
    /// Its words.
    pub words: String,
    /// What it belongs to.
    pub part: Part,
    /// Where it leads.
    pub url: String,
    /// Where it led when the issue was frozen, if elsewhere, and later, the latest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Led>,
}

/// Where a place led once.
#[derive(Debug, Clone, Serialize)]
pub struct Led {
    /// There.
    pub url: String,
    /// Until then.
    pub until: Timestamp,
}

/// A place that leads elsewhere from now on.
#[derive(Debug, Clone, Serialize)]
pub struct Mended {
    /// Of which issue.
    pub issue: IssueNumber,
    /// Whether it went to the built-in inbox.
    pub trial: bool,
    /// Which.
    pub place: Place,
    /// Where it led.
    pub was: String,
    /// Where it leads.
    pub url: String,
    /// Since when.
    pub at: Timestamp,
    /// Whether this changed anything.
    pub changed: bool,
    /// Whether readers have the old target in their mail, past mending.
    pub untracked: bool,
}

/// An issue's places, and where each leads now.
///
/// # Errors
/// [`Wrong`] for an issue that was never sent; the store's.
pub async fn list(app: &App, issue: IssueNumber) -> anyhow::Result<Links> {
    let places = places(app, &app.store().await?, issue).await?;
    Ok(Links { issue, trial: app.is_trial(), places })
}

/// Lets a place lead elsewhere from now on, kept with the time and the old target.
///
/// # Errors
/// [`Wrong`] for a URL that no issue may link to, or a place that the issue lacks; the store's.
pub async fn mend(app: &App, issue: IssueNumber, place: Place, to: &str) -> anyhow::Result<Mended> {
    let url = target(to).map_err(Wrong)?;
    if leads_back(&url, &app.config.newsletter.base_url) {
        return Err(Wrong(format!(
            "place {place} of issue {issue} would lead in a circle: `{to}` is a link of one reader's mail, which leads on from here; \
             give the URL where it ends"
        ))
        .into());
    }
    let url = to.to_owned();
    let store = app.store().await?;
    let places = places(app, &store, issue).await?;
    let untracked = stored(app, &store, issue).await?.thaw()?.tracking.clicks == Tracking::None;
    let lacks = || {
        let last = places.len();
        Wrong(format!(
            "issue {issue} has no place {place}, but 1 to {last}; `pressroom links {issue}` shows them"
        ))
    };
    let was = places.iter().find(|leading| leading.place == place).ok_or_else(lacks)?.url.clone();
    let (at, changed) = (app.now(), was != url);
    if changed {
        store.change_link(issue, &LinkChange { place, at, was: was.clone(), url: url.clone() }).await?;
    }
    Ok(Mended { issue, trial: app.is_trial(), place, was, url, at, changed, untracked })
}

/// A URL as it may stand in an issue (requirement 45).
fn target(url: &str) -> Result<Url, String> {
    let parsed = web_address(url)?;
    if url.chars().any(char::is_control) {
        return Err("the URL holds control characters, which no link may".to_owned());
    }
    // A browser takes it for a `/`, other programs for whatever they like.
    if url.contains('\\') {
        return Err(
            "the URL holds a backslash, which no URL does; write `/`, or `%5C` if it is meant".to_owned()
        );
    }
    Ok(parsed)
}

/// Whether it is a reader's own, `BASE/ISSUE/PLACE/TOKEN`: a link of the mail itself. The newsletter's other pages may be linked to.
fn leads_back(url: &Url, base: &BaseUrl) -> bool {
    let Ok(base) = Url::parse(&base.0) else { return false };
    let is_ours = url.host() == base.host() && url.port() == base.port();
    let rest = url.path().strip_prefix(base.path().trim_end_matches('/')).filter(|_| is_ours);
    let mut parts = rest.and_then(|rest| rest.strip_prefix('/')).unwrap_or_default().split('/');
    parts.next().is_some_and(|issue| issue.parse::<IssueNumber>().is_ok()) && parts.next().is_some()
}

async fn places(app: &App, store: &Store, issue: IssueNumber) -> anyhow::Result<Vec<Leading>> {
    let frozen = stored(app, store, issue).await?.thaw()?;
    let leading = |(place, Link { url, words, part }): (u16, Link)| Leading {
        place: Place(place),
        words,
        part,
        url,
        before: Vec::new(),
    };
    let mut places: Vec<Leading> = (1..).zip(frozen.rendered.links).map(leading).collect();
    for LinkChange { place, at, was, url } in store.link_changes(issue).await? {
        if let Some(leading) = places.iter_mut().find(|leading| leading.place == place) {
            leading.url = url;
            leading.before.push(Led { url: was, until: at });
        }
    }
    Ok(places)
}

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Leading { place, words, url, before, .. } in &self.places {
            writeln!(f, "{place:>3}  {words}\n     {url}")?;
            for Led { url, until } in before {
                writeln!(f, "     until {until:.0}: {url}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Mended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { issue, place, was, url, .. } = self;
        let mark = if self.trial { "trial: " } else { "" };
        if self.changed {
            writeln!(f, "{mark}place {place} of issue {issue} leads to {url} from now on; it led to {was}")?;
        } else {
            writeln!(f, "{mark}place {place} of issue {issue} leads to {url} already")?;
        }
        if self.untracked {
            writeln!(
                f,
                "{mark}the issue's clicks are not counted: mail that is out has the old URL itself, and keeps it"
            )?;
        }
        Ok(())
    }
}
