//! Command lines and their parameters (RFC 5321 4.1, 1870, 3030, 6152, 6531).

use crate::mailbox::EmailAddress;

/// A command that is understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Helo,
    Ehlo,
    Mail(Mail),
    Recipient(EmailAddress),
    Data,
    Chunk {
        /// Octets that follow the line.
        size: u64,
        last: bool,
    },
    Reset,
    Noop,
    Verify,
    Quit,
}

/// MAIL with its parameters.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mail {
    pub(super) from: Option<EmailAddress>,
    /// Octets, as declared.
    pub(super) size: Option<u64>,
    pub(super) smtputf8: bool,
}

/// The reply to a line that is not understood.
type Complaint = &'static str;

pub(super) const UNKNOWN: Complaint = "500 5.5.2 command not recognised";
const NO_ARGUMENT: Complaint = "501 5.5.4 this command takes no argument";
const BAD_NAME: Complaint = "501 5.5.4 say your host name";
const BAD_FROM: Complaint = "501 5.5.4 the syntax is MAIL FROM:<address>";
const BAD_TO: Complaint = "501 5.5.4 the syntax is RCPT TO:<address>";
const BAD_CHUNK: Complaint = "501 5.5.4 the syntax is BDAT size, or BDAT size LAST";
const BAD_SENDER: Complaint = "553 5.1.7 the sender's address is malformed";
const BAD_RECIPIENT: Complaint = "553 5.1.3 the recipient's address is malformed";
const BAD_PARAMETER: Complaint = "555 5.5.4 parameter not recognised";

/// Reads a line, its CRLF taken off.
pub(super) fn parse(line: &[u8]) -> Result<Command, Complaint> {
    let line = str::from_utf8(line).map_err(|_| UNKNOWN)?;
    if line.chars().any(char::is_control) {
        return Err(UNKNOWN);
    }
    let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
    let argument = argument.trim();
    let alone = |command| if argument.is_empty() { Ok(command) } else { Err(NO_ARGUMENT) };
    let named = |command| if argument.is_empty() { Err(BAD_NAME) } else { Ok(command) };
    match verb.to_ascii_uppercase().as_str() {
        "HELO" => named(Command::Helo),
        "EHLO" => named(Command::Ehlo),
        "MAIL" => mail(argument).map(Command::Mail),
        "RCPT" => recipient(argument).map(Command::Recipient),
        "DATA" => alone(Command::Data),
        "BDAT" => chunk(argument).ok_or(BAD_CHUNK),
        "RSET" => alone(Command::Reset),
        "QUIT" => alone(Command::Quit),
        "NOOP" => Ok(Command::Noop),
        "VRFY" => Ok(Command::Verify),
        _ => Err(UNKNOWN),
    }
}

fn mail(argument: &str) -> Result<Mail, Complaint> {
    let (path, parameters) = path(argument, "FROM:").ok_or(BAD_FROM)?;
    let from = match path {
        "" => None,
        path => Some(EmailAddress::parse(path).map_err(|_| BAD_SENDER)?),
    };
    let mut mail = Mail { from, ..Mail::default() };
    for parameter in parameters.split_ascii_whitespace() {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (key.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
            ("SIZE", digits) => mail.size = Some(digits.parse().map_err(|_| BAD_PARAMETER)?),
            ("BODY", "7BIT" | "8BITMIME") => {}
            ("SMTPUTF8", "") => mail.smtputf8 = true,
            _ => return Err(BAD_PARAMETER),
        }
    }
    Ok(mail)
}

fn recipient(argument: &str) -> Result<EmailAddress, Complaint> {
    let (path, parameters) = path(argument, "TO:").ok_or(BAD_TO)?;
    if !parameters.trim().is_empty() {
        return Err(BAD_PARAMETER);
    }
    EmailAddress::parse(path).map_err(|_| BAD_RECIPIENT)
}

fn chunk(argument: &str) -> Option<Command> {
    let (size, rest) = argument.split_once(' ').unwrap_or((argument, ""));
    let last = rest.eq_ignore_ascii_case("LAST");
    let digits = !size.is_empty() && size.bytes().all(|octet| octet.is_ascii_digit());
    let size = size.parse().ok().filter(|_| digits && (last || rest.is_empty()))?;
    Some(Command::Chunk { size, last })
}

/// What stands between the angle brackets, and what after them; a `>` between quotes is the address's own.
fn path<'a>(argument: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (head, rest) = argument.split_at_checked(keyword.len())?;
    let rest = rest.trim_start().strip_prefix('<').filter(|_| head.eq_ignore_ascii_case(keyword))?;
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some((&rest[..at], &rest[at + 1..])),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_whatever_their_case() {
        assert_eq!(parse(b"ehlo mail.example.com"), Ok(Command::Ehlo));
        assert_eq!(parse(b"Rset"), Ok(Command::Reset));
        assert_eq!(parse(b"NOOP really"), Ok(Command::Noop));
        assert_eq!(parse(b"DATA now"), Err(NO_ARGUMENT));
        assert_eq!(parse(b"EHLO"), Err(BAD_NAME));
        assert_eq!(parse(b"NOOP \x1b[2J"), Err(UNKNOWN));
        assert_eq!(parse(b"\xff\xfe"), Err(UNKNOWN));
    }

    #[test]
    fn a_chunk_says_its_size_and_whether_it_is_the_last() {
        assert_eq!(parse(b"BDAT 86"), Ok(Command::Chunk { size: 86, last: false }));
        assert_eq!(parse(b"bdat 0 last"), Ok(Command::Chunk { size: 0, last: true }));
        for bad in [
            "BDAT",
            "BDAT LAST",
            "BDAT -1",
            "BDAT +1",
            "BDAT 1 FIRST",
            "BDAT 1 LAST x",
            "BDAT 99999999999999999999",
        ] {
            assert_eq!(parse(bad.as_bytes()), Err(BAD_CHUNK), "{bad}");
        }
    }

    #[test]
    fn mail_says_sender_size_and_smtputf8() {
        let from = Some(EmailAddress::parse("a@example.com").unwrap());
        let mail = parse(b"MAIL FROM:<a@example.com> SIZE=12 BODY=8BITMIME SMTPUTF8");
        assert_eq!(mail, Ok(Command::Mail(Mail { from, size: Some(12), smtputf8: true })));
        assert_eq!(parse(b"mail from: <>"), Ok(Command::Mail(Mail::default())));
        assert_eq!(parse(b"MAIL FROM:<a@example.com> SIZE=lots"), Err(BAD_PARAMETER));
        assert_eq!(parse(b"MAIL FROM:<a@example.com> RET=HDRS"), Err(BAD_PARAMETER));
        assert_eq!(parse(b"MAIL FROM:<a@@example.com>"), Err(BAD_SENDER));
        assert_eq!(parse(b"MAIL <a@example.com>"), Err(BAD_FROM));
    }

    #[test]
    fn a_bracket_between_quotes_is_part_of_the_address() {
        let address = EmailAddress::parse("\"a>b\"@example.com").unwrap();
        assert_eq!(parse(b"RCPT TO:<\"a>b\"@example.com>"), Ok(Command::Recipient(address)));
        assert_eq!(parse(b"RCPT TO:<\"a>b@example.com>"), Err(BAD_TO));
        assert_eq!(parse(b"RCPT TO:<>"), Err(BAD_RECIPIENT));
    }
}
