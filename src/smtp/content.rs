//! What is handed over: a message, and what is known of it.

use crate::message::Octets;

/// A message with CRLF line ends, and what a look over its octets finds: whoever wrote it may know that already.
#[derive(Debug, Clone, Copy)]
pub struct Content<'m> {
    /// Header fields that were put on top of it afterwards: signatures.
    pub top: &'m [u8],
    /// All the rest.
    pub message: &'m [u8],
    /// What a look over both finds.
    pub octets: Octets,
}

impl Content<'_> {
    /// How many octets there are.
    pub(super) fn len(&self) -> usize {
        self.top.len() + self.message.len()
    }
}

impl<'m, M: AsRef<[u8]> + ?Sized> From<&'m M> for Content<'m> {
    fn from(message: &'m M) -> Self {
        let message = message.as_ref();
        Self { top: &[], message, octets: Octets::of(message) }
    }
}
