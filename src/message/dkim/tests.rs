use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, RsaKeyPair};
use proptest::prelude::*;

use super::*;

/// The private key of RFC 8463 A.2.
const RFC_SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";

/// An RSA key of 1024 bits, in PKCS#1.
const SMALL: &str = "\
-----BEGIN RSA PRIVATE KEY-----
MIICXAIBAAKBgQDuh3aDLKhI6VILpdCQkHNFJmwisPhRkt1XsWF/V61RuzDYtshk
Z16btZLgy1n6mX+k3M5dhuFWEMXndryRNZaGN1oWYzIyTE5r/x4Hhi3WK03XcJf7
OS8rKPq2GGkadQiPyngsgbhooHvAInkfBnFHPEDfR8WFBDFD1n1xSoiSOwIDAQAB
AoGBAMRJr2oU1sthTcYOBsrgRCt0ieombcJbNFCUxOHRGey3OWQtTkzpj75dNmhM
j1gc9yCJID1w4IA9v05RtK1eRuXHdHaL5OwwRONRbZYIm8tP71l20upcaIasnDyo
xFmEQMRTPPccOYPi4O3jW4m4jgUrF6IWi+DdtHk+M0tpUyjRAkEA95xO451IEnxx
J1iScdjP30a2dlkQUEUzeiGzy2/mo8dI7uj9/ry9KFzOroN9lHNMiifv7DgLXZw2
B2AszzLeeQJBAPacYrBR1mIgABTy2BeVoj2HKGQmY9aBoKi+ZHIURahkpHqYTHQf
Y5TrrcRTXY5XXOqDnlytg6Fm4JQJq3ctuVMCQGD4hCS7+ffTaHUiSOfxIyesB9U9
eBgXodtYy5MGleraJwP5l09mFyZxgjfyIwI6TWVl0p5OLJVSkg49ag8TOvECQG/m
4nkziV4ZOzBGSXvaMDZPICrhqKfrRiWLzzRcsocItAHVHcwLejpW/xB465jtV4Iq
my9epL4WWo2SHbYEj3UCQBe75me+D4oi1S6sln0hFMlyYKkkzIWWVl50R0acP34N
JnBBuRIAXEkuBwL3u5tgzFAqlxbtjUUjo9LJpRGiCUE=
-----END RSA PRIVATE KEY-----
";

const MESSAGE: &str = "From: Ada <ada@example.com>\r\nTo: bo@example.org\r\nSubject: a\r\n  folded  one \r\n\
                       Date: Sun, 02 Jul 2023 20:00:00 +0000\r\n\r\nHello  \t Bo \r\n\r\n \t\r\n\r\n";

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn rsa_der() -> Vec<u8> {
    let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
    der.as_ref().to_vec()
}

fn ed25519() -> SigningKey {
    let pair = Ed25519KeyPair::from_seed_unchecked(&STANDARD.decode(RFC_SEED).unwrap()).unwrap();
    SigningKey::parse(pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref()).as_bytes()).unwrap()
}

fn signed(message: &str) -> String {
    let mut message = message.as_bytes().to_vec();
    let signer = Signer::none().with("example.com", "brisbane", ed25519());
    signer.sign(&mut message, Timestamp::UNIX_EPOCH).unwrap();
    String::from_utf8(message).unwrap()
}

fn canonical_body(body: &[u8]) -> Vec<u8> {
    canonical::body(body).into_owned()
}

