use super::*;

#[tokio::test]
async fn a_file_becomes_the_audience() {
    let store = TestStore::new().await;
    let counts = store.import(&["bo@example.com", "Ada@example.com"]).await;
    assert_eq!(counts, ImportCounts { added: 2, ..ImportCounts::default() });
    assert_eq!(store.audience_of().await, ["Ada@example.com", "bo@example.com"]);
}

#[tokio::test]
async fn importing_the_same_file_again_changes_nothing() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com", "bo@example.com"]).await;
    let before = store.recipients(&list(), None, 10, NOW).await.unwrap();
    let counts = store.import(&["ada@example.com", "bo@example.com"]).await;
    assert_eq!(counts, ImportCounts { unchanged: 2, ..ImportCounts::default() });
    assert_eq!(store.recipients(&list(), None, 10, NOW).await.unwrap(), before);
}

#[tokio::test]
async fn who_is_gone_from_the_file_leaves_the_audience_and_may_return() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com", "bo@example.com"]).await;
    let reference = store.recipients(&list(), None, 1, NOW).await.unwrap()[0].reference;
    assert_eq!(store.import(&["bo@example.com"]).await.gone, 1);
    assert_eq!(store.audience_of().await, ["bo@example.com"]);
    assert_eq!(store.audience(&list(), NOW).await.unwrap().skipped, BTreeMap::new());
    let counts = store.import(&["ada@example.com", "bo@example.com"]).await;
    assert_eq!(counts, ImportCounts { returned: 1, unchanged: 1, ..ImportCounts::default() });
    assert_eq!(store.recipients(&list(), None, 1, NOW).await.unwrap()[0].reference, reference);
}

#[tokio::test]
async fn who_left_stays_away_whatever_the_file_says() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com", "bo@example.com"]).await;
    assert!(store.take_off(&list(), &address("ADA@example.com")).await);
    assert!(!store.take_off(&list(), &address("ada@example.com")).await);
    let counts = store.import(&["ada@example.com", "bo@example.com"]).await;
    assert_eq!(counts, ImportCounts { left: 1, unchanged: 1, ..ImportCounts::default() });
    let named = Entry { name: Some("Ada".to_owned()), ..entry("ada@example.com") };
    let imported = store.import_entries(vec![named, entry("bo@example.com")], false).await;
    assert_eq!(imported, Imported::Applied(counts), "also where their line says something else");
    assert_eq!(store.reader_of("ada@example.com").await.subscriptions[0].name.as_deref(), Some("Ada"));
    store.import(&["bo@example.com"]).await;
    store.import(&["ada@example.com", "bo@example.com"]).await;
    let entry = entry("ada@example.com");
    assert!(
        !store
            .subscribe(
                &list(),
                &entry,
                store.reference().into(),
                Joining { origin: Origin::Command, at: NOW, consent: None }
            )
            .await
            .unwrap()
    );
    assert_eq!(store.audience_of().await, ["bo@example.com"]);
    let skipped = store.audience(&list(), NOW).await.unwrap().skipped;
    assert_eq!(skipped, BTreeMap::from([(SkipReason::Unsubscribed, 1)]));
}

#[tokio::test]
async fn who_joined_elsewhere_stays_without_the_file() {
    let store = TestStore::new().await;
    let di = entry("di@example.com");
    let joining = Joining { origin: Origin::Page, at: NOW, consent: None };
    assert!(store.subscribe(&list(), &di, store.reference().into(), joining.clone()).await.unwrap());
    assert!(!store.subscribe(&list(), &di, store.reference().into(), joining).await.unwrap());
    store.import(&["ada@example.com", "di@example.com"]).await;
    assert_eq!(store.import(&["ada@example.com"]).await.gone, 0);
    assert_eq!(store.audience_of().await, ["di@example.com", "ada@example.com"]);
}

