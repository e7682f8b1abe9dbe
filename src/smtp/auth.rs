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
        let password = credentials.password.expose_secret();
        let mechanism = mechanism(&self.capabilities, credentials.is_token)?;
        let identity = Identity::new(credentials.user.clone(), password.to_owned());
        let auth = Auth::new(mechanism, identity.clone(), None);
        let mut answer = auth.map_err(|_| unable("AUTH cannot be said"))?.to_string();
        // LOGIN asks twice; a relay that goes on asking is not to be humoured.
        for _ in 0..3 {
            let reply = self.command(Step::Authentication, &answer).await;
            let reply = conceal(reply?, &[password, answer.trim_end()]);
            if reply.code != 334 {
                return expected(Step::Authentication, &[235], reply).map(drop);
            }
            answer = answer_to(&reply, mechanism, &identity)?;
        }
        Err(unable("the relay asks for more than user and password"))
    }
}

fn mechanism(offered: &Capabilities, is_token: bool) -> Result<Mechanism, SmtpError> {
    match offered {
        _ if is_token && offered.auth_xoauth2 => Ok(Mechanism::Xoauth2),
        _ if is_token => Err(unable("the relay does not offer AUTH XOAUTH2")),
        _ if offered.auth_plain => Ok(Mechanism::Plain),
        _ if offered.auth_login => Ok(Mechanism::Login),
        _ => Err(unable("the relay offers neither AUTH PLAIN nor AUTH LOGIN")),
    }
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

/// A no may repeat what it is about, and what is said here is kept and shown: without the password, in whichever form (requirement 32).
fn conceal(reply: Reply, said: &[&str]) -> Reply {
    if reply.code == 334 {
        return reply;
    }
    let echoes = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        said.iter().any(|said| bare.len() >= ECHO && said.contains(bare))
    };
    let password = said.first().copied().filter(|password| !password.is_empty());
    let conceal = |line: String| {
        let line = password.map_or(line.clone(), |password| line.replace(password, "…"));
        let words: Vec<&str> = line.split(' ').map(|word| if echoes(word) { "…" } else { word }).collect();
        words.join(" ")
    };
    Reply { lines: reply.lines.into_iter().map(conceal).collect(), ..reply }
}
