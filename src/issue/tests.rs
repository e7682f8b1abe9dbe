//! What an editor leaves to the machine: sponsors, bylines, disclosures.

use super::*;
use crate::mailbox::Mailbox;
use crate::newsletter::{Affiliation, BaseUrl, TrackingPolicy};

/// Quiet Pager, tied to Ropewalk.
pub(crate) fn newsletter() -> Newsletter {
    Newsletter {
        source: Source::new("newsletter.toml", "subject = \"{{ newsletter.name }}\""),
        name: "Quiet Pager".to_owned(),
        tagline: None,
        language: "en".to_owned(),
        time_zone: jiff::tz::TimeZone::UTC,
        from: Mailbox::parse("Quiet Pager <editor@mail.example.com>").unwrap(),
        reply_to: None,
        return_path: None,
        unsubscribe_mailbox: None,
        subject: Located { value: "{{ newsletter.name }}".to_owned(), span: 10..33 },
        list: "readers".parse().unwrap(),
        list_id: "quiet-pager.example.com".to_owned(),
        base_url: BaseUrl("https://mail.example.com".to_owned()),
        postal_address: "14 Rope Walk".to_owned(),
        tracking: TrackingPolicy::default(),
        affiliations: vec![Affiliation {
            name: "Ropewalk Press".to_owned(),
            domains: vec!["ropewalk.example".to_owned()],
            disclosure: "Full disclosure: Ropewalk is my employer.".to_owned(),
        }],
        silenced: Vec::new(),
    }
}

const SPONSORS: &str = r#"
[[sponsor]]
id = "rootly"
name = "Rootly"
url = "https://www.rootly.example/demo"
message = "Calm."
bookings = [{ first = 375, last = 379 }]

[[sponsor]]
id = "tidemark"
name = "Tidemark"
url = "https://tidemark.example"
message = "Full."
bookings = [{ first = 379, last = 379, placement = "middle" }, { first = 380, last = 381 }]
"#;

/// An issue of this number, with more TOML after number and date.
pub(crate) fn assemble(number: u32, more: &str) -> Result<Issue, Diagnostics> {
    let text = format!("number = {number}\ndate = 2023-07-02\n{more}");
    let draft = Draft::parse(Source::new(format!("drafts/{number}.toml"), text)).unwrap();
    let sponsors = Sponsors::parse(Source::new("sponsors.toml", SPONSORS)).unwrap();
    Issue::assemble(draft, &sponsors, &newsletter())
}

fn who(number: u32, more: &str) -> Vec<(Placement, String)> {
    let issue = assemble(number, more).unwrap();
    issue.sponsors.into_iter().map(|(placement, sponsor)| (placement, sponsor.name)).collect()
}

/// The only article of an issue, with more TOML after title and URL.
fn article(url: &str, more: &str) -> Article {
    let text = format!("[[article]]\ntitle = \"T\"\nurl = \"{url}\"\n{more}");
    assemble(379, &text).unwrap().articles.remove(0)
}

#[test]
fn whoever_booked_stands_where_they_booked() {
    let both = [(Placement::Top, "Rootly".to_owned()), (Placement::Middle, "Tidemark".to_owned())];
    assert_eq!(who(379, ""), both);
    assert_eq!(who(379, "sponsor = \"rootly\""), both);
    assert_eq!(who(380, ""), [(Placement::Top, "Tidemark".to_owned())]);
    assert_eq!(who(382, ""), []);
}

#[test]
fn an_editor_who_wants_nobody_on_top_gets_nobody_there() {
    assert_eq!(who(379, "sponsor = \"none\""), [(Placement::Middle, "Tidemark".to_owned())]);
}

#[test]
fn an_unknown_sponsor_is_told_with_the_one_that_was_meant() {
    insta::assert_snapshot!("unknown_sponsor", assemble(379, "sponsor = \"rotly\"").unwrap_err());
    let error = assemble(379, "sponsor = \"somebody\"").unwrap_err();
    assert_eq!(error.0[0].help, "sponsors.toml knows rootly, tidemark");
}

#[test]
fn a_sponsor_outside_its_booking_is_told_with_both_sides() {
    insta::assert_snapshot!("somebody_elses_place", assemble(380, "sponsor = \"rootly\"").unwrap_err());
    insta::assert_snapshot!("outside_its_booking", assemble(382, "sponsor = \"rootly\"").unwrap_err());
}

#[test]
fn a_byline_names_everybody_as_english_does() {
    let byline = |authors: &str, publication: &str| {
        article("https://example.org", &format!("authors = [{authors}]\n{publication}")).byline
    };
    let example = "publication = \"The Example\"";
    assert_eq!(byline("", ""), None);
    assert_eq!(byline("", example).unwrap(), "The Example");
    assert_eq!(byline("\"A\"", "").unwrap(), "A");
    assert_eq!(byline("\"A\", \"B\"", "").unwrap(), "A and B");
    assert_eq!(byline("\"A\", \"B\", \"C\"", example).unwrap(), "A, B, and C — The Example");
}

#[test]
fn an_affiliation_is_disclosed_by_domain_and_by_publication() {
    let employer = ["Full disclosure: Ropewalk is my employer."];
    for (url, more) in [
        ("https://ropewalk.example/a", ""),
        ("http://Blog.Ropewalk.example:8080", ""),
        ("https://example.org/", "publication = \"ropewalk PRESS\""),
        ("https://ropewalk.example/", "publication = \"Ropewalk Press\""),
        ("https://ropewalk.example/", "disclosure = \"Full disclosure: Ropewalk is my employer.\""),
    ] {
        assert_eq!(article(url, more).disclosures, employer, "{url} {more}");
    }
    for url in [
        "https://notropewalk.example",
        "https://ropewalk.example.org",
        "https://example.org/ropewalk.example",
    ] {
        assert_eq!(article(url, "").disclosures, [""; 0], "{url}");
    }
}

#[test]
fn a_sponsor_of_the_issue_is_disclosed_after_the_editors_own_line() {
    let sponsor = "Full disclosure: Rootly is this week’s sponsor.";
    let url = "https://blog.rootly.example/";
    assert_eq!(article(url, "").disclosures, [sponsor]);
    assert_eq!(article(url, "disclosure = \"A friend.\"").disclosures, ["A friend.", sponsor]);
    assert_eq!(
        article("https://ropewalk.example", "publication = \"Rootly\"").disclosures,
        ["Full disclosure: Ropewalk is my employer.", sponsor]
    );
    let other_week =
        format!("[[section]]\ntitle = \"S\"\n[[section.article]]\ntitle = \"T\"\nurl = \"{url}\"");
    assert_eq!(assemble(382, &other_week).unwrap().sections[0].articles[0].disclosures, [""; 0]);
    assert_eq!(assemble(375, &other_week).unwrap().sections[0].articles[0].disclosures, [sponsor]);
}

#[test]
fn what_a_draft_leaves_out_is_the_newsletters() {
    let issue = assemble(1, "").unwrap();
    assert_eq!((issue.subject.0.name(), issue.language.as_str()), ("newsletter.toml", "en"));
    let issue = assemble(1, "subject = \"S\"\nlanguage = \"ar\"\nlist = \"few\"").unwrap();
    assert_eq!((issue.subject.0.name(), issue.subject.1.value.as_str()), ("drafts/1.toml", "S"));
    assert_eq!((issue.language.as_str(), issue.list.as_str()), ("ar", "few"));
}
