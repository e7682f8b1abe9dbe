//! What reports call things, the same in every form.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::delivery::Refusal;
use crate::event::{RobotRule, UnknownRule};
use crate::render::Part;
use crate::subscriber::Way;
use crate::wrap::one_line;

/// `12,345`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 reader`, `12,345 readers`.
pub(super) fn count(of: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(of), if of == 1 { one } else { many })
}

/// `12.5 %`; a dash where there is no whole.
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let tenths = (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// `Sunday, 2 July 2023, 20:00 EDT`.
pub(super) fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%A, %-d %B %Y, %H:%M %Z").to_string()
}

/// A stranger's words on a line, without anything that would turn what stands beside them around (UAX #9).
pub(super) fn harmless(words: &str) -> String {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}');
    one_line(&words.replace(turns, ""))
}

/// What a part is called.
pub(super) fn part(part: &Part) -> String {
    match part {
        Part::Sponsor { placement, name, .. } => format!("Sponsor, {placement}: {name}"),
        Part::Intro => "Intro".to_owned(),
        Part::Article { number, title, section: None } => format!("{number}. {title}"),
        Part::Article { number, title, section: Some(section) } => format!("{number}. {title} ({section})"),
        Part::Section { title } => format!("Section: {title}"),
        Part::Outro => "Outro".to_owned(),
        Part::Template => "Other links".to_owned(),
    }
}

/// `550 5.1.1`.
pub(super) fn codes(refusal: &Refusal) -> String {
    let Refusal { code, enhanced, .. } = refusal;
    enhanced.as_ref().map_or_else(|| code.to_string(), |enhanced| format!("{code} {enhanced}"))
}

/// What gave a robot away.
pub(super) fn robot(rule: RobotRule) -> &'static str {
    match rule {
        RobotRule::Head => "asked without reading (HEAD)",
        RobotRule::Prefetch => "fetched ahead",
        RobotRule::Agent => "said so themselves",
        RobotRule::TooSoon => "before anybody can have read it",
        RobotRule::Sweep => "link after link within seconds",
        RobotRule::Companion => "close to another robot",
    }
}

/// Why it cannot be told.
pub(super) fn unknown(rule: UnknownRule) -> &'static str {
    match rule {
        UnknownRule::WindowOpen => "too recent to tell",
        UnknownRule::ImageProxy => "through an image proxy",
        UnknownRule::Agent => "by an unknown program",
        UnknownRule::Unlike => "by a browser that does not ask as one",
        UnknownRule::Alone => "nobody’s: a sweep cannot be seen",
        UnknownRule::LookedFirst => "right after a scanner looked",
    }
}

/// How somebody left.
pub(super) fn way(way: Way) -> &'static str {
    match way {
        Way::OneClick => "one click in their mail program",
        Way::Page => "the page",
        Way::Mail => "mail",
        Way::Command => "the operator",
        Way::File => "an imported file",
    }
}
