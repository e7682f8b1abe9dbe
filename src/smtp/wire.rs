//! Octets to and from a relay, each step under its timeout.

use std::io::{self, IoSlice};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::error::{SmtpError, Step};
use super::reply::{self, Reply};

/// TCP, or TLS over it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A stream with what was read and not yet understood, and what is to be written.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Octets of what was last sent that the stream has taken.
    sent: usize,
    /// Whether something is being said or heard: for ever, where whoever waited for that no longer does.
    busy: bool,
}

/// Why nothing more is to be heard from a relay.
#[derive(Debug)]
pub(super) enum Lost {
    Closed,
    Broken(io::Error),
    Silent(Duration),
    Malformed,
    OutOfTurn,
    GivenUp,
}

impl Lost {
    /// The case in RFC 3463's numbers, and in words.
    pub(super) fn case(&self) -> (&'static str, String) {
        match self {
            Self::Closed => ("4.4.2", "the relay closed the connection".to_owned()),
            Self::Broken(error) => ("4.4.2", format!("the connection broke: {error}")),
            Self::Silent(patience) => ("4.4.2", format!("nothing came of it within {patience:?}")),
            Self::Malformed => ("4.5.0", "what the relay answered is no SMTP reply".to_owned()),
            Self::OutOfTurn => ("4.5.0", "the relay spoke out of turn".to_owned()),
            Self::GivenUp => ("4.4.2", "its replies were no longer waited for".to_owned()),
        }
    }

    /// As an error about a message of which the final dot has not gone out.
    pub(super) fn at(&self, step: Step) -> SmtpError {
        let (enhanced, text) = self.case();
        match self {
            Self::Silent(_) => SmtpError::silent(step, enhanced, text),
            Self::Closed | Self::Broken(_) | Self::Malformed | Self::OutOfTurn | Self::GivenUp => {
                SmtpError::transient(step, enhanced, text)
            }
        }
    }
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, input: Vec::with_capacity(1024), output: Vec::new(), sent: 0, busy: false }
    }

    /// The stream, to put TLS over it; what came in clear must not outlive that (requirement 31).
    pub(super) fn into_stream(self) -> Result<Box<dyn Stream>, Lost> {
        if self.input.is_empty() { Ok(self.stream) } else { Err(Lost::OutOfTurn) }
    }

    /// What the next [`Wire::send`] writes.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// How many octets of what was last sent may be on their way.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    /// Whether an exchange was dropped in its middle: what is read next may be the answer to that, or the rest of it.
    pub(super) fn is_given_up(&self) -> bool {
        self.busy
    }

    /// Before every wait for the relay; after it the stream is no longer busy, unless the wait was dropped.
    fn begin(&mut self) -> Result<(), Lost> {
        if std::mem::replace(&mut self.busy, true) { Err(Lost::GivenUp) } else { Ok(()) }
    }

    /// Writes the output in one go. No reply may be left unread: it would be taken for the answer to this.
    pub(super) async fn send(&mut self, patience: Duration) -> Result<(), Lost> {
        self.send_with(0, &[], patience).await
    }

    /// As [`Wire::send`], with a message before the octet `at` of the output.
    pub(super) async fn send_with(
        &mut self,
        at: usize,
        message: &[u8],
        patience: Duration,
    ) -> Result<(), Lost> {
        if !self.input.is_empty() {
            self.sent = 0;
            self.output.clear();
            return Err(Lost::OutOfTurn);
        }
        self.send_on(at, message, patience).await
    }

    /// As [`Wire::send_with`], while replies to what went before may still come.
    pub(super) async fn send_on(
        &mut self,
        at: usize,
        message: &[u8],
        patience: Duration,
    ) -> Result<(), Lost> {
        self.sent = 0;
        self.begin()?;
        let written = timeout(patience, self.write(at, message)).await.unwrap_or(Err(Lost::Silent(patience)));
        self.output.clear();
        self.busy = false;
        written
    }

    /// The message is not copied into the output: it is handed to the stream from where it is, in the same write.
    async fn write(&mut self, at: usize, message: &[u8]) -> Result<(), Lost> {
        let Self { stream, output, sent, .. } = self;
        let (before, after) = output.split_at(at);
        let mut parts = [before, message, after].map(IoSlice::new);
        let mut left = &mut parts[..];
        // Skips what is empty.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match stream.write_vectored(left).await.map_err(Lost::Broken)? {
                0 => return Err(Lost::Closed),
                taken => {
                    *sent += taken;
                    IoSlice::advance_slices(&mut left, taken);
                }
            }
        }
        stream.flush().await.map_err(Lost::Broken)
    }

    /// Reads one reply; what came with it is left for the next.
    pub(super) async fn reply(&mut self, patience: Duration) -> Result<Reply, Lost> {
        self.begin()?;
        let heard = timeout(patience, self.read()).await.unwrap_or(Err(Lost::Silent(patience)));
        self.busy = false;
        heard
    }

    async fn read(&mut self) -> Result<Reply, Lost> {
        loop {
            match reply::parse(&self.input).map_err(|_| Lost::Malformed)? {
                Some((reply, used)) => {
                    self.input.drain(..used);
                    return Ok(reply);
                }
                None => self.read_more().await?,
            }
        }
    }

    async fn read_more(&mut self) -> Result<(), Lost> {
        match self.stream.read_buf(&mut self.input).await {
            Ok(0) => Err(Lost::Closed),
            Ok(_) => Ok(()),
            Err(error) => Err(Lost::Broken(error)),
        }
    }

    /// Ends the stream in both directions, TLS's good-bye included.
    pub(super) async fn close(mut self, patience: Duration) {
        // Whoever leaves does not mind how the door falls shut.
        let _closed = timeout(patience, self.stream.shutdown()).await;
    }
}
