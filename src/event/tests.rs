use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

const SENT: Timestamp = Timestamp::constant(1_700_000_000, 0);
const CHROME: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36";

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::built_in().unwrap());

fn heard(headers: &[(&str, &str)]) -> Heard {
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    hear(Method::Get, EventKind::Click(Place(1)), headers, &RULES)
}

/// What Chrome says when somebody follows a link.
fn as_chrome() -> Vec<(&'static str, &'static str)> {
    vec![
        ("user-agent", CHROME),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"),
        ("accept-language", "en-GB,en;q=0.9"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-user", "?1"),
    ]
}

/// A click some seconds after the message was accepted, as a browser makes it.
fn click(place: u16, after: i64) -> Event {
    let signals = Signals { delay: Some(after), ..heard(&as_chrome()).signals };
    Event { kind: EventKind::Click(Place(place)), at: SENT + SignedDuration::from_secs(after), signals }
}

fn open(after: i64) -> Event {
    Event { kind: EventKind::Open, ..click(1, after) }
}

fn by(agent: AgentClass, event: Event) -> Event {
    Event { signals: Signals { agent, ..event.signals }, ..event }
}

fn later(seconds: i64, event: Event) -> Event {
    Event { at: event.at + SignedDuration::from_secs(seconds), ..event }
}

/// The verdicts a week later, on an issue of forty links.
fn verdicts(events: &[Event]) -> Vec<Verdict> {
    judge(events, 40, &RULES, SENT + SignedDuration::from_hours(168))
}

fn robot(rule: RobotRule) -> Verdict {
    Verdict::Robot(rule)
}

#[test]
fn every_agent_of_the_table_is_of_its_class() {
    #[derive(Deserialize)]
    struct Class {
        agents: Vec<String>,
    }
    let table: BTreeMap<String, Class> = toml::from_str(include_str!("tests/agents.toml")).unwrap();
    assert_eq!(table.len(), 6);
    for (class, Class { agents }) in table {
        for agent in agents {
            let told = heard(&[("User-Agent", &agent)]).signals.agent;
            assert_eq!(serde_json::to_value(told).unwrap(), class, "{agent}");
        }
    }
}

#[test]
fn headers_leave_numbers_and_an_objection() {
    let told = heard(&as_chrome());
    assert_eq!(told.signals.headers, HeaderFlags(2 + 4 + 8 + 16 + 32));
    assert!(!told.objects);
    for objection in [("Sec-GPC", "1"), ("dnt", "1")] {
        assert!(heard(&[objection]).objects);
    }
    assert!(!heard(&[("Sec-GPC", "0"), ("dnt", "")]).objects);
    for ahead in [
        ("Sec-Purpose", "prefetch;prerender"),
        ("Purpose", "prefetch"),
        ("X-Moz", "prefetch"),
        ("X-Purpose", "preview"),
    ] {
        assert!(heard(&[ahead]).signals.headers.has(HeaderFlags::PREFETCH));
    }
}

#[test]
fn a_browser_that_opens_a_link_hours_later_is_a_person() {
    assert_eq!(verdicts(&[click(3, 7200)]), [Verdict::Person]);
    assert_eq!(verdicts(&[click(3, 7200), click(4, 7230), click(3, 90000)]), [Verdict::Person; 3]);
}

#[test]
fn what_alone_gives_a_robot_away() {
    let head =
        Event { signals: Signals { method: Method::Head, ..click(1, 9000).signals }, ..click(1, 9000) };
    assert_eq!(verdicts(&[head]), [robot(RobotRule::Head)]);
    let mut ahead = click(1, 9000);
    ahead.signals.headers = ahead.signals.headers.with(HeaderFlags::PREFETCH, true);
    assert_eq!(verdicts(&[ahead]), [robot(RobotRule::Prefetch)]);
    for class in [AgentClass::Scanner, AgentClass::Bot, AgentClass::Library] {
        assert_eq!(verdicts(&[by(class, click(1, 9000))]), [robot(RobotRule::Agent)]);
    }
    assert_eq!(verdicts(&[click(1, 7)]), [robot(RobotRule::TooSoon)]);
    assert_eq!(verdicts(&[click(1, -2)]), [robot(RobotRule::TooSoon)]);
    assert_eq!(verdicts(&[click(1, 8)]), [Verdict::Person]);
    assert_eq!(verdicts(&[open(1), open(2)]), [robot(RobotRule::TooSoon), Verdict::Person]);
}

#[test]
fn link_after_link_within_seconds_is_a_sweep_and_tabs_opened_in_turn_are_not() {
    let swept: Vec<Event> = [1, 2, 3].into_iter().map(|place| click(place, 600 + i64::from(place))).collect();
    assert_eq!(verdicts(&swept), [robot(RobotRule::Sweep); 3]);
    let in_turn: Vec<Event> = (1..=6).map(|place| click(place, 600 + 4 * i64::from(place))).collect();
    assert_eq!(verdicts(&in_turn), [Verdict::Person; 6]);
    let same: Vec<Event> = (0..6).map(|_| click(5, 600)).collect();
    assert_eq!(verdicts(&same), [Verdict::Person; 6]);
}

#[test]
fn every_link_of_an_issue_is_a_sweep_also_where_it_takes_minutes() {
    let all: Vec<Event> = (1..=7).map(|place| click(place, 600 + 40 * i64::from(place))).collect();
    assert_eq!(verdicts(&all), [Verdict::Person; 7]);
    let now = SENT + SignedDuration::from_hours(24);
    assert_eq!(judge(&all, 7, &RULES, now), [robot(RobotRule::Sweep); 7]);
    let both = [click(1, 600), click(2, 602)];
    assert_eq!(judge(&both, 2, &RULES, now), [robot(RobotRule::Sweep); 2]);
    assert_eq!(judge(&both[..1], 1, &RULES, now), [Verdict::Person]);
}

#[test]
fn what_is_close_to_a_sure_robot_is_its_company() {
    let events =
        [by(AgentClass::Scanner, click(2, 600)), click(9, 610), click(9, 640), later(-5, click(9, 600))];
    let told =
        [robot(RobotRule::Agent), robot(RobotRule::Companion), Verdict::Person, robot(RobotRule::Companion)];
    assert_eq!(verdicts(&events), told);
}

#[test]
fn a_preview_in_a_chat_and_a_browser_that_fetches_ahead_leave_the_person_a_person() {
    assert_eq!(
        verdicts(&[by(AgentClass::Bot, click(2, 600)), click(2, 603)]),
        [robot(RobotRule::Agent), Verdict::Person]
    );
    let mut ahead = click(2, 600);
    ahead.signals.headers = ahead.signals.headers.with(HeaderFlags::PREFETCH, true);
    assert_eq!(verdicts(&[ahead, click(2, 602)]), [robot(RobotRule::Prefetch), Verdict::Person]);
    assert_eq!(verdicts(&[open(0), click(2, 15)]), [robot(RobotRule::TooSoon), Verdict::Person]);
}

#[test]
fn a_click_right_after_a_scanner_looked_at_the_same_link_may_be_either() {
    let looked = [by(AgentClass::Scanner, click(2, 600)), click(2, 603)];
    assert_eq!(verdicts(&looked)[1], Verdict::Unknown(UnknownRule::LookedFirst));
}

#[test]
fn what_cannot_be_told_is_said_so() {
    assert_eq!(
        verdicts(&[by(AgentClass::ImageProxy, open(900))]),
        [Verdict::Unknown(UnknownRule::ImageProxy)]
    );
    assert_eq!(verdicts(&[by(AgentClass::Unknown, click(1, 900))]), [Verdict::Unknown(UnknownRule::Agent)]);
    let unlike = |dropped: &str| {
        let headers: Vec<_> = as_chrome().into_iter().filter(|(name, _)| *name != dropped).collect();
        let signals = Signals { delay: Some(900), ..heard(&headers).signals };
        verdicts(&[Event { signals, ..click(1, 900) }])
    };
    for needed in ["accept", "accept-language", "sec-fetch-mode"] {
        assert_eq!(unlike(needed), [Verdict::Unknown(UnknownRule::Unlike)], "{needed}");
    }
    assert_eq!(unlike("sec-fetch-user"), [Verdict::Person]);
}

#[test]
fn a_person_is_unknown_until_the_window_closes_and_a_robot_is_not() {
    let at = |seconds| SENT + SignedDuration::from_secs(seconds);
    let judged = |event: Event, now| judge(&[event], 40, &RULES, now)[0];
    assert_eq!(judged(click(1, 900), at(1199)), Verdict::Unknown(UnknownRule::WindowOpen));
    assert_eq!(judged(click(1, 900), at(1200)), Verdict::Person);
    assert_eq!(judged(click(1, 3), at(4)), robot(RobotRule::TooSoon));
}

#[test]
fn a_click_that_no_reader_is_known_of_is_judged_by_itself() {
    assert_eq!(judge_alone(&click(1, 900), None, &RULES), Verdict::Unknown(UnknownRule::Alone));
    assert_eq!(judge_alone(&by(AgentClass::Library, click(1, 900)), None, &RULES), robot(RobotRule::Agent));
}

#[test]
fn when_whose_they_were_is_forgotten_a_robots_stay_a_robots_and_nothing_is_kept_of_people() {
    let now = SENT + SignedDuration::from_secs(100);
    let events = [
        click(1, 3),
        by(AgentClass::Scanner, click(2, 40)),
        click(3, 41),
        by(AgentClass::Unknown, click(4, 70)),
        click(5, 95),
    ];
    let kept = given_away(&events, 40, &RULES, now);
    assert_eq!(kept, [Some(RobotRule::TooSoon), None, Some(RobotRule::Companion), None, None]);
    assert_eq!(judge_alone(&click(3, 41), kept[2], &RULES), robot(RobotRule::Companion));
    assert_eq!(
        judge_alone(&by(AgentClass::Library, click(3, 41)), kept[2], &RULES),
        robot(RobotRule::Agent),
        "what it shows itself comes first"
    );
}

#[test]
fn rules_that_contradict_themselves_are_refused() {
    let shipped = include_str!("rules.toml");
    assert!(matches!(
        Rules::parse(&shipped.replace("window = 300", "window = 10")),
        Err(RulesError::Window { longest: 300 })
    ));
    assert!(matches!(Rules::parse(&format!("windows = 3\n{shipped}")), Err(RulesError::Form(_))));
    assert_eq!((RULES.version, RULES.window()), (1, SignedDuration::from_secs(300)));
}

fn any_kind() -> impl Strategy<Value = EventKind> {
    prop_oneof![Just(EventKind::Open), (1..12_u16).prop_map(|place| EventKind::Click(Place(place)))]
}

fn any_event() -> impl Strategy<Value = Event> {
    let agent = prop_oneof![
        8 => Just(AgentClass::Browser),
        1 => Just(AgentClass::ImageProxy),
        1 => Just(AgentClass::Scanner),
        1 => Just(AgentClass::Bot),
        1 => Just(AgentClass::Library),
        1 => Just(AgentClass::Unknown),
    ];
    let method = prop_oneof![9 => Just(Method::Get), 1 => Just(Method::Head)];
    let signals = (agent, method, 0..64_u16, proptest::option::of(-10..2000_i64));
    (any_kind(), 0..400_000_i64, signals).prop_map(|(kind, at, (agent, method, flags, delay))| Event {
        kind,
        at: SENT + SignedDuration::from_millis(at),
        signals: Signals { agent, method, headers: HeaderFlags(flags), delay },
    })
}

proptest! {
    #[test]
    fn any_bytes_are_heard_and_judged(
        headers in proptest::collection::vec(
            ("(?i)(user-agent|accept|purpose|sec-gpc|sec-fetch-mode|[a-z-]{0,9})", proptest::collection::vec(any::<u8>(), 0..99)),
            0..9,
        ),
        kind in any_kind(),
    ) {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        let signals = hear(Method::Get, kind, headers, &RULES).signals;
        let verdict = verdicts(&[Event { kind, at: SENT, signals }])[0];
        prop_assert_ne!(verdict, Verdict::Unknown(UnknownRule::WindowOpen));
    }

    #[test]
    fn the_order_in_which_events_come_is_nothing_to_the_verdict(
        (events, mixed) in proptest::collection::vec(any_event(), 0..40)
            .prop_flat_map(|events| {
                let order: Vec<usize> = (0..events.len()).collect();
                (Just(events), Just(order).prop_shuffle())
            })
    ) {
        let told = verdicts(&events);
        let shuffled: Vec<Event> = mixed.iter().map(|index| events[*index]).collect();
        let expected: Vec<Verdict> = mixed.iter().map(|index| told[*index]).collect();
        prop_assert_eq!(verdicts(&shuffled), expected);
    }

    #[test]
    fn more_of_the_same_reader_makes_no_robot_a_person(
        events in proptest::collection::vec(any_event(), 1..20),
        one in any_event(),
    ) {
        let before = verdicts(&events);
        let more: Vec<Event> = events.iter().copied().chain([one]).collect();
        for (was, is) in before.iter().zip(verdicts(&more)) {
            prop_assert!(!matches!(was, Verdict::Robot(_)) || is != Verdict::Person);
        }
    }
}
