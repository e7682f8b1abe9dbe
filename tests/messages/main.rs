//! Messages to readers of all sorts, held against requirements 1 to 16 and Python's strict parser.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it missed by panicking")]

mod meant;
mod sorts;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use jiff::Timestamp;
use pressroom::dkim;
use pressroom::id::{Place, Reference};
use pressroom::issue::Issue;
use pressroom::mailbox::EmailAddress;
use pressroom::message::dkim::{Algorithm, BodyHash, Signer, SigningKey};
use pressroom::message::{Edition, FrozenIssue, MissingField, Octets, Written};
use pressroom::newsletter::Tracking;
use pressroom::render::{Field, Piece, Templates, TextBlock, render};
use pressroom::subscriber::list::ListReader;
use pressroom::subscriber::{Entry, Format, Recipient};
use pressroom::token::{Keys, Purpose};
use pressroom::workspace::Workspace;
use proptest::prelude::*;
use secrecy::ExposeSecret;

use self::meant::{meant, meant_html};
use self::sorts::{issue, reader, reader_field, readers};

#[test]
fn a_strict_reader_finds_no_defect_in_any_readers_message() {
    let issue = issue();
    let folder = tempfile::tempdir().unwrap();
    for (name, recipient) in readers() {
        put(folder.path(), name, &issue, &recipient);
    }
    let plain = FrozenIssue { unsubscribe_mailbox: None, ..issue };
    put(folder.path(), "no mailbox to leave by", &plain, &reader("Ada", "ada@example.com"));
    judge(folder.path());
}

#[test]
fn every_shipped_issue_reaches_every_shipped_reader_without_defect() {
    let workspace = Workspace::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let newsletter = workspace.config().unwrap().newsletter;
    let list = File::open(workspace.list_path(&newsletter.list)).unwrap();
    let entries: Vec<Entry> =
        ListReader::new(list).unwrap().filter_map(|line| Some(line.unwrap().ok()?.entry)).collect();
    let drafts = fs::read_dir(workspace.root().join("drafts")).unwrap().map(|draft| draft.unwrap().path());
    for path in drafts.filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
        let draft = workspace.draft(path.to_str().unwrap()).unwrap();
        let issue = Issue::assemble(draft, &workspace.sponsors().unwrap(), &newsletter).unwrap();
        let rendered = render(&issue, &newsletter, &Templates::built_in().unwrap()).unwrap().issue;
        let issue = FrozenIssue::freeze(rendered, issue.list, &newsletter);
        let folder = tempfile::tempdir().unwrap();
        for (at, entry) in entries.iter().enumerate() {
            put(folder.path(), &at.to_string(), &issue, &subscribed(entry));
        }
        judge(folder.path());
    }
}

fn subscribed(entry: &Entry) -> Recipient {
    let reader = reader("", entry.address.as_str());
    let Entry { name, tracking, format, attributes, .. } = entry.clone();
    Recipient { name, tracking, format: format.unwrap_or_default(), attributes, ..reader }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, max_shrink_iters: 0, ..ProptestConfig::default() })]
    #[test]
    fn names_with_anything_in_them_make_messages_without_defects(names in prop::collection::vec(words(), 100)) {
        let (issue, folder) = (issue(), tempfile::tempdir().unwrap());
        for (at, name) in names.iter().enumerate() {
            put(folder.path(), &at.to_string(), &issue, &reader(name, "ada@example.com"));
        }
        judge(folder.path());
    }

    #[test]
    fn a_field_anywhere_leaves_everything_else_where_it_was(
        bodies in prop::collection::vec((pieces(), pieces(), pieces()), 50)
    ) {
        let (mut issue, folder) = (issue(), tempfile::tempdir().unwrap());
        for (at, (html, lines, paragraph)) in bodies.into_iter().enumerate() {
            issue.rendered.html = html;
            let indent = "    ".to_owned();
            issue.rendered.text = vec![TextBlock::Lines(lines), TextBlock::Paragraph { indent, pieces: paragraph }];
            put(folder.path(), &at.to_string(), &issue, &reader("Jürgen \"<b>\"", "ada@example.com"));
        }
        judge(folder.path());
    }
}

fn words() -> impl Strategy<Value = String> {
    "(\\PC|[ -~]|[\t\"\\\\,<>@=?._]){1,60}"
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let literal = "(\\PC|[ -~]|[ \t\n.=]|\nFrom ){0,160}".prop_map(Piece::Literal);
    let field = prop::sample::select(vec![
        Field::Link(Place(1)),
        Field::Link(Place(2)),
        Field::Unsubscribe,
        Field::Preferences,
        reader_field("name", None),
        reader_field("since", None),
        reader_field("city", Some("")),
        reader_field("city", Some("Köln & \"Deutz\"")),
    ]);
    prop::collection::vec(prop_oneof![literal, field.prop_map(Piece::Field)], 0..12)
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for (name, recipient) in readers() {
        assert_eq!(write(&issue(), &recipient), write(&issue(), &recipient), "{name}");
    }
}

