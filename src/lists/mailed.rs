//! Leaving by mail to the address that List-Unsubscribe names.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde::Serialize;

use super::leave;
use crate::id::{IssueNumber, Reference};
use crate::store::{Store, StoreError};
use crate::subscriber::{Leaving, Way};
use crate::token::{Keys, Purpose};

/// A mail's head at most, in octets.
const HEAD: u64 = 64 * 1024;
/// What asks, before the issue and the token.
const VERB: &str = "unsubscribe";

/// What came of mails to the address that List-Unsubscribe names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MailedOutcome {
    /// Readers who left by them.
    pub left: u64,
    /// Readers who had left before, or were erased.
    pub before: u64,
    /// Mails that a person must read: nothing of ours stands in their subject.
    pub unclear: Vec<PathBuf>,
    /// What in a Maildir is no mail that can be read, or cannot be moved.
    pub failed: Vec<Failed>,
}

/// An entry of a Maildir that the next call finds there again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Where it is.
    pub mail: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads a mail, or what is new in a Maildir, and takes whoever asks for it off their list. The token in the subject says who that is; the
/// sender's address is anybody's word and says nothing. A Maildir's mails are moved to `cur`, those that were understood as seen; one that
/// cannot be read or moved keeps nobody on a list who wrote another.
///
/// # Errors
/// The store's; a mail or a Maildir that cannot be read. What was done before stays.
pub async fn leave_by_mail(
    store: &Store,
    keys: &Keys,
    path: &Path,
    at: Timestamp,
) -> anyhow::Result<MailedOutcome> {
    let mut outcome = MailedOutcome::default();
    let mailed = Mailed { store, keys, at };
    if !path.is_dir() {
        let mail: Box<dyn Read + Send> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path).with_context(|| unreadable(path))?)
        };
        let head = head(mail).with_context(|| unreadable(path))?;
        mailed.take(mailed.asks(&head), path, &mut outcome).await?;
        return Ok(outcome);
    }
    let new = path.join("new");
    let mails = fs::read_dir(&new).with_context(|| format!("{} is no Maildir", path.display()))?;
    let mut mails = mails.collect::<io::Result<Vec<_>>>()?;
    mails.sort_by_key(fs::DirEntry::file_name);
    for mail in mails {
        let mail = mail.path();
        let failed = |what: &str, error: io::Error| Failed {
            mail: mail.clone(),
            reason: format!("it {what}: {error}"),
        };
        let head = match in_maildir(&mail).and_then(head) {
            Ok(head) => head,
            Err(error) => {
                outcome.failed.push(failed("cannot be read", error));
                continue;
            }
        };
        let mut seen = path.join("cur").join(mail.file_name().unwrap_or_default()).into_os_string();
        let asks = mailed.asks(&head);
        seen.push(if asks.is_some() { ":2,S" } else { ":2," });
        mailed.take(asks, Path::new(&seen), &mut outcome).await?;
        if let Err(error) = fs::rename(&mail, &seen) {
            outcome.failed.push(failed("cannot be moved to `cur`, and is read again next time", error));
        }
    }
    Ok(outcome)
}

fn unreadable(path: &Path) -> String {
    format!("{} cannot be read", path.display())
}

/// Whoever opens a pipe waits for its other end.
fn in_maildir(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_file() { File::open(path) } else { Err(io::Error::other("it is no file")) }
}

struct Mailed<'a> {
    store: &'a Store,
    keys: &'a Keys,
    at: Timestamp,
}

impl Mailed<'_> {
    async fn take(
        &self,
        asks: Option<(IssueNumber, Reference)>,
        place: &Path,
        outcome: &mut MailedOutcome,
    ) -> Result<(), StoreError> {
        let Some((issue, reference)) = asks else {
            outcome.unclear.push(place.to_owned());
            return Ok(());
        };
        let leaving = Leaving { at: self.at, issue: Some(issue), way: Way::Mail };
        match leave(self.store, reference, leaving).await? {
            Some(true) => outcome.left += 1,
            Some(false) | None => outcome.before += 1,
        }
        Ok(())
    }

    /// Who asks, by the link of which issue.
    fn asks(&self, head: &str) -> Option<(IssueNumber, Reference)> {
        let subject = subject(head)?;
        let words: Vec<&str> = subject.split_whitespace().collect();
        words.windows(3).find_map(|words| {
            let &[verb, issue, token] = words else { return None };
            // `回复：` has no space after it.
            let verb = verb.get(verb.len().checked_sub(VERB.len())?..)?;
            let issue = issue.parse().ok().filter(|_| verb.eq_ignore_ascii_case(VERB))?;
            Some((issue, self.keys.verify(Purpose::Unsubscribe, issue, token)?))
        })
    }
}

