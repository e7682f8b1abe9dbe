mod counting;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::delivery::SmtpReply;
use crate::event::{AgentClass, Event, EventKind, HeaderFlags, Method, Rules, Signals, UnknownRule};
use crate::render::Link;
use crate::sponsor::Placement;
use crate::subscriber::Leaving;
use crate::wrap::one_line;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::built_in().unwrap());
static LINKS: LazyLock<Vec<Link>> = LazyLock::new(links);

const SENT: Timestamp = Timestamp::constant(1_688_342_400, 0);

fn now() -> Timestamp {
    SENT + SignedDuration::from_hours(9 * 24)
}

/// A small issue: two sponsors, an intro, two articles, a section with one more.
fn links() -> Vec<Link> {
    let sponsor =
        |placement, id: &str, name: &str| Part::Sponsor { placement, id: id.into(), name: name.into() };
    let article = |number, title: &str, section: Option<&str>| Part::Article {
        number,
        title: title.into(),
        section: section.map(str::to_owned),
    };
    let link = |words: &str, part: Part| Link {
        url: format!("https://example.com/{}", words.len()),
        words: words.into(),
        part,
    };
    let long = "A title that goes on and on, as some do, until nobody can read it to its end in one go";
    vec![
        link("Read <b>more</b> & try it", sponsor(Placement::Top, "tidemark", "Tidemark & Sons")),
        link("Tidemark", sponsor(Placement::Top, "tidemark", "Tidemark & Sons")),
        link("", Part::Intro),
        link(long, article(1, long, None)),
        link("News", article(1, long, None)),
        link("=1+1", article(2, "=HYPERLINK(\"https://bad.example\")", None)),
        link("See", sponsor(Placement::Middle, "brass", "Brass")),
        link("Status", Part::Section { title: "Outages".into() }),
        link("警報の読み方", article(3, "警報の読み方", Some("Outages"))),
        link("About us", Part::Template),
    ]
}

/// Somebody's click, so many minutes after the issue was sent.
fn click(place: u16, minutes: i64) -> Event {
    let delay = Some(minutes * 60);
    let signals = Signals {
        agent: AgentClass::Browser,
        method: Method::Get,
        headers: HeaderFlags(2 + 4 + 8 + 16),
        delay,
    };
    Event { kind: EventKind::Click(Place(place)), at: SENT + SignedDuration::from_mins(minutes), signals }
}

fn by(agent: AgentClass, event: Event) -> Event {
    Event { signals: Signals { agent, ..event.signals }, ..event }
}

fn open(minutes: i64) -> Event {
    Event { kind: EventKind::Open, ..click(1, minutes) }
}

fn counted(readers: &[&[Event]], nobodys: &[(Event, u64)]) -> Counted {
    let mut tally = Tally::new(&LINKS, SENT, &RULES, now());
    for events in readers {
        tally.reader(events);
    }
    for (event, times) in nobodys {
        tally.nobodys(event, None, *times);
    }
    tally.finish()
}

fn about() -> About {
    About {
        issue: "214".parse().unwrap(),
        newsletter: "Quiet Pager".into(),
        trial: false,
        sent_at: SENT,
        counted_at: now(),
        time_zone: TimeZone::get("America/New_York").unwrap(),
        deleted_until: None,
        tracking: TrackingPolicy { clicks: Tracking::Individual, opens: Tracking::Individual },
        rules: RULES.version,
    }
}

fn report(counted: Counted, clicks_of: Accepted) -> Report {
    let counted = counted.of(clicks_of, clicks_of);
    let accepted = clicks_of.individual + clicks_of.aggregate + clicks_of.none;
    Report {
        about: about(),
        counts: Counts {
            queued: accepted + 41,
            accepted,
            deferred: 3,
            refused: 33,
            in_doubt: 5,
            waiting: 0,
            skipped: 7,
        },
        refusals: [(550, Some("5.1.1"), 30), (552, None, 3)]
            .map(|(code, enhanced, readers)| {
                let (enhanced, text) = (enhanced.map(str::to_owned), "no <ada@example.com> here".to_owned());
                Refusal::new(&SmtpReply { code, enhanced, text }, readers)
            })
            .into(),
        skipped_by_reason: [(SkipReason::Unsubscribed, 6), (SkipReason::Paused, 1)].into(),
        clicks_of,
        clicks: counted.clicks,
        parts: counted.parts,
        opens: Some(Opens { reliable: false, of: clicks_of, count: counted.opens }),
        leavers: Leavers::default(),
        times: counted.times,
        before: Vec::new(),
    }
}

