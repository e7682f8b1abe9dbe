//! Readers that a preview is made for: one on the list, an invented one, and the one with the most to say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::Path;

use jiff::civil::Date;

use crate::diagnostic::{Diagnostic, Source, Spot};
use crate::document::nearest;
use crate::id::{Reference, SubscriberId};
use crate::mailbox::EmailAddress;
use crate::render::{Field, Piece, RenderedIssue, TextBlock};
use crate::subscriber::list::{ListReader, Standing};
use crate::subscriber::{Entry, Recipient};

/// The address of the invented reader.
const ADDRESS: &str = "reader@example.com";

/// An invented reader with every field that the issue asks for; `since` the issue's date, so that nothing moves.
pub fn invented(
    address: Option<&EmailAddress>,
    issue: &RenderedIssue,
    date: Date,
) -> anyhow::Result<Recipient> {
    let attributes = reader_fields(issue).map(|(name, _)| (name.to_owned(), name.to_owned())).collect();
    let address = address.map_or_else(|| EmailAddress::parse(ADDRESS), |address| Ok(address.clone()))?;
    Ok(recipient(
        Entry { address, name: Some("Ada Example".into()), tracking: None, format: None, attributes },
        date,
    ))
}

/// The reader of that address in a list file, as a message would be built for them; `None` where the file lacks them.
///
/// # Errors
/// A file that cannot be read; bad lines are passed over.
pub fn on_list(address: &EmailAddress, file: &Path, date: Date) -> anyhow::Result<Option<Recipient>> {
    let key = address.key();
    Ok(entries(file)?
        .and_then(|mut entries| entries.find(|entry| entry.address.key() == key))
        .map(|entry| recipient(entry, date)))
}

/// A reader with the longest value of each field that anybody on the list has: nobody's message is larger than theirs.
///
/// # Errors
/// A file that cannot be read; bad lines are passed over.
pub fn largest(invented: &Recipient, file: &Path) -> anyhow::Result<Recipient> {
    let mut largest =
        Recipient { name: None, attributes: BTreeMap::new(), tracking: None, ..invented.clone() };
    for entry in entries(file)?.into_iter().flatten() {
        if entry.address.as_str().len() > largest.address.as_str().len() {
            largest.address = entry.address;
        }
        largest.name = longer(largest.name.take(), entry.name);
        for (name, value) in entry.attributes {
            let longest = longer(largest.attributes.remove(&name), Some(value));
            largest.attributes.extend(longest.map(|value| (name, value)));
        }
    }
    for (name, value) in &invented.attributes {
        largest.attributes.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Ok(Recipient { name: largest.name.or_else(|| invented.name.clone()), ..largest })
}

fn longer(one: Option<String>, other: Option<String>) -> Option<String> {
    if other.as_ref().map_or(0, String::len) > one.as_ref().map_or(0, String::len) { other } else { one }
}

/// A warning for each field that has no default and is no column of the list: the first of the `templates` that names it says where.
///
/// # Errors
/// A file that cannot be read; where there is none, nothing is said.
pub fn unlisted(
    issue: &RenderedIssue,
    templates: &[&Source],
    file: &Path,
) -> anyhow::Result<Vec<Diagnostic>> {
    let Some(list) = open(file)? else { return Ok(Vec::new()) };
    let wanted: BTreeSet<&str> =
        reader_fields(issue).filter(|(_, default)| default.is_none()).map(|(name, _)| name).collect();
    let lacking = wanted.into_iter().filter(|name| !list.attributes().any(|column| column == *name));
    let warning = |name: &str| {
        let help = match nearest(name, list.attributes().chain(["email", "name", "since"])) {
            Some(near) => format!("did you mean `reader.{near}`?"),
            None => format!(
                "write `{{{{ reader.{name} | default(value=\"…\") }}}}`, or give the list that column"
            ),
        };
        let message = format!("the list has no column `{name}`");
        let spot = templates.iter().find_map(|template| named(template, name));
        spot.into_iter().fold(Diagnostic::warning("field-unlisted", message), Diagnostic::at).help(help)
    };
    Ok(lacking.map(warning).collect())
}

/// Where a template names a reader's field.
fn named(template: &Source, name: &str) -> Option<Spot> {
    let field = format!("reader.{name}");
    let ends = |at: &usize| {
        !template.text()[at + field.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
    };
    let at = template.text().match_indices(&field).map(|(at, _)| at).find(ends)?;
    Some(template.spot(at..at + field.len(), ""))
}

fn entries(file: &Path) -> anyhow::Result<Option<impl Iterator<Item = Entry> + use<>>> {
    let readers = |list: ListReader<File>| {
        let rows = list.filter_map(|line| line.ok()?.ok());
        rows.filter(|row| row.standing == Standing::Subscribed).map(|row| row.entry)
    };
    Ok(open(file)?.map(readers))
}

fn open(file: &Path) -> anyhow::Result<Option<ListReader<File>>> {
    match File::open(file) {
        Ok(file) => Ok(Some(ListReader::new(file)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn recipient(entry: Entry, since: Date) -> Recipient {
    Recipient {
        id: SubscriberId(0),
        reference: Reference::EVERYONE,
        address: entry.address,
        name: entry.name,
        since,
        tracking: entry.tracking,
        format: entry.format.unwrap_or_default(),
        attributes: entry.attributes,
    }
}

/// The columns of a list that an issue uses, those that every reader has apart, with their defaults.
fn reader_fields(issue: &RenderedIssue) -> impl Iterator<Item = (&str, Option<&str>)> {
    let text = issue.text.iter().flat_map(|block| match block {
        TextBlock::Lines(pieces) | TextBlock::Paragraph { pieces, .. } => pieces,
    });
    issue.subject.iter().chain(&issue.html).chain(text).filter_map(|piece| match piece {
        Piece::Field(Field::Reader { name, default })
            if !matches!(name.as_str(), "email" | "name" | "since") =>
        {
            Some((name.as_str(), default.as_deref()))
        }
        Piece::Field(_) | Piece::Literal(_) => None,
    })
}
