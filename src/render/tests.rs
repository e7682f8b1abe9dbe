mod places;

use super::*;
use crate::draft::Draft;
use crate::sponsor::Sponsors;

/// A newsletter as its editor writes it.
fn newsletter() -> Newsletter {
    Newsletter {
        source: Source::new("newsletter.toml", ""),
        name: "Quiet Pager".into(),
        tagline: Some("Reading for people who keep things running.".into()),
        language: "en".into(),
        time_zone: jiff::tz::TimeZone::UTC,
        from: crate::mailbox::Mailbox::parse("Quiet Pager <editor@mail.example.com>").unwrap(),
        reply_to: None,
        return_path: None,
        unsubscribe_mailbox: None,
        subject: crate::diagnostic::Located {
            value: "{{ newsletter.name }} Issue #{{ issue.number }}".into(),
            span: 0..0,
        },
        list: "readers".parse().unwrap(),
        list_id: "quiet-pager.example.com".into(),
        base_url: crate::newsletter::BaseUrl("https://mail.example.com".into()),
        postal_address: "Quiet Pager, 14 Rope Walk, Lower Mill ZZ1 4AB, Exampleland".into(),
        tracking: crate::newsletter::TrackingPolicy::default(),
        affiliations: Vec::new(),
        silenced: Vec::new(),
    }
}

const SPONSORS: &str = include_str!("../../sponsors.toml");

fn issue(draft: &str) -> Issue {
    let draft = Draft::parse(Source::new("drafts/1.toml", draft)).unwrap();
    let sponsors = Sponsors::parse(Source::new("sponsors.toml", SPONSORS)).unwrap();
    Issue::assemble(draft, &sponsors, &newsletter()).unwrap()
}

/// The issue as one reader would see it: links as written.
fn shown(pieces: &[Piece], issue: &RenderedIssue) -> String {
    let show = |piece: &Piece| match piece {
        Piece::Literal(words) => words.clone(),
        Piece::Field(Field::Link(place)) => {
            format!("[{place}]{}", issue.links[usize::from(place.0) - 1].url)
        }
        Piece::Field(Field::Unsubscribe) => "[unsubscribe]".into(),
        Piece::Field(Field::Preferences) => "[preferences]".into(),
        Piece::Field(Field::Pixel) => "[pixel]".into(),
        Piece::Field(Field::Reader { name, default }) => match default {
            Some(default) => format!("[{name}, or {default}]"),
            None => format!("[{name}]"),
        },
    };
    pieces.iter().map(show).collect()
}

fn text_shown(issue: &RenderedIssue) -> String {
    let show = |block: &TextBlock| match block {
        TextBlock::Lines(pieces) => shown(pieces, issue),
        TextBlock::Paragraph { indent, pieces } => format!("{indent}<{}>\n", shown(pieces, issue)),
    };
    issue.text.iter().map(show).collect()
}

#[test]
fn every_shipped_draft_has_all_its_links_in_both_editions_and_sizes_that_add_up() {
    for number in 210..=215 {
        let draft = std::fs::read_to_string(format!("drafts/{number}.toml")).unwrap();
        let rendering = render(&issue(&draft), &newsletter(), &Templates::built_in().unwrap()).unwrap();
        assert_eq!(rendering.findings, Diagnostics::none(), "{number}");
        let issue = rendering.issue;
        assert!(!issue.links.is_empty() && !text_shown(&issue).is_empty());
        let escaped = |url: &str| url.replace('&', "&amp;").len();
        let bytes = |piece: &Piece| match piece {
            Piece::Literal(words) => words.len(),
            Piece::Field(Field::Link(place)) => escaped(&issue.links[usize::from(place.0) - 1].url),
            Piece::Field(_) => 0,
        };
        let whole: usize = issue.html.iter().map(bytes).sum();
        assert_eq!(issue.sizes.iter().map(|(_, size)| size).sum::<usize>(), whole, "{number}");
    }
}

const DRAFT: &str = r#"
number = 7
date = 2023-07-02
subject = "Issue {{ issue.number }}"

[[article]]
title = "Bread & <b>butter</b> {{7*7}}"
url = "https://a.example/x?a=1&b=2%20#d"
"#;