/// A week of an issue with 1,234 readers.
fn week() -> Report {
    let mut readers: Vec<Vec<Event>> = Vec::new();
    for reader in 0..180_i64 {
        let place = u16::try_from(reader * reader % 10 + 1).unwrap();
        readers.push(vec![click(place, 7 + reader * reader / 4), click(4, 9 + reader * reader / 4)]);
    }
    readers.extend((0..9).map(|reader| (1..=10).map(|place| click(place, 3 + reader)).collect()));
    readers.extend(
        (0..12).map(|reader| vec![by(AgentClass::Unknown, click(1, 60 + reader)), open(60 + reader)]),
    );
    readers.push(vec![by(AgentClass::Scanner, click(1, 30)), click(1, 30), open(0)]);
    readers.extend((0..40).map(|reader| vec![by(AgentClass::ImageProxy, open(5 + reader))]));
    let readers: Vec<&[Event]> = readers.iter().map(Vec::as_slice).collect();
    let nobodys = [(click(1, 90), 4), (click(4, 200), 21), (by(AgentClass::Bot, click(4, 200)), 2)];
    let mut report =
        report(counted(&readers, &nobodys), Accepted { individual: 1100, aggregate: 90, none: 44 });
    let departure = |way, reason: Option<&str>, undone: bool| Departure {
        leaving: Leaving { at: now(), issue: None, way },
        reason: reason.map(str::to_owned),
        undone_at: undone.then(now),
    };
    report.leavers = Leavers::of(vec![
        departure(Way::OneClick, None, false),
        departure(Way::Page, Some("Too many \u{1b}[31mletters"), false),
        departure(Way::Page, None, true),
    ]);
    report.before = [(213, 150, 400), (212, 0, 90)]
        .map(|(number, people, clicks)| Past {
            issue: IssueNumber::new(number).unwrap(),
            accepted: 1200,
            clicks_of: Accepted { individual: if people == 0 { 0 } else { 1000 }, ..Accepted::default() },
            people: Some(people),
            clicks: Some(clicks),
            nobodys: Some(clicks / 7),
            left: 4,
        })
        .into();
    report
}

#[test]
fn a_week_looks_like_this_in_a_terminal() {
    insta::assert_snapshot!(week().to_string());
}

#[test]
fn a_report_is_as_wide_as_its_terminal_within_reason_and_cuts_no_words() {
    let mut report = week();
    report.skipped_by_reason.insert(SkipReason::LeftDuringRun, 4);
    for (asked, columns) in [(20, 60), (60, 60), (72, 72), (80, 80), (100, 100), (400, 100)] {
        for said in [format!("{report:asked$}"), format!("{:asked$}", report.for_sponsors())] {
            let too_long = said.lines().find(|line| textwrap::core::display_width(line) > columns);
            assert_eq!(too_long, None, "{said}");
            let mut cut = said.lines().filter(|line| line.contains('…'));
            assert!(cut.all(|line| line.contains("http") || line.contains("=HYPER")), "{said}");
        }
    }
    let narrow = format!("{report:60}");
    for part in ["\n    they left, or their list let them go, ", "4\n      while the issue was going out\n"] {
        assert!(narrow.contains(part), "{narrow}");
    }
    assert_eq!(report.to_string(), format!("{report:80}"), "what suits a file");
    assert!(format!("{report:80}").contains("  ██"), "there is room for bars");
}

#[test]
fn a_week_looks_like_this_as_a_page() {
    insta::assert_snapshot!(week().html().unwrap());
}

