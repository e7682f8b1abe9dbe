//! Who stands where in an issue: by their bookings, and by what the draft says about the top.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::diagnostic::{Diagnostic, Located, Spot};
use crate::document::nearest;
use crate::draft::{Draft, SponsorChoice};
use crate::sponsor::{Booking, Placement, Sponsor, Sponsors};

/// Those who are booked for the draft's number. A draft may name whom it expects on top, or want nobody there.
pub(super) fn sponsors(
    draft: &Draft,
    sponsors: &Sponsors,
) -> Result<BTreeMap<Placement, Sponsor>, Diagnostic> {
    let mut booked = BTreeMap::new();
    for sponsor in &sponsors.sponsors {
        for booking in sponsor.bookings.iter().filter(|booking| booking.value.covers(draft.number.value)) {
            booked.insert(booking.value.placement, sponsor.clone());
        }
    }
    let Some(choice) = &draft.sponsor else { return Ok(booked) };
    let spot = |label: &str| draft.source.spot(choice.span.clone(), label);
    match &choice.value {
        SponsorChoice::None => {
            booked.remove(&Placement::Top);
        }
        SponsorChoice::Sponsor(id) => {
            let Some(chosen) = sponsors.sponsors.iter().find(|sponsor| sponsor.id.value == *id) else {
                return Err(unknown(id, sponsors).at(spot("no such sponsor")));
            };
            let on_top = booked.get(&Placement::Top);
            if on_top.is_none_or(|sponsor| sponsor.id.value != *id) {
                let wanted = spot("wanted here");
                return Err(not_booked(draft, wanted, chosen, on_top, sponsors));
            }
        }
    }
    Ok(booked)
}

fn unknown(id: &str, sponsors: &Sponsors) -> Diagnostic {
    let file = sponsors.source.name();
    let ids: Vec<&str> = sponsors.sponsors.iter().map(|sponsor| sponsor.id.value.as_str()).collect();
    let (guess, help) = match nearest(id, ids.iter().copied()) {
        Some(meant) => (format!("; did you mean `{meant}`?"), String::new()),
        None if ids.is_empty() => (String::new(), format!("{file} has no sponsors yet")),
        None => (String::new(), format!("{file} knows {}", ids.join(", "))),
    };
    Diagnostic::error("unknown-sponsor", format!("no sponsor `{id}` in {file}{guess}")).help(help)
}

/// Both sides: what the draft wants, and what was booked instead.
fn not_booked(
    draft: &Draft,
    wanted: Spot,
    chosen: &Sponsor,
    on_top: Option<&Sponsor>,
    sponsors: &Sponsors,
) -> Diagnostic {
    let (id, number, file) = (&chosen.id.value, draft.number.value, sponsors.source.name());
    let message = format!("`{id}` is not booked for the top of issue {number}");
    let mut diagnostic = Diagnostic::error("sponsor-not-booked", message).at(wanted);
    let spot = |span: &Range<usize>, label: String| sponsors.source.spot(span.clone(), label);
    if let Some(booked) = on_top {
        let theirs = top(booked).filter(|booking| booking.value.covers(number));
        for Located { span, .. } in theirs {
            diagnostic = diagnostic.at(spot(span, format!("booked by `{}`", booked.id.value)));
        }
        let help = format!("drop `sponsor` to run `{}`, or change the bookings in {file}", booked.id.value);
        return diagnostic.help(help);
    }
    for Located { value: Booking { first, last, .. }, span } in top(chosen) {
        diagnostic = diagnostic.at(spot(span, format!("booked from {first} to {last}")));
    }
    if diagnostic.spots.len() == 1 {
        diagnostic = diagnostic.at(spot(&chosen.id.span, "never booked for the top".to_owned()));
    }
    diagnostic.help(format!("book it in {file}, or drop `sponsor` from the draft"))
}

fn top(sponsor: &Sponsor) -> impl Iterator<Item = &Located<Booking>> {
    sponsor.bookings.iter().filter(|booking| booking.value.placement == Placement::Top)
}
