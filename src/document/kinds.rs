//! The kinds of values that several files have in common.

use url::{ParseError, Url};

use super::Value;
use crate::id::{IssueNumber, ListName};
use crate::mailbox::{EmailAddress, encode_domain};

impl Value<'_> {
    /// The number of an issue.
    pub fn issue_number(&self) -> Option<IssueNumber> {
        self.integer::<i64>(1..=u32::MAX.into()).and_then(IssueNumber::new)
    }

    /// The name of a list.
    pub fn list_name(&self) -> Option<ListName> {
        self.parsed("bad-list-name", "it is the name of the file in subscribers/, without `.csv`", str::parse)
    }

    /// An http or https URL, as it was written.
    pub fn web_address(&self) -> Option<String> {
        let url = self.line()?;
        self.parsed("bad-url", "write it in full, as in `https://example.com/page`", web_address)?;
        Some(url)
    }

    /// An https URL, as it was written.
    pub fn https_address(&self) -> Option<String> {
        let url = self.web_address()?;
        if Url::parse(&url).is_ok_and(|url| url.scheme() == "https") {
            return Some(url);
        }
        self.refuse("bad-url", format!("`{url}` is not https"), "mail clients load pictures over https only")
    }

    /// An address.
    pub fn email_address(&self) -> Option<EmailAddress> {
        self.parsed("bad-address", "write it as `ada@example.com`", EmailAddress::parse)
    }

    /// A host name, as A-labels.
    pub fn domain(&self) -> Option<String> {
        let parse = |text: &str| encode_domain(text).ok_or_else(|| format!("`{text}` is no domain name"));
        self.parsed("bad-domain", "write it as `example.com`, without scheme or path", parse)
    }

    /// A language tag: well-formed by BCP 47, which says nothing about whether anybody speaks it.
    pub fn language(&self) -> Option<String> {
        let parse = |text: &str| {
            if is_language(text) { Ok(text.to_owned()) } else { Err(format!("`{text}` is no language tag")) }
        };
        self.parsed("bad-language", "write it by BCP 47, as in `en`, `de-AT` or `zh-Hant`", parse)
    }
}

/// An http or https URL that may stand in an issue: complete, with a host, without user or password (requirement 45).
///
/// # Errors
/// What is wrong with it.
pub fn web_address(text: &str) -> Result<Url, String> {
    let wrong = |reason: &str| format!("`{text}` cannot be linked to: {reason}");
    if text.contains(char::is_whitespace) {
        return Err(wrong("it holds a space, which is written `%20`"));
    }
    let url = Url::parse(text).map_err(|error| match error {
        ParseError::RelativeUrlWithoutBase => wrong("it lacks `https://`"),
        error => wrong(&error.to_string()),
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(&format!("`{}:` is neither http nor https", url.scheme())));
    }
    if !text[url.scheme().len()..].starts_with("://") {
        return Err(wrong(&format!("two slashes belong after `{}:`", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it names a user before the `@`"));
    }
    Ok(url)
}

fn is_language(text: &str) -> bool {
    let mut subtags = text.split('-');
    let primary = subtags
        .next()
        .is_some_and(|tag| (2..=8).contains(&tag.len()) && tag.chars().all(|c| c.is_ascii_alphabetic()));
    primary
        && subtags.all(|tag| (1..=8).contains(&tag.len()) && tag.chars().all(|c| c.is_ascii_alphanumeric()))
}
