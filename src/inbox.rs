//! The built-in SMTP server on loopback, with a Maildir or nothing behind it.
