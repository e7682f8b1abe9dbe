//! What to do about a value of the wrong type.

use toml::de::DeValue;
use toml::value::Datetime;

/// What a value is, in the words of those who write it.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(moment) => match (&moment.date, &moment.time) {
            (Some(_), Some(_)) => "a date and time",
            (Some(_), None) => "a date",
            (None, _) => "a time",
        },
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// How to write what is `wanted` instead.
pub(super) fn for_type(wanted: &str, value: &DeValue<'_>, name: &str, written: &str) -> String {
    let short = written.len() <= 60 && !written.contains('\n');
    if let Some(bare) = value.as_str().filter(|text| is_written(wanted, text)) {
        return format!("take the quotes away: `{name} = {bare}`");
    }
    match (wanted, value) {
        ("a string", DeValue::Array(_) | DeValue::Table(_)) => format!("write `{name} = \"…\"`"),
        ("a string", DeValue::Integer(_)) if name == "rate" => {
            format!("write it as `rate = \"{written}/s\"`")
        }
        ("a string", DeValue::Integer(_)) if name == "window" => {
            format!("write it as `window = \"{written}/h\"`")
        }
        ("a string", _) if short => format!("put it in quotes: `{name} = \"{written}\"`"),
        ("an array", DeValue::Table(_)) if written.starts_with('[') => {
            format!("write `[{written}]`, in two pairs of brackets: there can be several")
        }
        ("an array", DeValue::Table(_)) => format!("write `{name} = [ … ]`"),
        ("an array", _) if short => format!("put it in brackets: `{name} = [{written}]`"),
        ("a table", _) => format!("write `{name} = {{ … }}`, or its keys under a header of its own"),
        ("a date", _) => format!("write `{name} = 2023-07-02`"),
        ("a date and time", _) => format!("write both, without quotes: `{name} = 2023-07-02T20:00:00`"),
        ("true or false", _) => format!("write `{name} = true` or `{name} = false`"),
        ("a whole number", DeValue::Float(_)) => {
            format!("write `{name} = {}`", written.split('.').next().unwrap_or_default())
        }
        ("a whole number", _) => format!("write `{name} = 379`"),
        _ => String::new(),
    }
}

/// Whether a string would be what is wanted, were it not for its quotes.
fn is_written(wanted: &str, text: &str) -> bool {
    match wanted {
        "a whole number" => !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()),
        "true or false" => matches!(text, "true" | "false"),
        "a date" => text.parse::<Datetime>().is_ok_and(|moment| moment.time.is_none()),
        "a date and time" => text.parse::<Datetime>().is_ok_and(|moment| moment.time.is_some()),
        _ => false,
    }
}