/// The first octets of a mail: its header is among them.
fn head(mail: impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    mail.take(HEAD).read_to_end(&mut head)?;
    Ok(String::from_utf8_lossy(&head).replace("\r\n", "\n"))
}

/// The subject, unfolded (RFC 5322, 2.2.3) and decoded; a mail program writes it as the link had it, or with a word of its own before it.
fn subject(head: &str) -> Option<String> {
    let header = head.split("\n\n").next().unwrap_or_default();
    let header = header.replace("\n ", " ").replace("\n\t", " ");
    let subject = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.trim_end().eq_ignore_ascii_case("subject").then(|| decoded(value))
    };
    header.lines().find_map(subject)
}

/// With encoded-words (RFC 2047) taken for what they stand for. What is ours is ASCII, as it is in whatever charset mail is written in.
fn decoded(text: &str) -> String {
    let (mut out, mut rest, mut is_after_word) = (Vec::new(), text, false);
    while let Some((before, after)) = rest.split_once("=?") {
        if let Some((word, after)) = encoded_word(after) {
            // Space between two of them is nobody's.
            let is_nobodys = is_after_word && before.trim_ascii().is_empty();
            out.extend_from_slice(if is_nobodys { b"" } else { before.as_bytes() });
            out.extend(word);
            (rest, is_after_word) = (after, true);
        } else {
            out.extend_from_slice(before.as_bytes());
            out.extend_from_slice(b"=?");
            (rest, is_after_word) = (after, false);
        }
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&out).into_owned()
}

/// The octets of an encoded-word whose `=?` is off, and what comes after it.
fn encoded_word(text: &str) -> Option<(Vec<u8>, &str)> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let (_charset, text) = text.split_once('?')?;
    let (encoding, text) = text.split_once('?')?;
    let (word, rest) = text.split_once("?=")?;
    let word = match encoding {
        "B" | "b" => LENIENT.decode(word).ok()?,
        "Q" | "q" => {
            let mut parts = word.split('=');
            let mut octets = parts.next().unwrap_or_default().replace('_', " ").into_bytes();
            for part in parts {
                octets.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
                octets.extend(part.get(2..)?.replace('_', " ").bytes());
            }
            octets
        }
        _ => return None,
    };
    Some((word, rest))
}

impl fmt::Display for MailedOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { left, before, unclear, failed } = self;
        write!(f, "{left} left by mail")?;
        if *before > 0 {
            write!(f, "; {before} had left already")?;
        }
        for mail in unclear {
            let mail = mail.display();
            write!(
                f,
                "\n{mail}: no token of ours in its subject; read it, and if somebody wants to leave: `pressroom subscribers unsubscribe ADDRESS`"
            )?;
        }
        failed.iter().try_for_each(|Failed { mail, reason }| write!(f, "\n{}: {reason}", mail.display()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_subject_is_found_folded_or_not_and_only_in_the_header() {
        let of = |mail: &str| subject(&head(mail.as_bytes()).unwrap());
        assert_eq!(
            of("From: a@b\r\nsubject : unsubscribe\r\n 7\r\n\tX\r\n\r\nx").as_deref(),
            Some(" unsubscribe 7 X")
        );
        assert_eq!(of("From: a@b\n\nSubject: unsubscribe 7 X\n"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn a_subject_that_is_encoded_is_read_as_what_it_stands_for() {
        let of = |mail: &str| subject(&head(mail.as_bytes()).unwrap()).unwrap();
        assert_eq!(
            of("Subject: =?utf-8?B?5Zue5aSN77yadW5zdWJzY3JpYmUgNyBYLV8=?="),
            " 回复：unsubscribe 7 X-_"
        );
        assert_eq!(
            of("Subject: =?UTF-8*fr?q?R=C3=89P:_unsub?=\r\n =?iso-8859-1?Q?scribe?= =?us-ascii?b?IDcgWA?= Y"),
            " RÉP: unsubscribe 7 X Y"
        );
        assert_eq!(of("Subject: =?a =?utf-8?Q?=4?= =?x?y?z?= 7"), " =?a =?utf-8?Q?=4?= =?x?y?z?= 7");
    }

    proptest! {
        #[test]
        fn any_mail_is_read_without_harm(mail: Vec<u8>) {
            subject(&head(&mail[..]).unwrap());
        }
    }
}
