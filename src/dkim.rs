//! A new key pair to sign with: the private half kept, the public half to be published.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::Context;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::app::{App, Wrong};
use crate::mailbox::encode_domain;
use crate::message::dkim::{Algorithm, SigningKey};

/// Where keys are put, in the newsletter's folder.
const FOLDER: &str = "dkim";
/// Octets of a string in a TXT record (RFC 1035 3.3.14).
const STRING: usize = 255;
/// Columns of PEM (RFC 7468 2).
const PEM_WIDTH: usize = 64;

/// A key pair that was made, and what makes it count.
#[derive(Debug, Serialize)]
pub struct NewKey {
    /// For whom it signs: From's domain, as A-labels.
    pub domain: String,
    /// Under which name its public half is found there.
    pub selector: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// The private half, relative to the newsletter's folder.
    pub key_file: String,
    /// Where the TXT record belongs.
    pub name: String,
    /// What the TXT record says.
    pub record: String,
}

/// Makes a key pair for From's domain, its private half in `dkim/SELECTOR.pem` with mode 0600.
///
/// # Errors
/// [`Wrong`] for a selector that is none or is taken; a folder that cannot be written to.
pub fn new(app: &App, algorithm: Algorithm, selector: Option<&str>) -> anyhow::Result<NewKey> {
    let selector = match selector {
        Some(selector) => encode_domain(selector)
            .ok_or_else(|| Wrong(format!("`{selector}` is no selector; use letters, digits and `-`")))?,
        None => format!("{algorithm}-{}", app.now().strftime("%Y%m")),
    };
    let pem = generate(algorithm).context("no key can be made: the cryptography fails")?;
    let record = SigningKey::parse(pem.expose_secret().as_bytes())?.record()?;
    let key_file = format!("{FOLDER}/{selector}.pem");
    write(&app.workspace.path(Path::new(FOLDER)), &format!("{selector}.pem"), &pem)?;
    let domain = app.config.newsletter.from.address.domain().to_owned();
    Ok(NewKey {
        name: format!("{selector}._domainkey.{domain}"),
        domain,
        selector,
        algorithm,
        key_file,
        record,
    })
}

/// A new private key as PKCS#8 in PEM; RSA with 2048 bits, the longest that fits every resolver's answer.
///
/// # Errors
/// Where the cryptography fails.
pub fn generate(algorithm: Algorithm) -> Result<SecretString, Unspecified> {
    let der = match algorithm {
        Algorithm::Rsa => {
            let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?;
            STANDARD.encode(der.as_ref())
        }
        Algorithm::Ed25519 => STANDARD.encode(Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref()),
    };
    Ok(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines(&der, PEM_WIDTH).join("\n")
    )
    .into())
}

/// Writes a new file that only its owner can read, into a folder that git ignores.
fn write(folder: &Path, name: &str, pem: &SecretString) -> anyhow::Result<()> {
    let path = folder.join(name);
    let written = || -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        if !folder.join(".gitignore").try_exists()? {
            fs::write(folder.join(".gitignore"), "*\n")?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(pem.expose_secret().as_bytes())?;
        file.sync_all()
    };
    match written() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let path = path.display();
            Err(Wrong(format!("{path} is there already, and stays; name another key with `--selector`"))
                .into())
        }
        written => written.with_context(|| format!("{} cannot be written", path.display())),
    }
}

fn lines(ascii: &str, width: usize) -> Vec<&str> {
    (0..ascii.len()).step_by(width).map(|at| &ascii[at..ascii.len().min(at + width)]).collect()
}

impl fmt::Display for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, selector, algorithm: _, key_file, name, record } = self;
        let strings = lines(record, STRING).join("\"\n  \"");
        writeln!(f, "the private key is in {key_file}: whoever reads it can sign as {domain}\n")?;
        writeln!(f, "publish in the DNS of {domain}:\n\n{name}. IN TXT (\n  \"{strings}\"\n)\n")?;
        writeln!(f, "once `dig +short TXT {name}` shows it, add to newsletter.toml:\n")?;
        writeln!(f, "[[dkim]]\ndomain = \"{domain}\"\nselector = \"{selector}\"\nkey_file = \"{key_file}\"")
    }
}
