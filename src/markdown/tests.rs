//! What editors write, and what nobody should have to.

use proptest::prelude::*;

use super::*;
use crate::wrap;

fn prose(markdown: &str) -> Prose {
    let (prose, mistakes) = Prose::parse(markdown);
    assert_eq!(mistakes, [], "{markdown}");
    prose
}

fn as_html(markdown: &str) -> String {
    html::render(&prose(markdown))
}

fn as_text(markdown: &str) -> String {
    text::render(&prose(markdown), 72, "")
}

/// The mistakes and what their spans hold.
fn mistakes(markdown: &str) -> Vec<(MistakeKind, &str)> {
    let (_, mistakes) = Prose::parse(markdown);
    mistakes.into_iter().map(|mistake| (mistake.kind, &markdown[mistake.span])).collect()
}

/// The HTML that MJML makes of a fragment within an `<mj-text>`; a panic where it does not read it.
fn through_mjml(fragment: &str) -> String {
    let document = format!(
        "<mjml><mj-body><mj-section><mj-column><mj-text>{fragment}</mj-text></mj-column></mj-section></mj-body></mjml>"
    );
    let parsed = mrml::parse(&document).unwrap_or_else(|error| panic!("{error}: {fragment}"));
    parsed.element.render(&mrml::prelude::render::RenderOptions::default()).unwrap()
}

