//! Base32 in lower case, without padding (RFC 4648 6): five bits a character, alive where case is lost.

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Eight characters for five bytes, fewer for the last ones.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity((bytes.len() * 8).div_ceil(5));
    for group in bytes.chunks(5) {
        let mut bits = [0; 8];
        bits[3..3 + group.len()].copy_from_slice(group);
        let bits = u64::from_be_bytes(bits);
        let character = |n: usize| {
            let [.., low] = (bits >> (40 - 5 * n)).to_be_bytes();
            char::from(ALPHABET[usize::from(low % 32)])
        };
        text.extend((1..=(group.len() * 8).div_ceil(5)).map(character));
    }
    text
}

/// The bytes of exactly what [`encode`] writes; `None` for all else.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    for group in text.as_bytes().chunks(8) {
        let mut bits = 0;
        for (n, character) in (1..).zip(group) {
            let value = ALPHABET.iter().position(|known| known == character)?;
            bits |= (value as u64) << (40 - 5 * n);
        }
        bytes.extend_from_slice(&bits.to_be_bytes()[3..3 + group.len() * 5 / 8]);
    }
    (encode(&bytes) == text).then_some(bytes)
}