/// What an editor is told about templates/issue.mjml.
fn complaint(mjml: &str) -> String {
    let templates = Templates::parse(Some(Source::new("templates/issue.mjml", mjml)), None, &[]);
    templates.and_then(|templates| render(&issue(DRAFT), &newsletter(), &templates)).unwrap_err().to_string()
}

/// A whole template around a section.
fn around(section: &str) -> String {
    format!("<mjml lang=\"en\">\n<mj-body>\n{section}\n</mj-body>\n</mjml>\n")
}

/// A whole template around words.
fn around_text(words: &str) -> String {
    around(&format!("<mj-section>\n<mj-column>\n<mj-text>{words}</mj-text>\n</mj-column>\n</mj-section>"))
}

/// The same, on a line whose number has two digits.
fn far_down(words: &str) -> String {
    around_text(&format!("{}{words}", "\n".repeat(12)))
}

macro_rules! told {
    ($($name:ident: $mjml:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(complaint(&$mjml));
        }
    )*};
}

told! {
    an_unclosed_element_is_said_where_it_opens: around("<mj-section>\n<mj-column>\n<mj-text>words</mj-text>\n</mj-section>");
    an_element_that_closes_nothing_is_said: around_text("words</b>");
    an_unclosed_paragraph_is_said: around_text("{% for article in issue.articles %}<p>{{ article.title }}{% endfor %}");
    an_unknown_element_is_named_with_the_nearest: around("<mj-section>\n<mj-colum></mj-colum>\n</mj-section>");
    an_unknown_attribute_is_named_with_the_nearest: around("<mj-section>\n<mj-column>\n<mj-text colour=\"red\">x</mj-text>\n</mj-column>\n</mj-section>");
    what_stands_in_a_branch_that_is_not_taken_is_read_too: around("{% if issue.outro %}<mj-sektion></mj-sektion>{% endif %}");
    an_element_out_of_place_is_said: around("<mj-text>x</mj-text>");
    html_out_of_place_is_said: around("<mj-section><div>x</div></mj-section>");
    text_out_of_place_is_said: around("<mj-section>{{ newsletter.name }} words</mj-section>");
    a_zero_without_a_unit_is_said: around("<mj-section padding=\"0 20px\"></mj-section>");
    a_quote_within_single_quotes_is_said: around("<mj-section css-class='a\"b'></mj-section>");
    an_unquoted_attribute_is_said: around("<mj-section css-class=x></mj-section>");
    an_include_of_mjml_is_said: around("<mj-include path=\"x.mjml\" />");
    a_bare_less_than_is_said: around_text("1 < 2");
    an_undefined_variable_is_said: around_text("{{ issu.title }}");
    an_undefined_field_is_said: around_text("{{ issue.titel }}");
    an_unknown_filter_is_said: around_text("{{ issue.number | uper }}");
    a_block_that_is_never_closed_is_said: around_text("{% if issue.intro %}words");
    a_syntax_error_is_said: around_text("{{ issue.number + }}");
    a_missing_part_is_said: around("{% include \"masthead.mjml\" %}");
    a_field_in_a_condition_is_said: around_text("{% if reader.name %}Dear {{ reader.name }}{% endif %}");
    a_field_in_a_filter_is_said: around_text("{{ reader.name | upper }}");
    a_field_in_a_link_is_said: around_text("<a href=\"https://a.example/{{ reader.email }}\">x</a>");
    a_field_in_a_style_is_said: around_text("<p style=\"color:{{ reader.colour }}\">x</p>");
    a_field_in_a_comment_is_said: around_text("<!-- {{ reader.name }} -->");
    a_field_in_a_sponsors_link_is_said: around("<mj-section><mj-column><mj-button href=\"{{ unsubscribe_url }}?a\">x</mj-button></mj-column></mj-section>");
    a_missing_part_is_said_also_far_down: far_down("{% include \"masthead.mjml\" %}");
    a_part_that_includes_itself_is_said: far_down("{% include \"issue.mjml\" %}");
    a_missing_base_is_said: "{% extends \"base.mjml\" %}";
    a_base_named_too_late_is_said: far_down("{% extends \"base.mjml\" %}");
    an_unknown_function_is_said: far_down("{{ now() }}{{ get_env(name=\"HOME\") }}{{ rang(end=3) }}");
    an_unknown_filter_is_said_also_far_down: far_down("{{ \"a\" | foo }}");
    an_unknown_test_is_said: far_down("{% if issue.number is evn %}x{% endif %}");
    a_division_by_zero_is_said: far_down("{{ 1/0 }}");
    a_range_too_long_is_said: far_down("{% for n in range(end=100000000) %}{{ n }}{% endfor %}");
    stray_braces_are_said: far_down("two {{ braces");
    a_field_between_angle_brackets_is_said: far_down("<{{ reader.email }}>");
    what_no_mail_may_hold_is_said: far_down("<script>x()</script><FORM></FORM><iframe src=\"https://a.example/\"></iframe><svg></svg><img alt=\"\" src=\"data:image/gif;base64,AA\" /><a href=\" JavaScript:x()\" style=\"background: url('data:x')\">x</a><style>p { background: url(DATA:x) }</style><img alt=\"data: numbers\" />");
    several_mistakes_come_together: around("<mj-section padding=\"0 0\" colour=\"red\">\n{{ reader.name | upper }}\n<mj-colum></mj-colum></mj-section>");
    a_link_that_leads_nowhere_is_said: around_text("<a href=\"https://\">x</a>");
}

