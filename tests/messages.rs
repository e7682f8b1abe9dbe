//! Messages to readers of all sorts, held against requirements 1 to 16 and Python's strict parser.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it missed by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use pressroom::id::{IssueNumber, Place, Reference, SubscriberId};
use pressroom::mailbox::{EmailAddress, Mailbox};
use pressroom::message::{Edition, FrozenIssue, MissingField, Written};
use pressroom::newsletter::{BaseUrl, Tracking, TrackingPolicy};
use pressroom::render::{Field, Link, Piece, RenderedIssue, TextBlock};
use pressroom::subscriber::{Format, Recipient};
use pressroom::token::{self, Keys, Purpose};
use proptest::prelude::*;
use serde_json::json;

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

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 0, ..ProptestConfig::default() })]
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
fn bounces_go_to_the_return_path_or_else_to_the_sender() {
    let mut issue = issue();
    assert_eq!(Edition::new(&issue).envelope_from().as_str(), "bounces@bounces.example.com");
    issue.return_path = None;
    assert_eq!(Edition::new(&issue).envelope_from(), &issue.from.address);
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

// What was meant, worked out the plain way.

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
    let mut out = b"what was there before".to_vec();
    let _: Written = Edition::new(issue).write(recipient, &keys(), date(), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn write(issue: &FrozenIssue, recipient: &Recipient) -> String {
    try_write(issue, recipient).unwrap()
}

fn meant(issue: &FrozenIssue, recipient: &Recipient) -> serde_json::Value {
    let mailbox = |name: Option<&str>, address: &EmailAddress| {
        json!([name.map(one_line).unwrap_or_default(), address.as_str()])
    };
    let of = |one: &Mailbox| mailbox(one.name.as_deref(), &one.address);
    let unsubscribe = keys().token(Purpose::Unsubscribe, issue.number(), recipient.reference);
    let mut leave = vec![format!("https://mail.example.com/379/unsubscribe/{}", unsubscribe.as_str())];
    if let Some(address) = &issue.unsubscribe_mailbox {
        leave.push(format!("mailto:{address}?subject=unsubscribe%20379%20{}", unsubscribe.as_str()));
    }
    let text = issue.rendered.text.iter().map(|block| match block {
        TextBlock::Lines(pieces) => fill(issue, recipient, pieces, str::to_owned),
        TextBlock::Paragraph { indent, pieces } => {
            pressroom::wrap::wrap(&fill(issue, recipient, pieces, str::to_owned), 72, indent, indent) + "\n"
        }
    });
    json!({
        "From": of(&issue.from),
        "Reply-To": issue.reply_to.as_ref().map(of),
        "To": mailbox(recipient.name.as_deref(), &recipient.address),
        "Subject": one_line(&fill(issue, recipient, &issue.rendered.subject, str::to_owned)),
        "Date": "2023-07-02T20:00:00+00:00",
        "Message-ID": format!("<{}@{}>", keys().message_id(&issue.list, issue.number(), recipient.reference), issue.from.address.domain()),
        "List-Id": "\"Quiet, Pager\" <weekly.example.com>",
        "Feedback-ID": "379:readers:weekly.example.com",
        "List-Unsubscribe": leave,
        "smtputf8": !recipient.address.as_str().is_ascii(),
        "text": text.collect::<String>(),
        "html": (recipient.format == Format::Html).then(|| meant_html(issue, recipient)),
    })
}

fn meant_html(issue: &FrozenIssue, recipient: &Recipient) -> String {
    fill(issue, recipient, &issue.rendered.html, |value| {
        value
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;")
    })
}

fn one_line(text: &str) -> String {
    pressroom::wrap::one_line(text)
}

fn fill(issue: &FrozenIssue, recipient: &Recipient, pieces: &[Piece], escape: fn(&str) -> String) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Literal(literal) => literal.clone(),
            Piece::Field(field) => value(issue, recipient, field, escape),
        })
        .collect()
}