const OUTAGES: &str = "\
* [Harbour Pay](https://status.harbour.example/8841)
  - Card payments failed for about fifty minutes after a certificate was renewed on one side. Their summary:
    > We renewed the certificate on time.
    >
    > All payments were retried.
  - [A longer analysis](https://blog.harbour.example/?a=1&b=2) followed,
    then [another](https://blog.harbour.example/2).

    And a word on it.
    + Third *level*
* [Wren](https://status.wren.example)
";

#[test]
fn nested_bullets_with_quotes_come_out_right_in_html() {
    insta::assert_snapshot!(as_html(OUTAGES).replace("<li>", "\n<li>"), @r#"
    <ul>
    <li><p><a href="https://status.harbour.example/8841">Harbour Pay</a></p><ul>
    <li><p>Card payments failed for about fifty minutes after a certificate was renewed on one side. Their summary:</p><blockquote><p>We renewed the certificate on time.</p><p>All payments were retried.</p></blockquote></li>
    <li><p><a href="https://blog.harbour.example/?a=1&amp;b=2">A longer analysis</a> followed, then <a href="https://blog.harbour.example/2">another</a>.</p><p>And a word on it.</p><ul>
    <li>Third <em>level</em></li></ul></li></ul></li>
    <li><p><a href="https://status.wren.example">Wren</a></p></li></ul>
    "#);
}

#[test]
fn nested_bullets_with_quotes_come_out_right_in_plain_text() {
    insta::assert_snapshot!(as_text(OUTAGES), @r#"
    * Harbour Pay
      https://status.harbour.example/8841
      - Card payments failed for about fifty minutes after a certificate was
        renewed on one side. Their summary:
          > We renewed the certificate on time.
          >
          > All payments were retried.
      - A longer analysis followed, then another.
        https://blog.harbour.example/?a=1&b=2
        https://blog.harbour.example/2

        And a word on it.
        + Third level
    * Wren
      https://status.wren.example
    "#);
}

#[test]
fn a_blurb_uses_every_block_in_html() {
    insta::assert_snapshot!(as_html(BLURB).replace("</p><", "</p>\n<"), @r#"
    <p><strong>Why</strong></p>
    <p>One <strong>two</strong> <em>three</em> <code>x &lt; y &amp;&amp; z</code>, an editor<br />who breaks lines; see <a href="https://example.com/a_b">https://example.com/a_b</a> and <a href="mailto:ada@example.com">ada@example.com</a> or <a href="mailto:bo@example.com">write</a>.</p>
    <p><img src="https://example.com/line.png" alt="A line that falls" width="320" style="max-width:320px" /></p>
    <ol start="3"><li>first</li><li>second</li></ol><hr /><blockquote><p>Said by <a href="https://example.org/said">somebody</a>.</p>
    <ul><li>in a list</li></ul><blockquote><p>before</p>
    </blockquote></blockquote><pre><code>From here

    	-- there</code></pre>
    "#);
}

const BLURB: &str = "\
# Why

One **two** *three* `x < y && z`, an editor\\
who breaks lines; see https://example.com/a_b and <ada@example.com> or [write](mailto:bo@example.com).

![A line that falls](https://example.com/line.png \"320\")

3. first
4. second

---

> Said by [somebody](https://example.org/said).
>
> * in a list
>
> > before

```
From here

\t-- there
```
";

#[test]
fn a_blurb_uses_every_block_in_plain_text() {
    insta::assert_snapshot!(as_text(BLURB), @r#"
    Why

    One two three x < y && z, an editor
    who breaks lines; see example.com/a_b and ada@example.com or write.
    https://example.com/a_b
    mailto:bo@example.com

    Picture: A line that falls

    3. first
    4. second

        > Said by somebody.
        > https://example.org/said
        >
        > * in a list
        >
        > > before

        From here

        	-- there
    "#);
}

#[test]
fn what_looks_like_markup_or_a_template_comes_out_as_text() {
    let hostile = "a {{ x }} {% y %} {# z #} ]]> <!-- c --> <mj-text> &lt; &amp;nbsp; <b>b</b> \\<i>\n\n<script>\nx</script>";
    let html = as_html(hostile);
    assert_eq!(
        html,
        "<p>a {{ x }} {% y %} {# z #} ]]&gt; &lt;!-- c --&gt; &lt;mj-text&gt; &lt; &amp;nbsp; &lt;b&gt;b&lt;/b&gt; \
         &lt;i&gt;</p><p>&lt;script&gt;<br />x&lt;/script&gt;</p>"
    );
    assert!(through_mjml(&html).contains(&html));
    assert_eq!(
        as_text(hostile),
        "a {{ x }} {% y %} {# z #} ]]> <!-- c --> <mj-text> < &nbsp; <b>b</b> <i>\n\n<script>\nx</script>"
    );
}

#[test]
fn a_link_leads_to_the_web_or_a_mailbox_and_to_nothing_else() {
    for url in [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://example.com/",
        "/relative",
        "#fragment",
        "https:example.com",
        "https://",
        "https://ada@example.com",
        "https://a:b@example.com/",
        "mailto:nobody",
        "https://exa\u{200b}mple.com/",
    ] {
        let markdown = format!("é [words]({url})");
        assert_eq!(mistakes(&markdown), [(MistakeKind::LinkUrl(url.to_owned()), url)]);
        assert_eq!(Prose::parse(&markdown).0, prose("é words"));
    }
    let spaced = "[words](<https://example.com/a b>)";
    assert_eq!(
        mistakes(spaced),
        [(MistakeKind::LinkUrl("https://example.com/a b".to_owned()), "https://example.com/a b")]
    );
    for url in ["HTTPS://Example.com/%20?a=ü&b#c", "http://[::1]:8080/", "mailto:ada@example.com?subject=x"]
    {
        assert_eq!(mistakes(&format!("[words]({url})")), []);
    }
}

#[test]
fn a_mistake_is_found_in_the_line_it_stands_on() {
    assert_eq!(
        mistakes("one\r\n* ü\r\n  > two [x](y:z)\n"),
        [(MistakeKind::LinkUrl("y:z".to_owned()), "y:z")]
    );
    assert_eq!(
        mistakes("![](https://example.com/a.png) and ![ ](https://example.com/b.png)"),
        [
            (MistakeKind::ImageWithoutAlt, "![](https://example.com/a.png)"),
            (MistakeKind::ImageWithoutAlt, "![ ](https://example.com/b.png)"),
        ]
    );
    assert_eq!(
        mistakes("![x](http://example.com/a.png)"),
        [(MistakeKind::ImageUrl("http://example.com/a.png".to_owned()), "http://example.com/a.png")]
    );
}

#[test]
fn a_link_that_nobody_can_see_is_a_mistake_and_one_around_an_image_is_told_by_its_alt() {
    let url = "https://example.com/";
    for markdown in ["[](https://example.com/)", "[ \u{200b} ](https://example.com/)"] {
        assert_eq!(mistakes(markdown), [(MistakeKind::LinkWithoutWords(url.to_owned()), url)]);
    }
    let linked = "[![A map](https://example.com/m.png)](https://example.com/)";
    assert_eq!(prose(linked).links(), [Link { url, words: "A map".to_owned(), bare: false }]);
    assert_eq!(as_text(linked), "Picture: A map\nhttps://example.com/");
}

#[test]
fn a_bare_link_is_said_without_its_scheme_and_only_once_where_it_stands_alone() {
    assert_eq!(as_text("See https://example.com/a."), "See example.com/a.\nhttps://example.com/a");
    assert_eq!(as_text("<https://example.com/a>"), "https://example.com/a");
    assert_eq!(as_text("* https://example.com/a"), "* example.com/a\n  https://example.com/a");
    assert_eq!(as_text("www.example.com"), "http://www.example.com");
    assert_eq!(as_text("ada@example.com"), "ada@example.com");
}

#[test]
fn tight_and_loose_lists_of_single_paragraphs_look_the_same() {
    assert_eq!(as_html("* a\n* b"), "<ul><li>a</li><li>b</li></ul>");
    assert_eq!(as_html("* a\n\n* b"), "<ul><li>a</li><li>b</li></ul>");
    assert_eq!(as_text("* a\n\n* b"), "* a\n* b");
}

#[test]
fn nothing_empty_leaves_a_trace() {
    for empty in ["", " \n", "#", ">", "* ", "* *", "<!---->".get(..0).unwrap(), "\u{200b}", "**\u{200b}**"] {
        assert_eq!(prose(empty), Prose::default(), "{empty:?}");
    }
    assert_eq!(as_text("* > q\n* ---\n* ```\n  c\n  ```"), "*\n    > q\n*\n      c");
}

#[test]
fn hostile_nesting_comes_out_as_words() {
    for start in [">", "> ", "* ", "1. ", "*a ", "**a *b ", "![", "[", "_a**", "<", "`a", "\\"] {
        let (prose, _) = Prose::parse(&(start.repeat(20_000) + "end"));
        assert!(text::render(&prose, 72, "").ends_with("end"), "{start}");
        through_mjml(&html::render(&prose));
    }
}

/// Strings that look like Markdown more often than chance would have it.
fn markdown() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n"),
        Just("\n\n"),
        Just("* "),
        Just("  - "),
        Just("    "),
        Just("> "),
        Just("1. "),
        Just("# "),
        Just("**"),
        Just("_"),
        Just("`"),
        Just("```\n"),
        Just("---\n"),
        Just("\\"),
        Just("<b>"),
        Just("<!--"),
        Just("[a](https://example.com/?a=1&b=\"2\")"),
        Just("![x](https://example.com/i.png)"),
        Just("["),
        Just("](mailto:a@example.com)"),
        Just("https://example.org/x "),
        Just("From "),
        Just("-- "),
        Just("\u{200b}"),
        Just("\u{0}"),
        Just("\u{85}"),
        Just("\u{1b}"),
        Just("語"),
        Just("😀"),
        Just("\t"),
        Just("\r"),
        Just("&nbsp;"),
        Just("word "),
        Just("]]>"),
        Just("{{"),
        Just("</mj-text>"),
        Just("x"),
        Just(" "),
    ];
    prop_oneof![proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat()), "(?s).{0,100}",]
}

proptest! {
    #[test]
    fn whatever_is_written_mjml_reads_it(markdown in markdown()) {
        let (prose, mistakes) = Prose::parse(&markdown);
        for mistake in mistakes {
            prop_assert!(markdown.get(mistake.span.clone()).is_some(), "{mistake:?}");
        }
        through_mjml(&html::render(&prose));
    }

    #[test]
    fn whatever_is_written_the_text_keeps_its_rules(markdown in markdown(), indent in " {0,3}") {
        let (prose, _) = Prose::parse(&markdown);
        let text = text::render(&prose, 40, &indent);
        prop_assert!(!text.contains("\n\n\n") && !text.starts_with('\n') && !text.ends_with('\n'), "{text:?}");
        prop_assert_eq!(wrap::visible(&text), text.as_str());
        for line in text.lines() {
            prop_assert!(line.trim_end() == line && (line.is_empty() || line.starts_with(&indent)), "{text:?}");
            prop_assert!(!line.starts_with("From ") && !line.starts_with("-- "), "{text:?}");
        }
        let urls: Vec<&str> = prose.links().iter().map(|link| link.url).filter(|url| url.contains("://")).collect();
        let told: Vec<&str> = text.lines().map(|line| line.trim_start_matches([' ', '>'])).filter(|line| urls.contains(line)).collect();
        prop_assert!(told.len() >= urls.len(), "{urls:?} in {text:?}");
    }
}
