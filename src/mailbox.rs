//! Email addresses, parsed and IDNA-encoded at the border; people never print.
//!
//! Words of the house: no I/O, no clock, no randomness.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use memchr::{memchr, memmem};
use serde::{Deserialize, Serialize};

/// An address of at most 254 octets (RFC 5321 4.5.3.1): a local part as its owner writes it, and a domain as lower-case A-labels (RFC 5891).
///
/// `Debug` masks it (`a***@example.org`); `Display` gives it whole, for the wire and for the person who asked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    whole: String,
    at: usize,
}

impl EmailAddress {
    /// Reads an address; spaces around it are dropped.
    ///
    /// # Errors
    /// [`MailboxError::Address`] with the reason.
    pub fn parse(text: &str) -> Result<Self, MailboxError> {
        let text = text.trim();
        if let Some(at) = plain(text) {
            return Ok(Self { at, whole: text.to_owned() });
        }
        let wrong = |reason: &'static str| MailboxError::Address { text: text.to_owned(), reason };
        if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            return Err(wrong("it holds a control character"));
        }
        let (local, domain) = text.rsplit_once('@').ok_or_else(|| wrong("it lacks an `@`"))?;
        let local = &*least_quoted(local);
        if holds_encoded_word(local) {
            return Err(wrong("it holds an encoded-word (`=?…?=`)"));
        }
        if local.is_empty() || domain.is_empty() {
            return Err(wrong("a part beside the `@` is empty"));
        }
        if local.len() > 64 {
            return Err(wrong("the part before the `@` is longer than 64 octets"));
        }
        let domain =
            encode_domain(domain).ok_or_else(|| wrong("the part after the `@` is no domain name"))?;
        let whole = format!("{local}@{domain}");
        if whole.len() > 254 {
            return Err(wrong("it is longer than 254 octets"));
        }
        lettre::Address::new(local, &domain).map_err(|_| wrong("the part before the `@` is malformed"))?;
        Ok(Self { at: local.len(), whole })
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.whole
    }

    /// What stands before the `@`.
    pub fn local(&self) -> &str {
        &self.whole[..self.at]
    }

    /// What stands after the `@`, in lower-case A-labels.
    pub fn domain(&self) -> &str {
        &self.whole[self.at + 1..]
    }

    /// By what two spellings are one reader: the address in lower case.
    pub fn key(&self) -> String {
        self.whole.to_lowercase()
    }

    /// Whether a relay must offer SMTPUTF8 for it (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        !self.local().is_ascii()
    }

    /// The address for eyes that need not know it: `a***@example.org`.
    pub fn masked(&self) -> String {
        let first = self.whole.chars().next().unwrap_or('*');
        format!("{first}***@{}", self.domain())
    }
}

/// Whether there is what RFC 2047 calls so: programs that read headers make something else of it.
fn holds_encoded_word(text: &str) -> bool {
    text.match_indices("=?").any(|(at, _)| {
        let mut parts = text[at + 2..].splitn(3, '?');
        let (charset, encoding, rest) = (parts.next(), parts.next(), parts.next());
        charset.is_some_and(|charset| !charset.is_empty())
            && encoding
                .is_some_and(|encoding| ["q", "b"].iter().any(|known| encoding.eq_ignore_ascii_case(known)))
            && rest.is_some_and(|rest| rest.contains("?="))
    })
}

/// A local part with no more quotes and backslashes than it needs: whatever it is written with, it is one mailbox (RFC 5321 4.1.2).
fn least_quoted(local: &str) -> Cow<'_, str> {
    let Some(quoted) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(local);
    };
    let (mut bare, mut escaped, mut is_escaped) = (String::new(), String::new(), false);
    for c in quoted.chars() {
        if c == '\\' && !is_escaped {
            is_escaped = true;
            continue;
        }
        if c == '"' && !is_escaped {
            // It ends before its end, and is malformed.
            return Cow::Borrowed(local);
        }
        if matches!(c, '"' | '\\') {
            escaped.push('\\');
        }
        is_escaped = false;
        bare.push(c);
        escaped.push(c);
    }
    let is_atom = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    match bare.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom)) {
        _ if is_escaped => Cow::Borrowed(local),
        true => Cow::Owned(bare),
        false => Cow::Owned(format!("\"{escaped}\"")),
    }
}

/// Where the `@` stands in an address as nearly all are: a dot-atom (RFC 5322 3.2.3) of at most 64 octets at a domain of several lower-case
/// labels, none of them an A-label. `None` says nothing of an address.
fn plain(text: &str) -> Option<usize> {
    let is_atom = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(byte);
    let is_label = |label: &[u8]| {
        let is_inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        !label.is_empty()
            && label.len() <= 63
            && label.iter().all(is_inner)
            && !label.starts_with(b"-")
            && !label.ends_with(b"-")
            && !label.starts_with(b"xn--")
    };
    let is_dot = |byte: &u8| *byte == b'.';
    let at = memchr(b'@', text.as_bytes())?;
    let (local, domain) = (&text.as_bytes()[..at], &text.as_bytes()[at + 1..]);
    let (is_short, has_dot) = (at <= 64 && text.len() <= 254, domain.contains(&b'.'));
    // A last label of digits alone may be a number's: the whole rule looks at it.
    let ends_in_letter = domain.last().is_some_and(u8::is_ascii_lowercase);
    let is_local = local.split(is_dot).all(|atom| !atom.is_empty() && atom.iter().all(is_atom))
        // It may be an encoded-word.
        && memmem::find(local, b"=?").is_none();
    let is_domain = domain.split(is_dot).all(is_label);
    (is_short && has_dot && ends_in_letter && is_local && is_domain).then_some(at)
}

