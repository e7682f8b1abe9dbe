//! Values on one line: no line break of a file gets into a header or a template (requirement 63).

use std::borrow::Cow;

/// A value whose line breaks, with the blanks around them, are one space each, and none at its ends.
pub(super) fn unbroken(text: &str) -> Cow<'_, str> {
    // Nearly all are plain.
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || !text.contains(is_break) {
        return text.into();
    }
    let lines: Vec<&str> = text.split(is_break).map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ").into()
}

/// Those of Unicode (UAX 14): LF, VT, FF, CR, NEL, and the separators of lines and paragraphs.
fn is_break(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}
