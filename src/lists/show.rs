//! All that is known about one reader.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::erased;
use crate::mailbox::EmailAddress;
use crate::newsletter::Tracking;
use crate::store::{Store, StoreError};
use crate::subscriber::{Format, Origin, Subscription, SubscriptionStatus, Suppression, SuppressionReason};
use crate::token::Keys;

/// A reader, shown to the operator who named them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShowOutcome {
    /// The address, whole.
    pub address: String,
    /// Their lists; empty where nobody knows them.
    pub subscriptions: Vec<Subscription>,
    /// Whether nobody writes to them any more.
    pub suppression: Option<Suppression>,
}

/// What is known about an address, letter case aside. With the keys, also that it was erased.
///
/// # Errors
/// The store's.
pub async fn show(
    store: &Store,
    keys: Option<&Keys>,
    address: &EmailAddress,
) -> Result<ShowOutcome, StoreError> {
    let mut shown = match store.reader(address).await? {
        Some(reader) => ShowOutcome {
            address: reader.address.to_string(),
            subscriptions: reader.subscriptions,
            suppression: reader.suppression,
        },
        None => ShowOutcome {
            address: address.to_string(),
            subscriptions: Vec::new(),
            suppression: store.suppression(address).await?,
        },
    };
    if shown.suppression.is_none() {
        shown.suppression = erased(store, keys, address).await?;
    }
    Ok(shown)
}

impl fmt::Display for ShowOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)?;
        if self.subscriptions.is_empty() {
            f.write_str(" is on no list")?;
        }
        for subscription in &self.subscriptions {
            write!(f, "\n{}", Shown(subscription))?;
        }
        match &self.suppression {
            Some(suppression) => write!(f, "\nno mail goes there: {suppression}")?,
            None => return Ok(()),
        }
        match self.suppression.as_ref().map(|suppression| suppression.reason) {
            Some(SuppressionReason::Bounced) => {
                write!(f, "\nif that is over: `pressroom subscribers add {} --lift-bounce`", self.address)
            }
            Some(
                SuppressionReason::Complained | SuppressionReason::Erased | SuppressionReason::DoNotMail,
            )
            | None => Ok(()),
        }
    }
}

struct Shown<'s>(&'s Subscription);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Subscription { list, status, since, left_at, origin, choices, .. } = self.0;
        let from = match origin {
            Origin::File => "by the file",
            Origin::Page => "by the page",
            Origin::Command => "by `subscribers add`",
        };
        write!(f, "  {list}: ")?;
        match status {
            SubscriptionStatus::Subscribed => write!(f, "subscribed since {}, {from}", day(*since)),
            SubscriptionStatus::Left => write!(f, "left on {}", day(left_at.unwrap_or(*since))),
            SubscriptionStatus::Gone => write!(f, "gone from the file"),
        }?;
        let tracking = |tracking| match tracking {
            Tracking::None => "none".to_owned(),
            Tracking::Aggregate => "aggregate".to_owned(),
            Tracking::Individual => "individual".to_owned(),
        };
        let format = |format| match format {
            Format::Html => "html".to_owned(),
            Format::Text => "text".to_owned(),
        };
        line(f, "name", self.0.name.clone(), choices.name.clone())?;
        line(f, "tracking", self.0.tracking.map(tracking), choices.tracking.map(tracking))?;
        line(f, "format", self.0.format.map(format), choices.format.map(format))?;
        line(f, "paused until", None, choices.paused_until.map(|until| day(until).to_string()))?;
        for (field, value) in &self.0.attributes {
            line(f, field, Some(value.clone()), None)?;
        }
        Ok(())
    }
}

/// What holds, and whose word it is.
fn line(f: &mut fmt::Formatter<'_>, what: &str, file: Option<String>, chosen: Option<String>) -> fmt::Result {
    match (chosen, file) {
        (Some(chosen), Some(file)) => {
            write!(f, "\n    {what}: {chosen} (their choice; the file says {file})")
        }
        (Some(chosen), None) => write!(f, "\n    {what}: {chosen} (their choice)"),
        (None, Some(file)) => write!(f, "\n    {what}: {file}"),
        (None, None) => Ok(()),
    }
}

impl fmt::Display for Suppression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.reason {
            SuppressionReason::Bounced => "it bounced for good",
            SuppressionReason::Complained => "they complained",
            SuppressionReason::Erased => "they asked to be erased",
            SuppressionReason::DoNotMail => "a do-not-mail list has it",
        };
        write!(f, "{why}, {}", day(self.at))?;
        self.detail.iter().try_for_each(|detail| write!(f, ": {detail}"))
    }
}

fn day(at: Timestamp) -> jiff::civil::Date {
    at.to_zoned(TimeZone::UTC).date()
}