fn value(issue: &FrozenIssue, recipient: &Recipient, field: &Field, escape: fn(&str) -> String) -> String {
    let (base, number) = (&issue.base_url, issue.number());
    let policy = issue.tracking.for_reader(recipient.tracking);
    let token = |purpose, tracking| {
        let whose = if tracking == Tracking::Aggregate { Reference::EVERYONE } else { recipient.reference };
        keys().token(purpose, number, whose).as_str().to_owned()
    };
    let own = |purpose| token(purpose, Tracking::Individual);
    match field {
        Field::Link(place) if policy.clicks == Tracking::None => {
            escape(&issue.rendered.links[usize::from(place.0) - 1].url)
        }
        Field::Link(place) => token::click_url(base, number, *place, &token(Purpose::Click, policy.clicks)),
        Field::Unsubscribe => token::unsubscribe_url(base, number, &own(Purpose::Unsubscribe)),
        Field::Preferences => token::preferences_url(base, number, &own(Purpose::Preferences)),
        Field::Pixel if policy.opens == Tracking::None => String::new(),
        Field::Pixel => format!(
            r#"<img src="{}" alt="" width="1" height="1" style="width:1px;height:1px;margin:0;background:none" />"#,
            token::open_url(base, number, &token(Purpose::Open, policy.opens))
        ),
        Field::Reader { name, default } => {
            let known = match name.as_str() {
                "email" => Some(recipient.address.to_string()),
                "name" => recipient.name.clone(),
                "since" => Some("3 March 2021".to_owned()),
                other => recipient.attributes.get(other).cloned(),
            };
            let known = known.map(|value| one_line(&value)).filter(|value| !value.is_empty());
            escape(&known.or_else(|| default.clone()).unwrap())
        }
    }
}

// An issue with everything in it that could go wrong, and readers to match.

fn issue() -> FrozenIssue {
    let link = |url: &str| Link { url: url.to_owned(), words: "words".to_owned() };
    FrozenIssue {
        rendered: RenderedIssue {
            number: IssueNumber::new(379).unwrap(),
            subject: vec![
                literal("Grüße, "),
                Piece::Field(reader_field("name", Some("friend"))),
                literal(": Issue #379"),
            ],
            preheader: Some("A line beside the subject".to_owned()),
            html: html(),
            text: text(),
            links: vec![link("https://example.org/?a=1&b=2#fräg"), link("https://example.org/a%20b?q='\"<>")],
            sizes: Vec::new(),
        },
        list: "readers".parse().unwrap(),
        list_id: "weekly.example.com".to_owned(),
        newsletter: "Quiet, Pager".to_owned(),
        from: Mailbox::parse("\"Bücher & Co.\" <weekly@bücher.example>").unwrap(),
        reply_to: Some(Mailbox::parse("J. Q. Editor <editor@example.com>").unwrap()),
        return_path: Some("bounces.example.com".to_owned()),
        unsubscribe_mailbox: Some(EmailAddress::parse("leave@example.com").unwrap()),
        base_url: BaseUrl("https://mail.example.com".to_owned()),
        tracking: TrackingPolicy { clicks: Tracking::Individual, opens: Tracking::Aggregate },
    }
}

fn html() -> Vec<Piece> {
    let field = Piece::Field;
    vec![
        literal("<!doctype html>\n<p>Hello "),
        field(reader_field("name", Some("\"friend\" & <others>"))),
        literal(",</p> \n.\n..a\nFrom here\t\n"),
        literal(
            "<p>A long line = a line that must be broken, é, 山田太郎, 👩‍👩‍👧, שלום; --=_379 is no boundary.</p>\n",
        ),
        literal("<a href=\""),
        field(Field::Link(Place(1))),
        literal("\">one</a><a href=\""),
        field(Field::Link(Place(2))),
        literal("\">two</a>\n<p title=\""),
        field(reader_field("name", Some("friend"))),
        literal("\">"),
        field(reader_field("email", None)),
        field(reader_field("since", None)),
        field(reader_field("city", Some(""))),
        literal("</p>\n<a href=\""),
        field(Field::Unsubscribe),
        literal("\">leave</a> <a href=\""),
        field(Field::Preferences),
        literal("\">choose</a>"),
        field(Field::Pixel),
        literal("\n</html>"),
    ]
}

