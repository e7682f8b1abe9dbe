use proptest::prelude::*;
use secrecy::ExposeSecret;

use jiff::Timestamp;

use super::*;
use crate::id::ListName;
use crate::mailbox::EmailAddress;

const PURPOSES: [Purpose; 4] = [Purpose::Click, Purpose::Open, Purpose::Unsubscribe, Purpose::Preferences];

fn keys(seed: u8) -> Keys {
    let mut next = seed;
    Keys::generate(|bytes| {
        for byte in bytes {
            *byte = next;
            next = next.wrapping_mul(5).wrapping_add(17);
        }
    })
}

fn issue(number: i64) -> IssueNumber {
    IssueNumber::new(number).unwrap()
}

#[test]
fn a_token_names_its_reader_for_its_purpose_and_issue_alone() {
    let (keys, stranger, reader) = (keys(1), keys(2), Reference(0x0123_4567_89ab_cdef));
    for made in PURPOSES {
        let token = keys.token(made, issue(379), reader);
        assert_eq!(token.as_str().len(), 34);
        for asked in PURPOSES {
            let expected = (made == asked).then_some(reader);
            assert_eq!(keys.verify(asked, issue(379), token.as_str()), expected, "{made:?} as {asked:?}");
        }
        assert_eq!(keys.verify(made, issue(380), token.as_str()), None);
        assert_eq!(stranger.verify(made, issue(379), token.as_str()), None);
    }
}

#[test]
fn what_confirms_a_request_is_the_same_in_each_of_its_mails_and_in_no_others() {
    let (keys, stranger) = (keys(1), keys(2));
    let (list, address): (ListName, _) = ("readers".parse().unwrap(), "Ada@example.com".parse().unwrap());
    let at = |second| Timestamp::from_second(second).unwrap();
    let made = keys.confirmation(&list, &address, at(1));
    assert_eq!(made.len(), 22);
    assert_eq!(made, keys.confirmation(&list, &address, at(1)));
    for other in [
        keys.confirmation(&list, &address, at(2)),
        keys.confirmation(&list, &"bo@example.com".parse().unwrap(), at(1)),
        keys.confirmation(&"others".parse().unwrap(), &address, at(1)),
        stranger.confirmation(&list, &address, at(1)),
    ] {
        assert_ne!(made, other);
    }
}

#[test]
fn a_token_changed_in_any_character_is_refused() {
    let keys = keys(1);
    let token = keys.token(Purpose::Unsubscribe, issue(379), Reference(7));
    for at in 0..token.as_str().len() {
        for other in ["A", "B", "_", "=", " "] {
            let mut changed = token.as_str().to_owned();
            changed.replace_range(at..=at, other);
            if changed != token.as_str() {
                assert_eq!(keys.verify(Purpose::Unsubscribe, issue(379), &changed), None, "{at} {other}");
            }
        }
    }
}

#[test]
fn old_links_live_on_after_new_keys_were_made() {
    let old = keys(1);
    let link = old.token(Purpose::Click, issue(1), Reference(7));
    let file = old.to_file();
    let newest = "[[token]]\nid = 2\nkey = \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"\n";
    let both = Keys::parse(&format!("{}\n{newest}", file.expose_secret())).unwrap();
    assert_eq!(both.verify(Purpose::Click, issue(1), link.as_str()), Some(Reference(7)));
    let fresh = both.token(Purpose::Click, issue(1), Reference(7));
    assert_eq!(old.verify(Purpose::Click, issue(1), fresh.as_str()), None, "the newest key signs");
    assert_eq!(both.verify(Purpose::Click, issue(1), fresh.as_str()), Some(Reference(7)));
    assert_eq!(both.to_file().expose_secret().matches("[[token]]").count(), 2);
    let list = "readers".parse().unwrap();
    assert_eq!(
        old.message_id(&list, issue(1), Reference(7)),
        both.message_id(&list, issue(1), Reference(7)),
        "message-ids never change"
    );
}

