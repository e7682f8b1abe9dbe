//! A message in the making. What is the same for all readers is looked over once for all of them; what is a reader's own, as it is written.

use super::octets::Octets;

/// Whole lines that are the same for all, and what is known of them.
pub(super) struct Run {
    bytes: Vec<u8>,
    octets: Octets,
}

impl Run {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl From<Vec<u8>> for Run {
    fn from(bytes: Vec<u8>) -> Self {
        Self { octets: Octets::of(&bytes), bytes }
    }
}

/// What is written of a message, in whole lines, and what is known of it without another look.
pub(super) struct Sheet<'o> {
    out: &'o mut Vec<u8>,
    pub(super) octets: Octets,
}

impl<'o> Sheet<'o> {
    /// Writes over what `out` held.
    pub(super) fn over(out: &'o mut Vec<u8>) -> Self {
        out.clear();
        Self { out, octets: Octets::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// What is the same for all.
    pub(super) fn run(&mut self, run: &Run) {
        self.out.extend_from_slice(&run.bytes);
        self.octets = self.octets.and(run.octets);
    }

    /// A line's end of a token. A token's characters are letters, digits, `-` and `_`: there is nothing to look for.
    pub(super) fn token(&mut self, token: &str) {
        self.out.extend_from_slice(token.as_bytes());
        self.out.extend_from_slice(b"=\r\n");
    }

    /// A reader's own lines.
    pub(super) fn own<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let start = self.out.len();
        let written = write(self.out);
        self.octets = self.octets.and(Octets::of(&self.out[start..]));
        written
    }
}