fn text() -> Vec<TextBlock> {
    let field = Piece::Field;
    vec![
        TextBlock::Lines(vec![
            literal("ISSUE #379 \n\n"),
            field(Field::Link(Place(1))),
            literal("\n.\nFrom here\n\n"),
        ]),
        TextBlock::Paragraph {
            indent: "  ".to_owned(),
            pieces: vec![
                literal("Dear "),
                field(reader_field("name", Some("friend"))),
                literal(", this paragraph differs from reader to reader and is wrapped for each, whoever: "),
                field(reader_field("email", None)),
            ],
        },
        TextBlock::Lines(vec![
            literal("\n-- \n"),
            field(Field::Unsubscribe),
            literal("\n"),
            field(Field::Preferences),
            literal("\n"),
        ]),
    ]
}

fn literal(words: &str) -> Piece {
    Piece::Literal(words.to_owned())
}

fn reader_field(name: &str, default: Option<&str>) -> Field {
    Field::Reader { name: name.to_owned(), default: default.map(str::to_owned) }
}

fn readers() -> Vec<(&'static str, Recipient)> {
    let ada = |name| reader(name, "ada@example.com");
    let tracked = |tracking| Recipient { tracking: Some(tracking), ..ada("Ada") };
    vec![
        ("plain", ada("Ada Example")),
        ("no name", Recipient { name: None, ..ada("") }),
        ("a name that is empty", ada("")),
        ("quotes and commas", ada(r#"Example, "Ada" \ the O'First"#)),
        ("a dot", ada("J. Q. Public")),
        ("a template", ada("{{7*7}} {% raw %}")),
        ("markup", ada("<b>Ada</b> & co")),
        ("an address", ada("ada@example.com (Ada)")),
        ("umlauts", ada("Jürgen Groß")),
        ("cjk", ada("山田太郎")),
        ("emoji and right to left", ada("👩‍👩‍👧 שלום עולם 👍🏽")),
        ("an encoded-word", ada("=?utf-8?q?a=0D=0ABcc:_b?=")),
        ("a line break", ada("Ada\r\nBcc: bo@example.com\u{2028}\u{0}x")),
        ("a very long word", ada(&"long".repeat(300))),
        ("very many words", ada(&"Ada, Countess of ".repeat(80))),
        ("many umlauts", ada(&"Grüße ".repeat(100))),
        ("an idn domain", reader("Ada", "ada@bücher.example")),
        ("an odd local part", reader("Ada", "a+b'{x}=?y?=@example.com")),
        ("a long address", reader("Ada Example", &format!("{}@{}.example", "a".repeat(64), "b".repeat(60)))),
        ("smtputf8", reader("Jürgen", "jürgen@example.com")),
        ("smtputf8, cjk", reader("", "山田@例え.example")),
        ("not counted", tracked(Tracking::None)),
        ("counted together", tracked(Tracking::Aggregate)),
        ("counted", tracked(Tracking::Individual)),
        ("text alone", Recipient { format: Format::Text, ..ada("Jürgen \"<b>\"") }),
        ("text alone, not counted", Recipient { format: Format::Text, ..tracked(Tracking::None) }),
    ]
}

fn reader(name: &str, address: &str) -> Recipient {
    Recipient {
        id: SubscriberId(1),
        reference: Reference(0x0123_4567_89ab_cdef),
        address: EmailAddress::parse(address).unwrap(),
        name: Some(name.to_owned()),
        since: jiff::civil::date(2021, 3, 3),
        tracking: None,
        format: Format::Html,
        attributes: BTreeMap::new(),
    }
}

fn keys() -> Keys {
    Keys::generate(|bytes| bytes.fill(7))
}

fn date() -> Timestamp {
    "2023-07-02T20:00:00Z".parse().unwrap()
}
