//! A turn a message: its body goes out with the next letter's envelope, and the journal is asked about that while this one is on its way.

use super::{Letter, Line};
use crate::send::journal::Asked;
use crate::smtp::{Connection, Ready};

/// A letter whose body is all that the relay waits for; it goes once the journal has recorded it.
struct Announced {
    letter: Letter,
    ready: Ready,
    asked: Asked,
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
    let ready = match answer {
        Ok(ready) => ready,
        Err(error) => {
            line.conclude(letter, Err(error)).await?;
            return Ok(connection);
        }
    };
    line.let_in();
    let asked = line.shared.ask(&letter.leased, letter.date).await?;
    let mut announced = Some(Announced { letter, ready, asked });
    while let Some(next) = announced {
        announced = send(line, &mut connection, next).await?;
    }
    Ok(connection)
}

/// Sends the body, and with it the next letter's envelope; answers with the next letter once the relay waits for its body.
async fn send(
    line: &mut Line,
    connection: &mut Connection,
    Announced { letter, ready, asked }: Announced,
) -> anyhow::Result<Option<Announced>> {
    let next = match line.following().await {
        Ok(next) => next,
        Err(error) => {
            // Nothing of this one has gone out, and nothing will: the connection ends with the error.
            line.put_back(letter).await?;
            return Err(error);
        }
    };
    if !asked.granted().await? {
        // The relay waits for a body that must not come: only hanging up takes it back.
        line.withhold(letter);
        if let Some((next, _)) = next {
            line.put_back(next).await?;
        }
        return Ok(None);
    }
    let envelope = next.as_ref().map(|(next, _)| &next.envelope);
    let verdict = connection.body(ready, letter.content(), envelope).await;
    // Written down before the next one's reply is waited for: that may never come.
    line.conclude(letter, verdict).await?;
    let Some((letter, asked)) = next else { return Ok(None) };
    match connection.answer(&letter.envelope).await {
        Ok(ready) => {
            line.let_in();
            Ok(Some(Announced { letter, ready, asked }))
        }
        Err(error) => {
            line.conclude(letter, Err(error)).await?;
            Ok(None)
        }
    }
}
