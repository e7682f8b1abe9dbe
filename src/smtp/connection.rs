//! From a relay's name to a connection that takes messages.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::capabilities::Capabilities;
use super::error::{SmtpError, Step};
use super::reply::Reply;
use super::wire::{Lost, Stream, Wire};
use super::{Relay, Timeouts, Tls, Trust, tls};

/// How long a relay may take to greet in the clear that did so where TLS was to begin.
const IN_CLEAR: Duration = Duration::from_secs(5);

/// A connection to a relay, greeted, encrypted and authenticated as asked.
pub struct Connection {
    pub(super) wire: Wire,
    pub(super) capabilities: Capabilities,
    pub(super) timeouts: Timeouts,
    pub(super) state: State,
    /// Whether CHUNKING is to be used.
    pub(super) chunking: bool,
    /// What was launched and has not landed.
    pub(super) on_the_way: VecDeque<OnTheWay>,
    /// Whether the relay said 421 to one of those.
    pub(super) closing: bool,
    /// Why no more verdicts are to be had.
    pub(super) lost: Option<Lost>,
}

/// Where in a transaction a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Between messages.
    Idle,
    /// An envelope was refused, and RSET must go before the next.
    Refused,
    /// The next envelope went out with a message, and must be answered before anything else is said.
    Announced,
    /// DATA was accepted: nothing but the message may follow.
    Data,
    /// Nothing more may be said.
    Lost,
}

/// A message of which nothing is known yet.
#[derive(Debug)]
pub(super) struct OnTheWay {
    /// Whether its last octet may have gone out.
    pub(super) gone: bool,
}

impl Connection {
    /// Connects, with TLS and authentication as `relay` has them; neither is ever left out because the relay lacks it.
    ///
    /// # Errors
    /// They speak of the relay alone: what is permanent here is for the operator to mend, and refuses no reader.
    pub async fn open(relay: &Relay) -> Result<Self, SmtpError> {
        let (stream, own_address) = connect(relay).await?;
        let name = relay.client_name.clone().unwrap_or_else(|| literal(own_address));
        let stream = match &relay.tls {
            Tls::Implicit(trust) => match handshake(relay, trust, stream).await {
                Err(error) if tls::is_in_clear(&error) => return Err(said_in_clear(relay, error).await),
                shaken => shaken?,
            },
            Tls::None | Tls::StartTls(_) => stream,
        };
        let mut connection = Self {
            wire: Wire::new(stream),
            capabilities: Capabilities::default(),
            timeouts: relay.timeouts,
            state: State::Idle,
            chunking: relay.chunking,
            on_the_way: VecDeque::new(),
            closing: false,
            lost: None,
        };
        connection.expect(Step::Greeting, &[220]).await?;
        connection.hello(&name).await?;
        if let Tls::StartTls(trust) = &relay.tls {
            connection = connection.start_tls(relay, trust).await?;
            connection.hello(&name).await?;
        }
        if let Some(credentials) = &relay.credentials {
            if matches!(relay.tls, Tls::None) {
                let text = "a password is said under TLS only";
                return Err(SmtpError::permanent(Step::Authentication, 538, "5.7.11", text));
            }
            connection.authenticate(credentials).await?;
        }
        Ok(connection)
    }

    /// What the relay offers.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether another envelope may be tried on it; if not, drop it and open another. Whoever no longer waits for one of its answers makes
    /// it useless: that answer is still to come, and would be taken for the next reader's.
    pub fn is_usable(&self) -> bool {
        matches!(self.state, State::Idle | State::Refused) && !self.wire.is_given_up()
    }

    /// Says good-bye, if the state allows it, and closes; it waits for nothing longer than the timeout for leaving.
    pub async fn quit(mut self) {
        let patience = self.timeouts.quit;
        if self.is_usable() {
            self.wire.output().extend_from_slice(b"QUIT\r\n");
            if self.wire.send(patience).await.is_ok() {
                // Whatever it answers, we are leaving.
                let _farewell = self.wire.reply(patience).await;
            }
        }
        self.wire.close(patience).await;
    }

    /// What was offered before is forgotten: under TLS it counts for nothing.
    async fn hello(&mut self, name: &str) -> Result<(), SmtpError> {
        self.capabilities = Capabilities::default();
        let reply = self.command(Step::Hello, &format!("EHLO {name}\r\n")).await?;
        if reply.code == 250 {
            self.capabilities = Capabilities::from_ehlo(&reply);
            return Ok(());
        }
        if !matches!(reply.code, 500 | 502 | 504) {
            return Err(SmtpError::refused(Step::Hello, reply.into()));
        }
        // A relay from before 1995; it offers nothing.
        self.wire.output().extend_from_slice(format!("HELO {name}\r\n").as_bytes());
        self.send(Step::Hello).await?;
        self.expect(Step::Hello, &[250]).await.map(drop)
    }

