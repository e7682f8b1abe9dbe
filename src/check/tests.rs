//! What an editor hears about an issue, and what not.

use super::*;
use crate::issue::tests::{assemble, newsletter};
use crate::render::{Field, Link, Part, Piece, RenderedIssue, TextBlock};

/// Who sends, from where, and whose messages stand in it.
const OWED: &str = "\nQUIET PAGER\nFrom our sponsor, Rootly:\nCalm.\nFrom Tidemark:\nFull.\n14 Rope\nWalk\n";

/// An issue rendered to this subject, this HTML and all that is owed to its readers.
fn rendering(issue: &Issue, mut html: Vec<Piece>) -> Rendering {
    let owed = [Piece::Literal(OWED.to_owned()), Piece::Field(Field::Unsubscribe)];
    html.extend_from_slice(&owed);
    let issue = RenderedIssue {
        number: issue.number,
        subject: vec![Piece::Literal("Quiet Pager Issue #379".to_owned())],
        preheader: None,
        html,
        text: vec![TextBlock::Lines(owed.to_vec())],
        links: vec![Link {
            url: "https://example.com".to_owned(),
            words: "x".to_owned(),
            part: Part::default(),
        }],
        sizes: vec![
            ("head".to_owned(), 3_000),
            ("Outages".to_owned(), 70_000),
            ("articles".to_owned(), 20_000),
        ],
    };
    Rendering { issue, findings: Diagnostics::none() }
}

/// A number that Rootly has booked.
const BOOKED: u32 = 379;

const PREHEADER: &str = "preheader = \"A queue that was never slow, and four hundred clocks.\"\n";

const ARTICLE: &str = "[[article]]\ntitle = \"A title\"\nurl = \"https://example.com/a\"\n";

fn found(number: u32, more: &str) -> Diagnostics {
    let issue = assemble(number, more).unwrap();
    findings(&issue, &rendering(&issue, Vec::new()), &newsletter())
}

fn kinds(number: u32, more: &str) -> Vec<&'static str> {
    found(number, more).0.iter().map(|finding| finding.kind).collect()
}

/// The findings on a draft with a good preheader and this behind it, drawn.
fn drawn(more: &str) -> String {
    found(BOOKED, &format!("{PREHEADER}{more}")).to_string()
}

#[test]
fn nothing_is_said_about_an_issue_in_good_order() {
    assert_eq!(kinds(BOOKED, &format!("{PREHEADER}{ARTICLE}")), [""; 0]);
}

#[test]
fn an_issue_without_a_sponsor_a_preheader_or_anything_at_all_is_named() {
    assert_eq!(kinds(382, ""), ["preheader-missing", "no-sponsor", "empty-issue"]);
}

#[test]
fn a_preheader_says_enough_and_not_too_much_and_not_the_subject() {
    let kinds = |preheader: &str| kinds(BOOKED, &format!("preheader = \"{preheader}\"\n{ARTICLE}"));
    assert_eq!(kinds(&"ü".repeat(39)), ["preheader-length"]);
    assert_eq!(kinds(&"ü".repeat(40)), [""; 0]);
    assert_eq!(kinds(&"x".repeat(130)), [""; 0]);
    assert_eq!(kinds(&"x".repeat(131)), ["preheader-length"]);
    assert_eq!(kinds("quiet pager issue #379"), ["preheader-repeats-subject"]);
    let short = found(BOOKED, &format!("preheader = \"Too short\"\n{ARTICLE}"));
    insta::assert_snapshot!("preheader_length", short);
}

#[test]
fn a_link_says_where_it_leads() {
    let draft = "intro = \"See [Here!](https://example.com/x) and [what is here](https://example.com/y).\"\n";
    insta::assert_snapshot!("vague_link", drawn(draft));
}

#[test]
fn a_page_linked_twice_is_told_with_both_places() {
    let draft = format!(
        "{ARTICLE}blurb = \"See [the rest](https://example.com/a/b), or https://Example.com/a?utm_source=x.\"\n\
         via = {{ name = \"N\", url = \"https://news.example\" }}\n\
         [[section]]\ntitle = \"S\"\nbody = \"[one](https://example.com/a?b=1) [two](https://example.com/a?b=2) [m](mailto:a@b.example) [n](mailto:a@b.example)\"\n"
    );
    insta::assert_snapshot!("url_twice", drawn(&draft));
}

#[test]
fn an_intro_may_lead_to_an_article() {
    let draft = format!("{PREHEADER}intro = \"First [the long one](https://example.com/a).\"\n{ARTICLE}");
    assert_eq!(kinds(BOOKED, &draft), [""; 0]);
}