#[test]
fn a_page_says_how_many_numbers_stand_below_a_name_on_a_small_screen() {
    let page = week().html().unwrap();
    let tables = page.split("<table ").skip(1).filter(|table| table.starts_with("class=\"b\""));
    let mut told = 0;
    for table in tables {
        let numbers = table.split("</tr>").nth(1).unwrap().matches("<td").count();
        assert!(table.starts_with(&format!("class=\"b\" style=\"--numbers:{numbers}\">")), "{table}");
        told += 1;
    }
    assert_eq!(told, 2, "links, and the issues before");
}

#[test]
fn a_week_looks_like_this_as_a_table() {
    insta::assert_snapshot!(week().csv().unwrap().replace('\r', ""));
}

#[test]
fn a_week_looks_like_this_as_json() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&week()).unwrap());
}

#[test]
fn its_sponsors_are_told_this() {
    let report = week().for_sponsors();
    insta::assert_snapshot!("sponsors_text", report.to_string());
    insta::assert_snapshot!("sponsors_html", report.html().unwrap());
    insta::assert_snapshot!("sponsors_csv", report.csv().unwrap().replace('\r', ""));
}

#[test]
fn an_issue_that_is_counted_together_tells_of_clicks_and_never_of_people() {
    let counted = counted(&[], &[(click(1, 90), 4), (by(AgentClass::Bot, click(4, 200)), 2)]);
    let report = report(counted, Accepted { individual: 0, aggregate: 50, none: 0 });
    assert_eq!(report.clicks.readers, Readers::default());
    insta::assert_snapshot!(format!("{report}\n\n{}", report.for_sponsors()));
}

#[test]
fn an_issue_that_is_not_counted_claims_nothing() {
    let mut report = report(counted(&[], &[]), Accepted { individual: 0, aggregate: 0, none: 50 });
    report.opens = None;
    insta::assert_snapshot!(format!("{report}\n\n{}", report.for_sponsors()));
}

#[test]
fn of_one_message_it_is_said_that_it_was_accepted() {
    let mut one = report(counted(&[], &[]), Accepted { individual: 1, ..Accepted::default() });
    one.counts = Counts { queued: 1, accepted: 1, ..Counts::default() };
    assert!(one.to_string().contains("\n1 of 1 message was accepted."), "{one}");
    assert!(week().to_string().contains("1,234 of 1,275 messages were accepted."));
}

#[test]
fn a_readers_reason_turns_nothing_around_and_commands_no_terminal() {
    let leaving = Leaving { at: now(), issue: None, way: Way::Page };
    let reason = Some("too \u{202e}many\u{2066} \u{1b}[2J\u{9b}let\u{200f}ters\u{61c}\u{7}\nשלום".to_owned());
    let leavers = Leavers::of(vec![Departure { leaving, reason, undone_at: None }]);
    assert_eq!(leavers.reasons, ["too many [2Jletters שלום"]);
}