/// A host name as lower-case A-labels; `None` where it is none.
pub fn encode_domain(domain: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::URL).ok()?.to_lowercase();
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    (ascii.len() <= 253 && ascii.split('.').all(label)).then_some(ascii)
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.whole)
    }
}

impl FromStr for EmailAddress {
    type Err = MailboxError;

    fn from_str(text: &str) -> Result<Self, MailboxError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = MailboxError;

    fn try_from(text: String) -> Result<Self, MailboxError> {
        Self::parse(&text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.whole
    }
}

/// An address with the name it goes by: `Ada Example <ada@example.com>`, or the address alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// A name that [`display_name`] has passed; `None` where there is none.
    pub name: Option<String>,
    /// Where mail goes.
    pub address: EmailAddress,
}

impl Mailbox {
    /// Reads `Name <a@b>`, `"Name" <a@b>` or `a@b`.
    ///
    /// # Errors
    /// [`MailboxError`] for a bad address or a name with line breaks.
    pub fn parse(text: &str) -> Result<Self, MailboxError> {
        let text = text.trim();
        let Some((name, rest)) = text.rsplit_once('<') else {
            return Ok(Self { name: None, address: EmailAddress::parse(text)? });
        };
        let unclosed = || MailboxError::Address { text: text.to_owned(), reason: "the `<` is not closed" };
        let address = EmailAddress::parse(rest.strip_suffix('>').ok_or_else(unclosed)?)?;
        let name = name.trim();
        let unquoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        Ok(Self { name: display_name(unquoted)?, address })
    }
}

/// A name fit for a header: trimmed, `None` if empty, refused if it could break out of one (requirement 63).
///
/// # Errors
/// [`MailboxError::Name`] for CR, LF, NUL, other controls, U+2028 and U+2029, and for an encoded-word (RFC 2047), which would decode to who knows what.
pub fn display_name(text: &str) -> Result<Option<String>, MailboxError> {
    let name = text.trim();
    if let Some((_, reason)) = unfit_for_header(name) {
        return Err(MailboxError::Name { reason });
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

/// The part of a line that may stand in no header, and why (requirement 63): a control character, a line or paragraph
/// separator, an encoded-word (RFC 2047), which would decode to who knows what.
pub fn unfit_for_header(line: &str) -> Option<(Range<usize>, &'static str)> {
    let breaks = |(_, c): &(usize, char)| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let is_printable = |byte: u8| (b' '..=b'~').contains(&byte);
    if !line.bytes().all(is_printable)
        && let Some((at, c)) = line.char_indices().find(breaks)
    {
        return Some((at..at + c.len_utf8(), "it holds a line break or another control character"));
    }
    let start = memmem::find(line.as_bytes(), b"=?")?;
    let end = start + 2 + line[start + 2..].find("?=")? + 2;
    Some((start..end, "it holds an encoded-word (`=?…?=`); write the words themselves"))
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailbox({:?})", self.address)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => self.address.fmt(f),
        }
    }
}

/// What was wrong with an address or a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    /// Not an address.
    #[error("`{text}` is no email address: {reason}")]
    Address {
        /// As it was written.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A name that may stand in no header.
    #[error("the name may stand in no header: {reason}")]
    Name {
        /// What is wrong.
        reason: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plain_address_is_read_as_any_other(text in "[a-zA-Z0-9.+'!@-]{1,12}@[a-z0-9.-]{1,12}\\.(com|org|xn--a|c-)") {
            // A quoted local part keeps the whole rule from taking the short way.
            if let (Some(at), Ok(read)) = (plain(&text), EmailAddress::parse(&text)) {
                prop_assert!(lettre::Address::new(&text[..at], &text[at + 1..]).is_ok());
                prop_assert_eq!(encode_domain(&text[at + 1..]), Some(read.domain().to_owned()));
                prop_assert_eq!((read.at, read.as_str()), (at, text.as_str()));
            }
        }
    }

    #[test]
    fn an_idn_domain_becomes_an_a_label() {
        let address = EmailAddress::parse(" Jürgen@Bücher.Example ").unwrap();
        assert_eq!(address.as_str(), "Jürgen@xn--bcher-kva.example");
        assert!(address.needs_smtputf8());
        assert_eq!(format!("{address:?}"), "J***@xn--bcher-kva.example");
    }

    #[test]
    fn one_mailbox_is_one_address_however_it_is_quoted() {
        for (written, address) in [
            (r#""ada"@example.com"#, "ada@example.com"),
            (r#""a\da.x"@example.com"#, "ada.x@example.com"),
            (r#""a b"@example.com"#, r#""a b"@example.com"#),
            (r#""a\ b\"c"@example.com"#, r#""a b\"c"@example.com"#),
            (r#""a..b"@example.com"#, r#""a..b"@example.com"#),
        ] {
            assert_eq!(EmailAddress::parse(written).unwrap().as_str(), address);
            assert_eq!(EmailAddress::parse(address).unwrap().as_str(), address);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "=?utf-8?q?a=0d=0a?=@example.com",
            "x=?utf-8?q?a=0d=0a?=@example.com",
            r#""a"b"@example.com"#,
            r#""a\"@example.com"#,
            "",
            "a",
            "@b",
            "a@",
            "a b@c.example",
            "a@b..c",
            "a@b.example\r\nBcc: x@y.example",
            "a@-b.example",
        ] {
            assert!(EmailAddress::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_mailbox_keeps_its_name() {
        let mailbox = Mailbox::parse("\"Example, Ada\" <ada@example.com>").unwrap();
        assert_eq!(mailbox.name.as_deref(), Some("Example, Ada"));
        assert!(Mailbox::parse("x\ny <ada@example.com>").is_err());
        assert!(Mailbox::parse("=?utf-8?q?a=0Ab?= <ada@example.com>").is_err());
    }
}
