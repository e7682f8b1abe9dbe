//! Who we are to a relay (RFC 4954): PLAIN, LOGIN, or XOAUTH2 with a token.

use lettre::transport::smtp::authentication::{Credentials as Identity, Mechanism};
use lettre::transport::smtp::commands::Auth;
use lettre::transport::smtp::response::Response;
use secrecy::ExposeSecret;

use super::connection::{Connection, expected};
use super::error::{SmtpError, Step};
use super::reply::Reply;
use super::{Capabilities, Credentials};

/// The shortest word of a reply that is taken for an echo of what was said.
const ECHO: usize = 6;

impl Connection {
    pub(super) async fn authenticate(&mut self, credentials: &Credentials) -> Result<(), SmtpError> {
        let mut failed = Err(unable(if credentials.is_token {
            "the relay does not offer AUTH XOAUTH2"
        } else {
            "the relay offers neither AUTH PLAIN nor AUTH LOGIN"
        }));
        for mechanism in mechanisms(&self.capabilities, credentials.is_token) {
            failed = self.authenticate_by(mechanism, credentials).await;
            // It offers one that it does not know: another one may do.
            let is_unknown =
                |error: &SmtpError| error.failure().said_by_relay && error.failure().reply.code == 504;
            if !failed.as_ref().is_err_and(is_unknown) {
                break;
            }
        }
        failed
    }

    async fn authenticate_by(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials,
    ) -> Result<(), SmtpError> {
        let password = credentials.password.expose_secret();
        let identity = Identity::new(credentials.user.clone(), password.to_owned());
        let auth = Auth::new(mechanism, identity.clone(), None);
        let mut answer = auth.map_err(|_| unable("AUTH cannot be said"))?.to_string();
        let mut said = vec![password.to_owned()];
        // LOGIN asks twice; a relay that goes on asking is not to be humoured.
        for _ in 0..3 {
            said.push(answer.trim_end().to_owned());
            let heard = self.command(Step::Authentication, &answer).await;
            match heard.and_then(|reply| expected(Step::Authentication, &[235, 334], reply)) {
                Ok(reply) if reply.code == 334 => answer = answer_to(&reply, mechanism, &identity)?,
                Ok(_) => return Ok(()),
                Err(error) => return Err(conceal(error, &said)),
            }
        }
        Err(unable("the relay asks for more than user and password"))
    }
}

/// Those that the relay offers, in the order in which they are tried.
fn mechanisms(offered: &Capabilities, is_token: bool) -> impl Iterator<Item = Mechanism> + use<> {
    let known = [
        (Mechanism::Xoauth2, is_token && offered.auth_xoauth2),
        (Mechanism::Plain, !is_token && offered.auth_plain),
        (Mechanism::Login, !is_token && offered.auth_login),
    ];
    known.into_iter().filter_map(|(mechanism, is_offered)| is_offered.then_some(mechanism))
}

fn answer_to(reply: &Reply, mechanism: Mechanism, identity: &Identity) -> Result<String, SmtpError> {
    // Under XOAUTH2 a challenge says why it failed, and the no itself follows an empty answer.
    if matches!(mechanism, Mechanism::Xoauth2) {
        return Ok("\r\n".to_owned());
    }
    let challenge = reply.lines.first().map_or("", |line| line.trim());
    let response = format!("334 {challenge}\r\n").parse::<Response>();
    let auth = response.and_then(|response| Auth::new_from_response(mechanism, identity.clone(), &response));
    Ok(auth.map_err(|_| unable("the relay asks what AUTH does not know"))?.to_string())
}

fn unable(text: &str) -> SmtpError {
    SmtpError::permanent(Step::Authentication, 504, "5.5.4", text)
}

/// A no may repeat what it is about, and what is said here is kept and shown: without the password, which was `said` first, in whichever
/// form (requirement 32).
fn conceal(mut error: SmtpError, said: &[String]) -> SmtpError {
    let (SmtpError::Transient(failure) | SmtpError::Permanent(failure) | SmtpError::InDoubt(failure)) =
        &mut error;
    let echoes = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        said.iter().any(|said| bare.len() >= ECHO && said.contains(bare))
    };
    let password = said.first().filter(|password| !password.is_empty());
    let text = std::mem::take(&mut failure.reply.text);
    let text = password.map_or(text.clone(), |password| text.replace(password.as_str(), "…"));
    let words: Vec<&str> = text.split(' ').map(|word| if echoes(word) { "…" } else { word }).collect();
    failure.reply.text = words.join(" ");
    error
}
