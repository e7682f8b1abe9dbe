//! What readers choose for themselves on the preferences page; it outranks whatever a file says of them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::id::{IssueNumber, ListName};
use crate::newsletter::{Tracking, TrackingPolicy};
use crate::store::{Judging, Reader, Store, StoreError};
use crate::subscriber::{
    Choices, Consent, Format, Joining, Leaving, Origin, Subscription, SubscriptionStatus, Way,
};

/// How many weeks a pause may last.
pub const PAUSES: [i32; 4] = [1, 2, 4, 8];
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What counts of a reader on a list: what they chose, else what the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preferences<'a> {
    /// The name to be greeted by; empty: none.
    pub name: &'a str,
    /// What is counted.
    pub tracking: Tracking,
    /// In which form.
    pub format: Format,
    /// No mail before this, which may be over.
    pub paused_until: Option<Timestamp>,
}

impl<'a> Preferences<'a> {
    /// Of a reader of whom `most` is counted at most.
    pub fn of(held: &'a Subscription, most: Tracking) -> Self {
        let Choices { name, tracking, format, paused_until } = &held.choices;
        Self {
            name: name.as_deref().or(held.name.as_deref()).unwrap_or_default(),
            tracking: tracking.or(held.tracking).unwrap_or(most).min(most),
            format: format.or(held.format).unwrap_or_default(),
            paused_until: *paused_until,
        }
    }
}

/// What is counted of somebody who came by an issue's link: as the newsletter does now, and as it did when the issue went out, for its
/// links are counted so still.
pub fn counted(now: TrackingPolicy, then: TrackingPolicy) -> TrackingPolicy {
    TrackingPolicy { clicks: now.clicks.max(then.clicks), opens: now.opens.max(then.opens) }
}

/// Who chooses.
#[derive(Debug, Clone, Copy)]
pub struct Chooser<'a> {
    /// The reader, as their page showed them.
    pub reader: &'a Reader,
    /// The issue by whose link they came.
    pub issue: IssueNumber,
    /// Its list: the page shows what counts there.
    pub list: &'a ListName,
    /// The most that is counted of them, whatever they choose.
    pub most: Tracking,
    /// By what their clicks are judged before they are nobody's, and when this is.
    pub judging: Judging<'a>,
}

/// What they want. What is `None` they did not speak of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The name to be greeted by.
    pub name: Option<String>,
    /// What may be counted.
    pub tracking: Option<Tracking>,
    /// In which form.
    pub format: Option<Format>,
    /// When nothing shall come.
    pub pause: Option<Pause>,
    /// Of all lists that are offered: those they want with what they agree to, `None` those they do not want.
    pub lists: Option<BTreeMap<ListName, Option<Consent>>>,
}

/// When nothing shall come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Something may, from now on.
    Over,
    /// Until the day that the page shows.
    Kept,
    /// For some of [`PAUSES`].
    Weeks(i32),
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChooseOutcome {
    /// Lists they left.
    pub left: u64,
    /// Lists they had left and are on again.
    pub returned: u64,
}

/// Does what a reader wants. It holds for all lists they are or were on, also for those they have just joined.
///
/// # Errors
/// The store's. What was done before stays.
pub async fn choose(
    store: &Store,
    chooser: Chooser<'_>,
    wanted: &Wanted,
) -> Result<ChooseOutcome, StoreError> {
    let mut outcome = ChooseOutcome::default();
    for (list, consent) in wanted.lists.iter().flatten() {
        choose_list(store, chooser, (list, consent.as_ref()), &mut outcome).await?;
    }
    let Chooser { reader, list, most, judging, .. } = chooser;
    let before = |list: &ListName| reader.subscriptions.iter().find(|held| held.list == *list);
    let shown = before(list).and_then(|held| held.choices.paused_until);
    for held in &store.subscriptions(reader.id).await? {
        let was_on = before(&held.list).is_some_and(|held| held.status == SubscriptionStatus::Subscribed);
        // Where they have just joined, the pause of the page goes on too.
        let kept = if was_on { held.choices.paused_until } else { held.choices.paused_until.max(shown) };
        let choices = wanted.choices(held, most, kept, judging.at);
        if wanted.counts_less() || choices != held.choices {
            store.choose(&held.list, reader.id, &choices, judging).await?;
        }
    }
    Ok(outcome)
}

async fn choose_list(
    store: &Store,
    chooser: Chooser<'_>,
    (list, consent): (&ListName, Option<&Consent>),
    outcome: &mut ChooseOutcome,
) -> Result<(), StoreError> {
    let Chooser { reader, issue, judging: Judging { at, .. }, .. } = chooser;
    let held = reader.subscriptions.iter().find(|held| held.list == *list);
    match (consent, held.map(|held| held.status)) {
        // Also of who is gone from the file: it may have them again, and they were shown that nothing comes.
        (None, Some(SubscriptionStatus::Subscribed | SubscriptionStatus::Gone)) => {
            let leaving = Leaving { at, issue: Some(issue), way: Way::Page };
            outcome.left += u64::from(store.leave(list, reader.id, leaving).await?);
        }
        (Some(consent), Some(SubscriptionStatus::Left)) => {
            outcome.returned += u64::from(store.come_back(list, reader.id, consent.clone()).await?);
        }
        (Some(consent), None | Some(SubscriptionStatus::Gone)) => {
            let joining = Joining { origin: Origin::Page, at, consent: Some(consent.clone()) };
            store.put_on(list, reader.id, joining).await?;
        }
        (Some(_), Some(SubscriptionStatus::Subscribed)) | (None, None | Some(SubscriptionStatus::Left)) => {}
    }
    Ok(())
}

impl Wanted {
    /// What is left as it was is not chosen: there the file goes on to speak. To be counted less is always their word, though file or
    /// newsletter say the same today.
    fn choices(
        &self,
        held: &Subscription,
        most: Tracking,
        kept: Option<Timestamp>,
        now: Timestamp,
    ) -> Choices {
        let (before, counts) = (&held.choices, Preferences::of(held, most));
        let name = self.name.clone().filter(|name| *name != counts.name);
        let is_new = |tracking: &Tracking| self.counts_less() || *tracking != counts.tracking;
        let format = self.format.filter(|format| *format != counts.format);
        Choices {
            name: name.or_else(|| before.name.clone()),
            tracking: self.tracking.filter(is_new).or(before.tracking),
            format: format.or(before.format),
            paused_until: match self.pause {
                None => before.paused_until,
                Some(Pause::Over) => None,
                Some(Pause::Kept) => kept,
                Some(Pause::Weeks(weeks)) => now.checked_add(WEEK * weeks).ok(),
            },
        }
    }

    /// Whether they ask to be counted less than one by one.
    fn counts_less(&self) -> bool {
        self.tracking.is_some_and(|tracking| tracking < Tracking::Individual)
    }
}