#[test]
fn rotating_makes_a_key_of_its_own_until_no_id_is_left() {
    let (mut keys, mut seed) = (keys(1), 0);
    let first = keys.token(Purpose::Click, issue(1), Reference(7));
    let id = keys.message_id(&"readers".parse().unwrap(), issue(1), Reference(7));
    for count in 2..=255 {
        seed += 1;
        keys = keys.rotate(|bytes| bytes.fill(seed)).unwrap();
        assert_eq!(keys.count(), count);
    }
    assert_ne!(keys.token(Purpose::Click, issue(1), Reference(7)), first);
    let keys = Keys::parse(keys.to_file().expose_secret()).unwrap();
    assert_eq!(keys.verify(Purpose::Click, issue(1), first.as_str()), Some(Reference(7)));
    assert_eq!(keys.message_id(&"readers".parse().unwrap(), issue(1), Reference(7)), id);
    assert_eq!(keys.rotate(|_| {}).unwrap_err(), KeysError::Full);
}

#[test]
fn specimen_tokens_are_known_as_such_and_valid_nowhere() {
    let specimen = Keys::specimen();
    for purpose in PURPOSES {
        let token = specimen.token(purpose, issue(379), Reference(7));
        assert!(is_specimen(token.as_str()));
        assert_eq!(specimen.verify(purpose, issue(379), token.as_str()), None);
        assert_eq!(keys(1).verify(purpose, issue(379), token.as_str()), None);
    }
    assert!(!is_specimen(keys(1).token(Purpose::Click, issue(379), Reference(7)).as_str()));
    assert!(!is_specimen("AA"));
}

#[test]
fn a_message_id_tells_readers_issues_and_lists_apart() {
    let keys = keys(1);
    let id = |list: &str, number, reader| {
        keys.message_id(&list.parse().unwrap(), issue(number), Reference(reader))
    };
    let ids = [id("a", 1, 7), id("b", 1, 7), id("a", 2, 7), id("a", 1, 8)];
    for (at, one) in ids.iter().enumerate() {
        assert!(one.len() == 32 && one.chars().all(|c| c.is_ascii_hexdigit()));
        assert!(!ids[at + 1..].contains(one));
    }
    assert_eq!(id("a", 1, 7), ids[0]);
}

#[test]
fn a_return_path_names_its_reader_and_issue_whatever_becomes_of_its_case() {
    let (keys, stranger, reader) = (keys(1), keys(2), Reference(0x0123_4567_89ab_cdef));
    let local = keys.return_path(issue(379), reader);
    assert!(local.len() <= 64 && local == local.to_ascii_lowercase(), "{local}");
    assert!(EmailAddress::parse(&format!("{local}@bounces.example.com")).is_ok());
    for spelling in [local.clone(), local.to_ascii_uppercase()] {
        assert_eq!(keys.verify_return_path(&spelling), Some((issue(379), reader)));
        assert_eq!(stranger.verify_return_path(&spelling), None);
    }
    assert_eq!(Keys::specimen().verify_return_path(&Keys::specimen().return_path(issue(1), reader)), None);
}

#[test]
fn a_return_path_changed_in_any_character_is_refused() {
    let keys = keys(1);
    let local = keys.return_path(issue(379), Reference(7));
    for at in 0..local.len() {
        for other in ["a", "b", "7", "+", "ß"] {
            let mut changed = local.clone();
            changed.replace_range(at..=at, other);
            if changed != local {
                assert_eq!(keys.verify_return_path(&changed), None, "{at} {other}");
            }
        }
    }
}

#[test]
fn a_clicks_token_is_no_return_path() {
    let keys = keys(1);
    let click = keys.token(Purpose::Click, issue(379), Reference(7));
    let bytes = URL_SAFE_NO_PAD.decode(click.as_str()).unwrap();
    let claim = [&bytes[..1], &379_u32.to_be_bytes(), &bytes[1..]].concat();
    assert_eq!(keys.verify_return_path(&format!("bounces+{}", base32::encode(&claim))), None);
}

#[test]
fn an_address_is_suppressed_in_any_spelling() {
    let hash = |text| keys(1).suppression(&EmailAddress::parse(text).unwrap());
    assert_eq!(hash("Ada@Example.com"), hash("ada@example.com"));
    assert_ne!(hash("ada@example.com"), hash("bo@example.com"));
}

