//! Spans, rates and times of the week, as they are written.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::civil::{Time, Weekday};

use crate::delivery::Rate;
use crate::document::Value;
use crate::schedule::WeeklyTime;

const DAY: u64 = 24 * 60 * 60;
const MINUTE: Duration = Duration::from_mins(1);
/// No span is longer: 100 years, so that adding it to a time of ours never overflows.
const LONGEST: u64 = 36_525 * DAY;

impl Value<'_> {
    /// A span of time, as in `24h`, `3d` or `400d`.
    pub(super) fn span_of_time(&self) -> Option<Duration> {
        self.parsed("bad-duration", "write it as `90s`, `30m`, `24h`, `3d` or `2w`", |text| {
            span_of_time(text).ok_or_else(|| format!("`{text}` is no span of time"))
        })
    }

    /// How fast, as in `14/s` or `300/m`. What is to hold for longer has to outlast a process, which only a [`quota`](Value::quota) does.
    pub(super) fn rate(&self) -> Option<Rate> {
        let help = "write it as `14/s` or `300/m`; for so many an hour or a day write `window = \"20/h\"`, \
                    under [smtp] or a relay, which is kept from run to run";
        self.parsed("bad-rate", help, |text| match rate(text) {
            Some(rate) if rate.per > MINUTE => {
                Err(format!("`{text}` is too slow for a rate, which begins afresh with each run"))
            }
            Some(rate) => Ok(rate),
            None => Err(format!("`{text}` is no rate")),
        })
    }

    /// So many in a time, as in `5000/h`.
    pub(super) fn quota(&self) -> Option<Rate> {
        self.parsed("bad-rate", "write it as `14/s`, `300/m`, `5000/h` or `50000/d`", |text| {
            rate(text).ok_or_else(|| format!("`{text}` is no rate"))
        })
    }

    /// A weekly time, as in `Sun 20:00`.
    pub(super) fn weekly_time(&self) -> Option<WeeklyTime> {
        self.parsed("bad-schedule", "write a day and a time, as in `Sun 20:00`", |text| {
            weekly_time(text).ok_or_else(|| format!("`{text}` is no time of the week"))
        })
    }
}

fn span_of_time(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let seconds = match unit.trim_start() {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return None,
    };
    let total = number.parse::<u64>().ok()?.checked_mul(seconds)?;
    (1..=LONGEST).contains(&total).then(|| Duration::from_secs(total))
}

fn rate(text: &str) -> Option<Rate> {
    let (messages, unit) = text.split_once('/')?;
    let seconds = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => DAY,
        _ => return None,
    };
    let messages = messages.trim().parse::<NonZeroU32>().ok()?;
    Some(Rate { messages, per: Duration::from_secs(seconds) })
}

fn weekly_time(text: &str) -> Option<WeeklyTime> {
    let (day, time) = text.split_once(char::is_whitespace)?;
    let (hour, minute) = time.trim().split_once(':')?;
    let two_digits = |text: &str| text.len() <= 2 && text.chars().all(|c| c.is_ascii_digit());
    if !two_digits(hour) || minute.len() != 2 || !two_digits(minute) {
        return None;
    }
    let time = Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()?;
    Some(WeeklyTime { weekday: weekday(day)?, time })
}

/// A day by its English name or the first three letters of it.
fn weekday(text: &str) -> Option<Weekday> {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let text = text.to_ascii_lowercase();
    let days = Weekday::Monday.cycle_forward().take(7);
    NAMES.iter().zip(days).find(|(name, _)| **name == text || name[..3] == text).map(|(_, day)| day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_time_is_a_number_with_its_unit() {
        assert_eq!(span_of_time("24h"), span_of_time("1d"));
        assert_eq!(span_of_time("90s"), Some(Duration::from_secs(90)));
        for wrong in ["", "24", "h", "0h", "-1h", "1y", "1h30m", "99999999999999999999d", "9999999w", "１h"]
        {
            assert_eq!(span_of_time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_a_number_a_slash_and_a_unit() {
        assert_eq!(rate("14/s").map(|rate| rate.messages.get()), Some(14));
        assert_eq!(rate("5000/h").map(|rate| rate.per), Some(Duration::from_hours(1)));
        for wrong in ["", "14", "/s", "0/s", "14/w", "14/", "-1/s"] {
            assert_eq!(rate(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_of_the_week_is_a_day_and_a_time() {
        let sunday = weekly_time("Sun 20:00").unwrap();
        assert_eq!((sunday.weekday, sunday.time), (Weekday::Sunday, Time::constant(20, 0, 0, 0)));
        assert_eq!(weekly_time("wednesday 8:05").unwrap().weekday, Weekday::Wednesday);
        for wrong in ["", "Sun", "20:00", "Sun 24:00", "Sun 8:5", "Sun 20", "Su 20:00", "Sun +8:00"] {
            assert_eq!(weekly_time(wrong), None, "{wrong}");
        }
    }
}