#[tokio::test]
async fn what_a_person_chose_outranks_the_file() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com"]).await;
    let ada = store.reader_of("ada@example.com").await.id;
    let choices = Choices {
        name: Some("Countess".to_owned()),
        tracking: Some(Tracking::None),
        format: Some(Format::Text),
        paused_until: None,
    };
    store.choose(&list(), ada, &choices, judging()).await.unwrap();
    let file = Entry {
        name: Some("Ada".to_owned()),
        tracking: Some(Tracking::Individual),
        format: Some(Format::Html),
        attributes: BTreeMap::from([("city".to_owned(), "London".to_owned())]),
        ..entry("ada@example.com")
    };
    assert!(
        matches!(store.import_entries(vec![file], false).await, Imported::Applied(counts) if counts.changed == 1)
    );
    let ada = store.recipients(&list(), None, 1, NOW).await.unwrap().remove(0);
    assert_eq!(
        (ada.name.as_deref(), ada.tracking, ada.format),
        (Some("Countess"), Some(Tracking::None), Format::Text)
    );
    assert_eq!(ada.attributes["city"], "London");
    let shown = &store.reader_of("ada@example.com").await.subscriptions[0];
    assert_eq!((shown.name.as_deref(), &shown.choices), (Some("Ada"), &choices));
}

#[tokio::test]
async fn an_exports_word_on_choices_and_origin_fills_in_what_the_list_lacks_and_no_more() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com", "bo@example.com"]).await;
    let ada = store.reader_of("ada@example.com").await.id;
    let newer = Choices { tracking: Some(Tracking::Aggregate), ..Choices::default() };
    store.choose(&list(), ada, &newer, judging()).await.unwrap();
    let older = Choices { tracking: Some(Tracking::None), format: Some(Format::Text), ..Choices::default() };
    let more = More { origin: Some(Origin::Page), choices: older.clone(), consent: None };
    let rows = || {
        let exported = |address| ListRow { more: Some(Box::new(more.clone())), ..row(entry(address)) };
        vec![exported("ada@example.com"), row(entry("bo@example.com")), exported("cy@example.com")]
    };
    let how = TakingIn { list: &list(), now: NOW, allow_shrink: false, keep_absent: false };
    let counts = |imported| match imported {
        Imported::Applied(counts) => (counts.added, counts.changed, counts.unchanged),
        Imported::Shrunk { .. } | Imported::Broken => panic!("{imported:?}"),
    };
    assert_eq!(counts(store.import_rows(rows(), how).await), (1, 1, 1));
    assert_eq!(counts(store.import_rows(rows(), how).await), (0, 0, 3));
    store.import(&["bo@example.com"]).await;
    let members = store.members(&list(), None, 3).await.unwrap();
    let [ada, bo, cy] = [0, 1, 2].map(|at| members[at].subscription.clone());
    assert_eq!(ada.choices, Choices { tracking: newer.tracking, ..older.clone() });
    assert_eq!((bo.choices, cy.choices), (Choices::default(), older));
    assert_eq!((ada.origin, bo.origin, cy.origin), (Origin::Page, Origin::File, Origin::Page));
    assert_eq!(store.audience_of().await.len(), 3);
}

#[tokio::test]
async fn who_pauses_or_is_suppressed_is_skipped_with_the_reason() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com", "bo@example.com", "cy@example.com"]).await;
    let ada = store.reader_of("ada@example.com").await.id;
    let until = NOW + SignedDuration::from_hours(1);
    let pause = Choices { paused_until: Some(until), ..Choices::default() };
    store.choose(&list(), ada, &pause, judging()).await.unwrap();
    store.suppress(suppressed(&address("BO@example.com"), SuppressionReason::Complained, NOW)).await.unwrap();
    assert_eq!(store.audience_of().await, ["cy@example.com"]);
    let skipped = store.audience(&list(), NOW).await.unwrap().skipped;
    assert_eq!(skipped, BTreeMap::from([(SkipReason::Paused, 1), (SkipReason::Suppressed, 1)]));
    assert_eq!(store.audience(&list(), until).await.unwrap().active, 2);
}

