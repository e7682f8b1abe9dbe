//! What is handed over: a message, and what is known of it.

use crate::message::Octets;

/// A message with CRLF line ends, and what a look over its octets finds: whoever wrote it may know that already.
#[derive(Debug, Clone, Copy)]
pub struct Content<'m> {
    /// All of it.
    pub message: &'m [u8],
    /// What a look over it finds.
    pub octets: Octets,
}

impl<'m, M: AsRef<[u8]> + ?Sized> From<&'m M> for Content<'m> {
    fn from(message: &'m M) -> Self {
        let message = message.as_ref();
        Self { message, octets: Octets::of(message) }
    }
}
