//! Messages in chunks of an announced size (RFC 3030): whatever is thought of a chunk, its octets are read first.

use super::super::body::{Body, Flaw};
use super::super::script::{Action, Stage};
use super::{Event, MAX_MESSAGE, Received, Session, State};

const OUT_OF_ORDER: &str = "503 5.5.1 say MAIL and RCPT first";

/// A chunk on its way in.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Octets still to come.
    left: u64,
    last: bool,
}

impl Session {
    pub(super) fn begin_chunk(&mut self, size: u64, last: bool) {
        let receivable = self.transaction.as_ref().filter(|envelope| !envelope.to.is_empty());
        if let Some(envelope) = receivable.filter(|_| self.chunks.is_none()) {
            self.cuts = self.scripted(envelope, Stage::Within) == Some(Action::Cut);
            let mut body = Body::new(self.keep, MAX_MESSAGE);
            body.append(b"\r\n");
            self.chunks = Some(body);
        }
        self.state = State::Chunk(Chunk { left: size, last });
    }

    pub(super) fn chunk_octets(&mut self, input: &[u8]) -> (usize, Event) {
        let State::Chunk(chunk) = &mut self.state else { return (0, Event::Advanced) };
        let used = usize::try_from(chunk.left).map_or(input.len(), |left| left.min(input.len()));
        chunk.left -= used as u64;
        if let Some(body) = &mut self.chunks {
            body.append(&input[..used]);
            if self.cuts && used > 0 {
                return (input.len(), Event::Close);
            }
        }
        if chunk.left > 0 {
            return (used, Event::Starved);
        }
        let last = chunk.last;
        self.state = State::Command;
        (used, self.end_chunk(last))
    }

    /// After a no there is no transaction: what else was announced for it is read and refused.
    fn end_chunk(&mut self, last: bool) -> Event {
        let (Some(envelope), Some(body)) = (self.transaction.take(), self.chunks.take()) else {
            self.say(OUT_OF_ORDER);
            return Event::Advanced;
        };
        if let Some(flaw) = body.flaw().filter(|flaw| last || *flaw == Flaw::Size) {
            return self.complain(flaw.complaint());
        }
        if last {
            let (octets, message) = (body.length(), body.verbatim());
            return self.judge(Received { envelope, octets, message });
        }
        let (yes, event) = self.reply(&envelope, Stage::Data, "250 2.0.0 chunk received");
        if yes {
            (self.transaction, self.chunks) = (Some(envelope), Some(body));
        }
        event
    }
}
