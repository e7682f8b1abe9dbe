//! The annotated newsletter.toml shows no key that pressroom would not read.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it missed by panicking")]

use std::fs;

use pressroom::config::Config;
use pressroom::diagnostic::Source;

#[test]
fn the_sample_is_read_as_it_stands() {
    read(&sample());
}

#[test]
fn every_key_that_is_commented_out_is_read_too() {
    let all = uncommented(&sample());
    let without =
        |start: &str| all.lines().filter(|line| !line.starts_with(start)).collect::<Vec<_>>().join("\n");
    let one_relay = without("url = \"inbox\"").replace(&several_relays(&all), "");
    assert!(one_relay.contains("url = \"smtps://"), "the sample shows a relay");
    read(&one_relay);
}

#[test]
fn the_table_of_several_relays_is_read_too() {
    let sample = sample();
    let relays = several_relays(&uncommented(&sample));
    read(&sample.replace("url = \"inbox\"\n", &relays));
}

fn sample() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/newsletter.toml")).expect("newsletter.toml")
}

fn read(text: &str) {
    if let Err(mistakes) = Config::parse(Source::new("newsletter.toml", text)) {
        panic!("{mistakes}");
    }
}

/// From `[[smtp.relay]]` to the blank line.
fn several_relays(text: &str) -> String {
    let start = text.find("[[smtp.relay]]").expect("the sample shows several relays");
    text[start..].split_inclusive("\n\n").next().unwrap_or_default().to_owned()
}

/// Whatever is TOML behind a `# ` stands on its own.
fn uncommented(text: &str) -> String {
    let is_key = |key: &str| key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let is_toml =
        |line: &str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| is_key(key));
    let line =
        |line: &str| line.strip_prefix("# ").filter(|rest| is_toml(rest)).unwrap_or(line).to_owned() + "\n";
    text.lines().map(line).collect()
}
