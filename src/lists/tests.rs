mod importing;

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::event::Rules;
use crate::id::ListName;
use crate::mailbox::{EmailAddress, Mailbox};
use crate::store::{Judging, Store};
use crate::subscriber::Choices;
use crate::token::Keys;

const HOW: Import = Import { allow_shrink: false, at: Timestamp::constant(1_700_000_000, 0), keys: None };

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::built_in().unwrap());

fn judging() -> Judging<'static> {
    Judging { rules: &RULES, at: HOW.at }
}

struct TestLists {
    store: Store,
    keys: Option<std::sync::Arc<Keys>>,
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
        Self { store, keys: None, _folder: folder, randomness: 0 }
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
        let on = OnList { store: &self.store, list: &readers(), keys: self.keys.as_deref(), at: HOW.at };
        add(on, mailbox, fill).await.unwrap().to_string()
    }

    async fn unsubscribe(&mut self, list: &str, text: &str) -> String {
        let list = list.parse().unwrap();
        let fill = Self::fill(&mut self.randomness);
        let on = OnList { store: &self.store, list: &list, keys: self.keys.as_deref(), at: HOW.at };
        unsubscribe(on, &address(text), fill).await.unwrap().to_string()
    }

    async fn show(&self, text: &str) -> String {
        show(&self.store, self.keys.as_deref(), &address(text)).await.unwrap().to_string()
    }

    async fn audience(&self) -> Vec<String> {
        let readers = self.store.recipients(&readers(), None, 100, HOW.at).await.unwrap();
        readers.into_iter().map(|reader| reader.address.to_string()).collect()
    }
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
    use crate::subscriber::SuppressionReason;
    let mut lists = TestLists::new().await;
    lists.import("email,name,city,tracking\nada@example.com,Ada,London,individual\n", HOW).await.unwrap();
    let ada = lists.store.reader(&address("ada@example.com")).await.unwrap().unwrap();
    let choices =
        Choices { tracking: Some(Tracking::None), paused_until: Some(HOW.at), ..Choices::default() };
    lists.store.choose(&readers(), ada.id, &choices, judging()).await.unwrap();
    let bounced = (ada.address.key(), SuppressionReason::Bounced, HOW.at, None);
    lists.store.suppress(vec![bounced]).await.unwrap();
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

fn fixture(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/exports");
    std::fs::read_to_string(format!("{folder}/{name}.csv")).unwrap()
}

impl TestLists {
    async fn export(&self) -> String {
        let mut file = Vec::new();
        export(&self.store, &readers(), &mut file).await.unwrap();
        String::from_utf8(file).unwrap()
    }
}

