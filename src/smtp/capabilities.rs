//! What a relay offers in its reply to EHLO.

use super::reply::Reply;

/// The extensions that are used where they are offered, and only there (requirement 34).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an extension of its own, offered or not")]
pub struct Capabilities {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 1870: the most octets a message may have; `u64::MAX` where SIZE was offered without a limit.
    pub size: Option<u64>,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3030.
    pub chunking: bool,
    /// RFC 3461.
    pub dsn: bool,
    pub(super) starttls: bool,
    pub(super) auth_plain: bool,
    pub(super) auth_login: bool,
    pub(super) auth_xoauth2: bool,
}

impl Capabilities {
    /// Reads the lines after the first, which is a greeting.
    pub(super) fn from_ehlo(reply: &Reply) -> Self {
        let mut offered = Self::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line.split([' ', '=', '\t']).filter(|word| !word.is_empty());
            match words.next().unwrap_or_default() {
                "PIPELINING" => offered.pipelining = true,
                "8BITMIME" => offered.eight_bit_mime = true,
                "SMTPUTF8" => offered.smtputf8 = true,
                "CHUNKING" => offered.chunking = true,
                "DSN" => offered.dsn = true,
                "STARTTLS" => offered.starttls = true,
                "SIZE" => {
                    let limit = words.next().and_then(|digits| digits.parse().ok());
                    offered.size = Some(limit.filter(|limit| *limit > 0).unwrap_or(u64::MAX));
                }
                "AUTH" => words.for_each(|mechanism| {
                    offered.auth_plain |= mechanism == "PLAIN";
                    offered.auth_login |= mechanism == "LOGIN";
                    offered.auth_xoauth2 |= mechanism == "XOAUTH2";
                }),
                _ => {}
            }
        }
        offered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_read_whatever_their_case_and_the_greeting_offers_nothing() {
        let lines =
            ["DSN greets you", "pipelining", "SIZE 1000", "AUTH=LOGIN", "AUTH PLAIN XOAUTH2", "8BITMIME", ""];
        let reply = Reply { code: 250, lines: lines.map(str::to_owned).to_vec() };
        let expected = Capabilities {
            pipelining: true,
            size: Some(1000),
            eight_bit_mime: true,
            auth_plain: true,
            auth_login: true,
            auth_xoauth2: true,
            ..Capabilities::default()
        };
        assert_eq!(Capabilities::from_ehlo(&reply), expected);
    }

    #[test]
    fn a_size_without_a_limit_is_none() {
        for line in ["SIZE", "SIZE 0", "SIZE 99999999999999999999999"] {
            let reply = Reply { code: 250, lines: vec![String::new(), line.to_owned()] };
            assert_eq!(Capabilities::from_ehlo(&reply).size, Some(u64::MAX), "{line}");
        }
    }
}