#[test]
fn keys_survive_their_file_and_never_print() {
    let keys = keys(3);
    let file = keys.to_file();
    let read = Keys::parse(file.expose_secret()).unwrap();
    let token = keys.token(Purpose::Open, issue(2), Reference::EVERYONE);
    assert_eq!(read.verify(Purpose::Open, issue(2), token.as_str()), Some(Reference::EVERYONE));
    assert_eq!(format!("{keys:?} {token:?}"), "Keys(…) Token(…)");
}

#[test]
fn a_broken_keys_file_is_refused_without_quoting_it() {
    let good = keys(1).to_file().expose_secret().to_owned();
    let said = |text: &str| Keys::parse(text).unwrap_err().to_string();
    insta::assert_snapshot!([
        said(""),
        said(&good.replace("id = 1", "id = 'secret'")),
        said(&good.replace("id = 1", "id = 0")),
        said(&good.replace("message_id = \"", "message_id = \"secret")),
        said(&good.replace("suppression", "secret")),
        said(&format!("{good}{}", &good[good.find("[[token]]").unwrap()..])),
        said("message_id = ''\nsuppression = ''\ntoken = []"),
    ].join("\n"), @r"
    line 1 of the keys is not as pressroom wrote it; restore them from a backup
    line 7 of the keys is not as pressroom wrote it; restore them from a backup
    the token key id 0 is there twice or reserved; ids run from 1 to 255, each once
    the key `message_id` is not 32 bytes of base64; restore the keys from a backup
    line 4 of the keys is not as pressroom wrote it; restore them from a backup
    the token key id 1 is there twice or reserved; ids run from 1 to 255, each once
    the keys hold no token key; restore them from a backup
    ");
}

#[test]
fn urls_say_where_and_nothing_about_whom() {
    let base = BaseUrl("https://mail.example.com".to_owned());
    let urls = [
        click_url(&base, issue(379), Place(12), "T"),
        unsubscribe_url(&base, issue(379), "T"),
        preferences_url(&base, issue(379), "T"),
        open_url(&base, issue(379), ""),
    ];
    insta::assert_snapshot!(urls.join("\n"), @r"
    https://mail.example.com/379/12/T
    https://mail.example.com/379/unsubscribe/T
    https://mail.example.com/379/preferences/T
    https://mail.example.com/379/open/
    ");
}

proptest! {
    #[test]
    fn no_bytes_at_all_are_a_token_or_a_panic(text in ".*") {
        prop_assert_eq!(keys(1).verify(Purpose::Click, issue(1), &text), None);
        is_specimen(&text);
    }

    #[test]
    fn no_local_part_at_all_is_a_return_path_or_a_panic(text in "(bounces\\+)?(.*|[a-z2-7]{47})") {
        prop_assert_eq!(keys(1).verify_return_path(&text), None);
    }

    #[test]
    fn base32_comes_back(bytes in any::<Vec<u8>>()) {
        prop_assert_eq!(base32::decode(&base32::encode(&bytes)), Some(bytes));
    }

    #[test]
    fn any_return_path_comes_back(reference in any::<u64>(), number in 1..=u32::MAX) {
        let (keys, issue) = (keys(1), issue(number.into()));
        let local = keys.return_path(issue, Reference(reference));
        prop_assert_eq!(keys.verify_return_path(&local), Some((issue, Reference(reference))));
    }

    #[test]
    fn any_25_bytes_are_refused_unless_signed(bytes in prop::array::uniform25(any::<u8>())) {
        let text = URL_SAFE_NO_PAD.encode(bytes);
        prop_assert_eq!(keys(1).verify(Purpose::Click, issue(1), &text), None);
        prop_assert_eq!(is_specimen(&text), bytes[0] == 0);
    }

    #[test]
    fn any_reader_comes_back(reference in any::<u64>(), number in 1..=u32::MAX) {
        let (keys, issue) = (keys(1), issue(number.into()));
        let token = keys.token(Purpose::Click, issue, Reference(reference));
        prop_assert_eq!(keys.verify(Purpose::Click, issue, token.as_str()), Some(Reference(reference)));
    }
}
