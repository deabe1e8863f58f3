//! Finds out what it means on a server if a parent record shows nothing of its list.

use rusqlite::{Connection, params};

use crate::streams::Stream;

/// What it means on this server if an entry shows nothing of its list.
///
/// An empty conversation has no last message to show. Asking for all empty conversations every night would waste
/// requests. So showing nothing counts as "empty" as long as the server has shown exactly this:
///
/// - other entries of the stream show something, and
/// - no list holds records while its entry shows nothing.
///
/// A single list that contradicts this is enough to end the assumption, because any other empty conversation may then
/// have received messages while its entry stayed the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Silence {
    /// Whether an entry that shows nothing of its list has an empty list.
    pub is_empty: bool,
    /// The lists that each night reads, because their entries do not show whether they hold new records.
    pub lists: Vec<Box<str>>,
}

/// Finds out what it means that an entry shows nothing of its list, from all entries of a stream so far. `unasked` is
/// `true` if the query does not select the fields that would show something. Returns the default if the mirror is too
/// old to know.
pub fn of_stream(c: &Connection, stream: Stream, unasked: bool) -> rusqlite::Result<Silence> {
    let Ok(mut ask) = c.prepare_cached(
        "SELECT partition, sign AND NOT ?2, lags, (lags OR NOT sign OR ?2)
             AND EXISTS (SELECT 1 FROM record INDEXED BY record_parents
                         WHERE record.stream = ?1 AND parent = partition AND deleted = 0)
         FROM entry WHERE stream = ?1",
    ) else {
        return Ok(Silence::default());
    };
    let mut silence = Silence::default();
    let (mut tells, mut contradicted, mut empty) = (false, false, Vec::new());
    let mut rows = ask.query(params![stream.number(), unasked])?;
    while let Some(row) = rows.next()? {
        let (sign, lags, holds_records): (bool, bool, bool) = (row.get(1)?, row.get(2)?, row.get(3)?);
        tells |= sign;
        contradicted |= !sign && holds_records;
        if holds_records && (lags || !sign) {
            silence.lists.push(row.get(0)?);
        } else if !sign {
            empty.push(row.get(0)?);
        }
    }
    silence.is_empty = tells && !contradicted;
    if !silence.is_empty {
        silence.lists.append(&mut empty);
    }
    Ok(silence)
}
