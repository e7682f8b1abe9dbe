//! Who counts as what, and how often.

use proptest::prelude::*;

use super::*;

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
