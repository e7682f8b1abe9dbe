//! What holds of a store on a server: several senders at once, and one that dies.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use super::connection::{Connected, Connection};
use super::sending::{intents, later, number, of_all, settlement};
use super::*;
use crate::store::word::Cells;

const OTHER: SenderId = SenderId(8);

impl TestStore {
    async fn ids_leased(&self, by: SenderId, limit: u16) -> BTreeSet<SubscriberId> {
        let leased = self.lease(number(), by, of_all(limit), NOW).await.unwrap();
        leased.into_iter().map(|leased| leased.recipient.id).collect()
    }
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused() {
    let store = TestStore::new().await;
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
        values (9999, 'newer', true, '', 0)";
    sql(newer).execute(&mut store.store.write().await.unwrap()).await.unwrap();
    assert!(matches!(Store::at(&store.url).await, Err(StoreError::Newer { .. })));
}

#[tokio::test]
async fn two_that_make_a_store_at_once_both_get_it() {
    let schema = server::Schema::new();
    let url = StoreUrl::Postgres(schema.url().into());
    let (one, other) = tokio::join!(Store::at(&url), Store::at(&url));
    assert_eq!(
        (one.unwrap().lists().await.unwrap(), other.unwrap().lists().await.unwrap()),
        (vec![], vec![])
    );
}

#[tokio::test]
async fn nobody_is_leased_to_two_senders() {
    let store = TestStore::queued(40).await;
    let (one, other) = tokio::join!(store.ids_leased(ME, 25), store.ids_leased(OTHER, 25));
    assert!(one.is_disjoint(&other));
    assert_eq!(one.len() + other.len(), 40);
}

#[tokio::test]
async fn a_dead_senders_share_comes_back_and_that_of_the_living_stays() {
    let store = TestStore::queued(9).await;
    let (one, other) = (store.again().await, store.again().await);
    let _alive = one.sender_lock(ME).await.unwrap();
    let dying = other.sender_lock(OTHER).await.unwrap();
    store.ids_leased(ME, 3).await;
    let theirs = other.lease(number(), OTHER, of_all(3), NOW).await.unwrap();
    let begun: Vec<_> =
        intents(&theirs[..1]).into_iter().map(|intent| Intent { by: OTHER, ..intent }).collect();
    other.journal(number(), &begun, &[], NOW).await.unwrap();
    let survivor = store.again().await;
    let _survivor = survivor.sender_lock(SenderId(9)).await.unwrap();
    assert_eq!(
        survivor.recover(number(), later(1)).await.unwrap(),
        Recovered { queued: 0, in_doubt: 0, at_work: true }
    );
    drop(dying);
    let recovered = until_gone(&survivor).await;
    assert_eq!(recovered, Recovered { queued: 2, in_doubt: 1, at_work: true });
}

/// The server hears of an ended connection a moment later.
async fn until_gone(store: &Store) -> Recovered {
    loop {
        let recovered = store.recover(number(), later(2)).await.unwrap();
        if recovered.in_doubt > 0 {
            return recovered;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_issue_is_not_over_where_another_machine_brings_the_last_one_into_doubt_meanwhile() {
    let store = TestStore::queued(1).await;
    let leased = store.lease_some(1).await;
    store.write(&intents(&leased), &[]).await;
    let (here, there) = (store.again().await, store.again().await);
    let mut writing = there.write().await.unwrap();
    let mut transaction = writing.begin().await.unwrap();
    transaction.exclude(&issue::lock_of(number())).await.unwrap();
    let policy = crate::delivery::RetryPolicy { give_up_after: SignedDuration::from_hours(72) };
    let finish = tokio::spawn(async move { here.finish(number(), Some(policy)).await });
    // Locks are the whole server's: this one is of this test's schema.
    let waits = "select count(*) as waits from pg_locks where locktype = 'advisory' and not granted \
        and ((classid::bigint << 32) | objid::bigint) = hashtextextended(current_schema() || ' ' || $1, 0)";
    let mut reading = store.read().await.unwrap();
    let waits = || sql(waits).bind(issue::lock_of(number()));
    while Cells(&waits().fetch_one(&mut reading).await.unwrap()).integer("waits").unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    store.write(&[], &[settlement(leased[0].recipient.id, Outcome::InDoubt)]).await;
    transaction.commit().await.unwrap();
    finish.await.unwrap().unwrap();
    assert_eq!(store.state(number()).await.unwrap(), Some(IssueState::Running));
}

#[tokio::test]
async fn a_sender_that_the_server_has_dropped_cannot_write_any_more() {
    let store = TestStore::queued(3).await;
    // Locks are the whole server's: of this id there is no other in any test.
    let dropped = SenderId(1_000_000 + i64::from(std::process::id()));
    let _lock = store.sender_lock(dropped).await.unwrap();
    let leased = store.lease(number(), dropped, of_all(3), NOW).await.unwrap();
    let drop = "select count(pg_terminate_backend(pid)) as dropped from pg_locks \
        where locktype = 'advisory' and objsubid = 1 and classid = 0 and objid = $1::bigint and pid <> pg_backend_pid() \
        and database = (select oid from pg_database where datname = current_database())";
    let ended = sql(drop).bind(dropped).fetch_one(&mut store.store.read().await.unwrap()).await.unwrap();
    assert_eq!(Cells(&ended).integer("dropped").unwrap(), 1);
    let begun: Vec<_> = intents(&leased).into_iter().map(|intent| Intent { by: dropped, ..intent }).collect();
    let error = store.journal(number(), &begun, &[], NOW).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(store.counts(number()).await.unwrap().waiting, 3);
}

#[tokio::test]
async fn what_gave_way_in_a_deadlock_or_could_not_be_put_in_an_order_is_written_once_all_the_same() {
    let store = TestStore::queued(3).await;
    let _lock = store.sender_lock(ME).await.unwrap();
    let leased = store.lease(number(), ME, of_all(3), NOW).await.unwrap();
    give_way(&store, &["40P01", "40001", "40P01"]).await;
    assert_eq!(store.journal(number(), &intents(&leased), &[], NOW).await.unwrap().len(), 3);
    give_way(&store, &["40001"]).await;
    assert!(store.cancel(number(), NOW).await.unwrap());
    give_way(&store, &["40P01"; 5]).await;
    let settlements =
        leased.iter().map(|one| settlement(one.recipient.id, Outcome::InDoubt)).collect::<Vec<_>>();
    let error = store.journal(number(), &[], &settlements, NOW).await.unwrap_err();
    assert!(error.is_transient(), "not for ever: {error}");
    store.journal(number(), &[], &settlements, NOW).await.unwrap();
    let counts = store.counts(number()).await.unwrap();
    assert_eq!((counts.in_doubt, counts.waiting), (3, 0));
    assert!(
        store.deliveries(number(), Among::All, None, 9).await.unwrap().iter().all(|one| one.attempts == 1)
    );
}

/// The next changes of records end in these errors; those after them go through. What a sequence counts no rollback takes back.
async fn give_way(store: &TestStore, errors: &[&str]) {
    let errors = errors.iter().map(|error| format!("'{error}'")).collect::<Vec<_>>().join(", ");
    let fault = format!(
        "drop sequence if exists change; create sequence change; \
         create or replace function give_way() returns trigger language plpgsql as $$ \
         declare error text := (array[{errors}])[nextval('change')]; \
         begin if error is not null then raise 'give way' using errcode = error; end if; return null; end $$; \
         create or replace trigger give_way before update on delivery for each statement execute function give_way()"
    );
    let mut writing = store.store.write().await.unwrap();
    let Connection::Postgres(connection) = writing.connection() else { panic!("a store on a server") };
    sqlx::raw_sql(AssertSqlSafe(fault)).execute(connection).await.unwrap();
}

#[tokio::test]
async fn a_lost_password_is_said_without_the_url() {
    let url = "postgres://ada:very-secret@127.0.0.1:1/none".to_owned();
    let error = Store::at(&StoreUrl::Postgres(url.clone().into())).await.unwrap_err();
    assert!(error.is_transient(), "nobody listens there");
    let said = format!("{error} {error:?} {}", name(&StoreUrl::Postgres(url.into())));
    assert!(said.contains("database none at 127.0.0.1:1"), "{said}");
    assert!(!said.contains("very-secret"), "{said}");
}
