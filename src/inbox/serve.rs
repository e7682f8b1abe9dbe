//! The inbox's connections.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::maildir::Maildir;
use super::script::{Envelope, Script};
use super::session::{Event, Received, Session};
use super::tally::Tally;

const MAX_CONNECTIONS: usize = 1000;
/// How long a client may be silent, or leave replies unread (RFC 5321 4.5.3.2.7).
const PATIENCE: Duration = Duration::from_mins(5);
/// What is read at once: more than a message, so that most come in one turn.
const BUFFER: usize = 128 * 1024;

/// What all connections share.
#[derive(Debug)]
pub(super) struct House {
    pub(super) maildir: Option<Maildir>,
    pub(super) script: Option<Script>,
    pub(super) chunking: bool,
    pub(super) tally: Arc<Tally>,
}

/// Serves whoever connects, until it is dropped; so do the connections end.
pub(super) async fn accept(listener: TcpListener, house: Arc<House>) {
    let seats = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: some connection must end first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        house.tally.connected();
        let (house, seats) = (Arc::clone(&house), Arc::clone(&seats));
        connections.spawn(async move {
            // What breaks a connection is the client's affair.
            let _ended = match seats.try_acquire() {
                Ok(_seat) => serve(stream, &house).await,
                Err(_) => turn_away(stream).await,
            };
        });
    }
}

async fn turn_away(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(b"421 4.7.0 too many connections\r\n").await
}

async fn serve(mut stream: TcpStream, house: &House) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut session = Session::new(house.maildir.is_some(), house.chunking, house.script.clone());
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        let next = advance(&mut session, &mut buffer, house).await?;
        timeout(PATIENCE, stream.write_all(session.replies())).await??;
        session.replies().clear();
        match next {
            Next::Read => {}
            Next::Close => return stream.shutdown().await,
            Next::Stall => return std::future::pending().await,
        }
        match timeout(PATIENCE, stream.read_buf(&mut buffer)).await {
            Ok(Ok(0)) => return Ok(()),
            Ok(read) => drop(read?),
            Err(_) => {
                session.timed_out();
                return timeout(PATIENCE, stream.write_all(session.replies())).await?;
            }
        }
    }
}

/// What to do once the replies are sent.
enum Next {
    Read,
    Close,
    Stall,
}

/// Does all that can be done with the octets there are, and leaves the rest at the front of the buffer.
async fn advance(session: &mut Session, buffer: &mut Vec<u8>, house: &House) -> io::Result<Next> {
    let mut start = 0;
    let next = loop {
        let (used, mut event) = session.advance(&buffer[start..]);
        start += used;
        if let Event::Received(received) = event {
            event = keep(session, received, house).await?;
        }
        match event {
            Event::Advanced | Event::Received(_) => {}
            Event::Pause(time) => tokio::time::sleep(time).await,
            Event::Starved => break Next::Read,
            Event::Close => break Next::Close,
            Event::Stall => break Next::Stall,
        }
    };
    buffer.drain(..start);
    Ok(next)
}

async fn keep(session: &mut Session, received: Received, house: &House) -> io::Result<Event> {
    let Received { envelope, octets, message } = received;
    if let (Some(maildir), Some(message)) = (house.maildir.clone(), message) {
        let Envelope { from, to } = envelope.clone();
        let write = move || to.iter().try_for_each(|to| maildir.deliver(from.as_ref(), to, &message));
        if tokio::task::spawn_blocking(write).await?.is_err() {
            session.not_kept();
            return Ok(Event::Advanced);
        }
    }
    house.tally.took(&envelope.to, octets);
    Ok(session.kept(&envelope))
}
