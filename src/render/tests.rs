use super::*;
use crate::draft::Draft;
use crate::sponsor::Sponsors;

/// A newsletter as its editor writes it.
fn newsletter() -> Newsletter {
    Newsletter {
        source: Source::new("newsletter.toml", ""),
        name: "Quiet Pager".into(),
        tagline: Some("Reading for people who keep things running.".into()),
        language: "en".into(),
        time_zone: jiff::tz::TimeZone::UTC,
        from: crate::mailbox::Mailbox::parse("Quiet Pager <editor@mail.example.com>").unwrap(),
        reply_to: None,
        return_path: None,
        unsubscribe_mailbox: None,
        subject: crate::diagnostic::Located {
            value: "{{ newsletter.name }} Issue #{{ issue.number }}".into(),
            span: 0..0,
        },
        list: "readers".parse().unwrap(),
        list_id: "quiet-pager.example.com".into(),
        base_url: crate::newsletter::BaseUrl("https://mail.example.com".into()),
        postal_address: "Quiet Pager, 14 Rope Walk, Lower Mill ZZ1 4AB, Exampleland".into(),
        tracking: crate::newsletter::TrackingPolicy::default(),
        affiliations: Vec::new(),
        silenced: Vec::new(),
    }
}

const SPONSORS: &str = include_str!("../../sponsors.toml");

fn issue(draft: &str) -> Issue {
    let draft = Draft::parse(Source::new("drafts/1.toml", draft)).unwrap();
    let sponsors = Sponsors::parse(Source::new("sponsors.toml", SPONSORS)).unwrap();
    Issue::assemble(draft, &sponsors, &newsletter()).unwrap()
}

/// The issue as one reader would see it: links as written.
fn shown(pieces: &[Piece], issue: &RenderedIssue) -> String {
    let show = |piece: &Piece| match piece {
        Piece::Literal(words) => words.clone(),
        Piece::Field(Field::Link(place)) => {
            format!("[{place}]{}", issue.links[usize::from(place.0) - 1].url)
        }
        Piece::Field(Field::Unsubscribe) => "[unsubscribe]".into(),
        Piece::Field(Field::Preferences) => "[preferences]".into(),
        Piece::Field(Field::Pixel) => "[pixel]".into(),
        Piece::Field(Field::Reader { name, default }) => match default {
            Some(default) => format!("[{name}, or {default}]"),
            None => format!("[{name}]"),
        },
    };
    pieces.iter().map(show).collect()
}

fn text_shown(issue: &RenderedIssue) -> String {
    let show = |block: &TextBlock| match block {
        TextBlock::Lines(pieces) => shown(pieces, issue),
        TextBlock::Paragraph { indent, pieces } => format!("{indent}<{}>\n", shown(pieces, issue)),
    };
    issue.text.iter().map(show).collect()
}

#[test]
fn every_shipped_draft_has_all_its_links_in_both_editions_and_sizes_that_add_up() {
    for number in 210..=215 {
        let draft = std::fs::read_to_string(format!("drafts/{number}.toml")).unwrap();
        let rendering = render(&issue(&draft), &newsletter(), &Templates::built_in()).unwrap();
        assert_eq!(rendering.findings, Diagnostics::none(), "{number}");
        let issue = rendering.issue;
        assert!(!issue.links.is_empty() && !text_shown(&issue).is_empty());
        let escaped = |url: &str| url.replace('&', "&amp;").len();
        let bytes = |piece: &Piece| match piece {
            Piece::Literal(words) => words.len(),
            Piece::Field(Field::Link(place)) => escaped(&issue.links[usize::from(place.0) - 1].url),
            Piece::Field(_) => 0,
        };
        let whole: usize = issue.html.iter().map(bytes).sum();
        assert_eq!(issue.sizes.iter().map(|(_, size)| size).sum::<usize>(), whole, "{number}");
    }
}
