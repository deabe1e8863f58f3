//! A mirror that keeps payloads only until they are delivered. The ledger stays whole: a record that comes again unchanged
//! is still known by its hash, costs nothing and is delivered to nobody twice. What it cannot do any more: fill a
//! destination that comes later, make a snapshot, or tell a record that was merely filled in with further fields from one
//! that has changed. The file does not become smaller; the room is used again.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Result;
use crate::mirror::store::{Writer, has_table};
use crate::streams::{self, Stream};

/// What was dropped: of which streams, up to which seq.
pub fn dropped(writer: &mut Writer) -> Result<Vec<(Stream, i64)>> {
    let rows: Vec<(u8, i64)> = writer.transaction(|t| {
        t.prepare("SELECT stream, up_to FROM dropped")?.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
    })?;
    let stream = |number| streams::ALL.into_iter().find(|s| s.number() == number);
    Ok(rows.into_iter().filter_map(|(number, up_to)| Some((stream(number)?, up_to))).collect())
}

/// Returns up to which seq payloads of a stream were dropped; 0 where none was.
pub(super) fn dropped_up_to(c: &Connection, stream: Stream) -> rusqlite::Result<i64> {
    if !has_table(c, "dropped")? {
        return Ok(0);
    }
    let found =
        c.query_row("SELECT up_to FROM dropped WHERE stream = ?", [stream.number()], |r| r.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}

/// Drops the payloads of a stream up to a seq.
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
