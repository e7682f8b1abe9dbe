//! A relay that does exactly as its script says, well or badly.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::super::wire::Stream;
use super::super::{Relay, Timeouts, Tls};

/// What the relay does next; after the last it closes the connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    Say(&'static str),
    /// As `Say`, an octet at a time.
    Dribble(&'static str),
    /// Reads a line that begins so.
    Hear(&'static str),
    /// As `Hear`, and nothing may have come behind it.
    HearAlone(&'static str),
    /// Reads a message to its final dot.
    HearMessage,
    /// Reads whatever comes next, which need not be text.
    HearSome,
    /// Says this again and again, as fast as it is read.
    Babble(&'static str),
    /// Says this again and again, an octet at a time, with a while between them.
    Trickle(&'static str),
    /// Says nothing more.
    Stall,
    /// TLS begins.
    Secure,
}

/// A certificate for `localhost`, and the authority that signed it.
pub(super) struct Certificate {
    pub(super) authority: CertificateDer<'static>,
    acceptor: TlsAcceptor,
}

impl Certificate {
    pub(super) fn new() -> Self {
        let authority =
            CertifiedIssuer::self_signed(authority_params(), KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![leaf.der().clone()], key)
                .unwrap();
        Self { authority: authority.der().clone(), acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
}

/// Serves one connection by the script, and returns all that it heard.
pub(super) async fn serve(
    script: Vec<Act>,
    certificate: Option<&Certificate>,
) -> (Relay, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay {
        host: "localhost".into(),
        port: listener.local_addr().unwrap().port(),
        tls: Tls::None,
        credentials: None,
        client_name: Some("client.example.com".to_owned()),
        chunking: false,
        timeouts: Timeouts::default(),
    };
    let acceptor = certificate.map(|certificate| certificate.acceptor.clone());
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut actor = Actor { stream: Box::new(stream), input: Vec::new(), heard: String::new() };
        for act in script {
            actor = actor.play(act, acceptor.as_ref()).await;
        }
        actor.heard
    });
    (relay, serving)
}

struct Actor {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    heard: String,
}

impl Actor {
    async fn play(mut self, act: Act, acceptor: Option<&TlsAcceptor>) -> Self {
        match act {
            Act::Say(text) => self.stream.write_all(text.as_bytes()).await.unwrap(),
            Act::Dribble(text) => {
                for octet in text.bytes() {
                    self.stream.write_all(&[octet]).await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
            Act::Babble(text) => while self.stream.write_all(text.as_bytes()).await.is_ok() {},
            Act::Trickle(text) => {
                for octet in text.bytes().cycle() {
                    let said = self.stream.write_all(&[octet]).await;
                    if said.is_err() || self.stream.flush().await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            Act::Hear(start) => self.hear_line(start).await,
            Act::HearAlone(start) => {
                self.hear_line(start).await;
                assert_eq!(self.input, b"", "behind {start}");
            }
            Act::HearMessage => self.hear("\r\n.\r\n").await,
            Act::HearSome => {
                let _octets = self.stream.read_buf(&mut self.input).await;
                self.heard += &String::from_utf8_lossy(&std::mem::take(&mut self.input));
            }
            Act::Stall => std::future::pending().await,
            Act::Secure => {
                let stream = acceptor.unwrap().accept(self.stream).await;
                // A client that does not trust us hangs up here.
                let Ok(stream) = stream else { return Self { stream: Box::new(tokio::io::empty()), ..self } };
                self.stream = Box::new(stream);
            }
        }
        // Who has heard enough hangs up.
        let _ = self.stream.flush().await;
        self
    }

    async fn hear_line(&mut self, start: &str) {
        let from = self.heard.len();
        self.hear("\r\n").await;
        let line = &self.heard[from..];
        assert!(line.starts_with(start) || line.is_empty(), "{line:?} instead of {start}");
    }

    /// Reads to `end`, or to the end of everything.
    async fn hear(&mut self, end: &str) {
        loop {
            if let Some(at) = memchr::memmem::find(&self.input, end.as_bytes()) {
                let taken: Vec<u8> = self.input.drain(..at + end.len()).collect();
                self.heard += str::from_utf8(&taken).unwrap();
                return;
            }
            if self.stream.read_buf(&mut self.input).await.unwrap_or(0) == 0 {
                self.heard += str::from_utf8(&self.input).unwrap();
                self.input.clear();
                return;
            }
        }
    }
}