#[test]
fn no_cell_of_a_table_is_a_formula() {
    let csv = week().csv().unwrap();
    let mut lines = ::csv::Reader::from_reader(csv.as_bytes());
    let cells: Vec<String> = lines
        .records()
        .flat_map(|line| line.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(cells.len() > 100 && cells.iter().any(|cell| cell.starts_with("'=1+1")));
    assert!(!cells.iter().any(|cell| cell.starts_with(['=', '+', '-', '@', '\t', '\r'])));
}

#[test]
fn every_form_says_at_most_how_many_clicked_and_why() {
    let objected =
        report(counted(&[], &[(click(1, 99), 1)]), Accepted { individual: 3, ..Accepted::default() });
    let sponsors = objected.for_sponsors();
    let why = "1 click that is nobody’s may be of others of them, whose browsers object (GPC, DNT)";
    for said in
        [sponsors.to_string(), sponsors.html().unwrap(), objected.to_string(), objected.html().unwrap()]
    {
        let said = one_line(&said);
        assert!(said.contains(why), "{said}");
    }
    assert!(
        one_line(&sponsors.to_string())
            .contains("By the rules, at least 0 and at most 1 of those counted one by one did: 1 click")
    );
    assert!(
        one_line(&objected.to_string())
            .contains("At most 1 person of those counted one by one clicked: 1 click")
    );
    assert!(objected.csv().unwrap().contains("214,clicks,,,,0,0,1,0,0,0"));
    assert!(sponsors.csv().unwrap().contains(",0,0,1,0,0,0"));
    assert_eq!(serde_json::to_value(&objected).unwrap()["clicks"]["people_at_most"], 1);
    assert_eq!(serde_json::to_value(&sponsors).unwrap()["placements"][0]["at_most"], 1);
}

/// An issue of which some events may be deleted and these are left, beside one that is kept.
fn deleted(left: &[&[Event]]) -> Report {
    let left = counted(left, &[]).rest();
    let clicks_of = Accepted { individual: 14, aggregate: 2, none: 0 };
    let mut report = report(left, clicks_of);
    report.about.deleted_until = Some(now() - SignedDuration::from_hours(48));
    let past = |number, clicks: Option<&Count>| {
        Past::new(IssueNumber::new(number).unwrap(), 16, clicks_of, clicks, &Leavers::default())
    };
    report.before =
        vec![past(213, None), past(212, Some(&counted(&[&[click(1, 90)]], &[(click(1, 99), 1)]).clicks))];
    report
}

#[test]
fn of_an_issue_whose_events_may_be_deleted_nothing_is_claimed() {
    let report = deleted(&[]);
    insta::assert_snapshot!(format!("{report}\n\n{}", report.for_sponsors()));
    for page in [report.html().unwrap(), report.for_sponsors().html().unwrap()] {
        assert!(
            page.contains("are deleted by `[retention]`") && !page.contains("<td>0</td><td>0</td>"),
            "{page}"
        );
        assert!(!page.contains("people clicked") && !page.contains("At most"), "{page}");
    }
}

#[test]
fn of_an_issue_of_which_some_events_are_deleted_the_rest_is_told_and_no_more() {
    let report = deleted(&[&[click(1, 8000)], &[by(AgentClass::Unknown, click(4, 8000))]]);
    insta::assert_snapshot!(format!("{report}\n\n{}", report.for_sponsors()));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["clicks"]["readers"]["people"], 1);
    assert!(json["clicks"]["people_at_most"].is_null() && json["times"].is_null());
    assert!(json["opens"]["readers"].is_null(), "of opens none is left");
    assert!(report.csv().unwrap().contains("214,clicks,,,,2,1,,1,1,0\r\n"));
    let sponsors = serde_json::to_value(report.for_sponsors()).unwrap();
    let [top, middle] = [&sponsors["placements"][0], &sponsors["placements"][1]];
    assert!(top["at_least"] == 1 && top["at_most"].is_null() && middle["at_least"].is_null(), "{sponsors}");
    for page in [report.html().unwrap(), report.for_sponsors().html().unwrap()] {
        assert!(page.contains("from 9 July 2023, 20:00 on") && !page.contains("At most"), "{page}");
    }
}

#[test]
fn numbers_that_may_be_deleted_are_null_in_json_and_empty_in_a_table() {
    let report = deleted(&[]);
    let sponsors = report.for_sponsors();
    let csv = report.csv().unwrap();
    assert!(csv.contains("214,clicks,,,,,,,,,\r\n214,\"clicks, nobody’s\",,,,,,,,,\r\n"), "{csv}");
    assert!(csv.contains("214,clicks and opens deleted until,,2023-07-10T00:00:00Z,"), "{csv}");
    assert!(sponsors.csv().unwrap().contains("214,sponsor,,\"Brass, middle\",,,,,,,\r\n"));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["deleted_until"], "2023-07-10T00:00:00Z");
    for place in [&json["clicks"], &json["opens"], &json["parts"][0], &json["parts"][0]["places"][0]] {
        for key in ["readers", "people_at_most", "requests", "nobodys"] {
            assert!(place.as_object().unwrap()[key].is_null(), "{key} in {place}");
        }
    }
    assert!(json["times"].is_null() && json["before"][0]["people"].is_null());
    assert_eq!(json["before"][1]["people"], 1);
    let json = serde_json::to_value(&sponsors).unwrap();
    let placed = json["placements"][0].as_object().unwrap();
    assert!(placed["at_least"].is_null() && placed["at_most"].is_null() && placed["readers"].is_null());
}