/// Templates of one's own.
fn templates(mjml: &str, text: &str, parts: &[Source]) -> Result<Templates, Diagnostics> {
    let file = |name, text| Some(Source::new(name, text));
    Templates::parse(file("templates/issue.mjml", mjml), file("templates/issue.txt", text), parts)
}

/// An issue from templates of one's own.
fn rendered(mjml: &str, text: &str) -> Rendering {
    let templates = templates(mjml, text, &[]).unwrap_or_else(|faults| panic!("{faults}"));
    render(&issue(DRAFT), &newsletter(), &templates).unwrap_or_else(|faults| panic!("{faults}"))
}

fn links(rendering: &Rendering) -> Vec<(&str, &str)> {
    rendering.issue.links.iter().map(|link| (link.url.as_str(), link.words.as_str())).collect()
}

const SMALL: &str = r#"
number = 212
date = 2023-07-02
subject = "{{ newsletter.name }} #{{ issue.number }}, {{ reader.name | default(value='friend') }}"
preheader = "What is said first."
intro = "Hello *all*, see [this](https://a.example/intro?a=1&b=2)."
outro = "Write to [me](mailto:me@example.com)."

[[article]]
title = "Bread & <b>butter</b> {{7*7}}"
url = "https://a.example/x%20y?a=1&b=ü#frag"
authors = ["Ada Example", "Bo Example"]
publication = "Paper"
via = { name = "News", url = "https://news.example/1" }
tags = ["video"]
disclosure = "Full disclosure: mine."
blurb = """
- one
  - two

> quoted
"""

[[article]]
title = "Nothing more"
url = "https://a.example/2"

[[section]]
title = "Outages"
body = "* [Harbour](https://status.example/1)\n  * down\n    > sorry"

[[section.article]]
title = "A long read"
url = "https://a.example/3"
"#;

#[test]
fn a_small_issue_looks_like_this_in_html() {
    let rendering = render(&issue(SMALL), &newsletter(), &Templates::built_in().unwrap()).unwrap();
    assert_eq!(rendering.findings, Diagnostics::none());
    let html = shown(&rendering.issue.html, &rendering.issue);
    let body = html[html.find("<body").unwrap()..].replace("<div", "\n<div").replace("<table", "\n<table");
    insta::assert_snapshot!(body);
}

#[test]
fn a_small_issue_looks_like_this_in_text() {
    let rendering = render(&issue(SMALL), &newsletter(), &Templates::built_in().unwrap()).unwrap();
    insta::assert_snapshot!(text_shown(&rendering.issue));
}

#[test]
fn an_issue_of_the_least_leaves_nothing_empty() {
    let least = "number = 1\ndate = 2023-07-02\n[[article]]\ntitle = \"One\"\nurl = \"https://a.example/\"";
    let rendering = render(&issue(least), &newsletter(), &Templates::built_in().unwrap()).unwrap();
    let html = shown(&rendering.issue.html, &rendering.issue);
    for empty in ["<p></p>", "<p class=\"m\"", "></a>", "></span>", "sponsor", "<h3"] {
        let expected = if empty.starts_with("<p class") { 4 } else { 0 };
        assert_eq!(html.matches(empty).count(), expected, "{empty}");
    }
    insta::assert_snapshot!(text_shown(&rendering.issue));
}

