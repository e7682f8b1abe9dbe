use super::*;
use crate::id::{IssueNumber, Place};
use crate::mailbox::Mailbox;
use crate::newsletter::{BaseUrl, Tracking, TrackingPolicy};
use crate::render::{Field, Piece, RenderedIssue, TextBlock};

fn issue() -> FrozenIssue {
    let words = |words: &str| Piece::Literal(words.to_owned());
    FrozenIssue {
        rendered: RenderedIssue {
            number: IssueNumber::new(379).unwrap(),
            subject: vec![words("Issue #379")],
            preheader: Some("What is in it".to_owned()),
            html: vec![words("<a href=\""), Piece::Field(Field::Link(Place(1))), words("\">")],
            text: vec![TextBlock::Lines(vec![Piece::Field(Field::Link(Place(1))), words("\n")])],
            links: vec![Link {
                url: "https://example.org/".to_owned(),
                words: "words".to_owned(),
                part: crate::render::Part::default(),
            }],
            sizes: Vec::new(),
        },
        list: "readers".parse().unwrap(),
        list_id: "weekly.example.com".to_owned(),
        newsletter: "Quiet Pager".to_owned(),
        from: Mailbox::parse("Ada <ada@example.com>").unwrap(),
        reply_to: None,
        return_path: None,
        unsubscribe_mailbox: None,
        base_url: BaseUrl("https://mail.example.com".to_owned()),
        tracking: TrackingPolicy::default(),
    }
}

fn time(hour: i64) -> Timestamp {
    Timestamp::from_second(1_688_320_800 + hour * 3600).unwrap()
}

fn approval() -> Approval {
    let by = "Ada \"the editor\" Example".to_owned();
    Approval { by, at: time(-24), digest: Digest::of(&issue(), Some(time(0))) }
}

fn changed(change: impl FnOnce(&mut FrozenIssue)) -> String {
    let mut issue = issue();
    change(&mut issue);
    let parts = approval().changed(&Digest::of(&issue, Some(time(0))));
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[test]
fn an_issue_as_it_was_approved_has_changed_in_nothing() {
    assert_eq!(approval().changed(&Digest::of(&issue(), Some(time(0)))), []);
    assert_eq!(changed(|issue| issue.base_url.0 = "https://other.example".to_owned()), "");
}

#[test]
fn each_part_that_changed_is_named() {
    let literal = || Piece::Literal("!".to_owned());
    assert_eq!(changed(|issue| issue.rendered.subject.push(literal())), "subject");
    assert_eq!(changed(|issue| issue.from.name = None), "From");
    assert_eq!(changed(|issue| issue.reply_to = Some(issue.from.clone())), "Reply-To");
    assert_eq!(changed(|issue| issue.rendered.preheader = None), "preheader");
    assert_eq!(changed(|issue| issue.rendered.html.push(Piece::Field(Field::Pixel))), "HTML");
    assert_eq!(changed(|issue| issue.rendered.text.clear()), "text");
    assert_eq!(changed(|issue| issue.rendered.links[0].url.push('x')), "link targets");
    assert_eq!(changed(|issue| issue.list = "others".parse().unwrap()), "list");
    assert_eq!(changed(|issue| issue.tracking.opens = Tracking::Individual), "tracking policy");
    assert_eq!(approval().changed(&Digest::of(&issue(), Some(time(1)))), [Part::Time]);
    assert_eq!(approval().changed(&Digest::of(&issue(), None)), [Part::Time]);
}

#[test]
fn an_approval_survives_its_file() {
    let file = approval().to_file();
    insta::assert_snapshot!(file, @r#"
    # What `pressroom approve` reviewed. Commit it with the draft; any change of the issue voids it.
    digest = "sha256:e1030495ea50572e915f6a31b710b1c740c8d6705fb07541b04cc0b155179c72"
    by = 'Ada "the editor" Example'
    at = "2023-07-01T18:00:00Z"

    [parts]
    subject = "bea121984354ebafe9dfc500f380c830d9f2629c38328b48958a3956d4ec9c73"
    from = "5613bcb3459ffd259d9b9231029d7193b2845920e680cfc1a0abf3becd5bf22f"
    reply-to = "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"
    preheader = "4a468322379e9bb6452046b88866a269029431e90f2799c06ae5a86017b324bd"
    html = "bbfb9769d7049a1c54afb7cb15e55ed773991ed499e02583eaf65fc4991504ce"
    text = "c4dcc225240543bf839e3289ef945e91b41f6af43f4d774402cb6255cef665e8"
    links = "2f04a8aac590ce78ccd1619251133f59448a6fa5dc5c3362a5f5effcb68878a0"
    list = "bb36e8b5ab4e5a48a35475da0c1a18c3f308ab7c0b626e6f181e78b1d2a0cfd6"
    tracking = "8395e1a0f691fbc06cb2eb916b7fd0fb7d64cafedcf2e492bc155b56cff38692"
    time = "ffea1dac0f2ba7a0d9c830fd4725f5c3f82e0eefdd3c99ae0cc7f4ec99af31b8"
    "#);
    let read = Approval::parse(&Source::new("drafts/379.approved", file.replace('\n', "\r\n"))).unwrap();
    assert_eq!(read, approval());
}

#[test]
fn an_approval_that_was_tampered_with_is_refused() {
    let file = approval().to_file();
    let part = Digest::of(&issue(), None).0[&Part::Time].clone();
    let forged = file.replace(&approval().digest.0[&Part::Time], &part);
    let said =
        |text: String| Approval::parse(&Source::new("drafts/379.approved", text)).unwrap_err().to_string();
    let said = [said(forged), said(file.replace("by =", "from =")), said(String::new())];
    insta::assert_snapshot!(said.concat(), @r#"
     × this is not what `pressroom approve` wrote
      ╭─[drafts/379.approved:2:11]
    1 │ # What `pressroom approve` reviewed. Commit it with the draft; any change of the issue voids it.
    2 │ digest = "sha256:e1030495ea50572e915f6a31b710b1c740c8d6705fb07541b04cc0b155179c72"
      ·           ───────────────────────────────────┬───────────────────────────────────
      ·                                              ╰── not the digest of the parts below
    3 │ by = 'Ada "the editor" Example'
      ╰────
     help: review the draft and approve it again
     × this is not what `pressroom approve` wrote
      ╭─[drafts/379.approved:3:1]
    2 │ digest = "sha256:e1030495ea50572e915f6a31b710b1c740c8d6705fb07541b04cc0b155179c72"
    3 │ from = 'Ada "the editor" Example'
      · ──┬─
      ·   ╰── unknown field `from`, expected one of `digest`, `by`, `at`, `parts`
    4 │ at = "2023-07-01T18:00:00Z"
      ╰────
     help: review the draft and approve it again
     × this is not what `pressroom approve` wrote
      ╭─[drafts/379.approved:1:1]
      ╰────
     help: review the draft and approve it again
    "#);
}
