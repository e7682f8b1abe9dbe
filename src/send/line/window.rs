//! Several messages on the way at once, and while the oldest is waited for, the next is recorded.

use std::collections::VecDeque;

use tokio::join;

use super::{Letter, Line};
use crate::send::journal::{Asked, JournalGone};
use crate::smtp::Connection;

/// Sends the letter and others after it, until nobody is left or the connection is of no more use; then nothing is on the way.
pub(super) async fn carry(
    line: &mut Line,
    mut connection: Connection,
    letter: Letter,
) -> anyhow::Result<Connection> {
    let (mut on_the_way, mut failed) = (VecDeque::new(), None);
    let asked = line.shared.ask(&letter.leased, letter.date).await?;
    let mut next = Some((letter, asked));
    while next.is_some() || !on_the_way.is_empty() {
        let oldest = match on_the_way.len() {
            waiting if next.is_some() && waiting < connection.window() => None,
            _ => on_the_way.pop_front(),
        };
        let verdict = async {
            match oldest {
                Some(letter) => Some((letter, connection.landed().await)),
                None => None,
            }
        };
        let (letter, asked) = next.take().unzip();
        let (granted, verdict) = join!(granted(asked), verdict);
        if let Some((letter, verdict)) = verdict {
            line.conclude(letter, verdict).await?;
        }
        if let Some(letter) = letter {
            on_the_way.extend(launch(line, &mut connection, letter, granted?).await?);
        }
        if connection.is_usable() && failed.is_none() {
            match line.following().await {
                Ok(following) => next = following,
                // What is on the way has its verdicts first.
                Err(error) => failed = Some(error),
            }
        }
    }
    failed.map_or(Ok(connection), Err)
}

/// Hands a letter over, if it may go; answers with it if it is on the way.
async fn launch(
    line: &mut Line,
    connection: &mut Connection,
    letter: Letter,
    granted: bool,
) -> anyhow::Result<Option<Letter>> {
    if !granted {
        line.withhold(letter);
        return Ok(None);
    }
    match connection.launch(&letter.envelope, letter.content()).await {
        Ok(()) => Ok(Some(letter)),
        Err(error) => {
            line.conclude(letter, Err(error)).await?;
            Ok(None)
        }
    }
}

/// Waits until the journal has recorded what it was asked for; `false`: that message must not go, or there is none.
async fn granted(asked: Option<Asked>) -> Result<bool, JournalGone> {
    match asked {
        Some(asked) => asked.granted().await,
        None => Ok(false),
    }
}
