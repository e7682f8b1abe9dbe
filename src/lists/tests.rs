use jiff::Timestamp;

use super::*;
use crate::id::ListName;
use crate::mailbox::{EmailAddress, Mailbox};
use crate::store::Store;

const HOW: Import = Import { allow_shrink: false, at: Timestamp::constant(1_700_000_000, 0) };

struct TestLists {
    store: Store,
    _folder: tempfile::TempDir,
    randomness: u64,
}

fn readers() -> ListName {
    "readers".parse().unwrap()
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

impl TestLists {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("pressroom.db")).await.unwrap();
        Self { store, _folder: folder, randomness: 0 }
    }

    /// Different each time, and zero at first.
    fn fill(randomness: &mut u64) -> impl FnMut(&mut [u8]) {
        |bytes| {
            bytes.copy_from_slice(&randomness.to_le_bytes());
            *randomness += 1;
        }
    }

    async fn import(&mut self, file: &str, how: Import) -> Result<ImportOutcome, ImportError> {
        let file = std::io::Cursor::new(file.to_owned());
        import(&self.store, &readers(), file, how, Self::fill(&mut self.randomness)).await
    }

    async fn add(&mut self, mailbox: &str) -> String {
        let mailbox = Mailbox::parse(mailbox).unwrap();
        let fill = Self::fill(&mut self.randomness);
        add(&self.store, &readers(), mailbox, HOW.at, fill).await.unwrap().to_string()
    }

    async fn unsubscribe(&mut self, list: &str, text: &str) -> String {
        let list = list.parse().unwrap();
        let fill = Self::fill(&mut self.randomness);
        unsubscribe(&self.store, &list, &address(text), HOW.at, fill).await.unwrap().to_string()
    }

    async fn show(&self, text: &str) -> String {
        show(&self.store, &address(text)).await.unwrap().to_string()
    }

    async fn audience(&self) -> Vec<String> {
        let readers = self.store.recipients(&readers(), None, 100, HOW.at).await.unwrap();
        readers.into_iter().map(|reader| reader.address.to_string()).collect()
    }
}

