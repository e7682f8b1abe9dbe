//! Links, their words and their places.

use super::*;

#[test]
fn a_links_words_have_an_articles_tags_set_off_as_the_text_edition_has_them() {
    let draft = SMALL.replace("\"video\"", "\"video\", \"in  French\"");
    let rendering = render(&issue(&draft), &newsletter(), &Templates::built_in().unwrap()).unwrap();
    let words: Vec<&str> = links(&rendering).into_iter().map(|(_, words)| words).collect();
    assert_eq!(words[2], "Bread & <b>butter</b> {{7*7}} [video] [in French]");
    assert!(words[3..].iter().all(|words| !words.contains('[')), "{words:?}");
}

#[test]
fn every_link_knows_its_part_also_where_a_url_stands_in_several() {
    let draft = SMALL
        .replace("https://a.example/3", "https://status.example/1")
        .replace("outro = \"", "outro = \"[again](https://a.example/2) ");
    let rendering = render(&issue(&draft), &newsletter(), &Templates::built_in().unwrap()).unwrap();
    let shown = rendering.issue.links.iter().map(|link| match &link.part {
        Part::Sponsor { placement, id, name } => format!("{placement} {id} {name}"),
        Part::Intro => "intro".into(),
        Part::Article { number, title, section } => {
            format!("{number} {title} {}", section.as_deref().unwrap_or("-"))
        }
        Part::Section { title } => title.clone(),
        Part::Outro => "outro".into(),
        Part::Template => "template".into(),
    });
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"));
    let own = rendered(
        "<mjml><mj-body><mj-section><mj-column><mj-text><a href=\"https://own.example/\">x</a></mj-text></mj-column></mj-section></mj-body></mjml>",
        "x",
    );
    assert_eq!(own.issue.links[0].part, Part::Template);
    let before: Link = serde_json::from_str(r#"{"url": "https://a.example/", "words": "A"}"#).unwrap();
    assert_eq!(before.part, Part::Template);
}

#[test]
fn links_arrive_as_the_editor_wrote_them_with_their_words() {
    let rendering = render(&issue(SMALL), &newsletter(), &Templates::built_in().unwrap()).unwrap();
    assert_eq!(
        links(&rendering),
        [
            ("https://tidemark.example/start", "Ask for your first sentence"),
            ("https://a.example/intro?a=1&b=2", "this"),
            ("https://a.example/x%20y?a=1&b=ü#frag", "Bread & <b>butter</b> {{7*7}} [video]"),
            ("https://news.example/1", "News"),
            ("https://brassandbell.example/night-shift#calm", "Hear it ring"),
            ("https://a.example/2", "Nothing more"),
            ("https://status.example/1", "Harbour"),
            ("https://a.example/3", "A long read"),
        ]
    );
}

#[test]
fn an_image_gives_a_link_its_words() {
    let mjml = around_text(
        "<a href=\"https://a.example/\"><img src=\"https://a.example/i\" alt=\"A &amp; B\" /></a>",
    );
    assert_eq!(links(&rendered(&mjml, "https://a.example/")), [("https://a.example/", "A & B")]);
}

#[test]
fn mail_links_anchors_and_the_readers_own_urls_are_no_places() {
    let mjml = around_text(
        "<a href=\"mailto:a@example.com\">m</a><a href=\"#top\">t</a><a href=\"{{ unsubscribe_url }}\">u</a>\
         <a href=\"{{ preferences_url }}\">p</a>",
    );
    let rendering = rendered(&mjml, "words");
    assert_eq!(links(&rendering), []);
    let html = shown(&rendering.issue.html, &rendering.issue);
    assert!(html.contains("href=\"[unsubscribe]\"") && html.contains("href=\"[preferences]\""), "{html}");
}

#[test]
fn a_link_that_the_text_lacks_or_has_out_of_order_is_told() {
    let mjml = around_text(
        "<a href=\"https://a.example/1\">1</a><a href=\"https://a.example/2\">2</a><a href=\"https://a.example/3\">3</a>",
    );
    let rendering = rendered(&mjml, "https://a.example/2\n* https://a.example/1\nhttps://b.example/\n");
    insta::assert_snapshot!(rendering.findings.to_string());
    assert_eq!(
        text_shown(&rendering.issue),
        "[2]https://a.example/2\n* [1]https://a.example/1\nhttps://b.example/\n"
    );
}

#[test]
fn two_links_to_one_page_keep_their_places() {
    let mjml = around_text("<a href=\"https://a.example/\">1</a><a href=\"https://a.example/\">2</a>");
    let rendering = rendered(&mjml, "one\nhttps://a.example/\n  > https://a.example/");
    assert_eq!(rendering.findings, Diagnostics::none());
    assert_eq!(text_shown(&rendering.issue), "one\n[1]https://a.example/\n  > [2]https://a.example/\n");
}