fn canonical_fields(head: &str) -> String {
    let mut out = Vec::new();
    for field in canonical::fields(head.as_bytes()) {
        canonical::field(field, &mut out);
        out.push(b'\n');
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn the_rfcs_own_example_comes_out_as_it_says() {
    assert_eq!(canonical_fields("A: X\r\nB : Y\t\r\n\tZ  \r\n"), "a:X\nb:Y Z\n");
    assert_eq!(canonical_body(b" C \r\nD \t E\r\n\r\n\r\n"), b" C\r\nD E\r\n");
}

#[test]
fn a_body_of_nothing_is_empty_and_a_last_line_without_an_end_gets_one() {
    for nothing in ["", "\r\n", "\r\n\r\n", " \t\r\n \r\n", " "] {
        assert_eq!(canonical_body(nothing.as_bytes()), b"", "{nothing:?}");
    }
    assert_eq!(canonical_body(b"a "), b"a\r\n");
}

#[test]
fn a_message_is_signed_on_top_and_otherwise_left_alone() {
    let message = signed(MESSAGE);
    assert!(message.ends_with(MESSAGE));
    insta::assert_snapshot!(message.strip_suffix(MESSAGE).unwrap().replace("\r\n", "\n"), @"
    DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.com;
     s=brisbane; t=0;
     h=From:From:To:To:Subject:Subject:Date:Date:Message-ID:Reply-To:
     MIME-Version:Content-Type:Content-Transfer-Encoding:Feedback-ID:List-Id:
     List-Unsubscribe:List-Unsubscribe-Post:List-Subscribe:List-Post:List-Owner:
     List-Help:List-Archive;
     bh=CJFH9dqjfx8Oe4oKkeXIFd/DT/rXC6QxE6u/5AJ7QHw=;
     b=ziV4omVKqVOMt4N1f6VMlcik4sM5jMUvalDPOLQEH1sE5J8SYw0n6hMSYhuUY5B5n/dmspfV
     dR8+jIqbTjTVDg==
    ");
}

#[test]
fn what_relays_do_to_white_space_changes_no_signature_and_a_changed_word_does() {
    let signature = |message: &str| signed(message).split_once("\r\nFrom").unwrap().0.to_owned();
    let original = signature(MESSAGE);
    for (from, to) in [("a\r\n  folded", "a\tfolded"), ("Hello  \t Bo \r\n", "Hello Bo\r\n")] {
        assert_eq!(signature(&MESSAGE.replace(from, to)), original, "{to:?}");
    }
    for (from, to) in
        [("folded", "bolded"), ("Hello", "Hallo"), ("Hello  \t Bo", "HelloBo"), ("20:00", "20:01")]
    {
        assert_ne!(signature(&MESSAGE.replace(from, to)), original, "{to:?}");
    }
}

#[test]
fn without_keys_a_message_stays_as_it_is() {
    let mut message = MESSAGE.as_bytes().to_vec();
    Signer::none().sign(&mut message, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(message, MESSAGE.as_bytes());
}

#[test]
fn long_names_of_domains_and_lists_leave_no_long_line() {
    let domain = format!("{}example.com", "a-long-label.".repeat(18));
    let mut message = MESSAGE.as_bytes().to_vec();
    Signer::none().with(&domain, "s", ed25519()).sign(&mut message, Timestamp::MAX).unwrap();
    let text = String::from_utf8(message).unwrap();
    let long: Vec<&str> = text.split("\r\n").filter(|line| line.len() > 78).collect();
    assert_eq!(long, [format!(" d={domain};")]);
}

#[test]
fn keys_are_read_from_pkcs8_and_pkcs1() {
    let pkcs8 = rsa_der();
    // A PKCS#8 key of RSA-2048 is its PKCS#1 key behind 26 octets that say so.
    let read = |label, der| SigningKey::parse(pem(label, der).as_bytes()).unwrap();
    let (one, other) = (read("PRIVATE KEY", &pkcs8), read("RSA PRIVATE KEY", &pkcs8[26..]));
    assert_eq!(one.algorithm(), Algorithm::Rsa);
    assert_eq!(one.record(), other.record());
    assert!(one.record().unwrap().starts_with("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"));
    assert_eq!(one.sign(b"a").unwrap(), other.sign(b"a").unwrap());
}

#[test]
fn the_rfcs_own_ed25519_key_has_the_rfcs_own_record() {
    let record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    assert_eq!(ed25519().record().unwrap(), record);
    assert_eq!(format!("{:?}", ed25519()), "SigningKey(ed25519, …)");
}

#[test]
fn what_is_no_key_to_sign_with_is_refused_with_the_remedy() {
    let said = |pem: &str| SigningKey::parse(pem.as_bytes()).unwrap_err().to_string();
    let good = pem("PRIVATE KEY", &rsa_der());
    insta::assert_snapshot!([
        said(""),
        said("a secret"),
        said(&pem("PUBLIC KEY", b"x")),
        said(&pem("ENCRYPTED PRIVATE KEY", b"x")),
        said(&good.replace("-----END", "====")),
        said(&pem("PRIVATE KEY", b"secret")),
        said(&pem("EC PRIVATE KEY", b"secret")),
        said(SMALL),
    ].join("\n"), @r"
    it holds no private key in PEM; make one with `pressroom dkim new`
    it holds no private key in PEM; make one with `pressroom dkim new`
    it holds no private key in PEM; make one with `pressroom dkim new`
    it is encrypted; write it without a passphrase, as by `openssl pkey -in OLD.pem -out NEW.pem`
    its PEM is damaged; restore it from a backup, or make another key with `pressroom dkim new`
    it is neither an RSA nor an Ed25519 key; make one with `pressroom dkim new`
    it is neither an RSA nor an Ed25519 key; make one with `pressroom dkim new`
    it is an RSA key of fewer than 2048 bits, which receivers refuse; make another with `pressroom dkim new`
    ");
}

/// As the RFC says it, word by word.
fn naive_body(body: &str) -> String {
    let mut lines: Vec<String> = body
        .split("\r\n")
        .map(|line| {
            let mut line = line.replace('\t', " ");
            while line.contains("  ") {
                line = line.replace("  ", " ");
            }
            line.trim_end_matches(' ').to_owned()
        })
        .collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.into_iter().map(|line| line + "\r\n").collect()
}

proptest! {
    #[test]
    fn any_body_is_brought_into_the_form_the_rfc_describes(body in "([a-c]{0,90}| |\t|\r|\n|\r\n){0,40}") {
        let canonical = String::from_utf8(canonical_body(body.as_bytes())).unwrap();
        prop_assert_eq!(&canonical, &naive_body(&body));
        prop_assert_eq!(canonical_body(canonical.as_bytes()), canonical.as_bytes(), "twice is as once");
    }

    #[test]
    fn no_bytes_at_all_are_a_key_or_a_panic(bytes in any::<Vec<u8>>()) {
        prop_assert!(SigningKey::parse(&bytes).is_err());
        prop_assert!(SigningKey::parse(pem("PRIVATE KEY", &bytes).as_bytes()).is_err());
    }

    #[test]
    fn any_bytes_at_all_are_signed_without_a_panic(mut bytes in any::<Vec<u8>>()) {
        let signer = Signer::none().with("example.com", "brisbane", ed25519());
        prop_assert_eq!(signer.sign(&mut bytes, Timestamp::UNIX_EPOCH), Ok(()));
    }
}
