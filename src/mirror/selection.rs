//! Which fields each stream was asked for, and since when. A record's hash is bound to its bytes, and these to the fields:
//! when they change, every hash does. A record that was stored before is then compared value by value
//! ([`super::filled`]), and a run that fills records in says why.

use rusqlite::{OptionalExtension, Transaction, params};

use super::store::Writer;
use crate::error::Result;
use crate::streams::Stream;

/// Remembers what the streams are asked for in `run`; those that were asked for other fields before, be it since run
/// `round` (a run that was cut short has read a part of them).
pub fn remember(writer: &mut Writer, streams: &[(Stream, i64)], round: i64, run: i64) -> Result<Vec<Stream>> {
    writer.transaction(|t| {
        let mut changed = Vec::new();
        for (stream, fingerprint) in streams {
            let known: Option<(i64, Option<i64>)> = t
                .query_row("SELECT fingerprint, changed_in FROM selection WHERE stream = ?", [stream.number()], |r| {
                    Ok((r.get(0)?, r.get(1)?))
                })
                .optional()?;
            let changed_in = match known {
                Some((known, before)) if known == *fingerprint => before,
                Some(_) => Some(run),
                None => None,
            };
            t.execute(
                "INSERT OR REPLACE INTO selection (stream, fingerprint, changed_in) VALUES (?, ?, ?)",
                params![stream.number(), fingerprint, changed_in],
            )?;
            if changed_in.is_some_and(|run| run >= round) {
                changed.push(*stream);
            }
        }
        Ok(changed)
    })
}

/// The run in which a stream was asked for other fields than before, the last time.
pub fn changed_in(t: &Transaction<'_>, stream: Stream) -> rusqlite::Result<Option<i64>> {
    t.prepare_cached("SELECT changed_in FROM selection WHERE stream = ?")?
        .query_row([stream.number()], |r| r.get(0))
        .optional()
        .map(Option::flatten)
}