#[tokio::test]
async fn whoever_an_export_has_as_suppressed_is_so_since_the_day_that_it_gives() {
    let store = TestStore::new().await;
    let (reason, at) = (SuppressionReason::Complained, NOW - SignedDuration::from_hours(24));
    let ada = ListRow { suppressed: Some(reason), suppressed_at: Some(at), ..row(entry("ada@example.com")) };
    let how = TakingIn { list: &list(), now: NOW, allow_shrink: false, keep_absent: false };
    store.import_rows(vec![ada, row(entry("bo@example.com"))], how).await;
    let suppressed: Vec<_> =
        store.members(&list(), None, 3).await.unwrap().into_iter().map(|member| member.suppressed).collect();
    assert_eq!(suppressed, [Some((reason, at)), None]);
}

#[tokio::test]
async fn a_file_that_shrank_by_more_than_a_tenth_changes_nothing() {
    let store = TestStore::new().await;
    let readers = |count| (0..count).map(|n| entry(&format!("r{n}@example.com"))).collect::<Vec<_>>();
    store.import_entries(readers(20), false).await;
    assert!(matches!(store.import_entries(readers(18), false).await, Imported::Applied(_)));
    assert_eq!(store.import_entries(readers(16), false).await, Imported::Shrunk { before: 18, after: 16 });
    assert_eq!(store.import_entries(Vec::new(), false).await, Imported::Shrunk { before: 18, after: 0 });
    assert_eq!(store.audience_of().await.len(), 18);
    assert!(
        matches!(store.import_entries(readers(2), true).await, Imported::Applied(counts) if counts.gone == 16)
    );
}

#[tokio::test]
async fn an_import_given_up_midway_leaves_no_trace() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com"]).await;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let bo = Incoming { key: "bo@example.com".to_owned(), row: row(entry("bo@example.com")), erased: None };
    sender.send(vec![bo]).await.unwrap();
    drop(sender);
    let how = TakingIn { list: &list(), now: NOW, allow_shrink: true, keep_absent: false };
    let imported = store.take_in(how, &mut receiver, |bytes| bytes.fill(1)).await.unwrap();
    assert_eq!(imported, Imported::Broken);
    assert_eq!(store.audience_of().await, ["ada@example.com"]);
    assert_eq!(store.import(&["ada@example.com"]).await.unchanged, 1);
}

#[tokio::test]
async fn lists_do_not_mix() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com"]).await;
    let other: ListName = "other".parse().unwrap();
    let ada = Entry { name: Some("A.".to_owned()), ..entry("ada@example.com") };
    let how = TakingIn { list: &other, now: NOW, allow_shrink: false, keep_absent: false };
    store.import_rows(vec![row(ada)], how).await;
    store.take_off(&other, &address("ada@example.com")).await;
    assert_eq!(store.audience_of().await, ["ada@example.com"]);
    let statuses: Vec<_> = store
        .reader_of("ada@example.com")
        .await
        .subscriptions
        .into_iter()
        .map(|s| (s.status, s.name))
        .collect();
    let left = (SubscriptionStatus::Left, Some("A.".to_owned()));
    assert_eq!(statuses, [left, (SubscriptionStatus::Subscribed, None)]);
}

#[tokio::test]
async fn who_left_elsewhere_is_known_as_one_who_left_and_no_later_file_adds_them() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com", "bo@example.com"]).await;
    let at = NOW - SignedDuration::from_hours(24);
    let left = |text| ListRow { standing: Standing::Left(Some(at)), ..row(entry(text)) };
    let rows = vec![row(entry("ada@example.com")), left("bo@example.com"), left("cy@example.com")];
    let how = TakingIn { list: &list(), now: NOW, allow_shrink: true, keep_absent: false };
    let Imported::Applied(counts) = store.import_rows(rows, how).await else { panic!("it was allowed") };
    assert_eq!(counts, ImportCounts { unchanged: 1, departed: 2, ..ImportCounts::default() });
    let counts = store.import(&["ada@example.com", "bo@example.com", "cy@example.com"]).await;
    assert_eq!((counts.added, counts.left), (0, 2));
    assert_eq!(store.audience_of().await, ["ada@example.com"]);
    for address in ["bo@example.com", "cy@example.com"] {
        let reader = store.reader_of(address).await;
        assert_eq!(reader.subscriptions[0].left_at, Some(at));
    }
}

