use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};

use super::statement::sql;
use super::*;
use crate::delivery::{Counts, DeliveryStatus, Intent, Outcome, SenderId, Settlement, SkipReason, SmtpReply};
use crate::event::Rules;
use crate::id::{IssueNumber, ListName, Reference, SubscriberId};
use crate::mailbox::EmailAddress;
use crate::newsletter::Tracking;
use crate::subscriber::list::{Doubts, More, Row as ListRow, Standing};
use crate::subscriber::{
    Choices, Consent, Entry, Format, Joining, Origin, SubscriptionStatus, SuppressionReason,
};

#[path = "../../tests/postgres/server.rs"]
mod server;

#[expect(clippy::duplicate_mod, reason = "the same tests on either database")]
mod on_postgres;
mod on_sqlite;

const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);
const ME: SenderId = SenderId(7);
static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::built_in().unwrap());

fn judging() -> Judging<'static> {
    Judging { rules: &RULES, at: NOW }
}

struct TestStore<const POSTGRES: bool> {
    store: Store,
    url: StoreUrl,
    folder: tempfile::TempDir,
    _schema: Option<server::Schema>,
    references: std::sync::atomic::AtomicU64,
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

/// For [`Store::suppress`].
fn suppressed(
    address: &EmailAddress,
    reason: SuppressionReason,
    at: Timestamp,
) -> Vec<(String, SuppressionReason, Timestamp, Option<String>)> {
    let key = address.key();
    vec![(key.clone(), reason, at, Some(format!("hash of {key}")))]
}

/// What somebody agrees to who comes back by a page.
fn agreed(at: Timestamp) -> Consent {
    Consent { at, asked_at: None, from: Some("a page".into()), wording: Some("Send me this".into()) }
}

fn row(entry: Entry) -> ListRow {
    ListRow {
        entry,
        standing: Standing::Subscribed,
        doubts: Doubts::default(),
        since: None,
        suppressed: None,
        suppressed_at: None,
        more: None,
    }
}

impl<const POSTGRES: bool> TestStore<POSTGRES> {
    /// Of a property: a store on a server costs more to make.
    const CASES: u32 = if POSTGRES { 6 } else { 24 };

    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let schema = POSTGRES.then(server::Schema::new);
        let url = match &schema {
            Some(schema) => StoreUrl::Postgres(schema.url().into()),
            None => StoreUrl::Sqlite(folder.path().join("pressroom.db")),
        };
        let store = Store::at(&url).await.unwrap();
        Self { store, url, folder, _schema: schema, references: 1.into() }
    }

    /// The same store, opened again.
    async fn again(&self) -> Store {
        Store::at(&self.url).await.unwrap()
    }

    fn reference(&self) -> Reference {
        let count = self.references.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Reference((count + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    async fn import_entries(&self, entries: Vec<Entry>, allow_shrink: bool) -> Imported {
        let rows = entries.into_iter().map(row).collect();
        self.import_rows(rows, TakingIn { list: &list(), now: NOW, allow_shrink, keep_absent: false }).await
    }

    /// As `lists::import` does with what it sorted.
    async fn import_rows(&self, rows: Vec<ListRow>, how: TakingIn<'_>) -> Imported {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(8);
        let keyed = rows.into_iter().rev().map(|row| (row.entry.address.key(), row));
        let sorted: BTreeMap<_, _> = keyed.collect();
        let incoming = sorted.into_iter().map(|(key, row)| Incoming {
            erased: Some(format!("hash of {key}")),
            key,
            row,
        });
        sender.send(incoming.collect()).await.unwrap();
        sender.send(Vec::new()).await.unwrap();
        let fill = |bytes: &mut [u8]| bytes.copy_from_slice(&self.reference().0.to_le_bytes());
        self.take_in(how, &mut receiver, fill).await.unwrap()
    }

    async fn import(&self, addresses: &[&str]) -> ImportCounts {
        let entries = addresses.iter().map(|address| entry(address)).collect();
        match self.import_entries(entries, true).await {
            Imported::Applied(counts) => counts,
            Imported::Shrunk { .. } | Imported::Broken => panic!("shrinking was allowed"),
        }
    }

    /// Answers whether that changed anything; of one who was erased it does not.
    async fn take_off(&self, list: &ListName, address: &EmailAddress) -> bool {
        let hash = format!("hash of {}", address.key());
        let newcomer = Newcomer { reference: self.reference(), erased: Some(&hash) };
        match self.unsubscribe(list, address, newcomer, NOW).await {
            Err(StoreError::ErasedMeanwhile) => false,
            done => done.unwrap(),
        }
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
