use super::*;

fn parse(text: &str) -> Result<Draft, Diagnostics> {
    Draft::parse(Source::new("drafts/1.toml", text))
}

#[test]
fn the_shipped_drafts_are_read() {
    for entry in std::fs::read_dir("drafts").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let draft = parse(&std::fs::read_to_string(&path).unwrap());
            assert!(draft.is_ok(), "{}", draft.unwrap_err());
        }
    }
}

#[test]
fn a_draft_of_nothing_but_number_and_date_is_a_draft() {
    let draft = parse("number = 1\ndate = 2023-07-02\n").unwrap();
    assert_eq!(draft.number.value.get(), 1);
    assert!(!draft.ready && draft.articles.is_empty() && draft.intro.is_empty());
}

#[test]
fn an_empty_file_lacks_number_and_date() {
    let found = parse("").unwrap_err();
    let messages: Vec<_> = found.0.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    assert_eq!(messages, ["`number` is missing in drafts/1.toml", "`date` is missing in drafts/1.toml"]);
}

#[test]
fn one_empty_tag_is_not_said_of_all_tags() {
    let article = "[[article]]\ntitle = \"A\"\nurl = \"https://halyard.example\"\ntags = [\"video\", \"\"]\n";
    let found = parse(&format!("number = 1\ndate = 2023-07-02\n{article}")).unwrap_err();
    let messages: Vec<_> = found.0.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    assert_eq!(messages, ["one of `tags` is empty"]);
}

#[test]
fn a_time_that_some_clocks_do_not_get_to_is_too_far_off() {
    let draft = |send_at: &str| parse(&format!("number = 1\ndate = 2023-07-02\nsend_at = {send_at}\n"));
    for far in ["9999-12-31T23:59:59", "9999-12-30T00:00:00Z"] {
        assert_eq!(draft(far).unwrap_err().0[0].message, "`send_at` is too far off", "{far}");
    }
    assert!(draft("9998-12-31T23:59:59").is_ok());
}
