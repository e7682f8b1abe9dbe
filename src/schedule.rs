//! When an issue is due, and whether it may start now.
//!
//! A stage: the clock and what was sent before come in as arguments. The editor's times are civil ones in the newsletter's
//! time zone; where its clock jumps, every such time still is exactly one instant.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::diagnostic::{Diagnostics, Source};
use crate::document::{self, Value};
use crate::draft::SendAt;
use crate::id::IssueNumber;

/// With the hour that a clock change may add: there is a time of the schedule in each.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24 + 1);

/// A time of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeeklyTime {
    /// The day.
    pub weekday: Weekday,
    /// The time of day, to the minute.
    pub time: Time,
}

/// The weekly times, in the order of the week, and where they are meant.
#[derive(Debug, Clone, Copy)]
pub struct Timetable<'a> {
    /// From Monday on, none twice.
    pub times: &'a [WeeklyTime],
    /// The newsletter's time zone.
    pub zone: &'a TimeZone,
}

impl Timetable<'_> {
    /// When an issue of this date is due: at its own time, else at its slot; `None` where it has neither.
    pub fn due(self, date: Date, own: Option<&SendAt>) -> Option<Timestamp> {
        match own {
            Some(SendAt::Instant(at)) => Some(*at),
            Some(SendAt::Local(at)) => instant(*at, self.zone),
            None => self.slot(date),
        }
    }

    /// The time of the schedule that an issue stands for: that of its date; where its own time comes before that one, the nearest. An
    /// issue of Sunday that goes out on Monday stands for Sunday's, whichever day it is dated.
    pub fn slot_of(self, date: Date, own: Option<&SendAt>) -> Option<Timestamp> {
        let slot = self.slot(date)?;
        let due = self.due(date, own)?;
        let before = self.passed(due.checked_sub(WEEK).unwrap_or(due), due).pop();
        let is_nearer = |before: &Timestamp| due.duration_since(*before) < slot.duration_since(due);
        Some(before.filter(is_nearer).unwrap_or(slot))
    }

    /// The first time of the schedule on or after a date: that of an issue of this date, and what a week off of this date leaves out.
    pub fn slot(self, date: Date) -> Option<Timestamp> {
        date.series(1.day()).take(7).find_map(|day| self.on(day).next())
    }

    /// The times of the schedule after one instant, up to another and with it.
    pub fn passed(self, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let first = after.to_zoned(self.zone.clone()).date();
        let last = until.to_zoned(self.zone.clone()).date();
        let days = first.series(1.day()).take_while(|day| *day <= last);
        days.flat_map(|day| self.on(day)).filter(|at| after < *at && *at <= until).collect()
    }

    fn on(self, day: Date) -> impl Iterator<Item = Timestamp> {
        let times = self.times.iter().filter(move |time| time.weekday == day.weekday());
        times.filter_map(move |time| instant(day.to_datetime(time.time), self.zone))
    }
}

/// The instant of a local time: the first after a gap of the clock, the first of two where it goes back.
fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let is_gap = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
    let instant = ambiguous.compatible().ok()?;
    // A time at the very beginning of the gap is the instant of the change itself, and what precedes it is the change before.
    let change = is_gap.then(|| zone.preceding(instant + SignedDuration::from_nanos(1)).next()).flatten();
    Some(change.map_or(instant, |change| change.timestamp()))
}

/// Reads skipped.toml: the dates of the issues that there will not be.
///
/// # Errors
/// All its mistakes.
pub fn skipped(source: Source) -> Result<Vec<Date>, Diagnostics> {
    document::read(source, |file| {
        Some(file.each("skip", |table| {
            // Why is for people.
            table.optional("reason", Value::line);
            table.required("date", "2023-12-24", Value::date)
        }))
    })
}

/// Whether an issue that is ready, and was never started, may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Its time has not come.
    NotYet,
    /// Now.
    Due,
    /// Its time is too long ago.
    TooLate,
    /// An issue of a higher number was sent before.
    Behind(IssueNumber),
}