#[tokio::test]
async fn an_export_of_another_service_is_known_and_only_its_subscribed_get_mail() {
    let mut said = Vec::new();
    for service in ["substack", "listmonk", "buttondown", "ghost", "kit", "beehiiv"] {
        let mut lists = TestLists::new().await;
        let outcome = lists.import(&fixture(service), HOW).await.unwrap();
        let audience = lists.audience().await;
        assert!(
            audience.iter().all(|address| ["ada@example.com", "bo@example.org"].contains(&address.as_str()))
        );
        said.push(format!("{outcome}\n{}", lists.export().await));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test]
async fn mailchimp_has_a_file_each_for_those_who_are_on_a_list_and_those_who_are_not() {
    let mut lists = TestLists::new().await;
    let mut said = Vec::new();
    for part in ["subscribed", "unsubscribed", "cleaned"] {
        said.push(lists.import(&fixture(&format!("mailchimp-{part}")), HOW).await.unwrap().to_string());
    }
    for address in ["ada@example.com", "cy@example.com", "di@example.net", "ed@example.com"] {
        said.push(lists.show(address).await);
    }
    assert_eq!(lists.audience().await, ["ada@example.com", "Bo@example.org"]);
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test]
async fn nobody_writes_to_whoever_stands_in_a_do_not_mail_list() {
    let mut lists = TestLists::new().await;
    lists.import("email\nada@example.com\nbo@example.org\ndi@example.net\n", HOW).await.unwrap();
    let mut said = Vec::new();
    for file in [fixture("do-not-mail"), "\u{feff}ed@example.com\r\nADA@example.com\r\n".to_owned()] {
        said.push(suppress(&lists.store, None, file.as_bytes(), HOW.at).await.unwrap().to_string());
    }
    for address in ["ada@example.com", "bo@example.org", "cy@example.com"] {
        said.push(lists.show(address).await);
    }
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(lists.audience().await, ["di@example.net"]);
    assert!(suppress(&lists.store, None, &b"name\nAda\n"[..], HOW.at).await.is_err());
}

#[tokio::test]
async fn in_a_do_not_mail_list_an_address_counts_whatever_else_of_its_line_cannot_be_read() {
    let lists = TestLists::new().await;
    let file =
        b"email,reason\nada@example.com,gek\xFCndigt\nbo@example.com,\"gone\" twice\nno\xFCm@example.com,\n";
    insta::assert_snapshot!(suppress(&lists.store, None, &file[..], HOW.at).await.unwrap(), @"
    nobody writes to 2 addresses any more; 1 bad and skipped
      line 4: it is not UTF-8; save the file as UTF-8
    2 not whole, and counted
      line 2: its reason is not UTF-8; the address counts
      line 3: its quotes do not match; the address counts
    ");
}

#[tokio::test]
async fn what_a_reader_chose_and_the_file_says_otherwise_is_no_change_in_their_own_store_and_stays_in_another()
 {
    use crate::newsletter::Tracking;
    let mut lists = TestLists::new().await;
    let file = "email,name\nada@example.com,Ada\nbo@example.org,Bo\n";
    lists.import(file, HOW).await.unwrap();
    let ada = lists.store.reader(&address("ada@example.com")).await.unwrap().unwrap();
    let choices = Choices { name: Some(String::new()), tracking: Some(Tracking::None), ..Choices::default() };
    lists.store.choose(&readers(), ada.id, &choices, judging()).await.unwrap();
    let exported = lists.export().await;
    let said = lists.import(&exported, HOW).await.unwrap().to_string();
    assert_eq!(said, "list readers: 2 unchanged");
    assert_eq!(lists.import(file, HOW).await.unwrap().counts.unchanged, 2);
    let mut others = TestLists::new().await;
    for file in [&exported, file] {
        others.import(file, HOW).await.unwrap();
    }
    let ada = others.store.reader(&address("ada@example.com")).await.unwrap().unwrap();
    assert_eq!(ada.subscriptions[0].choices, choices, "what they took away stays away");
}

#[tokio::test]
async fn an_exported_list_imports_again_as_it_was_and_harms_no_spreadsheet() {
    use crate::subscriber::{Format, SuppressionReason};
    let mut lists = TestLists::new().await;
    let file = "email,name,tracking,format,note,city\n=ada@example.com,=1+1,none,text,\"-2, 'tis\",Zürich\n\
        bo@example.org,'=x,,,+49 1,\ncy@example.com,Cy,,,@cy,\n-di@example.net,,,,,\n";
    lists.import(file, HOW).await.unwrap();
    let bo = lists.store.reader(&address("bo@example.org")).await.unwrap().unwrap();
    let choices = Choices { name: Some("@Bo".to_owned()), format: Some(Format::Text), ..Choices::default() };
    let choices = Choices { paused_until: Some(HOW.at), ..choices };
    lists.store.choose(&readers(), bo.id, &choices, judging()).await.unwrap();
    lists.unsubscribe("readers", "cy@example.com").await;
    let before = HOW.at - SignedDuration::from_hours(24);
    let bounced = ("-di@example.net".to_owned(), SuppressionReason::Bounced, before, None);
    lists.store.suppress(vec![bounced]).await.unwrap();
    let exported = lists.export().await;
    insta::assert_snapshot!(exported);
    let mut others = TestLists::new().await;
    let later = Import { at: HOW.at + SignedDuration::from_hours(9000), ..HOW };
    others.import(&exported, later).await.unwrap();
    assert_eq!(others.export().await, exported);
    assert_eq!(lists.audience().await.len(), others.audience().await.len());
}

#[tokio::test]
async fn who_is_erased_is_in_nothing_that_is_kept_and_no_import_brings_them_back() {
    let mut lists = TestLists::new().await;
    let file = "email,name\nada.lovelace@example.com,Countess\nbo@example.org,Bo\n";
    lists.import(file, HOW).await.unwrap();
    let keys = Keys::generate(|bytes| bytes.fill(3));
    let ada = address("ADA.Lovelace@example.com");
    let id = lists.store.reader(&ada).await.unwrap().unwrap().id;
    for name in ["Countess Lovelace", "Countess of Lovelace", "The Countess"] {
        let choices = Choices { name: Some(name.to_owned()), ..Choices::default() };
        lists.store.choose(&"readers".parse().unwrap(), id, &choices, judging()).await.unwrap();
    }
    let erased = erase(&lists.store, &keys, &ada, Vec::new(), judging()).await.unwrap();
    let again = erase(&lists.store, &keys, &ada, Vec::new(), judging()).await.unwrap();
    insta::assert_snapshot!(format!("{erased}\n{again}"), @"
    ADA.Lovelace@example.com is erased: 1 subscription removed; no import brings them back
    ADA.Lovelace@example.com is erased: nothing was held; no import brings them back
    ");
    let how = Import { keys: Some(std::sync::Arc::new(keys)), ..HOW };
    assert_eq!(lists.import(file, how.clone()).await.unwrap().counts.left, 1);
    assert_eq!(lists.audience().await, ["bo@example.org"]);
    let held = held(&lists.store, how.keys.as_deref(), &ada).await.unwrap();
    assert!(held.shown.suppression.is_some() && held.shown.subscriptions.is_empty());
    lists.keys = how.keys;
    let do_not_mail = &b"ada.lovelace@example.com\ncy@example.com\n"[..];
    let said = [
        lists.add("Countess <Ada.Lovelace@example.com>").await,
        lists.unsubscribe("readers", "ada.lovelace@example.com").await,
        lists.show("ada.lovelace@example.com").await,
        suppress(&lists.store, lists.keys.as_deref(), do_not_mail, HOW.at).await.unwrap().to_string(),
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    Ada.Lovelace@example.com was erased and stays away from the list readers: only they can come back, by the page to join
    ada.lovelace@example.com was erased; nothing is kept of them, and no import will add them
    ada.lovelace@example.com is on no list
    no mail goes there: they asked to be erased, 2023-11-14
    nobody writes to 1 address any more; 1 were known
    ");
    let folder = lists.store.folder();
    lists.store.close().await.unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(!text.contains("lovelace") && !text.contains("countess"));
    }
}

#[tokio::test]
async fn a_list_is_counted_by_kind_and_by_month() {
    let mut lists = TestLists::new().await;
    lists.import(&fixture("kit"), HOW).await.unwrap();
    lists.add("Go <go@example.com>").await;
    lists.unsubscribe("readers", "bo@example.org").await;
    insta::assert_snapshot!(stats(&lists.store, &readers(), HOW.at).await.unwrap(), @"
    list readers
      status: 2 left, 2 subscribed
      came by: 1 command, 1 file
      tracking: 2 as the newsletter has it
      format: 2 html
      month       joined     left
      2020-10          1        0
      2021-10          1        0
      2022-10          1        0
      2023-11          1        2
    ");
}
