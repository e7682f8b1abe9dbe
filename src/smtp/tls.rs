//! TLS, and whom it trusts.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, InvalidMessage};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

use super::error::{SmtpError, Step};
use super::wire::Stream;

/// Security features that are not supported (RFC 3463).
const IN_CLEAR: &str = "5.7.4";

/// Whether and when TLS begins.
#[derive(Debug, Clone)]
pub enum Tls {
    /// Never: to a relay on loopback only.
    None,
    /// After EHLO, or not at all (RFC 3207).
    StartTls(Trust),
    /// From the first octet (RFC 8314).
    Implicit(Trust),
}

/// The certificate authorities that are believed. Made once: reading them takes milliseconds.
#[derive(Debug, Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// The machine's own authorities, or those that `SSL_CERT_FILE` or `SSL_CERT_DIR` names, and `more`.
    ///
    /// # Errors
    /// A malformed certificate among `more`, or a machine without any.
    pub fn of_this_machine(more: Vec<CertificateDer<'static>>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Verifier::new_with_extra_roots(more, Arc::clone(&provider))?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            // What is called dangerous is to bring a verifier; this one is the platform's.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// Shakes hands: the certificate must be good, and for `host`.
    pub(super) async fn handshake(
        &self,
        host: &str,
        stream: Box<dyn Stream>,
    ) -> Result<Box<dyn Stream>, SmtpError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            SmtpError::permanent(Step::Tls, 550, "5.4.4", format!("`{host}` is no host name"))
        })?;
        match TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(explain(host, &error)),
        }
    }
}

/// Whether it was no TLS that the relay spoke.
pub(super) fn is_in_clear(error: &SmtpError) -> bool {
    let failure = error.failure();
    failure.step == Step::Tls && failure.reply.enhanced.as_deref() == Some(IN_CLEAR)
}

/// A bad certificate stays bad; anything else may have been the weather.
fn explain(host: &str, error: &std::io::Error) -> SmtpError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            let text = format!("the certificate of {host} is not to be trusted: {}", why(reason));
            SmtpError::permanent(Step::Tls, 550, "5.7.5", text)
        }
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            let text = format!(
                "{host} does not begin with TLS at this port; where it has STARTTLS, `smtp://` leads there"
            );
            SmtpError::permanent(Step::Tls, 550, IN_CLEAR, text)
        }
        _ => {
            SmtpError::transient(Step::Tls, "4.7.5", format!("the handshake with {host} broke off: {error}"))
        }
    }
}

/// In words that say what to mend.
fn why(reason: &CertificateError) -> String {
    let said = match reason {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "nobody whom this machine trusts has signed it; SSL_CERT_FILE names a file of further authorities"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet, or this machine's clock is slow"
        }
        CertificateError::Revoked => "it is revoked",
        CertificateError::Other(_) => "it is no server's, or its chain does not hold",
        // Of what the names are rustls tells in words.
        _ => return reason.to_string(),
    };
    said.to_owned()
}