/// Judges an issue by its time, the latest start that is allowed after it, and the highest number that was ever started.
pub fn turn(
    number: IssueNumber,
    due: Timestamp,
    now: Timestamp,
    max_late: Duration,
    highest: Option<IssueNumber>,
) -> Turn {
    let late = now.duration_since(due);
    let patience = SignedDuration::try_from(max_late).unwrap_or(SignedDuration::MAX);
    match highest {
        _ if late < SignedDuration::ZERO => Turn::NotYet,
        Some(highest) if number < highest => Turn::Behind(highest),
        Some(_) | None if late > patience => Turn::TooLate,
        Some(_) | None => Turn::Due,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn new_york() -> TimeZone {
        TimeZone::get("America/New_York").unwrap()
    }

    fn weekly(weekday: Weekday, hour: i8, minute: i8) -> WeeklyTime {
        WeeklyTime { weekday, time: Time::constant(hour, minute, 0, 0) }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_in_a_gap_of_the_clock_is_the_first_instant_after_it_and_of_two_the_first() {
        let zone = new_york();
        let at = |local: &str| instant(local.parse().unwrap(), &zone).unwrap().to_string();
        for minute in ["02:00", "02:30", "02:59", "03:00"] {
            assert_eq!(at(&format!("2023-03-12T{minute}:00"))[..13], *"2023-03-12T07", "{minute}");
        }
        assert_eq!(at("2023-11-05T01:30:00"), "2023-11-05T05:30:00Z");
        assert_eq!(at("2023-07-02T20:00:00"), "2023-07-03T00:00:00Z");
    }

    #[test]
    fn before_the_instant_of_a_local_time_clocks_show_less_and_at_it_no_less() {
        let zones = [
            "America/New_York",
            "America/Santiago",
            "Africa/Cairo",
            "Africa/Casablanca",
            "Asia/Beirut",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "Europe/Berlin",
            "Europe/London",
            "Pacific/Apia",
        ];
        for name in zones {
            let zone = TimeZone::get(name).unwrap();
            let shown = |at: Timestamp| zone.to_datetime(at);
            for local in
                date(2011, 1, 1).at(0, 0, 0, 0).series(30.minutes()).take_while(|local| local.year() < 2013)
            {
                let at = instant(local, &zone).unwrap();
                let before = at - SignedDuration::from_nanos(1);
                assert!(shown(before) < local && local <= shown(at), "{local} in {name} is {at}");
            }
        }
    }

    /// A year of dispatch, called every half hour: which instants an issue a week would start at.
    fn year_of(time: WeeklyTime, zone: &TimeZone) -> Vec<Timestamp> {
        let timetable = Timetable { times: &[time], zone };
        let mut started = Vec::new();
        let mut now = at("2023-01-01T12:00:00Z");
        let mut date = date(2023, 1, 2);
        let mut highest = None;
        while now < at("2024-01-01T12:00:00Z") {
            let number =
                i64::try_from(started.len()).ok().and_then(|sent| IssueNumber::new(sent + 1)).unwrap();
            let due = timetable.slot(date).unwrap();
            let max_late = Duration::from_hours(24);
            if turn(number, due, now, max_late, highest) == Turn::Due {
                started.push(now);
                highest = Some(number);
                date = date.checked_add(1.week()).unwrap();
            }
            now += SignedDuration::from_mins(30);
        }
        assert_eq!(
            timetable.passed(at("2023-01-02T05:00:00Z"), now),
            started,
            "every time of the schedule, once"
        );
        started
    }

    #[test]
    fn a_year_of_sundays_has_each_issue_once_at_the_hour_that_readers_clocks_show() {
        let zone = new_york();
        let year = year_of(weekly(Weekday::Sunday, 20, 0), &zone);
        assert_eq!(year.len(), 52);
        for start in &year {
            let local = start.to_zoned(zone.clone());
            assert_eq!((local.weekday(), local.hour(), local.minute()), (Weekday::Sunday, 20, 0), "{local}");
        }
        assert!(year.contains(&at("2023-03-06T01:00:00Z")) && year.contains(&at("2023-03-13T00:00:00Z")));
        assert!(year.contains(&at("2023-10-30T00:00:00Z")) && year.contains(&at("2023-11-06T01:00:00Z")));
    }

    #[test]
    fn a_year_of_nights_has_each_issue_once_though_the_clock_jumps_over_one_and_repeats_another() {
        let spring = year_of(weekly(Weekday::Sunday, 2, 30), &new_york());
        assert_eq!(spring.len(), 52);
        assert!(spring.contains(&at("2023-03-12T07:00:00Z")), "the first instant after the gap");
        let autumn = year_of(weekly(Weekday::Sunday, 1, 30), &new_york());
        assert_eq!(autumn.len(), 52);
        assert!(
            autumn.contains(&at("2023-11-05T05:30:00Z")) && !autumn.contains(&at("2023-11-05T06:30:00Z"))
        );
    }

    #[test]
    fn an_issue_is_due_at_its_own_time_else_at_the_schedules_on_or_after_its_date() {
        let zone = new_york();
        let times = [weekly(Weekday::Tuesday, 8, 0), weekly(Weekday::Friday, 8, 0)];
        let timetable = Timetable { times: &times, zone: &zone };
        let due = |date, own: Option<&SendAt>| timetable.due(date, own);
        assert_eq!(due(date(2023, 7, 4), None), Some(at("2023-07-04T12:00:00Z")));
        assert_eq!(due(date(2023, 7, 5), None), Some(at("2023-07-07T12:00:00Z")));
        let own = SendAt::Local(date(2023, 7, 6).at(9, 30, 0, 0));
        assert_eq!(due(date(2023, 7, 5), Some(&own)), Some(at("2023-07-06T13:30:00Z")));
        assert_eq!(Timetable { times: &[], zone: &zone }.due(date(2023, 7, 5), None), None);
    }

    #[test]
    fn an_issue_stands_for_the_time_of_its_date_or_for_the_one_that_it_was_moved_from() {
        let zone = new_york();
        let stands_for = |times: &[WeeklyTime], day, own: Option<&str>| {
            let own = own.map(|own| SendAt::Local(own.parse().unwrap()));
            Timetable { times, zone: &zone }.slot_of(date(2023, 7, day), own.as_ref())
        };
        let [last, this, next] =
            ["2023-06-26T00:00:00Z", "2023-07-03T00:00:00Z", "2023-07-10T00:00:00Z"].map(at);
        let sundays = [weekly(Weekday::Sunday, 20, 0)];
        for (day, own, slot) in [
            (2, None, this),
            (3, None, next),
            // As late as one likes, as long as the date stays.
            (2, Some("2023-07-02T19:00:00"), this),
            (2, Some("2023-07-03T08:00:00"), this),
            (2, Some("2023-07-08T08:00:00"), this),
            // Its date moved with it.
            (3, Some("2023-07-03T08:00:00"), this),
            (5, Some("2023-07-05T12:00:00"), this),
            (7, Some("2023-07-07T12:00:00"), next),
            (1, Some("2023-07-01T08:00:00"), this),
            (2, Some("2023-06-26T08:00:00"), last),
        ] {
            assert_eq!(stands_for(&sundays, day, own), Some(slot), "{day} {own:?}");
        }
        let twice = [weekly(Weekday::Tuesday, 8, 0), weekly(Weekday::Friday, 8, 0)];
        let wednesday = stands_for(&twice, 5, Some("2023-07-05T09:00:00"));
        assert_eq!(wednesday, Some(at("2023-07-04T12:00:00Z")));
        assert_eq!(stands_for(&[], 2, Some("2023-07-02T19:00:00")), None);
    }

    #[test]
    fn nothing_starts_early_too_late_or_behind_a_higher_number() {
        let due = at("2023-07-03T00:00:00Z");
        let number = |number| IssueNumber::new(number).unwrap();
        let day = Duration::from_hours(24);
        let turn = |now, highest| turn(number(379), due, at(now), day, highest);
        assert_eq!(turn("2023-07-02T23:59:59Z", None), Turn::NotYet);
        assert_eq!(turn("2023-07-02T23:59:59Z", Some(number(380))), Turn::NotYet);
        assert_eq!(turn("2023-07-03T00:00:00Z", Some(number(378))), Turn::Due);
        assert_eq!(turn("2023-07-04T00:00:00Z", None), Turn::Due);
        assert_eq!(turn("2023-07-04T00:00:01Z", None), Turn::TooLate);
        assert_eq!(turn("2023-07-03T00:00:00Z", Some(number(380))), Turn::Behind(number(380)));
    }
}