#[tokio::test]
async fn who_joined_by_themselves_since_stays_whatever_an_old_export_says() {
    let store = TestStore::new().await;
    let joining = Joining { origin: Origin::Page, at: NOW, consent: None };
    store.subscribe(&list(), &entry("di@example.com"), store.reference().into(), joining).await.unwrap();
    let left = ListRow { standing: Standing::Left(None), ..row(entry("di@example.com")) };
    let how = TakingIn { list: &list(), now: NOW, allow_shrink: true, keep_absent: false };
    store.import_rows(vec![left], how).await;
    assert_eq!(store.audience_of().await, ["di@example.com"]);
}

#[tokio::test]
async fn an_export_of_leavers_takes_nobody_else_off() {
    let store = TestStore::new().await;
    store.import(&["ada@example.com", "bo@example.com"]).await;
    let suppressed = Standing::Suppressed(SuppressionReason::Bounced);
    let rows = vec![ListRow { standing: suppressed, ..row(entry("cy@example.com")) }];
    let how = TakingIn { list: &list(), now: NOW, allow_shrink: true, keep_absent: true };
    store.import_rows(rows, how).await;
    assert_eq!(store.audience_of().await, ["ada@example.com", "bo@example.com"]);
    assert!(store.reader(&address("cy@example.com")).await.unwrap().is_none());
    assert!(store.suppression(&address("cy@example.com")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_long_list_is_merged_page_by_page() {
    let store = TestStore::new().await;
    let names =
        |from: u32, to: u32| (from..to).map(|n| entry(&format!("r{n}@example.com"))).collect::<Vec<_>>();
    store.import_entries(names(0, 2700), true).await;
    let Imported::Applied(counts) = store.import_entries(names(300, 3500), true).await else {
        panic!("it was allowed")
    };
    assert_eq!((counts.added, counts.unchanged, counts.gone), (800, 2400, 300));
    assert_eq!(store.audience(&list(), NOW).await.unwrap().active, 3200);
}

/// Whoever wrote it down looked whether anybody was erased when nobody was, and the first erasure came in between.
#[tokio::test]
async fn who_is_gone_from_the_file_and_added_by_hand_is_called_what_is_said_now_or_what_the_file_said() {
    let store = TestStore::new().await;
    let called = |name: &str| Some(name.to_owned());
    let filed = |text, name| Entry { name: called(name), format: Some(Format::Text), ..entry(text) };
    let entries = vec![filed("ada@example.com", "Ada"), filed("bo@example.com", "Bo")];
    store.import_entries(entries, true).await;
    store.import(&[]).await;
    let joining = Joining { origin: Origin::Command, at: NOW, consent: None };
    let named =
        Entry { name: called("Countess"), tracking: Some(Tracking::None), ..entry("ada@example.com") };
    for entry in [named, entry("bo@example.com")] {
        let newcomer = store.reference().into();
        assert!(store.subscribe(&list(), &entry, newcomer, joining.clone()).await.unwrap());
    }
    let [ada, bo] = &store.members(&list(), None, 3).await.unwrap()[..] else { panic!("both are back") };
    let [ada, bo] = [&ada.subscription, &bo.subscription];
    assert_eq!(
        (&ada.name, ada.tracking, ada.format),
        (&called("Countess"), Some(Tracking::None), Some(Format::Text))
    );
    assert_eq!((&bo.name, bo.tracking, bo.format), (&called("Bo"), None, Some(Format::Text)));
}
