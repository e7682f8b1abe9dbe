//! Character references of HTML, as far as anything here writes them.

use std::borrow::Cow;

/// What an attribute's value or a text says: `&amp;` is `&`. An unknown reference stays as it is.
pub(super) fn decode(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut decoded = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        let (c, length) = end.and_then(|end| Some((character(&rest[1..end])?, end + 1))).unwrap_or(('&', 1));
        decoded.push(c);
        rest = &rest[length..];
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn references_are_what_they_stand_for_and_all_else_stays() {
        assert_eq!(decode("a=1&amp;b=2&#39;&#x2F;&quot;&lt;&gt;"), "a=1&b=2'/\"<>");
        assert_eq!(decode("?a&b&eacute;&;&#xfffffff;&amp"), "?a&b&eacute;&;&#xfffffff;&amp");
        assert_eq!(decode("é&amp;amp;"), "é&amp;");
    }
}