#[test]
fn the_pixel_comes_last_in_the_body() {
    let rendering = rendered(&around_text("words"), "words");
    let html = shown(&rendering.issue.html, &rendering.issue);
    assert!(html.contains("[pixel]</body>"), "{html}");
}

#[test]
fn a_paragraph_with_a_readers_field_is_left_to_be_wrapped_for_each() {
    let text = "Dear {{ reader.name | default(value=\"friend\") }},\nhow do you do?\n{{ unsubscribe_url }}\n\n\n\n\n  Yours,\n  {{ reader.email }}\n";
    let rendering = rendered(&around_text("words"), text);
    assert_eq!(
        text_shown(&rendering.issue),
        "<Dear [name, or friend], how do you do?>\n[unsubscribe]\n\n\n  <Yours, [email]>\n"
    );
}

#[test]
fn a_field_stands_in_text_and_in_words_of_attributes() {
    let mjml = around_text("<p title=\"For {{ reader.name }}\">{{- reader.name -}}</p>");
    let rendering = rendered(&mjml, "words");
    let html = shown(&rendering.issue.html, &rendering.issue);
    assert!(html.contains("<p title=\"For [name]\">[name]</p>"), "{html}");
}

#[test]
fn a_title_and_an_attribute_say_to_the_letter_what_the_editor_wrote() {
    let words = "a\\n 👩\u{200d}💻 \u{202e}it's\u{300} &amp; \u{ad}é";
    let section = format!(
        "<mj-section><mj-column><mj-image src=\"https://a.example/\" alt=\"{words}\" /></mj-column></mj-section>"
    );
    let head = format!("<mj-head><mj-title>{words}</mj-title></mj-head>\n<mj-body>");
    let rendering = rendered(&around(&section).replace("<mj-body>", &head), "words");
    let html = entities::decode(&shown(&rendering.issue.html, &rendering.issue)).into_owned();
    let words = entities::decode(words);
    for said in
        [format!("<title>{words}</title>"), format!("aria-label=\"{words}\""), format!("alt=\"{words}\"")]
    {
        assert!(html.contains(&said), "{said}\n{html}");
    }
}

#[test]
fn the_subject_is_one_line_cut_at_its_fields() {
    let rendering = render(&issue(SMALL), &newsletter(), &Templates::built_in().unwrap()).unwrap();
    assert_eq!(
        rendering.issue.subject,
        [
            Piece::Literal("Quiet Pager #212, ".into()),
            Piece::Field(Field::Reader { name: "name".into(), default: Some("friend".into()) }),
        ]
    );
}

