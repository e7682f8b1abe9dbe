//! What to do about a value of the wrong type.

use toml::de::DeValue;

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
    match (wanted, value) {
        ("a string", DeValue::Array(_) | DeValue::Table(_)) => format!("write `{name} = \"…\"`"),
        ("a string", _) if short => format!("put it in quotes: `{name} = \"{written}\"`"),
        ("an array", DeValue::Table(_)) if written.starts_with('[') => {
            format!("write `[{written}]`, in two pairs of brackets: there can be several")
        }
        ("an array", _) if short => format!("put it in brackets: `{name} = [{written}]`"),
        ("a table", _) => format!("write `{name} = {{ … }}`, or its keys under a header of its own"),
        ("a date", _) => format!("write it without quotes or time: `{name} = 2023-07-02`"),
        ("a date and time", _) => format!("write it without quotes: `{name} = 2023-07-02T20:00:00`"),
        ("true or false", _) => format!("write `{name} = true` or `{name} = false`, without quotes"),
        ("a whole number", _) => format!("write it without quotes or point: `{name} = 379`"),
        _ => String::new(),
    }
}
