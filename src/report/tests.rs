use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

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
fn a_reader_is_one_person_of_an_issue_of_an_article_and_of_each_link() {
    let told = counted(&[&[click(4, 90), click(5, 95), click(4, 2000)]], &[]);
    assert_eq!((told.clicks.readers.people, told.clicks.requests.people), (1, 3));
    let article = &told.parts[2];
    assert_eq!((article.count.readers.people, article.count.requests.people), (1, 3));
    let places = article.places.iter().map(|place| (place.count.readers.people, place.count.requests.people));
    assert_eq!(places.collect::<Vec<_>>(), [(1, 2), (1, 1)]);
    assert_eq!(told.parts[3].count, Count::default());
}

#[test]
fn a_reader_counts_by_the_best_that_is_known_of_them() {
    let robot = by(AgentClass::Library, click(1, 20));
    let unknown = by(AgentClass::Unknown, click(2, 60));
    let told = counted(&[&[robot, unknown, click(6, 99)], &[robot, unknown], &[robot]], &[]);
    assert_eq!(told.clicks.readers, Readers { people: 1, perhaps: 1, robots: 1, unproven: 0 });
    assert_eq!(told.parts[0].count.readers, Readers { people: 0, perhaps: 2, robots: 1, unproven: 0 });
    assert_eq!((told.clicks.requests.all_robots(), told.clicks.requests.all_unknown()), (3, 2));
}

#[test]
fn what_is_nobodys_makes_no_people() {
    let told = counted(&[], &[(click(1, 90), 1000)]);
    assert_eq!((told.clicks.readers, told.clicks.nobodys.people), (Readers::default(), 0));
    assert_eq!(told.clicks.nobodys.unknown, BTreeMap::from([(UnknownRule::Alone, 1000)]));
    let said = report(told, Accepted { individual: 0, aggregate: 50, none: 0 }).to_string();
    assert!(one_line(&said).contains("1,000 clicks are nobody’s: scanners among them can be told"), "{said}");
    assert!(!said.contains("People clicked"), "{said}");
}

#[test]
fn each_click_that_is_nobodys_may_be_of_one_more_reader_who_is_counted_one_by_one() {
    let of = |individual, aggregate| Accepted { individual, aggregate, none: 0 };
    let bounds = |nobodys: &[(Event, u64)], of: Accepted| {
        let report =
            report(counted(&[&[click(1, 90)], &[by(AgentClass::Unknown, click(1, 95))]], nobodys), of);
        let sponsor = report.for_sponsors().placements.swap_remove(0);
        let most = sponsor.places[0].count.people_at_most;
        assert_eq!((sponsor.at_least, sponsor.at_most), (Some(1), Some(most)));
        (report.clicks.people_at_most, most)
    };
    assert_eq!(bounds(&[], of(9, 0)), (2, 2));
    assert_eq!(bounds(&[(click(1, 99), 2), (by(AgentClass::Unknown, click(4, 99)), 1)], of(9, 0)), (5, 4));
    assert_eq!(bounds(&[(click(1, 99), 50)], of(9, 3)), (9, 9));
    assert_eq!(bounds(&[(by(AgentClass::Scanner, click(1, 99)), 50)], of(9, 3)), (2, 2));
    let together = report(counted(&[], &[(click(1, 99), 50)]), of(0, 9));
    assert_eq!(together.clicks.people_at_most, 0);
}