#[test]
fn a_frozen_issue_makes_the_same_message_after_it_was_stored() {
    let stored = serde_json::to_string(&issue()).unwrap();
    let read: FrozenIssue = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, issue());
    let ada = reader("Ada", "ada@example.com");
    assert_eq!(write(&read, &ada), write(&issue(), &ada));
}

#[test]
fn a_retry_has_the_same_message_id_and_another_reader_another() {
    let id = |recipient: &Recipient| {
        let message = write(&issue(), recipient);
        message.lines().find(|line| line.starts_with("Message-ID: ")).unwrap().to_owned()
    };
    let ada = reader("Ada", "ada@example.com");
    let moved = Recipient { address: EmailAddress::parse("ada@example.org").unwrap(), ..ada.clone() };
    assert_eq!(id(&ada), id(&moved), "it is made from the reference alone");
    assert_ne!(id(&ada), id(&Recipient { reference: Reference(8), ..ada.clone() }));
    assert!(id(&ada).ends_with("@xn--bcher-kva.example>"));
}

#[test]
fn no_address_and_no_name_stands_in_a_url() {
    let message = write(&issue(), &reader("Zebediah", "zebediah@zebra.example"));
    let urls = message.replace("=\r\n", "");
    let mut urls = urls.split("https://mail.example.com").skip(1).peekable();
    assert!(urls.peek().is_some());
    assert!(urls.all(|rest| !rest.split(['"', '<', '>', '\r']).next().unwrap().contains("zeb")));
}

#[test]
fn every_link_of_a_reader_is_theirs_for_its_purpose() {
    let ada = reader("Ada", "ada@example.com");
    let message = write(&issue(), &ada).replace("=\r\n", "");
    let found = |path: &str| {
        let at = message.find(path).unwrap_or_else(|| panic!("{path}")) + path.len();
        message[at..at + 34].to_owned()
    };
    let number = issue().number();
    let verified = |purpose, path| keys().verify(purpose, number, &found(path));
    assert_eq!(verified(Purpose::Click, "/379/1/"), Some(ada.reference));
    assert_eq!(verified(Purpose::Click, "/379/2/"), Some(ada.reference));
    assert_eq!(verified(Purpose::Open, "/379/open/"), Some(Reference::EVERYONE), "opens are aggregate here");
    assert_eq!(verified(Purpose::Unsubscribe, "/379/unsubscribe/"), Some(ada.reference));
    assert_eq!(verified(Purpose::Preferences, "/379/preferences/"), Some(ada.reference));
}

#[test]
fn a_reader_who_is_not_counted_gets_the_urls_as_the_editor_wrote_them() {
    let mut ada = reader("Ada", "ada@example.com");
    ada.tracking = Some(Tracking::None);
    let message = write(&issue(), &ada).replace("=\r\n", "");
    assert!(!message.contains("/379/1/") && !message.contains("/379/open/"));
    assert!(message.contains("https://example.org/?a=3D1&b=3D2#fr=C3=A4g"), "in the text");
    assert!(message.contains("https://example.org/?a=3D1&amp;b=3D2#fr=C3=A4g"), "in the HTML");
}

#[test]
fn readers_counted_together_have_one_token() {
    let clicks = |mut recipient: Recipient| {
        recipient.tracking = Some(Tracking::Aggregate);
        let message = write(&issue(), &recipient).replace("=\r\n", "");
        let at = message.find("/379/1/").unwrap() + "/379/1/".len();
        message[at..at + 34].to_owned()
    };
    let token = clicks(reader("Ada", "ada@example.com"));
    let other = Recipient { reference: Reference(8), ..reader("Bo", "bo@example.com") };
    assert_eq!(token, clicks(other));
    assert_eq!(keys().verify(Purpose::Click, issue().number(), &token), Some(Reference::EVERYONE));
}

