//! A turn a message: its body goes out with the next letter's envelope.

use tokio::join;

use super::{Letter, Line, granted};
use crate::smtp::{Connection, Ready, SmtpError};

/// A letter whose body is all that the relay waits for, recorded as `sending`.
struct Announced {
    letter: Letter,
    ready: Ready,
}

/// Sends the letter, and others after it until one is not announced, nobody is left or the connection is of no more use.
pub(super) async fn carry(
    line: &mut Line,
    mut connection: Connection,
    letter: Letter,
) -> anyhow::Result<Connection> {
    let Some(answer) = line.shared.unless_stopped(connection.envelope(&letter.envelope)).await else {
        line.put_back(letter).await?;
        return Ok(connection);
    };
    let granted = answer.is_ok() && line.shared.ask(&letter.leased, letter.date).await?.granted().await?;
    let mut announced = announce(line, letter, answer, granted).await?;
    while let Some(next) = announced {
        announced = send(line, &mut connection, next).await?;
    }
    Ok(connection)
}

/// What the relay said to an envelope, and whether the journal lets its body follow.
async fn announce(
    line: &mut Line,
    letter: Letter,
    answer: Result<Ready, SmtpError>,
    granted: bool,
) -> anyhow::Result<Option<Announced>> {
    match answer {
        Ok(ready) if granted => return Ok(Some(Announced { letter, ready })),
        // The relay waits for a body that must not come: only hanging up takes it back.
        Ok(_) => line.withhold(letter),
        Err(error) => line.conclude(letter, Err(error)).await?,
    }
    Ok(None)
}

/// Sends the body, and with it the next letter's envelope; answers with the next letter once it is ready for its body.
async fn send(
    line: &mut Line,
    connection: &mut Connection,
    Announced { letter, ready }: Announced,
) -> anyhow::Result<Option<Announced>> {
    let (next, asked) = line.following().await?.unzip();
    let envelope = next.as_ref().map(|next: &Letter| &next.envelope);
    let (granted, turn) = join!(granted(asked), connection.body(ready, letter.content(), envelope));
    line.conclude(letter, turn.message).await?;
    match (next, turn.next) {
        (Some(next), Some(answer)) => announce(line, next, answer, granted?).await,
        (Some(next), None) => {
            line.put_back(next).await?;
            Ok(None)
        }
        (None, _) => Ok(None),
    }
}
