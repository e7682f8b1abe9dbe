use proptest::prelude::*;

use super::*;

fn subject(words: &str) -> String {
    let mut out = Vec::new();
    text(&mut out, "Subject", words);
    String::from_utf8(out).unwrap()
}

fn to(name: &str) -> String {
    let mut out = Vec::new();
    let mut field = Field::new(&mut out, "To");
    field.mailbox(Some(name), "ada@example.com");
    field.end();
    String::from_utf8(out).unwrap()
}

#[test]
fn plain_words_stand_as_they_are() {
    assert_eq!(subject("Quiet Pager Issue #214"), "Subject: Quiet Pager Issue #214\r\n");
    assert_eq!(to("Ada Example"), "To: Ada Example <ada@example.com>\r\n");
    assert_eq!(to(""), "To: ada@example.com\r\n");
    assert_eq!(to(" \u{0}\n"), "To: <ada@example.com>\r\n");
}

#[test]
fn what_means_something_in_an_address_is_quoted() {
    assert_eq!(to("Example, Ada"), "To: \"Example, Ada\" <ada@example.com>\r\n");
    assert_eq!(to(r#"Ada "the \ first" E."#), "To: \"Ada \\\"the \\\\ first\\\" E.\" <ada@example.com>\r\n");
    assert_eq!(to("<b>{{7*7}}"), "To: \"<b>{{7*7}}\" <ada@example.com>\r\n");
}

#[test]
fn what_is_not_ascii_is_encoded_and_readable_where_it_can_be() {
    assert_eq!(to("Jürgen Groß"), "To: =?utf-8?q?J=C3=BCrgen_Gro=C3=9F?= <ada@example.com>\r\n");
    assert_eq!(to("山田太郎"), "To: =?utf-8?b?5bGx55Sw5aSq6YOO?= <ada@example.com>\r\n");
}

#[test]
fn what_reads_like_an_encoded_word_is_no_encoded_word() {
    assert_eq!(subject("=?utf-8?q?a=0Ab?="), "Subject: =?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3D0Ab=3F=3D?=\r\n");
}

#[test]
fn nothing_breaks_out_of_a_header() {
    assert_eq!(subject("a\r\nBcc: b@example.com"), "Subject: a Bcc: b@example.com\r\n");
    assert_eq!(to("a\r\nBcc: b\u{2028}c\u{0}"), "To: \"a Bcc: b c\" <ada@example.com>\r\n");
    let mut out = Vec::new();
    Field::new(&mut out, "List-Id").word("<a\r\nb>");
    assert_eq!(out, b"List-Id: <ab>");
}

#[test]
fn a_long_header_is_folded_at_its_spaces() {
    let fields = [
        subject(&"words and more of them ".repeat(8)),
        to(&"Ada, the Countess ".repeat(8)),
        subject(&"Grüße aus Köln, ".repeat(8)),
        subject(&"👩‍👩‍👧 家族 ".repeat(8)),
        to(&"long".repeat(40)),
    ];
    insta::assert_snapshot!(fields.concat().replace("\r\n", "\n"), @r#"
    Subject: words and more of them words and more of them words and more of them
     words and more of them words and more of them words and more of them words
     and more of them words and more of them
    To: "Ada, the Countess Ada, the Countess Ada, the Countess Ada, the Countess
     Ada, the Countess Ada, the Countess Ada, the Countess Ada, the Countess"
     <ada@example.com>
    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln=2C_Gr=C3=BC=C3=9Fe_aus_K?=
     =?utf-8?q?=C3=B6ln=2C_Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln=2C_Gr=C3=BC=C3=9Fe_au?=
     =?utf-8?q?s_K=C3=B6ln=2C_Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln=2C_Gr=C3=BC=C3=9Fe?=
     =?utf-8?q?_aus_K=C3=B6ln=2C_Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln=2C_Gr=C3=BC?=
     =?utf-8?q?=C3=9Fe_aus_K=C3=B6ln=2C?=
    Subject: =?utf-8?b?8J+RqeKAjfCfkanigI3wn5GnIOWutuaXjyDwn5Gp4oCN8J+RqeKAjQ==?=
     =?utf-8?b?8J+RpyDlrrbml48g8J+RqeKAjfCfkanigI3wn5GnIOWutuaXjyDwn5Gp4oCN?=
     =?utf-8?b?8J+RqeKAjfCfkacg5a625pePIPCfkanigI3wn5Gp4oCN8J+RpyDlrrbml48g?=
     =?utf-8?b?8J+RqeKAjfCfkanigI3wn5GnIOWutuaXjyDwn5Gp4oCN8J+RqeKAjfCfkacg?=
     =?utf-8?b?5a625pePIPCfkanigI3wn5Gp4oCN8J+RpyDlrrbml48=?=
    To: =?utf-8?q?longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglo?=
     =?utf-8?q?nglonglonglonglonglonglonglonglonglonglonglonglonglonglonglongl?=
     =?utf-8?q?onglonglonglonglonglonglonglonglong?= <ada@example.com>
    "#);
}

proptest! {
    #[test]
    fn any_words_make_one_field_of_short_ascii_lines(words in "(\\PC|[ -~]|\\s){0,300}") {
        for field in [subject(&words), to(&words)] {
            prop_assert!(field.is_ascii() && field.ends_with("\r\n"));
            let lines: Vec<_> = field.trim_end_matches("\r\n").split("\r\n").collect();
            prop_assert!(lines.iter().all(|line| line.len() <= WIDTH && !line.contains(['\r', '\n'])));
            prop_assert!(lines[1..].iter().all(|line| line.starts_with(' ') && !line.trim().is_empty()));
            let too_long = |word: &&str| word.starts_with("=?") && word.len() > ENCODED_WORD;
            prop_assert!(!field.split_whitespace().any(|word| too_long(&word)));
        }
    }
}

#[test]
fn a_uri_too_long_to_stand_beside_the_name_stands_below_it() {
    let list = |uris: &[&str]| {
        let mut out = Vec::new();
        let mut field = Field::new(&mut out, "List-Unsubscribe");
        for uri in uris {
            field.uri(uri);
        }
        field.end();
        String::from_utf8(out).unwrap()
    };
    let long = format!("<https://mail.example.com/{}>", "a".repeat(50));
    assert_eq!(
        list(&[&format!("{long},"), "<mailto:leave@example.com>"]),
        format!("List-Unsubscribe:\r\n {long},\r\n <mailto:leave@example.com>\r\n")
    );
    assert_eq!(list(&["<https://example.com/a>"]), "List-Unsubscribe: <https://example.com/a>\r\n");
}
