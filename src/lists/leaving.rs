//! Leaving by a token, wherever it comes from: a link, or a mail to the address that List-Unsubscribe names; and coming back.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;

use crate::id::{IssueNumber, ListName, Reference, SubscriberId};
use crate::store::{Reader, Store, StoreError};
use crate::subscriber::{Consent, Leaving, Subscription, SubscriptionStatus, Way};
use crate::token::{Keys, Purpose};

/// A mail's head at most, in octets.
const HEAD: u64 = 64 * 1024;
/// The longest reason that is kept, in characters.
const REASON: usize = 300;

/// Takes whoever a reference stands for off the list of the issue whose link they followed. Answers whether anything changed; `None` for
/// an erased reader, or an issue that is none.
///
/// # Errors
/// A database's error.
pub async fn leave(
    store: &Store,
    reference: Reference,
    leaving: Leaving,
) -> Result<Option<bool>, StoreError> {
    leave_copy(store, store, reference, leaving).await
}

/// As [`leave`], in a copy of the store's readers, which knows no issue and no reference.
///
/// # Errors
/// A database's error.
pub async fn leave_copy(
    store: &Store,
    copy: &Store,
    reference: Reference,
    leaving: Leaving,
) -> Result<Option<bool>, StoreError> {
    let Some(issue) = leaving.issue else { return Ok(None) };
    let Some((list, subscriber)) = store.followed(issue, reference).await? else { return Ok(None) };
    copy.leave(&list, subscriber, leaving).await.map(Some)
}

/// How somebody stands on a list who took their leaving back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// Its mail goes to them again.
    On,
    /// They are on it, and nobody writes to their address.
    Unsent,
    /// It does not have them: gone from its file meanwhile, say.
    Off,
}

/// What came of taking a leaving back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnOutcome {
    /// The reader as they are now.
    pub reader: Reader,
    /// How they stand.
    pub back: Back,
    /// Whether that is new.
    pub is_new: bool,
}

/// Puts a reader who left a list on it again, as they agree to now; `None` where they were erased meanwhile.
///
/// # Errors
/// A database's error.
pub async fn come_back(
    store: &Store,
    reader: &Reader,
    list: &ListName,
    consent: Consent,
) -> Result<Option<ReturnOutcome>, StoreError> {
    let is_new = store.come_back(list, reader.id, consent).await?;
    let Some(reader) = store.reader(&reader.address).await? else { return Ok(None) };
    let is_on = |held: &Subscription| held.list == *list && held.status == SubscriptionStatus::Subscribed;
    let back = match &reader.suppression {
        _ if !reader.subscriptions.iter().any(is_on) => Back::Off,
        Some(_) => Back::Unsent,
        None => Back::On,
    };
    Ok(Some(ReturnOutcome { reader, back, is_new }))
}

/// Keeps why somebody left a list, in their words; where they say nothing, what they said before.
///
/// # Errors
/// A database's error.
pub async fn say_why(
    store: &Store,
    list: &ListName,
    subscriber: SubscriberId,
    words: &[&str],
) -> Result<(), StoreError> {
    let words: Vec<&str> = words.iter().copied().filter(|words| !words.is_empty()).collect();
    let said: String = words.join(": ").chars().filter(|c| !c.is_control()).take(REASON).collect();
    if said.is_empty() { Ok(()) } else { store.give_reason(list, subscriber, &said).await }
}

/// What came of mails to the address that List-Unsubscribe names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MailedOutcome {
    /// Readers who left by them.
    pub left: u64,
    /// Readers who had left before, or were erased.
    pub before: u64,
    /// Mails that a person must read: nothing of ours stands in their subject.
    pub unclear: Vec<PathBuf>,
}

/// Reads a mail, or what is new in a Maildir, and takes whoever asks for it off their list. The token in the subject says who that is; the
/// sender's address is anybody's word and says nothing. A Maildir's mails are moved to `cur`, those that were understood as seen.
///
/// # Errors
/// The store's; a file that cannot be read or moved. What was done before stays.
pub async fn leave_by_mail(
    store: &Store,
    keys: &Keys,
    path: &Path,
    at: Timestamp,
) -> anyhow::Result<MailedOutcome> {
    let mut outcome = MailedOutcome::default();
    let mailed = Mailed { store, keys, at };
    if !path.is_dir() {
        let mail: Box<dyn Read + Send> =
            if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(open(path)?) };
        let head = head(mail).with_context(|| unreadable(path))?;
        mailed.take(&head, path, &mut outcome).await?;
        return Ok(outcome);
    }
    let new = path.join("new");
    let mails = fs::read_dir(&new).with_context(|| format!("{} is no Maildir", path.display()))?;
    let mut mails = mails.collect::<io::Result<Vec<_>>>()?;
    mails.sort_by_key(fs::DirEntry::file_name);
    for mail in mails {
        let head = head(open(&mail.path())?).with_context(|| unreadable(&mail.path()))?;
        let mut seen = path.join("cur").join(mail.file_name()).into_os_string();
        seen.push(if mailed.would_take(&head) { ":2,S" } else { ":2," });
        mailed.take(&head, Path::new(&seen), &mut outcome).await?;
        fs::rename(mail.path(), &seen)
            .with_context(|| format!("{} cannot be moved to `cur`", mail.path().display()))?;
    }
    Ok(outcome)
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| unreadable(path))
}

fn unreadable(path: &Path) -> String {
    format!("{} cannot be read", path.display())
}

struct Mailed<'a> {
    store: &'a Store,
    keys: &'a Keys,
    at: Timestamp,
}

impl Mailed<'_> {
    async fn take(&self, head: &str, place: &Path, outcome: &mut MailedOutcome) -> Result<(), StoreError> {
        let Some((issue, reference)) = self.asks(head) else {
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

    fn would_take(&self, head: &str) -> bool {
        self.asks(head).is_some()
    }

    /// Who asks, by the link of which issue.
    fn asks(&self, head: &str) -> Option<(IssueNumber, Reference)> {
        let subject = subject(head)?;
        let words: Vec<&str> = subject.split_whitespace().collect();
        words.windows(3).find_map(|words| {
            let &[verb, issue, token] = words else { return None };
            let issue = issue.parse().ok().filter(|_| verb.eq_ignore_ascii_case("unsubscribe"))?;
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

/// The subject, unfolded (RFC 5322, 2.2.3); a mail program writes it as the link had it.
fn subject(head: &str) -> Option<String> {
    let header = head.split("\n\n").next().unwrap_or_default();
    let header = header.replace("\n ", " ").replace("\n\t", " ");
    let subject = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.trim_end().eq_ignore_ascii_case("subject").then(|| value.to_owned())
    };
    header.lines().find_map(subject)
}

impl fmt::Display for MailedOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { left, before, unclear } = self;
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
        Ok(())
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

    proptest! {
        #[test]
        fn any_mail_is_read_without_harm(mail: Vec<u8>) {
            subject(&head(&mail[..]).unwrap());
        }
    }
}
