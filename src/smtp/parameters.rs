//! MAIL and RCPT with what extensions add to them (RFC 5321 4.1.1, 1870, 6152, 6531, 3461).

use std::fmt;
use std::io::{self, Write};

use super::Envelope;

/// MAIL. A bounce need not bring back the message: its headers tell whose it was (`RET=HDRS`).
pub(super) fn write_mail(
    out: &mut Vec<u8>,
    envelope: &Envelope,
    size: Option<u64>,
    dsn: bool,
) -> io::Result<()> {
    write!(out, "MAIL FROM:<{}>", envelope.from)?;
    if let Some(size) = size {
        write!(out, " SIZE={size}")?;
    }
    if envelope.needs_smtputf8() {
        write!(out, " BODY=8BITMIME SMTPUTF8")?;
    }
    if dsn {
        write!(out, " RET=HDRS")?;
        if let Some(id) = &envelope.id {
            write!(out, " ENVID={}", Xtext(id))?;
        }
    }
    out.write_all(b"\r\n")
}

/// RCPT. Only what failed for good is to be reported: with many readers, news of delays would be a flood of its own.
pub(super) fn write_recipient(out: &mut Vec<u8>, envelope: &Envelope, dsn: bool) -> io::Result<()> {
    write!(out, "RCPT TO:<{}>", envelope.to)?;
    if dsn {
        write!(out, " NOTIFY=FAILURE")?;
        // Beyond ASCII it would be an address of another type (RFC 6533), which few relays know.
        if !envelope.to.needs_smtputf8() {
            write!(out, " ORCPT=rfc822;{}", Xtext(envelope.to.as_str()))?;
        }
    }
    out.write_all(b"\r\n")
}

/// RFC 3461 4: what is not printable ASCII, `+` and `=` in hexadecimal.
struct Xtext<'t>(&'t str);

impl fmt::Display for Xtext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|octet| match octet {
            b'!'..=b'~' if !matches!(octet, b'+' | b'=') => write!(f, "{}", char::from(octet)),
            _ => write!(f, "+{octet:02X}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::EmailAddress;

    fn said(to: &str, dsn: bool) -> String {
        let parse = |address: &str| EmailAddress::parse(address).unwrap();
        let (from, to) = (parse("news@example.com"), parse(to));
        let envelope = Envelope { from, to, id: Some("a=1 b".to_owned()), smtputf8: false, size: None };
        let mut out = Vec::new();
        write_mail(&mut out, &envelope, Some(46_000), dsn).unwrap();
        write_recipient(&mut out, &envelope, dsn).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_relay_with_dsn_is_asked_for_failures_alone_and_told_whose_copy_it_is() {
        assert_eq!(
            said("ada+news@example.com", true),
            "MAIL FROM:<news@example.com> SIZE=46000 RET=HDRS ENVID=a+3D1+20b\r\n\
             RCPT TO:<ada+news@example.com> NOTIFY=FAILURE ORCPT=rfc822;ada+2Bnews@example.com\r\n"
        );
        assert_eq!(
            said("jürgen@example.com", true),
            "MAIL FROM:<news@example.com> SIZE=46000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+3D1+20b\r\n\
             RCPT TO:<jürgen@example.com> NOTIFY=FAILURE\r\n"
        );
    }

    #[test]
    fn a_relay_without_dsn_hears_nothing_of_it() {
        let plain = "MAIL FROM:<news@example.com> SIZE=46000\r\nRCPT TO:<ada@example.com>\r\n";
        assert_eq!(said("ada@example.com", false), plain);
    }
}
