//! What readers' pages and the confirmation say, in the newsletter's language: built in for some, and the editor's own where
//! `templates/pages/words.toml` has them.

use std::collections::BTreeMap;
use std::fmt;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::diagnostic::{Diagnostics, Source};
use crate::document::{self, Value, nearest};
use crate::workspace::Workspace;

/// Every phrase there is.
const ENGLISH: &str = include_str!("phrases/en.toml");
/// By the language's primary subtag.
const OTHERS: [(&str, &str); 3] = [
    ("de", include_str!("phrases/de.toml")),
    ("es", include_str!("phrases/es.toml")),
    ("fr", include_str!("phrases/fr.toml")),
];
/// The editor's own, in templates/pages.
const OWN: &str = "words.toml";

/// Phrases by their names; in templates `words.NAME`.
#[derive(Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Phrases(BTreeMap<String, String>);

impl Phrases {
    /// Those for a language (BCP 47), English where it is none that is built in; the editor's own before either.
    ///
    /// # Errors
    /// The mistakes of the editor's file.
    pub fn open(workspace: &Workspace, language: &str) -> Result<Self, Diagnostics> {
        let mut phrases = Self::built_in(language)?;
        if let Some(source) = workspace.page(OWN)? {
            phrases.put(source)?;
        }
        Ok(phrases)
    }

    fn built_in(language: &str) -> Result<Self, Diagnostics> {
        let english = document::read(Source::new("en.toml", ENGLISH), |file| Some(file.entries(phrase)))?;
        let mut phrases = Self(english.into_iter().collect());
        let subtag = language.split('-').next().unwrap_or_default();
        if let Some((name, text)) = OTHERS.iter().find(|(name, _)| name.eq_ignore_ascii_case(subtag)) {
            phrases.put(Source::new(format!("{name}.toml"), *text))?;
        }
        Ok(phrases)
    }

    /// These instead.
    fn put(&mut self, source: Source) -> Result<(), Diagnostics> {
        let known = &self.0;
        let own = |value: &Value<'_>| {
            if known.contains_key(value.name()) { phrase(value) } else { strange(value, known) }
        };
        let phrases = document::read(source, |file| Some(file.entries(own)))?;
        self.0.extend(phrases);
        Ok(())
    }

    /// A phrase, with what stands in braces in it filled in.
    pub fn say(&self, name: &str, fill: &[(&str, &str)]) -> String {
        let phrase = self.0.get(name).cloned().unwrap_or_default();
        fill.iter().fold(phrase, |phrase, (name, value)| phrase.replace(&format!("{{{name}}}"), value))
    }

    /// An editor's or a reader's words within a phrase. Where phrases run from right to left, what runs the other way keeps its own order
    /// between the two marks that Unicode has for it.
    pub fn isolate(&self, words: &str) -> String {
        if self.say("direction", &[]) == "rtl" {
            format!("\u{2068}{words}\u{2069}")
        } else {
            words.to_owned()
        }
    }

    /// A day, or a day and its time, as the phrase `date` or `time` writes it.
    pub fn write(&self, form: &str, at: &Zoned) -> String {
        strtime::format(self.say(form, &[]), at).unwrap_or_else(|_| at.to_string())
    }
}

impl fmt::Debug for Phrases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Phrases").field(&self.0.get("language")).finish()
    }
}

fn phrase(value: &Value<'_>) -> Option<(String, String)> {
    let text = match value.name() {
        "letter" => value.text(),
        "date" | "time" => {
            value.parsed("bad-form", "write it as in `%-d.%-m.%Y, %H:%M`, see strftime(3)", |form| {
                let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
                strtime::format(form, &sample).map(|_| form.to_owned())
            })
        }
        _ => value.line(),
    };
    Some((value.name().to_owned(), text?))
}

fn strange(value: &Value<'_>, known: &BTreeMap<String, String>) -> Option<(String, String)> {
    let message = format!("there is no phrase `{}`", value.name());
    let meant = nearest(value.name(), known.keys().map(String::as_str));
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "docs/editor.md says where they all stand".to_owned(),
    };
    value.refuse("unknown-phrase", message, help)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn names(text: &str) -> BTreeMap<String, String> {
        toml::from_str(text).unwrap()
    }

    /// What stands in braces.
    fn holes(phrase: &str) -> BTreeSet<&str> {
        phrase.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
    }

    #[test]
    fn every_language_has_every_phrase_with_the_same_things_to_fill_in() {
        let english = names(ENGLISH);
        for (language, text) in OTHERS {
            let other = names(text);
            assert!(other.keys().eq(english.keys()), "{language}: a phrase is missing");
            assert_eq!(other["language"], language);
            for (name, phrase) in &other {
                assert_eq!(holes(phrase), holes(&english[name]), "{language}: {name}");
            }
            Phrases::built_in(&format!("{language}-XX")).unwrap();
        }
    }

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() { sources(&entry.path(), found) } else { found.push(entry.path()) }
        }
    }

    #[test]
    fn what_a_page_says_is_a_phrase_and_every_phrase_is_said() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = vec![source.join("joining.rs")];
        sources(&source.join("server"), &mut files);
        sources(&source.join("joining"), &mut files);
        let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        let known = names(ENGLISH);
        let pages = files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "html"));
        let pages: String = pages.map(|file| fs::read_to_string(file).unwrap()).collect();
        for used in pages
            .split("words.")
            .skip(1)
            .map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap())
        {
            assert!(known.contains_key(used), "`words.{used}` is no phrase");
        }
        for name in known.keys() {
            let is_said = text.contains(&format!("words.{name}")) || text.contains(&format!("\"{name}\""));
            assert!(is_said, "nobody says {name}");
        }
    }
}