#[test]
fn a_title_that_shouts_and_a_section_without_anything_are_named() {
    let draft = format!(
        "{ARTICLE}[[article]]\ntitle = \"TEN THINGS ABOUT PAGERS\"\nurl = \"https://example.com/b\"\n\
         [[article]]\ntitle = \"HTTP, SMTP\"\nurl = \"https://example.com/c\"\n[[section]]\ntitle = 'Outages'\n"
    );
    insta::assert_snapshot!("capitals_and_empty_section", drawn(&draft));
}

#[test]
fn html_near_the_limit_is_a_warning_and_beyond_it_an_error_with_what_weighs_most() {
    let issue = assemble(BOOKED, &format!("{PREHEADER}{ARTICLE}")).unwrap();
    let sized = |bytes: usize| {
        let html = vec![Piece::Literal("x".repeat(bytes)), Piece::Field(Field::Pixel)];
        findings(&issue, &rendering(&issue, html), &newsletter())
    };
    assert_eq!(sized(89_000), Diagnostics::none());
    assert!(!sized(90_001).has_errors());
    assert!(sized(102_000).has_errors());
    insta::assert_snapshot!(sized(95_000).0[0].message, @"issue 379 is about 95.3 kB of HTML; Gmail cuts at 102.0 kB");
    insta::assert_snapshot!(
        sized(120_000).0[0].help,
        @"shorten what weighs most: Outages (70.0 kB), articles (20.0 kB), head (3.0 kB)"
    );
}

#[test]
fn what_was_seen_and_accepted_is_silent_but_errors_never_are() {
    let mut newsletter = newsletter();
    let silence = |finding: &str| Silence { finding: finding.to_owned(), reason: "known".to_owned() };
    newsletter.silenced = vec![silence("no-sponsor"), silence("html-too-large"), silence("preheader-mising")];
    let issue = assemble(382, ARTICLE).unwrap();
    let large = rendering(&issue, vec![Piece::Literal("x".repeat(200_000))]);
    let found = findings(&issue, &large, &newsletter);
    let kinds: Vec<_> = found.0.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, ["preheader-missing", "html-too-large", "silence-unknown", "silence-unknown"]);
    assert_eq!(found.0[3].help, "did you mean `preheader-missing`?");
}

/// What is owed and missing when the parts of an issue are these.
fn owed(html: Vec<Piece>, text: Vec<Piece>) -> Diagnostics {
    let issue = assemble(BOOKED, &format!("{PREHEADER}{ARTICLE}")).unwrap();
    let mut rendering = rendering(&issue, Vec::new());
    rendering.issue.html = html;
    rendering.issue.text = vec![TextBlock::Lines(text)];
    let mut newsletter = newsletter();
    let silence = |finding: &str| Silence { finding: finding.to_owned(), reason: "known".to_owned() };
    newsletter.silenced = vec![silence("postal-address-missing"), silence("sponsor-unlabelled")];
    let mut found = findings(&issue, &rendering, &newsletter);
    found.0.retain(|finding| finding.severity == Severity::Error);
    found
}

/// A part with these words and a way to leave.
fn part(words: &str) -> Vec<Piece> {
    vec![Piece::Literal(words.to_owned()), Piece::Field(Field::Unsubscribe)]
}

#[test]
fn without_sender_postal_address_unsubscribe_and_sponsors_named_in_both_parts_nothing_goes_out() {
    let nothing = vec![Piece::Literal("<p>Calm. Full.</p>".to_owned())];
    insta::assert_snapshot!("owed", owed(nothing, Vec::new()));
    assert_eq!(owed(part(OWED), part(OWED)), Diagnostics::none());
}

#[test]
fn what_is_owed_counts_where_a_reader_sees_it_and_in_whatever_language() {
    let html =
        |words: &str| owed(part(words), part(OWED)).0.iter().map(|found| found.kind).collect::<Vec<_>>();
    let footer = "<img alt=\"Quiet Pager\" /><p>14&#32;Rope<br />Walk</p>";
    let good = format!("Anzeige: <b>Rootly</b><p>Calm.</p>Publicité Tidemark<p>Full.</p>{footer}");
    assert_eq!(html(&good), [""; 0]);
    let hidden = good.replace("<p>14", "<p style=\"display:none\">14").replace("<br />", " ");
    assert_eq!(html(&hidden), ["postal-address-missing"]);
    let logo = good.replace("<b>Rootly</b>", "<img alt=\"Rootly\" />");
    assert_eq!(html(&logo), ["sponsor-unlabelled"]);
    let late = good.replace("<b>Rootly</b>", "").replace("Calm.", "Calm. Thanks, Rootly");
    assert_eq!(html(&late), ["sponsor-unlabelled"]);
}

#[test]
fn every_kind_that_is_found_can_be_silenced_by_its_name() {
    let mut sorted = KINDS;
    sorted.sort_unstable();
    assert_eq!(KINDS, sorted);
    for kind in kinds(382, "") {
        assert!(KINDS.contains(&kind), "{kind}");
    }
}
