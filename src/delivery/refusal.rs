//! Why a relay said no, as far as its codes tell (RFC 3463), and what may be done about it.

use std::fmt;

use serde::Serialize;

use super::SmtpReply;

/// Whose matter a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// There is no such mailbox, or it takes no mail: nothing sent there will ever arrive.
    Mailbox,
    /// A rule of the relay's or the destination's against us: the reader has no part in it, and the operator can mend it.
    Policy,
    /// Anything else.
    Other,
}

impl SmtpReply {
    /// Whose matter it is, if it is a no.
    pub fn cause(&self) -> Cause {
        match self.enhanced.as_deref() {
            Some("5.1.1" | "5.1.2" | "5.1.10" | "5.2.1") => Cause::Mailbox,
            Some(code) if code.starts_with("5.7.") => Cause::Policy,
            Some(_) | None => Cause::Other,
        }
    }

    /// All of it in a line, for eyes that need not know whom it is about: the words often repeat an address.
    pub fn masked(&self) -> String {
        let words: Vec<String> = self.text.split(' ').map(masked_word).collect();
        let enhanced =
            self.enhanced.iter().map(|enhanced| format!("{enhanced} ")).collect::<Vec<_>>().concat();
        format!("{} {enhanced}{}", self.code, words.join(" ")).trim_end().to_owned()
    }
}

/// `<ada@example.com>:` as `<a***@example.com>:`.
fn masked_word(word: &str) -> String {
    let Some((before, domain)) = word.rsplit_once('@') else { return word.to_owned() };
    let start = before.rfind(|c: char| "<>(){}[]\"',;:=".contains(c)).map_or(0, |at| at + 1);
    let first = before[start..].chars().next().map(String::from).unwrap_or_default();
    format!("{}{first}***@{domain}", &before[..start])
}

/// Readers of an issue who were refused with the same codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The reply's code, as in 550.
    pub code: u16,
    /// As in `5.7.1`.
    pub enhanced: Option<String>,
    /// Whose matter it is.
    pub cause: Cause,
    /// How many.
    pub readers: u64,
    /// One of the replies, with addresses masked.
    pub example: String,
}

impl Refusal {
    /// So many readers who were told something like this.
    pub fn new(example: &SmtpReply, readers: u64) -> Self {
        let (code, enhanced) = (example.code, example.enhanced.clone());
        Self { code, enhanced, cause: example.cause(), readers, example: example.masked() }
    }

    fn remedy(&self) -> &'static str {
        match (self.cause, self.enhanced.as_deref()) {
            (Cause::Mailbox, _) => {
                "no such mailbox; who is known to be none is left out from the next issue on"
            }
            (Cause::Policy, Some("5.7.20" | "5.7.21" | "5.7.22" | "5.7.23" | "5.7.24" | "5.7.26")) => {
                "a policy against us, not the readers: look at SPF, DKIM and DMARC of `from` and `return_path`"
            }
            (Cause::Policy, Some("5.7.25")) => {
                "a policy against us, not the readers: the sending host needs a name in the reverse DNS that leads back to it"
            }
            (Cause::Policy, Some("5.7.0" | "5.7.8" | "5.7.9" | "5.7.11")) => {
                "a policy against us, not the readers: look at the relay's user, password and TLS"
            }
            (Cause::Policy, _) => {
                "a policy against us, not the readers: look at blocklists, at whom the relay lets send, and at SPF, DKIM and DMARC"
            }
            (Cause::Other, _) => "look at the reply",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readers = if self.readers == 1 { "reader" } else { "readers" };
        write!(f, "{} {readers} refused as in `{}`: {}", self.readers, self.example, self.remedy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, enhanced: &str, text: &str) -> SmtpReply {
        SmtpReply { code, enhanced: Some(enhanced.to_owned()), text: text.to_owned() }
    }

    #[test]
    fn a_mailbox_that_is_not_there_is_told_from_a_policy_against_us() {
        for (code, cause) in [
            ("5.1.1", Cause::Mailbox),
            ("5.1.2", Cause::Mailbox),
            ("5.1.10", Cause::Mailbox),
            ("5.2.1", Cause::Mailbox),
            ("5.2.2", Cause::Other),
            ("5.1.8", Cause::Other),
            ("5.7.1", Cause::Policy),
            ("5.7.26", Cause::Policy),
            ("4.7.1", Cause::Other),
        ] {
            assert_eq!(reply(550, code, "no").cause(), cause, "{code}");
        }
        assert_eq!(SmtpReply { code: 550, enhanced: None, text: "no".into() }.cause(), Cause::Other);
    }

    #[test]
    fn an_address_in_a_reply_is_masked() {
        let said =
            reply(550, "5.1.1", "<ada.b@example.com>: Recipient rejected; to=jo@example.org (550 no@\")");
        assert_eq!(
            said.masked(),
            "550 5.1.1 <a***@example.com>: Recipient rejected; to=j***@example.org (550 n***@\")"
        );
    }
}
