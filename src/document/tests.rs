use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::draft::Draft;
use crate::sponsor::Sponsors;

fn kinds(text: &str) -> Vec<&'static str> {
    let found = Draft::parse(Source::new("drafts/1.toml", text)).err().unwrap_or_default();
    found.0.iter().map(|diagnostic| diagnostic.kind).collect()
}

/// A draft without the places it was read from.
fn said(text: String) -> String {
    let draft = Draft::parse(Source::new("drafts/1.toml", text)).unwrap_or_else(|found| panic!("{found}"));
    let mut said = format!("{:?}", Draft { source: Source::new("", ""), ..draft });
    while let Some((start, rest)) = said.find(", span: ").map(|start| (start, &said[start..])) {
        said.replace_range(start..start + rest.find(" }").unwrap(), "");
    }
    said
}

#[test]
fn line_ends_byte_order_marks_and_tabs_are_no_mistakes() {
    for entry in std::fs::read_dir("drafts").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let plain = said(text.clone());
            assert_eq!(said(text.replace('\n', "\r\n")), plain);
            assert_eq!(said(format!("\u{feff}{text}")), plain);
            assert_eq!(said(text.replace("\ntitle = ", "\n\ttitle\t=\t")), plain);
        }
    }
}

#[test]
fn a_place_fits_the_text_that_is_shown() {
    let text =
        "\u{feff}number = 1\r\ndate = 2023-07-02\r\nintro = \"\"\"\r\nÜber\r\n[x](ftp://y.example)\"\"\"\r\n";
    let found = Draft::parse(Source::new("drafts/1.toml", text)).unwrap_err();
    let spot = &found.0[0].spots[0];
    assert_eq!(&spot.source.text()[spot.span.clone()], "ftp://y.example");
}

#[test]
fn what_is_missing_is_not_said_of_a_file_whose_syntax_went_wrong() {
    assert_eq!(kinds("number = 1\nintro = \"\"\"\ndate = 2023-07-02\n"), ["syntax"]);
    assert_eq!(kinds("number = 1\ndate = 2023-02-30\n"), ["bad-date"]);
}

#[test]
fn an_empty_string_is_as_good_as_none_where_none_is_needed() {
    assert_eq!(kinds("number = 1\ndate = 2023-07-02\npreheader = \"\"\nlist = \" \"\n"), [] as [&str; 0]);
    assert_eq!(
        kinds("number = 1\ndate = 2023-07-02\n[[article]]\ntitle = \"\"\nurl = \"\"\n"),
        ["empty", "empty"]
    );
}

#[test]
fn more_mistakes_than_anybody_mends_are_counted() {
    let found = Draft::parse(Source::new("drafts/1.toml", "[[article]]\n".repeat(1000))).unwrap_err();
    assert_eq!(found.0.len(), SHOWN + 1);
    assert_eq!(found.0[SHOWN].message, "1952 more mistakes in drafts/1.toml");
}

#[test]
fn bytes_that_are_no_text_are_told_with_their_place() {
    let found = decode("drafts/1.toml", b"title = \"Gr\xf6\xdfe\"").unwrap_err();
    assert_eq!(found.0[0].spots[0].span, 11..14);
    assert_eq!(decode("drafts/1.toml", b"\xef\xbb\xbfa").unwrap().text(), "a");
}

/// What a parser has to think about.
const SCRAPS: &str = "number|date|send_at|intro|sponsor|bookings|smtp|url|from|article|check| = |=|[|]|[[|]]|{|}|,|.|\n|\r\n|\r|\t| |#\
    |\"|\"\"\"|'|'''|\\|\\u0000|\\\n|379|-1|0x|1_0|2023-07-02|T25:00:00|Z|true|inf|é|一|\u{feff}|\u{2028}|![](x)|smtp://u:p@h\
    |[x](javascript:y)";

/// Something like TOML: scraps of it in any order.
fn scraps() -> impl Strategy<Value = String> {
    let known = prop::sample::select(SCRAPS.split('|').collect::<Vec<_>>()).prop_map(str::to_owned);
    prop::collection::vec(prop_oneof![known, "\\PC{0,5}"], 0..40).prop_map(|scraps| scraps.concat())
}

/// Whatever is read of it, it ends well, and whoever refuses says why and can be drawn.
fn survive(bytes: &[u8]) {
    let outcome = |result: Result<(), Diagnostics>| {
        if let Err(found) = result {
            assert!(found.has_errors() && !found.to_string().is_empty());
            for spot in found.0.iter().flat_map(|diagnostic| &diagnostic.spots) {
                assert!(spot.source.text().get(spot.span.clone()).is_some(), "{spot:?}");
            }
        }
    };
    let source = match decode("any.toml", bytes) {
        Ok(source) => source,
        Err(found) => return outcome(Err(found)),
    };
    outcome(Draft::parse(source.clone()).map(drop));
    outcome(Sponsors::parse(source.clone()).map(drop));
    outcome(Config::parse(source).map(drop));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survive(&bytes);
    }

    #[test]
    fn anything_like_a_file_is_survived(text in scraps()) {
        survive(text.as_bytes());
    }

    #[test]
    fn a_shipped_file_with_any_bytes_changed_is_survived(
        file in prop::sample::select(vec!["drafts/214.toml", "sponsors.toml", "newsletter.toml"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = std::fs::read(file).unwrap();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        survive(&bytes);
    }
}
