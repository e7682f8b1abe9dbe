//! An issue with everything in it that could go wrong, and readers to match.

use std::collections::BTreeMap;

use pressroom::id::{IssueNumber, Place, Reference, SubscriberId};
use pressroom::mailbox::{EmailAddress, Mailbox};
use pressroom::message::FrozenIssue;
use pressroom::newsletter::{BaseUrl, Tracking, TrackingPolicy};
use pressroom::render::{Field, Link, Part, Piece, RenderedIssue, TextBlock};
use pressroom::subscriber::{Format, Recipient};

pub(crate) fn issue() -> FrozenIssue {
    let link = |url: &str| Link { url: url.to_owned(), words: "words".to_owned(), part: Part::default() };
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

pub(crate) fn reader_field(name: &str, default: Option<&str>) -> Field {
    Field::Reader { name: name.to_owned(), default: default.map(str::to_owned) }
}

pub(crate) fn readers() -> Vec<(&'static str, Recipient)> {
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

pub(crate) fn reader(name: &str, address: &str) -> Recipient {
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
