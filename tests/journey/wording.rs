//! What readers' pages and the confirmation say: in the newsletter's language, or as the editor has it.

use super::Folder;
use crate::folder::header;
use crate::reader::{get, post};

#[tokio::test]
async fn pages_and_the_confirmation_speak_the_newsletters_language() {
    let folder = Folder::with_readers(&[]);
    folder.edit("newsletter.toml", "time_zone", "language = \"de-AT\"\ntime_zone");
    let server = folder.serve().await;
    let page = get(&server, "/subscribe").await.body;
    assert!(page.contains("<html lang=\"de\" dir=\"ltr\">") && page.contains("E-Mail-Adresse"), "{page}");
    assert!(get(&server, "/nothing").await.body.contains("Hier ist nichts"));
    post(&server, "/subscribe", "email=ada%40example.com").await;
    Folder::until(&server, "invited_total", 1).await;
    server.stop().await;
    let letter = folder.received().remove(0);
    assert_eq!(header(&letter, "Content-Transfer-Encoding"), "quoted-printable", "{letter}");
    let letter = letter.replace("=\r\n", "").replace("=C3=A4", "ä");
    assert!(letter.contains("bestätigen Sie es") && letter.contains("bis 4.7.2023, 20:00 EDT."), "{letter}");
    assert!(letter.lines().all(|line| line.len() < 78), "{letter}");
}

#[tokio::test]
async fn the_editors_own_words_and_pages_come_before_the_built_in_ones() {
    let folder = Folder::with_readers(&[]);
    folder.write(
        "templates/pages/words.toml",
        "language = \"nl\"\nsubscribe = \"Abonneren\"\nunknown = \"Hier is <niets>\"\n",
    );
    folder.write(
        "templates/pages/subscribe.html",
        "<p>{{ words.subscribe }}: {{ newsletter }}</p>{% include \"form.html\" %}",
    );
    let server = folder.serve().await;
    let page = get(&server, "/subscribe").await.body;
    assert!(
        page.starts_with("<p>Abonneren: Small Hours</p>") && page.contains("<button>Abonneren</button>"),
        "{page}"
    );
    let nothing = get(&server, "/nothing").await.body;
    assert!(nothing.contains("lang=\"nl\"") && nothing.contains("Hier is &lt;niets&gt;"), "{nothing}");
    server.stop().await;
}

#[test]
fn a_mistake_in_the_editors_words_or_pages_is_said_before_anybody_sees_a_page() {
    let folder = Folder::with_readers(&[]);
    let mistake = |name: &str, text: &str| {
        let name = format!("templates/pages/{name}");
        folder.write(&name, text);
        let served = folder.run(&["serve", "--listen", "127.0.0.1:0"]);
        folder.write(&name, "");
        (served.status.code(), String::from_utf8(served.stderr).unwrap())
    };
    let (code, said) = mistake("words.toml", "subscribe = \"x\"\nsubscibe_wait = \"y\"\ndate = \"%-\"\n");
    assert_eq!(code, Some(2), "{said}");
    for words in
        ["templates/pages/words.toml:2", "did you mean `subscribe_wait`?", "templates/pages/words.toml:3"]
    {
        assert!(said.contains(words), "{words} in {said}");
    }
    let (code, said) = mistake("left.html", "{% if %}");
    assert!(code == Some(2) && said.contains("templates/pages") && said.contains("left.html"), "{said}");
}