#[test]
fn whoever_is_set_aside_for_time_or_company_alone_may_be_one_of_the_people_at_most() {
    let after = |seconds, event: Event| Event { at: event.at + SignedDuration::from_secs(seconds), ..event };
    let scanner = by(AgentClass::Scanner, click(1, 90));
    let head = Event { signals: Signals { method: Method::Head, ..click(1, 90).signals }, ..click(1, 90) };
    let soon = Event { signals: Signals { delay: Some(3), ..click(1, 90).signals }, ..click(1, 90) };
    let suspected: [&[Event]; 5] = [
        &[click(1, 90), after(5, scanner)],
        &[click(1, 90), after(5, head)],
        &[click(1, 90), after(1, click(4, 90)), after(2, click(6, 90))],
        &[scanner, after(5, click(4, 90))],
        &[soon],
    ];
    let of = Accepted { individual: 9, ..Accepted::default() };
    for reader in suspected {
        let told = counted(&[reader], &[]).of(of, of).clicks;
        assert_eq!(told.readers, Readers { robots: 1, unproven: 1, ..Readers::default() }, "{reader:?}");
        assert_eq!(told.people_at_most, 1, "{reader:?}");
    }
    let ahead = Event { signals: Signals { headers: HeaderFlags::PREFETCH, ..head.signals }, ..click(1, 90) };
    for robot in [scanner, head, ahead] {
        let told = counted(&[&[robot]], &[]).of(of, of).clicks;
        assert_eq!((told.readers.robots, told.people_at_most), (1, 0), "{robot:?}");
    }
    let told = report(counted(&[suspected[0], suspected[2], &[scanner], &[click(1, 95)]], &[]), of);
    let sponsors = told.for_sponsors();
    let why = "2 more readers are set aside for haste or company alone, which suggest a robot and prove none";
    for said in [told.to_string(), told.html().unwrap(), sponsors.to_string(), sponsors.html().unwrap()] {
        assert!(one_line(&said).contains(why), "{said}");
    }
    assert!(
        one_line(&sponsors.to_string()).contains("at least 1 and at most 3 of those counted one by one did")
    );
    assert!(told.csv().unwrap().contains("214,clicks,,,,4,1,3,1,0,6\r\n"));
    let json = serde_json::to_value(&told).unwrap();
    assert_eq!(
        (&json["clicks"]["readers"]["unproven"], &json["clicks"]["people_at_most"]),
        (&2.into(), &3.into())
    );
    assert_eq!(serde_json::to_value(&sponsors).unwrap()["placements"][0]["at_most"], 3);
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

#[test]
fn clicks_fall_into_hours_and_days_since_the_issue_was_sent() {
    let told = counted(
        &[&[click(1, 1)], &[click(1, 59)], &[click(1, 60)], &[click(1, 50 * 60)]],
        &[(click(1, 40 * 24 * 60), 5)],
    );
    let times = told.times.unwrap();
    let people: Vec<u64> = times.hours.iter().map(|moment| moment.people).collect();
    assert_eq!((people.len(), &people[..3]), (48, &[2, 1, 0][..]));
    assert_eq!((times.days[0].people, times.days[2].people, times.later.unknown), (3, 1, 5));
}

#[test]
fn nobody_is_counted_more_closely_than_newsletter_and_reader_both_let() {
    let choices: BTreeMap<_, _> =
        [(Tracking::None, 1), (Tracking::Aggregate, 2), (Tracking::Individual, 4)].into();
    let accepted = |individual, aggregate, none| Accepted { individual, aggregate, none };
    assert_eq!(Accepted::under(Tracking::Individual, &choices), accepted(4, 2, 1));
    assert_eq!(Accepted::under(Tracking::Aggregate, &choices), accepted(0, 6, 1));
    assert_eq!(Accepted::under(Tracking::None, &choices), accepted(0, 0, 7));
}

#[test]
fn an_event_of_no_place_of_the_issue_counts_for_the_whole_alone() {
    let told = counted(&[&[click(999, 90)]], &[]);
    assert_eq!(told.clicks.readers.people, 1);
    assert!(told.parts.iter().all(|part| part.count == Count::default()));
}

proptest! {
    #[test]
    fn a_persons_single_click_is_a_persons_whatever_other_readers_do(
        others in proptest::collection::vec(
            proptest::collection::vec((1..11_u16, -9..9000_i64, any::<bool>()), 1..20), 0..20),
        at in 0..20_usize,
    ) {
        let mut readers: Vec<Vec<Event>> = others
            .into_iter()
            .map(|events| {
                let event = |(place, minutes, library)| {
                    let event = click(place, minutes);
                    if library { by(AgentClass::Library, event) } else { event }
                };
                events.into_iter().map(event).collect()
            })
            .collect();
        let others: Vec<&[Event]> = readers.iter().map(Vec::as_slice).collect();
        let without = counted(&others, &[]).clicks.readers.people;
        readers.insert(at.min(readers.len()), vec![click(7, 45)]);
        let all: Vec<&[Event]> = readers.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(counted(&all, &[]).clicks.readers.people, without + 1);
    }

    #[test]
    fn every_request_is_counted_once(
        readers in proptest::collection::vec(
            proptest::collection::vec((0..13_u16, -9..90_000_i64, 0..6_usize), 1..9), 0..9),
    ) {
        let classes = [AgentClass::Browser, AgentClass::ImageProxy, AgentClass::Scanner, AgentClass::Bot, AgentClass::Library, AgentClass::Unknown];
        let readers: Vec<Vec<Event>> = readers
            .into_iter()
            .map(|events| {
                let event = |(place, minutes, class): (u16, i64, usize)| {
                    by(classes[class], if place == 0 { open(minutes) } else { click(place, minutes) })
                };
                events.into_iter().map(event).collect()
            })
            .collect();
        let slices: Vec<&[Event]> = readers.iter().map(Vec::as_slice).collect();
        let told = counted(&slices, &[]);
        let requests = |count: &Count| count.requests.people + count.requests.all_unknown() + count.requests.all_robots();
        let all = readers.iter().map(Vec::len).sum::<usize>() as u64;
        prop_assert_eq!(requests(&told.clicks) + requests(&told.opens), all);
        let days: u64 = told.times.as_ref().unwrap().days.iter().chain([&told.times.as_ref().unwrap().later]).map(|moment| moment.all()).sum();
        prop_assert_eq!(days, requests(&told.clicks));
    }
}
