//! Reading drafts/N.toml.

use super::{Article, Draft, Section, SendAt, SponsorChoice, Via};
use crate::diagnostic::{Diagnostics, Located, Source};
use crate::document::{self, Table, Value};
use crate::id::IssueNumber;
use crate::markdown::Prose;

impl Draft {
    /// Reads drafts/N.toml.
    ///
    /// # Errors
    /// All its mistakes.
    pub fn parse(source: Source) -> Result<Self, Diagnostics> {
        document::read(source, draft)
    }

    /// The number alone, of a draft that may have any other mistakes.
    pub fn number_in(source: &Source) -> Option<Located<IssueNumber>> {
        let mut number = None;
        let whole = document::read(source.clone(), |file| {
            number = file.get("number").and_then(|value| value.located(Value::issue_number));
            Some(())
        });
        // The other keys are strangers here: what they say is of no interest.
        drop(whole);
        number
    }
}

fn draft(file: &Table<'_>) -> Option<Draft> {
    let number = file.required("number", "379", |value| value.located(Value::issue_number));
    let date = file.required("date", "2023-07-02", Value::date);
    let draft = Draft {
        source: file.source().clone(),
        language: file.optional("language", Value::language),
        subject: file.optional("subject", |value| value.located(Value::line)),
        preheader: file.optional("preheader", |value| value.located(Value::line)),
        ready: file.optional("ready", Value::boolean).unwrap_or_default(),
        send_at: file.optional("send_at", send_at),
        sponsor: file.optional("sponsor", |value| value.located(sponsor)),
        list: file.optional("list", |value| value.located(Value::list_name)),
        intro: file.optional("intro", Prose::read).unwrap_or_default(),
        outro: file.optional("outro", Prose::read).unwrap_or_default(),
        articles: file.each("article", article),
        sections: file.each("section", section),
        number: number?,
        date: date?,
    };
    Some(draft)
}

fn send_at(value: &Value<'_>) -> Option<SendAt> {
    let (local, offset) = value.date_time()?;
    // In the days after it every clock ends, in some time zones sooner.
    if local.year() > 9998 {
        return value.refuse("bad-date", "`send_at` is too far off", "write a time before the year 9999");
    }
    let Some(offset) = offset else { return Some(SendAt::Local(local)) };
    match offset.to_timestamp(local) {
        Ok(instant) => Some(SendAt::Instant(instant)),
        Err(_) => value.refuse("bad-date", "no clock will ever show this time", ""),
    }
}

fn sponsor(value: &Value<'_>) -> Option<SponsorChoice> {
    let id = value.line()?;
    Some(if id == "none" { SponsorChoice::None } else { SponsorChoice::Sponsor(id) })
}

fn article(table: &Table<'_>) -> Option<Article> {
    let title = table.required("title", "\"…\"", |value| value.located(Value::line));
    let url = table.required("url", "\"https://…\"", |value| value.located(Value::web_address));
    let lines = |value: &Value<'_>| value.array(Value::line);
    let article = Article {
        authors: table.optional("authors", lines).unwrap_or_default(),
        publication: table.optional("publication", Value::line),
        via: table.optional("via", via),
        disclosure: table.optional("disclosure", Value::line),
        tags: table.optional("tags", lines).unwrap_or_default(),
        blurb: table.optional("blurb", Prose::read).unwrap_or_default(),
        title: title?,
        url: url?,
    };
    Some(article)
}

fn via(value: &Value<'_>) -> Option<Via> {
    if !value.is_table() {
        return value.line().map(|name| Via { name, url: None });
    }
    value.table(|table| {
        let name = table.required("name", "\"…\"", Value::line);
        let url = table.optional("url", Value::web_address);
        Some(Via { name: name?, url })
    })
}

fn section(table: &Table<'_>) -> Option<Section> {
    let title = table.required("title", "\"…\"", |value| value.located(Value::line));
    let body = table.optional("body", Prose::read).unwrap_or_default();
    let articles = table.each("article", article);
    Some(Section { title: title?, body, articles })
}

#[cfg(test)]
mod tests;
