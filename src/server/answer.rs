//! Answers: a page, a redirect, an image, and what all of them say in their heads (requirement 49).

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, REFERRER_POLICY};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};

pub(super) type Answer = Response<Body>;

/// A transparent GIF of one pixel.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x01D\x00;";

/// What every answer says.
const EVERYWHERE: [(HeaderName, &str); 4] = [
    (CACHE_CONTROL, "no-store"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
];

/// What our own pages may load: our stylesheet. No script, no style of their own, no frame around them.
pub(super) const OURS: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// What an issue may load: the editor's images, by https or from here. Its styles are its own, as in mail.
pub(super) const ISSUE: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// An answer with this body.
pub(super) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Answer {
    headed(status, (CONTENT_TYPE, HeaderValue::from_static(content_type)), body.into())
}

/// The same, with one header of its own and those of all.
fn headed(status: StatusCode, (name, value): (HeaderName, HeaderValue), body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    // Its own, and what the server adds: length and date.
    headers.reserve(EVERYWHERE.len() + 3);
    headers.insert(name, value);
    for (name, value) in EVERYWHERE {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// A line of text.
pub(super) fn text(status: StatusCode, text: impl Into<Body>) -> Answer {
    answer(status, "text/plain; charset=utf-8", text)
}

/// A document, and what it may load.
pub(super) fn html(status: StatusCode, policy: &'static str, html: impl Into<Body>) -> Answer {
    let mut answer = answer(status, "text/html; charset=utf-8", html);
    answer.headers_mut().insert("content-security-policy", HeaderValue::from_static(policy));
    answer
}

/// The pixel.
pub(super) fn pixel() -> Answer {
    answer(StatusCode::OK, "image/gif", PIXEL)
}

/// On to where a link leads; `None` where a header cannot hold it.
pub(super) fn redirect(target: &str) -> Option<Answer> {
    let target = HeaderValue::from_str(target).ok()?;
    Some(headed(StatusCode::FOUND, (LOCATION, target), Body::empty()))
}
