//! Lists that anybody may join, and what readers call them.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::id::ListName;
use crate::subscriber::Subscription;

/// All of them; the newsletter's own is always among them.
pub fn joinable(config: &Config) -> BTreeMap<ListName, String> {
    let newsletter = &config.newsletter;
    let mut lists = config.serve.lists.clone();
    lists.entry(newsletter.list.clone()).or_insert_with(|| newsletter.name.clone());
    lists
}

/// Lists that a reader may choose: those that anybody may join, and those they are or were on.
pub fn offered(config: &Config, held: &[Subscription]) -> BTreeMap<ListName, String> {
    let mut lists = joinable(config);
    for Subscription { list, .. } in held {
        lists.entry(list.clone()).or_insert_with(|| list.to_string());
    }
    lists
}

/// What readers call a list, on a page that says whose it is; one that nobody may join any more is known by its name.
pub fn title(config: &Config, list: &ListName) -> String {
    joinable(config).remove(list).unwrap_or_else(|| list.to_string())
}

/// The same where it must say whose list it is: in a mail, and in what somebody agrees to.
pub(super) fn full_title(config: &Config, list: &ListName) -> String {
    let (title, newsletter) = (title(config, list), &config.newsletter.name);
    if title == *newsletter { title } else { format!("{title} ({newsletter})") }
}
