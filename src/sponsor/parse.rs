//! Reading sponsors.toml.

use std::collections::HashMap;

use super::{Booking, Logo, Placement, Sponsor, Sponsors};
use crate::diagnostic::{Diagnostic, Diagnostics, Located, Source};
use crate::document::{self, Table, Value};
use crate::markdown::Prose;

impl Sponsors {
    /// Reads sponsors.toml.
    ///
    /// # Errors
    /// All its mistakes, among them a sponsor named twice and two bookings for one number and placement.
    pub fn parse(source: Source) -> Result<Self, Diagnostics> {
        document::read(source, |file| {
            let sponsors = file.each("sponsor", sponsor);
            note_repeated_ids(file, &sponsors);
            note_double_bookings(file, &sponsors);
            Some(Self { source: file.source().clone(), sponsors })
        })
    }
}

fn sponsor(table: &Table<'_>) -> Option<Sponsor> {
    let id = table.required("id", "\"…\"", |value| value.located(id));
    let name = table.required("name", "\"…\"", Value::line);
    let url = table.required("url", "\"https://…\"", Value::web_address);
    let message = table.required("message", "\"\"\"…\"\"\"", Prose::read);
    let call_to_action = table.optional("call_to_action", Value::line);
    let logo = table.optional("logo", |value| value.table(logo));
    let bookings = table.optional("bookings", |value| value.array(booking)).unwrap_or_default();
    Some(Sponsor { id: id?, name: name?, url: url?, message: message?, call_to_action, logo, bookings })
}

fn id(value: &Value<'_>) -> Option<String> {
    let id = value.line()?;
    if id == "none" {
        let help = "in a draft, `sponsor = \"none\"` means that there is none: choose another id";
        return value.refuse("reserved", "no sponsor can be called `none`", help);
    }
    Some(id)
}

fn logo(table: &Table<'_>) -> Option<Logo> {
    let url = table.required("url", "\"https://…\"", Value::https_address);
    let alt = table.required("alt", "\"what the picture shows\"", Value::line);
    let width = table.required("width", "120", |value| value.integer(1..=560));
    Some(Logo { url: url?, alt: alt?, width: width? })
}

fn booking(value: &Value<'_>) -> Option<Located<Booking>> {
    let placements = [("top", Placement::Top), ("middle", Placement::Middle)];
    let booking = value.table(|table| {
        let first = table.required("first", "375", Value::issue_number);
        let last = table.required("last", "379", Value::issue_number);
        let placement = table.optional("placement", |value| value.one_of(&placements));
        Some(Booking { first: first?, last: last?, placement: placement.unwrap_or(Placement::Top) })
    })?;
    if booking.first > booking.last {
        let Booking { first, last, .. } = booking;
        let message = format!("the booking ends with issue {last}, before it begins with {first}");
        return value.refuse("booking-backwards", message, "exchange `first` and `last`");
    }
    Some(Located { value: booking, span: value.span() })
}

fn note_repeated_ids(file: &Table<'_>, sponsors: &[Sponsor]) {
    let mut seen: HashMap<&str, &Sponsor> = HashMap::new();
    for sponsor in sponsors {
        let id = &sponsor.id;
        let Some(first) = seen.insert(&id.value, sponsor) else { continue };
        let at = |id: &Located<String>, label: &str| file.source().spot(id.span.clone(), label);
        file.note(
            Diagnostic::error("repeated-id", format!("two sponsors are called `{}`", id.value))
                .at(at(id, "the second"))
                .at(at(&first.id, "the first"))
                .help("give one of them another `id`, or put their bookings into one table"),
        );
    }
}

/// Names both sides wherever a booking begins before another one for the same placement has ended.
fn note_double_bookings(file: &Table<'_>, sponsors: &[Sponsor]) {
    let each = |sponsor| move |booking| (sponsor, booking);
    let mut bookings: Vec<(&Sponsor, &Located<Booking>)> =
        sponsors.iter().flat_map(|sponsor| sponsor.bookings.iter().map(each(sponsor))).collect();
    bookings.sort_by_key(|(_, booking)| (booking.value.placement, booking.value.first, booking.value.last));
    let mut latest: Option<(&Sponsor, &Located<Booking>)> = None;
    for next in bookings {
        let same = latest.filter(|(_, earlier)| earlier.value.placement == next.1.value.placement);
        if let Some(earlier) = same.filter(|(_, earlier)| next.1.value.first <= earlier.value.last) {
            file.note(double_booking(file.source(), earlier, next));
        }
        if same.is_none_or(|(_, earlier)| earlier.value.last < next.1.value.last) {
            latest = Some(next);
        }
    }
}

fn double_booking(
    source: &Source,
    earlier: (&Sponsor, &Located<Booking>),
    later: (&Sponsor, &Located<Booking>),
) -> Diagnostic {
    let Booking { first, placement, .. } = later.1.value;
    let at = |(sponsor, booking): (&Sponsor, &Located<Booking>)| {
        source.spot(booking.span.clone(), format!("booked by `{}`", sponsor.id.value))
    };
    let message = if earlier.0.id.value == later.0.id.value {
        format!("`{}` has two bookings for issue {first} at \"{placement}\"", later.0.id.value)
    } else {
        let (one, other) = (&earlier.0.id.value, &later.0.id.value);
        format!("`{one}` and `{other}` are both booked for issue {first} at \"{placement}\"")
    };
    Diagnostic::error("two-bookings", message)
        .at(at(later))
        .at(at(earlier))
        .help("shorten one of the two, or move it to the other placement")
}

#[cfg(test)]
mod tests;
