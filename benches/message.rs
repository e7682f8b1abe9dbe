//! What a message costs: an issue of 44 places and some 50 kB of HTML, made ready once and written per reader.

#![expect(clippy::unwrap_used, reason = "a benchmark has nobody to tell")]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use jiff::Timestamp;
use pressroom::dkim;
use pressroom::id::{IssueNumber, Place, Reference, SubscriberId};
use pressroom::mailbox::{EmailAddress, Mailbox};
use pressroom::message::dkim::{Algorithm, BodyHash, Signer, SigningKey};
use pressroom::message::{Edition, FrozenIssue};
use pressroom::newsletter::{BaseUrl, Tracking, TrackingPolicy};
use pressroom::render::{Field, Link, Part, Piece, RenderedIssue, TextBlock};
use pressroom::subscriber::{Format, Recipient};
use pressroom::token::Keys;
use secrecy::ExposeSecret;

const PLACES: u16 = 44;

fn main() {
    divan::main();
}

#[divan::bench]
fn make_ready(bencher: Bencher<'_, '_>) {
    let issue = issue();
    bencher.bench_local(|| Edition::new(black_box(&issue)));
}

#[divan::bench(args = [Tracking::None, Tracking::Aggregate, Tracking::Individual])]
fn write(bencher: Bencher<'_, '_>, tracking: Tracking) {
    write_to(bencher, &Recipient { tracking: Some(tracking), ..reader() });
}

#[divan::bench]
fn write_text_alone(bencher: Bencher<'_, '_>) {
    write_to(bencher, &Recipient { format: Format::Text, ..reader() });
}

/// What a message costs with its signatures: the body hashed once for both.
#[divan::bench(args = [&[Algorithm::Ed25519][..], &[Algorithm::Rsa], &[Algorithm::Rsa, Algorithm::Ed25519]])]
fn write_and_sign(bencher: Bencher<'_, '_>, algorithms: &[Algorithm]) {
    let (edition, keys, reader) = (Edition::new(&issue()), Keys::generate(|bytes| bytes.fill(7)), reader());
    let signer = algorithms.iter().fold(Signer::none(), |signer, algorithm| {
        signer.with("example.com", &algorithm.to_string(), signing_key(*algorithm))
    });
    let mut out = Vec::new();
    let mut write = || {
        edition.write(black_box(&reader), &keys, Timestamp::UNIX_EPOCH, &mut out).unwrap();
        let hash = BodyHash::of_all(&[&out])[0];
        signer.fields(&out, &hash, Timestamp::UNIX_EPOCH).unwrap().len() + out.len()
    };
    bencher.counter(BytesCount::new(write())).bench_local(write);
}

/// Bodies of messages hashed one by one, and together.
#[divan::bench(args = [1, 2, 3, 4, 8])]
fn hash(bencher: Bencher<'_, '_>, together: usize) {
    let mut message = Vec::new();
    let keys = Keys::generate(|bytes| bytes.fill(7));
    Edition::new(&issue()).write(&reader(), &keys, Timestamp::UNIX_EPOCH, &mut message).unwrap();
    let messages = vec![&message[..]; together];
    bencher
        .counter(BytesCount::new(message.len() * together))
        .bench_local(|| BodyHash::of_all(black_box(&messages)));
}

/// What a message costs beside its body's hash.
#[divan::bench]
fn sign(bencher: Bencher<'_, '_>) {
    let signer = Signer::none().with("example.com", "s", signing_key(Algorithm::Ed25519));
    let mut message = Vec::new();
    let keys = Keys::generate(|bytes| bytes.fill(7));
    Edition::new(&issue()).write(&reader(), &keys, Timestamp::UNIX_EPOCH, &mut message).unwrap();
    let hash = BodyHash::of_all(&[&message])[0];
    bencher.bench_local(|| signer.fields(black_box(&message), &hash, Timestamp::UNIX_EPOCH).unwrap());
}

fn signing_key(algorithm: Algorithm) -> SigningKey {
    SigningKey::parse(dkim::generate(algorithm).unwrap().expose_secret().as_bytes()).unwrap()
}

fn write_to(bencher: Bencher<'_, '_>, reader: &Recipient) {
    let (edition, keys) = (Edition::new(&issue()), Keys::generate(|bytes| bytes.fill(7)));
    let mut out = Vec::new();
    edition.write(reader, &keys, Timestamp::UNIX_EPOCH, &mut out).unwrap();
    bencher
        .counter(BytesCount::new(out.len()))
        .bench_local(|| edition.write(black_box(reader), &keys, Timestamp::UNIX_EPOCH, &mut out).unwrap());
}

fn reader() -> Recipient {
    Recipient {
        id: SubscriberId(1),
        reference: Reference(0x0123_4567_89ab_cdef),
        address: EmailAddress::parse("ada@example.com").unwrap(),
        name: Some("Ada Exämple".to_owned()),
        since: jiff::civil::date(2021, 3, 3),
        tracking: None,
        format: Format::Html,
        attributes: std::collections::BTreeMap::new(),
    }
}

fn issue() -> FrozenIssue {
    let link = |place| Link {
        url: format!("https://example.org/articles/{place}"),
        words: "words".to_owned(),
        part: Part::default(),
    };
    FrozenIssue {
        rendered: RenderedIssue {
            number: IssueNumber::new(379).unwrap(),
            subject: vec![literal("Quiet Pager Issue #379")],
            preheader: None,
            html: (1..=PLACES)
                .flat_map(article_html)
                .chain([name(), Piece::Field(Field::Unsubscribe)])
                .collect(),
            text: (1..=PLACES).map(article_text).chain([greeting()]).collect(),
            links: (1..=PLACES).map(link).collect(),
            sizes: Vec::new(),
        },
        list: "readers".parse().unwrap(),
        list_id: "weekly.example.com".to_owned(),
        newsletter: "Quiet Pager".to_owned(),
        from: Mailbox::parse("Quiet Pager <weekly@example.com>").unwrap(),
        reply_to: None,
        return_path: None,
        unsubscribe_mailbox: EmailAddress::parse("leave@example.com").ok(),
        base_url: BaseUrl("https://mail.example.com".to_owned()),
        tracking: TrackingPolicy { clicks: Tracking::Individual, opens: Tracking::Individual },
    }
}

fn article_html(place: u16) -> [Piece; 3] {
    let style = "<p style=\"margin:0 0 10px;font-size:17px;line-height:27px;color:#23211e\">";
    let blurb =
        format!("\">A title of some length</a>{style}{}</p>\n", "Words about an article. ".repeat(38));
    [literal("<h2 class=\"h\"><a href=\""), Piece::Field(Field::Link(Place(place))), literal(&blurb)]
}

fn article_text(place: u16) -> TextBlock {
    let blurb =
        format!("\n\n{}\n", "Words about an article, wrapped at some seventy columns or so.\n".repeat(4));
    TextBlock::Lines(vec![literal("A title\n"), Piece::Field(Field::Link(Place(place))), literal(&blurb)])
}

fn greeting() -> TextBlock {
    let words = literal(", this goes to you since you asked for it, and each issue says how to leave.");
    TextBlock::Paragraph { indent: String::new(), pieces: vec![name(), words] }
}

fn name() -> Piece {
    Piece::Field(Field::Reader { name: "name".to_owned(), default: Some("friend".to_owned()) })
}

fn literal(words: &str) -> Piece {
    Piece::Literal(words.to_owned())
}
