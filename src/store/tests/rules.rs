//! Whatever happens to a list, in whatever order, its rules hold.

use proptest::prelude::*;

use super::*;

const READERS: usize = 6;

#[derive(Debug, Clone, Copy)]
enum Event {
    /// A bit for each reader in the file; upper case for the first of them in every other file.
    Import(u8),
    Leave(usize),
    Join(usize),
    Choose(usize, Tracking),
}

#[derive(Debug, Clone, Copy, Default)]
struct Model {
    status: Option<SubscriptionStatus>,
    joined_elsewhere: bool,
    choice: Option<Tracking>,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let choice = prop_oneof![Just(Tracking::None), Just(Tracking::Aggregate), Just(Tracking::Individual)];
    let event = prop_oneof![
        (0_u8..64).prop_map(Event::Import),
        (0..READERS).prop_map(Event::Leave),
        (0..READERS).prop_map(Event::Join),
        (0..READERS, choice).prop_map(|(reader, choice)| Event::Choose(reader, choice)),
    ];
    prop::collection::vec(event, 1..12)
}

fn name(reader: usize) -> String {
    format!("reader{reader}@example.com")
}

fn in_file(file: u8) -> impl Iterator<Item = usize> {
    (0..READERS).filter(move |reader| file & (1 << reader) != 0)
}

impl Model {
    fn apply(models: &mut [Self; READERS], event: Event) {
        use SubscriptionStatus::{Gone, Left, Subscribed};
        match event {
            Event::Import(file) => {
                for (reader, model) in models.iter_mut().enumerate() {
                    let there = file & (1 << reader) != 0;
                    model.status = match model.status {
                        None | Some(Gone) if there => Some(Subscribed),
                        Some(Subscribed) if !there && !model.joined_elsewhere => Some(Gone),
                        status => status,
                    };
                }
            }
            Event::Leave(reader) => models[reader].status = Some(Left),
            Event::Join(reader) => {
                if matches!(models[reader].status, None | Some(Gone)) {
                    models[reader] =
                        Self { status: Some(Subscribed), joined_elsewhere: true, ..models[reader] };
                }
            }
            Event::Choose(reader, choice) => {
                if models[reader].status.is_some() {
                    models[reader].choice = Some(choice);
                }
            }
        }
    }
}

impl TestStore {
    async fn happen(&self, event: Event) {
        match event {
            Event::Import(file) => {
                let spell = |reader| if file % 2 == 0 { name(reader) } else { name(reader).to_uppercase() };
                let again = in_file(file).map(name);
                let entries = in_file(file)
                    .map(spell)
                    .chain(again)
                    .map(|address| Entry { tracking: Some(Tracking::Individual), ..entry(&address) });
                self.import_entries(entries.collect(), true).await;
            }
            Event::Leave(reader) => {
                self.take_off(&list(), &address(&name(reader))).await;
            }
            Event::Join(reader) => {
                let joining = Joining { origin: Origin::Page, at: NOW, consent: None };
                let entry = entry(&name(reader));
                self.subscribe(&list(), &entry, self.reference().into(), joining).await.unwrap();
            }
            Event::Choose(reader, choice) => {
                let choices = Choices { tracking: Some(choice), ..Choices::default() };
                if let Some(reader) = self.reader(&address(&name(reader))).await.unwrap() {
                    self.choose(&list(), reader.id, &choices, judging()).await.unwrap();
                }
            }
        }
    }
}

async fn hold(events: Vec<Event>) -> Result<(), TestCaseError> {
    let store = TestStore::new().await;
    let mut models = [Model::default(); READERS];
    for event in events {
        store.happen(event).await;
        Model::apply(&mut models, event);
        let recipients = store.recipients(&list(), None, 100, NOW).await.unwrap();
        let mut audience: Vec<_> = recipients.iter().map(|one| (one.address.key(), one.tracking)).collect();
        audience.sort();
        let expected = models
            .iter()
            .enumerate()
            .filter(|(_, model)| model.status == Some(SubscriptionStatus::Subscribed));
        let names: Vec<_> = expected.clone().map(|(reader, _)| name(reader)).collect();
        prop_assert_eq!(audience.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), names);
        for ((_, model), (_, tracking)) in expected.zip(&audience) {
            prop_assert!(model.choice.is_none() || model.choice == *tracking);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: TestStore::CASES, ..ProptestConfig::default() })]

    #[test]
    fn no_import_brings_back_who_left_and_nobody_is_there_twice(events in events()) {
        tokio::runtime::Runtime::new().unwrap().block_on(hold(events))?;
    }
}

#[tokio::test]
async fn who_is_left_out_is_named_with_the_reason_page_by_page_and_of_that_list_alone() {
    let store = TestStore::new().await;
    let others: ListName = "others".parse().unwrap();
    store.import(&["ada@example.com", "bo@example.com", "cy@example.com"]).await;
    for (list, text) in
        [(&list(), "ada@example.com"), (&list(), "cy@example.com"), (&others, "bo@example.com")]
    {
        assert!(store.take_off(list, &address(text)).await);
    }
    let first = store.left_out(&list(), None, 1, NOW).await.unwrap();
    let second = store.left_out(&list(), Some(first[0].id), 1, NOW).await.unwrap();
    for (page, text) in [(&first, "ada@example.com"), (&second, "cy@example.com")] {
        assert_eq!(page.len(), 1);
        assert_eq!((page[0].address.as_str(), page[0].reason), (text, SkipReason::Unsubscribed));
    }
    assert!(store.left_out(&list(), Some(second[0].id), 1, NOW).await.unwrap().is_empty());
    assert_eq!(store.lists().await.unwrap(), [others, list()]);
}
