//! Which URLs a piece of Markdown may hold (requirements 45 and 65).

use url::Url;

use crate::wrap::visible;

/// Whether a link may lead there: http, https or mailto.
pub(super) fn is_link(url: &str) -> bool {
    is_web(url, &["http", "https"]) || is_mailbox(url)
}

/// Whether an image may come from there: https alone, so that no reader's page mixes contents.
pub(super) fn is_image(url: &str) -> bool {
    is_web(url, &["https"])
}

/// An absolute URL with a host, without userinfo, spaces or characters that nobody sees.
fn is_web(url: &str, schemes: &[&str]) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    schemes.contains(&scheme.as_str())
        && is_unbroken(url)
        && Url::parse(url).is_ok_and(|url| {
            url.host_str().is_some_and(|host| !host.is_empty())
                && url.username().is_empty()
                && url.password().is_none()
        })
}

fn is_mailbox(url: &str) -> bool {
    let address = url.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("mailto:"));
    is_unbroken(url) && address.is_some_and(|(_, address)| address.contains('@'))
}

fn is_unbroken(url: &str) -> bool {
    !url.contains(char::is_whitespace) && visible(url) == url
}
