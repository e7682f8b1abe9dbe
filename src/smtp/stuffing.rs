//! Transparency of the message within DATA (RFC 5321 4.5.2).

use memchr::memmem;

/// Appends `message` with a dot before each line that begins with one, and the CRLF that its last line may lack.
pub(super) fn stuff(message: &[u8], out: &mut Vec<u8>) {
    if message.starts_with(b".") {
        out.push(b'.');
    }
    let mut from = 0;
    for at in memmem::find_iter(message, b"\r\n.") {
        out.extend_from_slice(&message[from..at + 3]);
        out.push(b'.');
        from = at + 3;
    }
    out.extend_from_slice(&message[from..]);
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuffed(message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        stuff(message, &mut out);
        out
    }

    /// What a receiver undoes (RFC 5321 4.5.2), line by line.
    fn unstuffed(wire: &[u8]) -> Vec<u8> {
        let lines = wire.split_inclusive(|b| *b == b'\n');
        lines.flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect()
    }

    #[test]
    fn lines_that_begin_with_a_dot_get_another() {
        assert_eq!(stuffed(b".\r\n..\r\n\r\n.a.b\r\nc."), b"..\r\n...\r\n\r\n..a.b\r\nc.\r\n");
        assert_eq!(stuffed(b""), b"");
    }

    proptest! {
        #[test]
        fn what_is_stuffed_is_unstuffed_to_itself_and_holds_no_end(lines in proptest::collection::vec("[.a\u{fc}]{0,3}", 0..20)) {
            let message = lines.iter().fold(String::new(), |message, line| message + line + "\r\n");
            let wire = stuffed(message.as_bytes());
            prop_assert_eq!(unstuffed(&wire), message.as_bytes());
            let after_data = [b"\r\n".as_slice(), &wire].concat();
            prop_assert_eq!(memmem::find(&after_data, b"\r\n.\r\n"), None);
        }
    }
}
