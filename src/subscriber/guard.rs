//! What a spreadsheet would take for a formula is made harmless, and back again (requirement 66).
//!
//! A quote goes before a text that begins with `=`, `+`, `-`, `@`, a tab or a CR, and before one that begins with such a quote already,
//! so that taking one quote off gives the text as it was.

use std::borrow::Cow;

/// A text for a cell of a spreadsheet.
pub fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text) { format!("'{text}").into() } else { text.into() }
}

/// The text that [`guarded`] was given.
pub fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|text| is_formula(text)).unwrap_or(text)
}

fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_guarded_text_is_no_formula_and_comes_back_as_it_was(text in "['=+@\t\r-]{0,4}[ -~]{0,8}") {
            let cell = guarded(&text);
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']));
            prop_assert_eq!(unguarded(&cell), text.as_str());
        }
    }
}
