//! The editor composes: files, contents, sizes, warnings.

use crate::folder::{Folder, header};

#[test]
fn composing_gives_the_same_bytes_twice_and_in_two_folders() {
    let (one, other) = (Folder::shipped(), Folder::shipped());
    for number in drafts() {
        let draft = number.to_string();
        assert!(one.run(&["compose", &draft]).status.success(), "draft {draft}");
        let first = files(&one, number);
        one.run(&["compose", &draft]);
        other.run(&["compose", &draft]);
        assert_eq!(first, files(&one, number), "draft {draft}, the second time");
        assert_eq!(first, files(&other, number), "draft {draft}, in another folder");
    }
}

#[test]
fn the_preview_has_the_links_as_the_editor_wrote_them() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    folder.run(&["compose", "1"]);
    let [html, text, message] = files(&folder, 1);
    assert!(html.contains("https://halyard.example/queue?a=1&amp;b=2#end"));
    assert!(text.contains("\nhttps://halyard.example/queue?a=1&b=2#end\n"));
    assert!(!message.contains("halyard.example/queue"), "the message's links are tracked");
    assert!(!folder.path().join("trial.db").exists() && !folder.path().join("trial.keys").exists());
}

#[test]
fn the_message_of_a_reader_on_the_list_is_as_that_reader_would_get_it() {
    let folder = Folder::with_readers(&[]);
    folder.write("subscribers/readers.csv", "email,name,format\nada@example.com,Ada Example,text\n");
    folder.run(&["compose", "1", "--as", "ADA@example.com"]);
    let [_, _, message] = files(&folder, 1);
    assert_eq!(header(&message, "To"), "Ada Example <ada@example.com>");
    assert!(header(&message, "Content-Type").starts_with("text/plain"));
}

#[test]
fn a_field_without_default_that_the_list_has_no_column_for_is_told_with_its_place() {
    let folder = Folder::with_readers(&[]);
    folder.write("subscribers/readers.csv", "email,city\nada@example.com,Utrecht\n");
    let text = include_str!("../../templates/issue.txt");
    let fields = "{{ reader.city }} {{ reader.ciy }} {{ reader.team | default(value=\"ours\") }}\n";
    folder.write("templates/issue.txt", &format!("{text}\n{fields}"));
    let told = String::from_utf8(folder.run(&["compose", "1"]).stderr).unwrap();
    assert_eq!(told.matches("has no column").count(), 1, "{told}");
    assert!(told.contains("the list has no column `ciy`") && told.contains("templates/issue.txt:"), "{told}");
    assert!(told.contains("did you mean `reader.city`?"), "{told}");
}

#[test]
fn the_shipped_issues_come_out_as_they_did() {
    let folder = Folder::shipped();
    for number in drafts() {
        let composed = folder.run(&["compose", &number.to_string()]);
        let [html, text, message] = files(&folder, number);
        insta::assert_snapshot!(format!("{number}.html"), html);
        insta::assert_snapshot!(format!("{number}.txt"), text);
        insta::assert_snapshot!(format!("{number}.eml"), message.replace("\r\n", "\n"));
        insta::assert_snapshot!(format!("{number}.said"), String::from_utf8(composed.stdout).unwrap());
    }
}

fn drafts() -> std::ops::RangeInclusive<u32> {
    210..=215
}

fn files(folder: &Folder, number: u32) -> [String; 3] {
    ["html", "txt", "eml"].map(|ending| folder.read(&format!("build/{number}/issue.{ending}")))
}