#[tokio::test]
async fn an_import_says_what_it_did_and_which_lines_were_bad() {
    let mut lists = TestLists::new().await;
    let file = "email,name\nada@example.com,Ada\nnobody,\nADA@example.com,Ada\nbo@example.com,\n";
    let outcome = lists.import(file, HOW).await.unwrap();
    insta::assert_snapshot!(outcome, @"
    list readers: 2 added, 1 repeated, 1 bad and skipped
      line 3: the address is malformed: it lacks an `@`
    ");
    assert_eq!(serde_json::to_value(&outcome).unwrap()["bad"]["first"][0]["line"], 3);
    insta::assert_snapshot!(lists.import(file, HOW).await.unwrap(), @"
    list readers: 2 unchanged, 1 repeated, 1 bad and skipped
      line 3: the address is malformed: it lacks an `@`
    ");
}

#[tokio::test]
async fn of_many_bad_lines_the_first_are_named_and_the_rest_counted() {
    let mut lists = TestLists::new().await;
    let file = format!("email\nada@example.com\n{}", "nobody\n".repeat(1000));
    let said = lists.import(&file, HOW).await.unwrap().to_string();
    assert_eq!(said.lines().count(), 22);
    assert!(said.ends_with("\n  and 980 more"), "{said}");
}

#[tokio::test]
async fn a_large_file_is_taken_in_whole() {
    let mut lists = TestLists::new().await;
    let lines: Vec<String> = (0..1234).map(|n| format!("reader{n}@example.com\n")).collect();
    let outcome = lists.import(&format!("email\n{}", lines.concat()), HOW).await.unwrap();
    assert_eq!(outcome.counts.added, 1234);
    assert_eq!(lists.store.audience(&readers(), HOW.at).await.unwrap().active, 1234);
}

#[tokio::test]
async fn a_file_that_cannot_serve_changes_nothing_and_says_why() {
    let mut lists = TestLists::new().await;
    lists.import("email\nada@example.com\nbo@example.com\n", HOW).await.unwrap();
    let mut said = Vec::new();
    for file in ["email\n", "email\nnobody\n", "email\nada@example.com\n", "address\n"] {
        let error = lists.import(file, HOW).await.unwrap_err();
        said.push(error.to_string());
        said.extend(std::error::Error::source(&error).map(|source| format!("  because {source}")));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    no line of the list `readers` names a reader; mend the file, or say --allow-shrink to empty the list
    no line of the list `readers` names a reader; mend the file, or say --allow-shrink to empty the list
      line 2: the address is malformed: it lacks an `@`
    the list `readers` would shrink from 2 readers to 1; look whether its file is whole, or say --allow-shrink
    the list `readers` cannot be read
      because the header has no column `email`; the first line names the columns, as in `email,name`; found `address`
    ");
    assert_eq!(lists.audience().await, ["ada@example.com", "bo@example.com"]);
    let shrink = Import { allow_shrink: true, ..HOW };
    lists.import("email\n", shrink).await.unwrap();
    assert_eq!(lists.audience().await, [""; 0]);
}

#[tokio::test]
async fn who_is_added_by_hand_stays_whatever_the_file_says() {
    let mut lists = TestLists::new().await;
    let said = [
        lists.add("Di Example <di@example.com>").await,
        lists.add("DI@example.com").await,
        lists.unsubscribe("readers", "di@example.com").await,
        lists.unsubscribe("readers", "di@example.com").await,
        lists.add("di@example.com").await,
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    di@example.com is on the list readers
    DI@example.com was on the list readers already
    di@example.com left the list readers
    di@example.com had left the list readers already
    di@example.com left the list readers and stays away: only they can come back
    ");
    lists.import("email\ndi@example.com\nada@example.com\n", HOW).await.unwrap();
    assert_eq!(lists.audience().await, ["ada@example.com"]);
}

#[tokio::test]
async fn who_asks_to_leave_before_the_first_import_is_never_written_to() {
    let mut lists = TestLists::new().await;
    insta::assert_snapshot!(lists.unsubscribe("readers", "ada@example.com").await, @"ada@example.com was not on the list readers; no import will add them");
    lists.import("email\nada@example.com\nbo@example.com\n", HOW).await.unwrap();
    assert_eq!(lists.audience().await, ["bo@example.com"]);
    insta::assert_snapshot!(lists.unsubscribe("other", "bo@example.com").await, @"
    bo@example.com was not on the list other; no import will add them
    still on the list readers
    ");
}

#[tokio::test]
async fn all_that_is_known_of_a_reader_is_shown() {
    use crate::newsletter::Tracking;
    use crate::subscriber::{Choices, SuppressionReason};
    let mut lists = TestLists::new().await;
    lists.import("email,name,city,tracking\nada@example.com,Ada,London,individual\n", HOW).await.unwrap();
    let ada = lists.store.reader(&address("ada@example.com")).await.unwrap().unwrap();
    let choices =
        Choices { tracking: Some(Tracking::None), paused_until: Some(HOW.at), ..Choices::default() };
    lists.store.choose(&readers(), ada.id, &choices).await.unwrap();
    lists.store.suppress(&ada.address, SuppressionReason::Bounced, HOW.at).await.unwrap();
    lists.unsubscribe("other", "ada@example.com").await;
    insta::assert_snapshot!(lists.show("ADA@example.com").await, @"
    ada@example.com
      other: left on 2023-11-14
      readers: subscribed since 2023-11-14, by the file
        name: Ada
        tracking: none (their choice; the file says individual)
        paused until: 2023-11-14 (their choice)
        city: London
    no mail goes there: it bounced for good, 2023-11-14
    if that is over: `pressroom subscribers add ada@example.com --lift-bounce`
    ");
    insta::assert_snapshot!(lists.show("bo@example.com").await, @"bo@example.com is on no list");
}
