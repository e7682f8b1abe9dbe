//! The relay that newsletter.toml names, ready to be spoken to: its password fetched, its TLS set up.

use std::fs;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::time::Duration;

use super::{App, password};
use crate::config::{self, Security, Smtp};
use crate::delivery::{Rate, SmtpReply};
use crate::inbox::{Inbox, Keep, Options};
use crate::smtp::{Connection, Credentials, Failure, Relay, SmtpError, Step, Timeouts, Tls, Trust};

/// One of the relays to send through.
#[derive(Debug, Clone)]
pub struct Route {
    /// Where it is, and how it is spoken to.
    pub relay: Relay,
    /// Its share of the connections, against the other relays' weights.
    pub weight: NonZeroU32,
    /// Its pace at most.
    pub rate: Option<Rate>,
    /// Its quota.
    pub window: Option<Rate>,
    /// The account that the quota is of: `user@host:port`.
    pub name: String,
}

impl App {
    /// How people call what messages are handed to.
    pub fn relay_name(&self) -> String {
        match &self.config.smtp {
            None => "nothing".to_owned(),
            Some(Smtp::Inbox) => "the built-in inbox (a trial)".to_owned(),
            Some(Smtp::Relays(relays)) => {
                let names: Vec<String> =
                    relays.iter().map(|relay| format!("{}:{}", relay.host, relay.port)).collect();
                names.join(", ")
            }
        }
    }

    /// The relays to send through; for a trial an inbox, started for the purpose, which ends when it is dropped.
    ///
    /// # Errors
    /// A password that cannot be had, a machine without certificate authorities, a port that cannot be opened.
    pub async fn open_relays(&self) -> anyhow::Result<(Option<Inbox>, Vec<Route>)> {
        let relays = match self.smtp()? {
            Smtp::Relays(relays) => relays,
            Smtp::Inbox => {
                let keep = Keep::Maildir(self.workspace.inbox_dir());
                let options = Options { chunking: self.config.pace.chunking, ..keep.into() };
                let inbox = Inbox::start((Ipv4Addr::LOCALHOST, 0).into(), options).await?;
                let (host, port) = (inbox.addr().ip().to_string(), inbox.addr().port());
                let relay = self.speak_to(host, port, Tls::None, None);
                let name = "inbox".to_owned();
                let route = Route { relay, weight: NonZeroU32::MIN, rate: None, window: None, name };
                return Ok((Some(inbox), vec![route]));
            }
        };
        let mut routes = Vec::new();
        for relay in relays {
            routes.push(Box::pin(self.route(relay)).await?);
        }
        Ok((None, routes))
    }

    async fn route(&self, relay: &config::Relay) -> anyhow::Result<Route> {
        let tls = match relay.security {
            Security::Clear => Tls::None,
            Security::StartTls => Tls::StartTls(Trust::of_this_machine(Vec::new())?),
            Security::Tls => Tls::Implicit(Trust::of_this_machine(Vec::new())?),
        };
        let credentials = match &relay.login {
            Some(login) => Some(self.credentials(login).await?),
            None => None,
        };
        let (rate, window) = (relay.rate, relay.window);
        let name = match &relay.login {
            Some(login) => format!("{}@{}:{}", login.user, relay.host, relay.port),
            None => format!("{}:{}", relay.host, relay.port),
        };
        let relay_itself = self.speak_to(relay.host.clone(), relay.port, tls, credentials);
        Ok(Route { relay: relay_itself, weight: relay.weight, rate, window, name })
    }

    fn speak_to(&self, host: String, port: u16, tls: Tls, credentials: Option<Credentials>) -> Relay {
        let client_name = self.config.pace.client_name.clone().or_else(host_name);
        let reply = Duration::from_secs(self.reply_timeout.into());
        let timeouts = Timeouts { reply, ..Timeouts::default() };
        Relay { host, port, tls, credentials, client_name, chunking: self.config.pace.chunking, timeouts }
    }

    async fn credentials(&self, login: &config::Login) -> anyhow::Result<Credentials> {
        let password = password::fetch(&login.password, self.workspace.root(), &self.caller).await?;
        Ok(Credentials { user: login.user.clone(), password, is_token: login.is_token })
    }
}

/// A connection to the first relay that takes one.
///
/// # Errors
/// Why the last one did not.
pub async fn connect(routes: &[Route]) -> Result<Connection, SmtpError> {
    let reply = SmtpReply { code: 421, enhanced: None, text: "newsletter.toml names no relay".to_owned() };
    let mut last =
        SmtpError::Permanent(Failure { step: Step::Connect, reply, said_by_relay: false, timed_out: false });
    for route in routes {
        match Connection::open(&route.relay).await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// This host's full name, where the kernel knows it. A bare `web1` is none (RFC 5321 2.3.5), and neither is the domain of `from`: EHLO tells who speaks, not
/// for whom (4.1.1.1), and relays look up whether the name leads back here.
fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    crate::mailbox::encode_domain(name.trim()).filter(|name| name.contains('.'))
}
