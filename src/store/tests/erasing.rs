//! Whoever was erased is written down nowhere again, whatever is under way at that moment.

use super::subscriber::keep_people;
use super::*;

#[tokio::test]
async fn of_one_who_was_erased_no_file_writes_anything_down() {
    let store = TestStore::new().await;
    for name in ["ada", "bo", "cy"] {
        let hash = format!("hash of {name}@example.com");
        store.erase(&address(&format!("{name}@example.com")), &hash, judging()).await.unwrap();
    }
    let (bounced, complained) = (SuppressionReason::Bounced, Some(SuppressionReason::Complained));
    let rows = vec![
        ListRow { standing: Standing::Suppressed(bounced), ..row(entry("ada@example.com")) },
        ListRow { suppressed: complained, ..row(entry("bo@example.com")) },
        ListRow { standing: Standing::Left(None), ..row(entry("cy@example.com")) },
    ];
    let how = TakingIn { list: &list(), now: NOW, allow_shrink: false, keep_absent: false };
    let imported = store.import_rows(rows, how).await;
    assert_eq!(imported, Imported::Applied(ImportCounts { left: 3, ..ImportCounts::default() }));
    for address in ["ada@example.com", "bo@example.com", "cy@example.com"].map(address) {
        assert_eq!(store.suppression(&address).await.unwrap(), None);
        assert_eq!(store.reader(&address).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_erased_while_a_file_brings_them_stays_away() {
    let store = TestStore::new().await;
    let other = store.again().await;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let incoming = |name: &str| {
        let entry = entry(&format!("{name}@example.com"));
        vec![Incoming { key: entry.address.key(), erased: Some(name.to_owned()), row: row(entry) }]
    };
    let erasing = async {
        // The third is taken when the import has begun.
        for portion in [incoming("ada"), incoming("bo"), incoming("cy")] {
            sender.send(portion).await.unwrap();
        }
        let erased =
            tokio::spawn(async move { other.erase(&address("bo@example.com"), "bo", judging()).await });
        tokio::time::sleep(Duration::from_millis(200)).await;
        sender.send(Vec::new()).await.unwrap();
        erased.await.unwrap().unwrap();
    };
    let how = TakingIn { list: &list(), now: NOW, allow_shrink: false, keep_absent: false };
    let fill = |bytes: &mut [u8]| bytes.copy_from_slice(&store.reference().0.to_le_bytes());
    let (imported, ()) = tokio::join!(store.take_in(how, &mut receiver, fill), erasing);
    assert!(matches!(imported, Ok(Imported::Applied(_))), "{imported:?}");
    assert_eq!(store.audience_of().await, ["ada@example.com", "cy@example.com"]);
}

#[tokio::test]
async fn who_is_erased_while_they_tick_a_list_is_on_none() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com"]).await;
    let ada = store.reader_of("ada@example.com").await.id;
    let (other, joining) =
        ("other".parse().unwrap(), Joining { origin: Origin::Page, at: NOW, consent: None });
    assert!(store.put_on(&other, ada, joining.clone()).await.unwrap());
    store.erase(&address("ada@example.com"), "hash", judging()).await.unwrap();
    assert!(!store.put_on(&other, ada, joining).await.unwrap());
    assert_eq!(store.reader(&address("ada@example.com")).await.unwrap(), None);
}

#[tokio::test]
async fn who_is_erased_first_of_all_while_a_file_is_read_or_a_command_begins_is_written_down_by_neither() {
    let store = TestStore::new().await;
    store.import(&["bo@example.com"]).await;
    let ada = address("ada@example.com");
    store.erase(&ada, "hash", judging()).await.unwrap();
    let erased_meanwhile = |error| assert!(matches!(error, StoreError::ErasedMeanwhile), "{error}");
    let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
    let incoming = |name| {
        let entry = entry(name);
        Incoming { key: entry.address.key(), row: row(entry), erased: None }
    };
    sender.send(vec![incoming("ada@example.com"), incoming("bo@example.com")]).await.unwrap();
    sender.send(Vec::new()).await.unwrap();
    let how = TakingIn { list: &list(), now: NOW, allow_shrink: false, keep_absent: false };
    erased_meanwhile(store.take_in(how, &mut receiver, |bytes| bytes.fill(1)).await.unwrap_err());
    for erased in [None, Some("hash")] {
        let newcomer = Newcomer { reference: Reference(9), erased };
        let joining = Joining { origin: Origin::Command, at: NOW, consent: None };
        let added = store.subscribe(&list(), &entry("ada@example.com"), newcomer, joining).await;
        erased_meanwhile(added.unwrap_err());
        erased_meanwhile(store.unsubscribe(&list(), &ada, newcomer, NOW).await.unwrap_err());
    }
    let suppressed = vec![(ada.key(), SuppressionReason::DoNotMail, NOW, None)];
    erased_meanwhile(store.suppress(suppressed).await.unwrap_err());
    assert_eq!((store.reader(&ada).await.unwrap(), store.suppression(&ada).await.unwrap()), (None, None));
    assert_eq!(store.audience_of().await, ["bo@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_erased_at_the_moment_that_they_are_suppressed_is_not_written_down() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com"]).await;
    let ada = store.reader_of("ada@example.com").await;
    let [sender, operator] = [store.again().await, store.again().await];
    let mut writing = store.store.write().await.unwrap();
    let mut erasing = writing.begin().await.unwrap();
    keep_people(&mut erasing).await.unwrap();
    for statement in [
        "delete from subscription",
        "delete from reader_reference",
        "delete from subscriber",
        "insert into suppression (key, reason, at) values ('hash of ada@example.com', 'erased', 0)",
    ] {
        sql(statement).execute(&mut erasing).await.unwrap();
    }
    let bounced = [(ada.id, "5.1.1".to_owned())];
    let bouncing = tokio::spawn(async move { sender.suppress_bounced(&bounced, NOW).await });
    let entry = suppressed(&ada.address, SuppressionReason::DoNotMail, NOW);
    let listing = tokio::spawn(async move { operator.suppress(entry).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    erasing.commit().await.unwrap();
    bouncing.await.unwrap().unwrap();
    assert_eq!(listing.await.unwrap().unwrap(), 0);
    assert_eq!(store.suppression(&ada.address).await.unwrap(), None);
}
