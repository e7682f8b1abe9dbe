use super::*;

#[test]
fn the_shipped_sponsors_are_read() {
    let text = std::fs::read_to_string("sponsors.toml").unwrap();
    let sponsors = Sponsors::parse(Source::new("sponsors.toml", text));
    assert_eq!(sponsors.map(|sponsors| sponsors.sponsors.len()).map_err(|found| found.to_string()), Ok(3));
}