#[test]
fn a_field_that_a_reader_lacks_is_named_with_the_reader() {
    let mut issue = issue();
    let mut ada = reader("Ada", "ada@example.com");
    ada.attributes.insert("city".to_owned(), " \t".to_owned());
    issue.rendered.html.push(Piece::Field(reader_field("city", None)));
    let missing = try_write(&issue, &ada).unwrap_err();
    assert_eq!(missing, MissingField { field: "city".to_owned(), reader: ada.address.clone() });
    insta::assert_snapshot!(
        missing,
        @r#"ada@example.com has no `city`, which the issue uses; fill the column in, or write `{{ reader.city | default(value="…") }}`"#
    );
    assert!(!format!("{missing:?}").contains("ada"));
    // Who reads text does without it.
    try_write(&issue, &Recipient { format: Format::Text, ..ada.clone() }).unwrap();
    ada.attributes.insert("city".to_owned(), "Köln".to_owned());
    try_write(&issue, &ada).unwrap();
}

#[test]
fn the_bytes_of_html_are_those_the_reader_gets() {
    for (name, recipient) in readers() {
        let mut out = Vec::new();
        let written = Edition::new(&issue()).write(&recipient, &keys(), date(), &mut out).unwrap();
        let meant = match recipient.format {
            Format::Html => meant_html(&issue(), &recipient).replace('\n', "\r\n").len(),
            Format::Text => 0,
        };
        assert_eq!(written.html_bytes(&out), meant, "{name}");
    }
}

#[test]
fn a_bounce_to_the_return_path_says_whose_copy_it_was_and_others_go_to_the_sender() {
    let (mut issue, ada) = (issue(), reader("Ada", "ada@example.com"));
    let address = Edition::new(&issue).envelope_from(&ada, &keys());
    assert_eq!(address.domain(), "bounces.example.com");
    assert_eq!(keys().verify_return_path(address.local()), Some((issue.number(), ada.reference)));
    issue.return_path = None;
    assert_eq!(Edition::new(&issue).envelope_from(&ada, &keys()), issue.from.address);
}

#[test]
fn a_local_part_beyond_ascii_needs_smtputf8() {
    let edition = Edition::new(&issue());
    assert!(edition.needs_smtputf8(&reader("Jürgen", "jürgen@example.com")));
    assert!(!edition.needs_smtputf8(&reader("Jürgen", "juergen@bücher.example")));
}

#[test]
fn a_message_on_the_wire() {
    let message = write(&issue(), &reader("Ada Example", "ada@example.com"));
    insta::assert_snapshot!(message.replace("\r\n", "\n"));
}

fn put(folder: &Path, name: &str, issue: &FrozenIssue, recipient: &Recipient) {
    fs::write(folder.join(format!("{name}.eml")), write(issue, recipient)).unwrap();
    fs::write(folder.join(format!("{name}.json")), meant(issue, recipient).to_string()).unwrap();
}

fn judge(folder: &Path) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judges/message.py");
    let judged = Command::new("python3")
        .arg(script)
        .arg(folder)
        .output()
        .unwrap_or_else(|error| panic!("python3, which judges the messages, does not run: {error}"));
    let said = String::from_utf8_lossy(&judged.stdout) + String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success(), "{said}");
}

fn try_write(issue: &FrozenIssue, recipient: &Recipient) -> Result<String, MissingField> {
    let (edition, mut out) = (Edition::new(issue), b"what was there before".to_vec());
    let written: Result<Written, _> = edition.write(recipient, &keys(), date(), &mut out);
    assert_eq!(
        edition.check(recipient).err().as_ref(),
        written.as_ref().err(),
        "a check foretells the writing"
    );
    assert!(written.is_ok() || !edition.suits_everyone());
    assert_known(&out, &written?);
    Ok(String::from_utf8(out).unwrap())
}

/// What was known of a message while it was written is what a look over it finds, and signs it alike.
fn assert_known(message: &[u8], written: &Written) {
    assert_eq!(written.octets, Octets::of(message));
    assert!(!written.octets.broken && !written.octets.dots);
    let mut signed = message.to_vec();
    SIGNER.sign(&mut signed, date()).unwrap();
    let hashes = BodyHash::of_all(&[message; 5]);
    assert!(hashes.iter().all(|hash| *hash == hashes[0]));
    let fields = SIGNER.fields(message, &hashes[0], date()).unwrap();
    assert_eq!(written.octets.and(Octets::of(&fields)), Octets::of(&signed));
    assert!([&fields, message].concat() == signed, "{}", String::from_utf8_lossy(&fields));
}

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let key = dkim::generate(Algorithm::Ed25519).unwrap();
    Signer::none().with("example.com", "s", SigningKey::parse(key.expose_secret().as_bytes()).unwrap())
});

fn write(issue: &FrozenIssue, recipient: &Recipient) -> String {
    try_write(issue, recipient).unwrap()
}

fn keys() -> Keys {
    Keys::generate(|bytes| bytes.fill(7))
}

fn date() -> Timestamp {
    "2023-07-02T20:00:00Z".parse().unwrap()
}
