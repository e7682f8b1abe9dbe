//! What a form sent, in either of the ways that browsers and mail programs write it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use tokio::time::timeout;
use url::form_urlencoded;

use super::answer::Answer;
use super::site::Site;

/// A form at most, in octets.
const LARGEST_FORM: usize = 16 * 1024;

/// The fields of a request's body, in order. Of multipart only fields of plain text are read: nobody sends us files.
pub(super) struct Fields(Vec<(String, String)>);

impl FromRequest<Arc<Site>> for Fields {
    type Rejection = Answer;

    async fn from_request(mut request: Request, site: &Arc<Site>) -> Result<Self, Answer> {
        let (path, head) = (request.uri().path().to_owned(), request.headers().clone());
        let refused = |status| site.notice(&path, status, "no_form", &["no_form_why"]);
        DefaultBodyLimit::max(LARGEST_FORM).apply(&mut request);
        // Whose body does not come is told so before it passes for our own delay.
        let within = site.timeouts.answer * 9 / 10;
        let body = timeout(within, Bytes::from_request(request, site)).await;
        let body = body.map_err(|_| refused(StatusCode::REQUEST_TIMEOUT))?;
        // Too large, or cut short.
        let body = body.map_err(|error| refused(error.status()))?;
        let content_type = head.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("unreadable"));
        let fields = Self::parse(content_type.unwrap_or_default(), &body);
        // Whoever leaves by one click is believed whatever their program calls it.
        if content_type.is_none_or(is_form) || fields.is_one_click() {
            return Ok(fields);
        }
        Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE))
    }
}

impl Fields {
    fn parse(content_type: &str, body: &[u8]) -> Self {
        let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        if kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return Self(boundary(parameters).map(|boundary| parts(&boundary, body)).unwrap_or_default());
        }
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// A field's value, blanks around it off; `None` where it is absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim())
    }

    /// All values of a field.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// RFC 8058, 3.2: to the letter.
    pub(super) fn is_one_click(&self) -> bool {
        self.get("List-Unsubscribe") == Some("One-Click")
    }
}

/// Whether a body of this type is a form's.
fn is_form(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    ["", "application/x-www-form-urlencoded", "multipart/form-data"]
        .iter()
        .any(|form| kind.eq_ignore_ascii_case(form))
}

fn boundary(parameters: &str) -> Option<String> {
    let mut parameters = parameters.split(';').filter_map(|parameter| parameter.trim().split_once('='));
    let (_, boundary) = parameters.find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    Some(boundary.trim_matches('"').to_owned()).filter(|boundary| !boundary.is_empty())
}

/// RFC 7578: parts between lines of `--boundary`, each with a head, an empty line, and its value.
fn parts(boundary: &str, body: &[u8]) -> Vec<(String, String)> {
    let body = format!("\r\n{}", String::from_utf8_lossy(body));
    let delimiter = format!("\r\n--{boundary}");
    let field = |part: &str| {
        let (head, value) = part.split_once("\r\n\r\n")?;
        let name = head.split("\r\n").find_map(|line| {
            let (header, value) = line.split_once(':')?;
            let is_it = header.trim().eq_ignore_ascii_case("content-disposition");
            is_it.then(|| value.split(';').find_map(|part| part.trim().strip_prefix("name=")))?
        })?;
        Some((name.trim_matches('"').to_owned(), value.to_owned()))
    };
    body.split(&delimiter).skip(1).take_while(|part| !part.starts_with("--")).filter_map(field).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MULTIPART: &str = "multipart/form-data; boundary=\"b=_x\"";

    fn multipart(name: &str, value: &str) -> Vec<u8> {
        format!("--b=_x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b=_x--\r\n")
            .into()
    }

    #[test]
    fn one_click_is_known_in_both_ways_of_writing_it_and_to_the_letter() {
        let is = |content_type: &str, body: &[u8]| Fields::parse(content_type, body).is_one_click();
        let encoded = "application/x-www-form-urlencoded";
        assert!(is(encoded, b"List-Unsubscribe=One-Click"));
        assert!(is("Application/X-WWW-Form-Urlencoded; charset=utf-8", b"List-Unsubscribe=One-Click\r\n"));
        assert!(is(MULTIPART, &multipart("List-Unsubscribe", "One-Click")));
        assert!(!is(encoded, b"") && !is(encoded, b"List-Unsubscribe=one-click"));
        assert!(!is(encoded, b"list-unsubscribe=One-Click") && !is(MULTIPART, b"List-Unsubscribe=One-Click"));
        assert!(!is("multipart/form-data", &multipart("List-Unsubscribe", "One-Click")), "no boundary");
    }

    #[test]
    fn fields_are_read_with_what_stands_in_them() {
        let fields = Fields::parse("", "name=J%C3%BCrgen+%26+Co&list=a&list=b&empty=".as_bytes());
        assert_eq!(fields.get("name"), Some("Jürgen & Co"));
        assert_eq!(fields.all("list").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((fields.get("empty"), fields.get("absent")), (Some(""), None));
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_harm(body: Vec<u8>, boundary in ".{0,4}") {
            Fields::parse(&format!("multipart/form-data; boundary={boundary}"), &body);
            Fields::parse("", &body);
        }
    }
}
