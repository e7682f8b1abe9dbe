use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::statement::sql;
use super::*;
use crate::delivery::{
    Counts, DeliveryStatus, Intent, Lease, Outcome, SenderId, Settlement, SkipReason, SmtpReply,
};
use crate::id::{IssueNumber, ListName, Reference, SubscriberId};
use crate::mailbox::EmailAddress;
use crate::newsletter::Tracking;
use crate::subscriber::{Choices, Entry, Format, Joining, Origin, SubscriptionStatus, SuppressionReason};

#[path = "../../tests/postgres/server.rs"]
mod server;

#[expect(clippy::duplicate_mod, reason = "the same tests on either database")]
mod on_postgres;
mod on_sqlite;

const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);
const ME: SenderId = SenderId(7);

struct TestStore<const POSTGRES: bool> {
    store: Store,
    url: StoreUrl,
    folder: tempfile::TempDir,
    references: std::cell::Cell<u64>,
}

impl<const POSTGRES: bool> std::ops::Deref for TestStore<POSTGRES> {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

fn list() -> ListName {
    "readers".parse().unwrap()
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn entry(text: &str) -> Entry {
    Entry { address: address(text), name: None, tracking: None, format: None, attributes: BTreeMap::new() }
}

impl<const POSTGRES: bool> TestStore<POSTGRES> {
    /// Of a property: a store on a server costs more to make.
    const CASES: u32 = if POSTGRES { 6 } else { 24 };

    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = if POSTGRES {
            StoreUrl::Postgres(server::new_store().into())
        } else {
            StoreUrl::Sqlite(folder.path().join("pressroom.db"))
        };
        let store = Store::at(&url).await.unwrap();
        Self { store, url, folder, references: 1.into() }
    }

    /// The same store, opened again.
    async fn again(&self) -> Store {
        Store::at(&self.url).await.unwrap()
    }

    fn reference(&self) -> Reference {
        self.references.set(self.references.get() + 1);
        Reference(self.references.get().wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    async fn import_entries(&self, entries: Vec<Entry>, allow_shrink: bool) -> Imported {
        let mut staging = self.stage().await.unwrap();
        let entries: Vec<_> = entries.into_iter().map(|entry| (entry, self.reference())).collect();
        for some in entries.chunks(Staging::BATCH) {
            staging.add(some.to_vec()).await.unwrap();
        }
        staging.apply(&list(), NOW, allow_shrink).await.unwrap()
    }

    async fn import(&self, addresses: &[&str]) -> ImportCounts {
        let entries = addresses.iter().map(|address| entry(address)).collect();
        match self.import_entries(entries, true).await {
            Imported::Applied(counts) => counts,
            Imported::Shrunk { .. } => panic!("shrinking was allowed"),
        }
    }

    async fn take_off(&self, list: &ListName, address: &EmailAddress) -> bool {
        self.unsubscribe(list, address, self.reference(), NOW).await.unwrap()
    }

    /// The addresses that an issue would go to, in order.
    async fn audience_of(&self) -> Vec<String> {
        let recipients = self.recipients(&list(), None, 1000, NOW).await.unwrap();
        assert_eq!(self.audience(&list(), NOW).await.unwrap().active, recipients.len() as u64);
        recipients.into_iter().map(|recipient| recipient.address.to_string()).collect()
    }

    async fn reader_of(&self, text: &str) -> Reader {
        self.reader(&address(text)).await.unwrap().unwrap()
    }
}
