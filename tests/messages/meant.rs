//! What a message was meant to say, worked out the plain way.

use pressroom::id::Reference;
use pressroom::mailbox::{EmailAddress, Mailbox};
use pressroom::message::FrozenIssue;
use pressroom::newsletter::Tracking;
use pressroom::render::{Field, Piece, TextBlock};
use pressroom::subscriber::{Format, Recipient};
use pressroom::token::{self, Purpose};
use pressroom::wrap::{one_line, wrap};
use serde_json::json;

use super::keys;

/// As the judge reads it.
pub(crate) fn meant(issue: &FrozenIssue, recipient: &Recipient) -> serde_json::Value {
    let mailbox = |name: Option<&str>, address: &EmailAddress| {
        json!([name.map(one_line).unwrap_or_default(), address.as_str()])
    };
    let of = |one: &Mailbox| mailbox(one.name.as_deref(), &one.address);
    let unsubscribe = keys().token(Purpose::Unsubscribe, issue.number(), recipient.reference);
    let (base, number, token) = (&issue.base_url.0, issue.number(), unsubscribe.as_str());
    let mut leave = vec![format!("{base}/{number}/unsubscribe/{token}")];
    if let Some(address) = &issue.unsubscribe_mailbox {
        leave.push(format!("mailto:{address}?subject=unsubscribe%20{number}%20{token}"));
    }
    let id = keys().message_id(&issue.list, number, recipient.reference);
    let text = issue.rendered.text.iter().map(|block| match block {
        TextBlock::Lines(pieces) => fill(issue, recipient, pieces, str::to_owned),
        TextBlock::Paragraph { indent, pieces } => {
            wrap(&fill(issue, recipient, pieces, str::to_owned), 72, indent, indent) + "\n"
        }
    });
    json!({
        "From": of(&issue.from),
        "Reply-To": issue.reply_to.as_ref().map(of),
        "To": mailbox(recipient.name.as_deref(), &recipient.address),
        "Subject": one_line(&fill(issue, recipient, &issue.rendered.subject, str::to_owned)),
        "Date": "2023-07-02T20:00:00+00:00",
        "Message-ID": format!("<{id}@{}>", issue.from.address.domain()),
        "List-Id": [issue.newsletter, issue.list_id],
        "Feedback-ID": format!("{number}:{}:{}", issue.list, issue.list_id),
        "List-Unsubscribe": leave,
        "smtputf8": !recipient.address.as_str().is_ascii(),
        "text": text.collect::<String>(),
        "html": (recipient.format == Format::Html).then(|| meant_html(issue, recipient)),
    })
}

/// The HTML of one reader.
pub(crate) fn meant_html(issue: &FrozenIssue, recipient: &Recipient) -> String {
    fill(issue, recipient, &issue.rendered.html, |value| {
        value
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;")
    })
}

fn fill(issue: &FrozenIssue, recipient: &Recipient, pieces: &[Piece], escape: fn(&str) -> String) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Literal(literal) => literal.clone(),
            Piece::Field(field) => value(issue, recipient, field, escape),
        })
        .collect()
}

fn value(issue: &FrozenIssue, recipient: &Recipient, field: &Field, escape: fn(&str) -> String) -> String {
    let (base, number) = (&issue.base_url, issue.number());
    let policy = issue.tracking.for_reader(recipient.tracking);
    let token = |purpose, tracking| {
        let whose = if tracking == Tracking::Aggregate { Reference::EVERYONE } else { recipient.reference };
        keys().token(purpose, number, whose).as_str().to_owned()
    };
    let own = |purpose| token(purpose, Tracking::Individual);
    match field {
        Field::Link(place) if policy.clicks == Tracking::None => {
            escape(&issue.rendered.links[usize::from(place.0) - 1].url)
        }
        Field::Link(place) => token::click_url(base, number, *place, &token(Purpose::Click, policy.clicks)),
        Field::Unsubscribe => token::unsubscribe_url(base, number, &own(Purpose::Unsubscribe)),
        Field::Preferences => token::preferences_url(base, number, &own(Purpose::Preferences)),
        Field::Pixel if policy.opens == Tracking::None => String::new(),
        Field::Pixel => format!(
            r#"<img src="{}" alt="" width="1" height="1" style="width:1px;height:1px;margin:0;background:none" />"#,
            token::open_url(base, number, &token(Purpose::Open, policy.opens))
        ),
        Field::Reader { name, default } => {
            let known = match name.as_str() {
                "email" => Some(recipient.address.to_string()),
                "name" => recipient.name.clone(),
                "since" => Some("3 March 2021".to_owned()),
                other => recipient.attributes.get(other).cloned(),
            };
            let known = known.map(|value| one_line(&value)).filter(|value| !value.is_empty());
            escape(&known.or_else(|| default.clone()).unwrap())
        }
    }
}
