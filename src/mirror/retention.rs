//! Drops payloads once every destination has them, for a mirror that need not keep them. The ledger stays complete: a
//! record that comes again unchanged is recognized by its hash, and is neither stored nor delivered a second time.
//!
//! Such a mirror can no longer fill a new destination or deliver a snapshot. It also cannot distinguish a record that
//! was read with more fields from one that has changed. The file does not shrink, but SQLite uses the freed space
//! again.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Result;
use crate::mirror::schema::has_table;
use crate::mirror::store::Writer;
use crate::streams::{self, Stream};

/// Returns the streams whose payloads were dropped, each with the highest seq up to which they were.
pub fn dropped(writer: &mut Writer) -> Result<Vec<(Stream, i64)>> {
    let rows: Vec<(u8, i64)> = writer.transaction(|t| {
        t.prepare("SELECT stream, up_to FROM dropped")?.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
    })?;
    let stream = |number| streams::ALL.into_iter().find(|s| s.number() == number);
    Ok(rows.into_iter().filter_map(|(number, up_to)| Some((stream(number)?, up_to))).collect())
}

/// Returns the seq up to which payloads of a stream were dropped, or 0 if none were.
pub(super) fn dropped_up_to(c: &Connection, stream: Stream) -> rusqlite::Result<i64> {
    if !has_table(c, "dropped")? {
        return Ok(0);
    }
    let found =
        c.query_row("SELECT up_to FROM dropped WHERE stream = ?", [stream.number()], |r| r.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}

/// Deletes the payloads of a stream whose seq is at most `up_to`, and stores that limit.
pub fn drop_up_to(writer: &mut Writer, stream: Stream, up_to: i64) -> Result<()> {
    writer.transaction(|t| {
        let gone = t.execute(&format!("DELETE FROM body_{stream} WHERE seq <= ?"), [up_to])?;
        if gone > 0 {
            t.execute(
                "INSERT INTO dropped (stream, up_to) VALUES (?1, ?2)
                 ON CONFLICT (stream) DO UPDATE SET up_to = max(up_to, ?2)",
                params![stream.number(), up_to],
            )?;
        }
        Ok(())
    })
}
