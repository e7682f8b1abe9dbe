//! Lists, as readers know them.

use std::collections::BTreeMap;

use super::site::Site;
use crate::id::ListName;
use crate::joining::joinable;
use crate::subscriber::Subscription;

/// Lists that a reader may choose: those that anybody may join, and those they are or were on.
pub(super) fn offered(site: &Site, held: &[Subscription]) -> BTreeMap<ListName, String> {
    let mut lists = joinable(&site.app.config);
    for subscription in held {
        lists.entry(subscription.list.clone()).or_insert_with(|| subscription.list.to_string());
    }
    lists
}