    async fn start_tls(mut self, relay: &Relay, trust: &Trust) -> Result<Self, SmtpError> {
        if !self.capabilities.starttls {
            let text = format!("{} offers no STARTTLS, and nothing is said in clear", relay.host);
            return Err(SmtpError::permanent(Step::Tls, 550, "5.7.4", text));
        }
        self.wire.output().extend_from_slice(b"STARTTLS\r\n");
        self.send(Step::Tls).await?;
        self.expect(Step::Tls, &[220]).await?;
        let stream = self.wire.into_stream().map_err(|_| {
            let text = format!("{} said more in clear behind its yes to STARTTLS", relay.host);
            SmtpError::permanent(Step::Tls, 550, "5.7.5", text)
        })?;
        let wire = Wire::new(handshake(relay, trust, stream).await?);
        Ok(Self { wire, ..self })
    }

    pub(super) async fn command(&mut self, step: Step, command: &str) -> Result<Reply, SmtpError> {
        self.wire.output().extend_from_slice(command.as_bytes());
        self.send(step).await?;
        self.reply(step).await
    }

    async fn expect(&mut self, step: Step, codes: &[u16]) -> Result<Reply, SmtpError> {
        let reply = self.reply(step).await?;
        expected(step, codes, reply)
    }

    /// Sends what was prepared. Where that fails, the relay may have said why before it closed.
    pub(super) async fn send(&mut self, step: Step) -> Result<(), SmtpError> {
        let Err(lost) = self.wire.send(self.timeouts.reply).await else { return Ok(()) };
        self.state = State::Lost;
        match self.wire.reply(self.timeouts.quit).await {
            Ok(reply) if reply.code >= 400 => Err(SmtpError::refused(step, reply.into())),
            Ok(_) | Err(_) => Err(lost.at(step)),
        }
    }

    /// Hears one reply; after 421 there is no other (requirement 28).
    pub(super) async fn reply(&mut self, step: Step) -> Result<Reply, SmtpError> {
        if self.state == State::Lost {
            return Err(Lost::Closed.at(step));
        }
        let reply = self.wire.reply(self.timeouts.reply).await.map_err(|lost| lost.at(step));
        match reply {
            Ok(reply) if reply.code != 421 => Ok(reply),
            Ok(reply) => self.lose(SmtpError::refused(step, reply.into())),
            Err(error) => self.lose(error),
        }
    }

    /// Gives the connection up with an error.
    pub(super) fn lose<T>(&mut self, error: SmtpError) -> Result<T, SmtpError> {
        self.state = State::Lost;
        Err(error)
    }
}

pub(super) fn expected(step: Step, codes: &[u16], reply: Reply) -> Result<Reply, SmtpError> {
    if codes.contains(&reply.code) { Ok(reply) } else { Err(SmtpError::refused(step, reply.into())) }
}

/// A host without a name, as RFC 5321 4.1.3 writes it.
fn literal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

/// With the address that this host has on the way there.
async fn connect(relay: &Relay) -> Result<(Box<dyn Stream>, IpAddr), SmtpError> {
    let Relay { host, port, .. } = relay;
    let unreachable = |reason: String| {
        SmtpError::transient(Step::Connect, "4.4.1", format!("{host}:{port} cannot be reached: {reason}"))
    };
    let patience = relay.timeouts.connect;
    let looked_up = timeout(patience, lookup_host((host.as_str(), *port))).await;
    let late = |_| unreachable(format!("no answer within {patience:?}"));
    let addresses: Vec<_> =
        looked_up.map_err(late)?.map_err(|error| unreachable(error.to_string()))?.collect();
    let elsewhere = addresses.iter().any(|address| !address.ip().is_loopback());
    if matches!(relay.tls, Tls::None) && elsewhere {
        let text = format!("{host} is not on this machine, and without TLS no mail goes there");
        return Err(SmtpError::permanent(Step::Connect, 550, "5.7.4", text));
    }
    let connected = timeout(patience, TcpStream::connect(&addresses[..])).await;
    let stream = connected.map_err(late)?.map_err(|error| unreachable(error.to_string()))?;
    // The final dot of one message must not wait for the relay's word about the one before.
    stream.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
    let own = stream.local_addr().map_err(|error| unreachable(error.to_string()))?;
    Ok((Box::new(stream), own.ip()))
}

/// Why it spoke in the clear where TLS was to begin. A relay that has too many connections says that before it shakes hands, and has no
/// room for another; one that greets us speaks SMTP at that port, as it always does.
async fn said_in_clear(relay: &Relay, error: SmtpError) -> SmtpError {
    let clear = Relay { tls: Tls::None, credentials: None, ..relay.clone() };
    match timeout(IN_CLEAR, Box::pin(Connection::open(&clear))).await {
        Ok(Ok(connection)) => {
            connection.quit().await;
            error
        }
        Ok(Err(said)) => said,
        Err(_) => SmtpError::transient(
            Step::Tls,
            "4.7.5",
            "it spoke in the clear before the handshake, and is silent now",
        ),
    }
}

async fn handshake(
    relay: &Relay,
    trust: &Trust,
    stream: Box<dyn Stream>,
) -> Result<Box<dyn Stream>, SmtpError> {
    let patience = relay.timeouts.connect;
    let shaking = timeout(patience, trust.handshake(&relay.host, stream));
    shaking.await.unwrap_or_else(|_| Err(Lost::Silent(patience).at(Step::Tls)))
}