#[test]
fn a_fault_of_the_subject_is_said_where_the_subject_stands() {
    let told = |subject: &str| {
        let draft =
            DRAFT.replace("subject = \"Issue {{ issue.number }}\"", &format!("subject = \"{subject}\""));
        render(&issue(&draft), &newsletter(), &Templates::built_in().unwrap()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(
        [
            told("Issue {{ isue.number }}"),
            told("{% if reader.name %}Dear{% endif %}"),
            told("{{ \\\"\\\" }}")
        ]
        .concat()
    );
}

#[test]
fn parts_are_read_escaped_and_their_faults_said_in_them() {
    let part = |text: &str| {
        let parts = [Source::new("templates/part.mjml", text)];
        templates(&around("{% include \"part.mjml\" %}"), "words", &parts).unwrap()
    };
    let good = part(
        "<mj-section><mj-column><mj-text>{{ issue.articles[0].title }}</mj-text></mj-column></mj-section>",
    );
    let rendering = render(&issue(DRAFT), &newsletter(), &good).unwrap();
    let html = shown(&rendering.issue.html, &rendering.issue);
    assert!(html.contains("Bread &amp; &lt;b&gt;butter&lt;/b&gt; {{7*7}}"), "{html}");
    let bad = part("<mj-section>\n<mj-column>{{ issue.articles[0].title | safe }}\n</mj-section>");
    insta::assert_snapshot!(render(&issue(DRAFT), &newsletter(), &bad).unwrap_err().to_string());
}

#[test]
fn the_templates_comments_stay_behind_and_outlooks_go_along() {
    let mjml = around_text("<!-- for editors --><p>a</p><mj-raw></mj-raw>").replace("<mj-raw></mj-raw>", "");
    let rendering = rendered(&mjml, "words");
    let html = shown(&rendering.issue.html, &rendering.issue);
    assert!(!html.contains("editors") && html.contains("<!--[if mso | IE]>"), "{html}");
    assert_eq!(html.matches("<!--[if").count(), html.matches("<![endif]").count());
}

#[test]
fn an_issue_from_right_to_left_is_laid_out_so() {
    let draft = format!("language = \"ar\"\n{SMALL}");
    let rendering = render(&issue(&draft), &newsletter(), &Templates::built_in().unwrap()).unwrap();
    let html = shown(&rendering.issue.html, &rendering.issue);
    assert!(html.contains("<html lang=\"ar\" dir=\"rtl\""), "{html}");
    assert!(!html.contains("direction:ltr") && html.contains("padding-right: 18px"), "{html}");
}

#[test]
fn articles_are_split_by_eight_and_the_middle_sponsor_stands_after_half() {
    let articles: Vec<String> = (1..=20)
        .map(|n| format!("[[article]]\ntitle = \"A{n}\"\nurl = \"https://a.example/{n}\"\n"))
        .collect();
    let articles = articles.concat();
    let mjml = around(
        "<mj-section><mj-column><mj-text>{% for group in issue.groups %}({% for article in group.articles %}{{ article.title }} \
         {% endfor %}{{ group.sponsor.name or \"\" }}){% endfor %}</mj-text></mj-column></mj-section>",
    );
    let split = |number: u32| {
        let draft = format!("number = {number}\ndate = 2023-07-02\n{articles}");
        let issue =
            render(&issue(&draft), &newsletter(), &templates(&mjml, "x", &[]).unwrap()).unwrap().issue;
        let html = shown(&issue.html, &issue);
        html[html.find("(A1").unwrap()..=html.rfind(')').unwrap()].to_owned()
    };
    assert_eq!(split(1), "(A1 A2 A3 A4 A5 A6 A7 A8 )(A9 A10 A11 A12 A13 A14 A15 A16 )(A17 A18 A19 A20 )");
    assert_eq!(
        split(212),
        "(A1 A2 A3 A4 A5 A6 A7 A8 )(A9 A10 Brass &amp; Bell)(A11 A12 A13 A14 A15 A16 A17 A18 )(A19 A20 )"
    );
}

#[test]
fn the_same_issue_gives_the_same_bytes() {
    let once = || {
        format!("{:?}", render(&issue(SMALL), &newsletter(), &Templates::built_in().unwrap()).unwrap().issue)
    };
    assert_eq!(once(), once());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_an_editor_writes_breaks_an_issue_or_is_lost(
        words in "(\\PC|[<>&\"'{}%#\\-]|</mj-text>|<!--|-->|\\{\\{ reader\\.name \\}\\}|[\x01\x0b]|\\{% if|&amp;|]]>){1,40}",
    ) {
        let mut issue = issue(SMALL);
        let words = format!("a{words}z");
        issue.articles[0].title.value.clone_from(&words);
        issue.articles[0].tags = vec![words.clone()];
        issue.articles[1].byline = Some(words.clone());
        issue.articles[1].disclosures = vec![words.clone()];
        issue.sections[0].title.clone_from(&words);
        issue.intro = crate::markdown::Prose::parse(&words).0;
        let templates = Templates::built_in().unwrap();
        let rendering = render(&issue, &newsletter(), &templates);
        let rendering = rendering.map_err(|faults| proptest::test_runner::TestCaseError::fail(faults.to_string()))?;
        let html = shown(&rendering.issue.html, &rendering.issue);
        let words: String = words.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect();
        let html = entities::decode(&html);
        proptest::prop_assert!(html.contains(&format!("{words} <span class=\"t\"")), "{words}\n{html}");
        proptest::prop_assert_eq!(
            rendering.issue.html.iter().filter(|piece| matches!(piece, Piece::Field(Field::Reader { .. }))).count(),
            4
        );
    }
}
