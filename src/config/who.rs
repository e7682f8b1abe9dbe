//! Who sends, and from where: addresses, names of machines, files beside them.

use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use crate::document::{Value, web_address};
use crate::mailbox::Mailbox;
use crate::newsletter::BaseUrl;

/// Free mailboxes: their owners tell the world that only their own servers may send for them.
const FREE: [&str; 40] = [
    "126.com",
    "163.com",
    "aol.com",
    "bluewin.ch",
    "comcast.net",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.com",
    "icloud.com",
    "laposte.net",
    "libero.it",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "orange.fr",
    "outlook.com",
    "pm.me",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "rediffmail.com",
    "rocketmail.com",
    "t-online.de",
    "tutanota.com",
    "web.de",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yandex.ru",
    "ymail.com",
];
/// Of these every national branch is one too.
const FREE_EVERYWHERE: [&str; 4] = ["hotmail.", "live.", "outlook.", "yahoo."];

impl Value<'_> {
    /// A name with an address, or the address alone.
    pub(super) fn mailbox(&self) -> Option<Mailbox> {
        self.parsed("bad-address", "write it as `Name <ada@example.com>`", Mailbox::parse)
    }

    /// Who sends: never at a free mailbox (requirement 18).
    pub(super) fn sender(&self) -> Option<Mailbox> {
        let mailbox = self.mailbox()?;
        let domain = mailbox.address.domain();
        if !is_free(domain) {
            return Some(mailbox);
        }
        let message =
            format!("nothing can be sent from {domain}: by its DMARC policy only its own servers may");
        let help = "send from a domain of your own; answers can still go to the free mailbox, by `reply_to`";
        self.refuse("free-mailbox", message, help)
    }

    /// The readers' side: https, or http on this machine.
    pub(super) fn base_url(&self) -> Option<BaseUrl> {
        let help = "write it as `https://mail.example.com`; plain http is for this machine alone";
        self.parsed("bad-url", help, |text| {
            let url = web_address(text)?;
            let wrong = |reason: &str| Err(format!("`{text}` cannot be the base of links: {reason}"));
            if url.query().is_some() || url.fragment().is_some() {
                return wrong("it holds a `?` or `#`");
            }
            if url.scheme() == "http" && !url.host_str().is_some_and(is_loopback) {
                return wrong("it is not https");
            }
            Ok(BaseUrl(url.as_str().trim_end_matches('/').to_owned()))
        })
    }

    /// A file: absolute, for secrets are best kept elsewhere, or within the folder (requirement 68).
    pub(super) fn file(&self) -> Option<PathBuf> {
        let path = PathBuf::from(self.line()?);
        if climbs(&path) {
            let message = format!("`{}` climbs out of the newsletter's folder", self.said_name());
            return self.refuse("bad-path", message, "write an absolute path, or one without `..`");
        }
        Some(path)
    }
}

/// Whether a path holds a `..`.
pub(super) fn climbs(path: &Path) -> bool {
    path.components().any(|part| part == Component::ParentDir)
}

fn is_free(domain: &str) -> bool {
    FREE.contains(&domain) || FREE_EVERYWHERE.iter().any(|brand| domain.starts_with(brand))
}

/// Whether a host name or IP address is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
