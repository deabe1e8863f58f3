//! What earlier readings say of the next one, for a plan: how long each list was, and which lists are read again although
//! nothing shows that they have changed. Reading only; a mirror of an older version knows nothing of this.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::settings;
use crate::clock;
use crate::mirror::partitions::UNTOLD;
use crate::record::Record;
use crate::streams::Stream;

/// What is known of the lists of a partitioned stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lists {
    /// How many records each list has that was read whole.
    pub rows: HashMap<Box<str>, u64>,
    /// The same of those that the next incremental run reads again whatever their entries show: they were not read whole,
    /// or held records so young that they may have changed since.
    pub due: HashMap<Box<str>, u64>,
    /// A list was seen to end early, at records that were known: it shows the newest first.
    pub end_early: bool,
    /// Bytes of a record, on the average.
    pub row_bytes: f64,
}

/// Reads it. `selection` is the fingerprint of the fields that are asked for, `lookback` in milliseconds, `now` the server's
/// time.
pub fn lists(c: &Connection, stream: Stream, selection: i64, lookback: i64, now: i64) -> rusqlite::Result<Lists> {
    let mut known = Lists::default();
    let to_come = now.saturating_add(clock::APART);
    let mut ask = c.prepare(
        "WITH list AS (SELECT parent, count(*) AS rows FROM record WHERE stream = ?1 AND deleted = 0 GROUP BY parent)
         SELECT partition, coalesce(list.rows, 0), whole,
                NOT (whole AND run >= ?6 AND selection = ?2 AND (?3 = 0 OR newest IS NULL OR newest < began - ?3)
                     AND NOT began > ?4 AND NOT coalesce(newest > ?4 AND newest < ?5, 0))
         FROM entry LEFT JOIN list ON list.parent = entry.partition WHERE entry.stream = ?1",
    )?;
    let counts_since = settings::counts_since(c, stream);
    let mut rows = ask.query(params![stream.number(), selection, lookback, to_come, UNTOLD, counts_since])?;
    while let Some(row) = rows.next()? {
        let list: Box<str> = row.get(0)?;
        let (records, whole, is_due): (u64, bool, bool) = (row.get(1)?, row.get(2)?, row.get(3)?);
        if is_due {
            // Of one that was not read to its end nobody knows how long it is.
            known.due.insert(list.clone(), if whole { records } else { records.max(1) });
        }
        if whole {
            known.rows.insert(list, records);
        }
    }
    known.end_early = c.query_row(
        "SELECT EXISTS (SELECT 1 FROM checkpoint WHERE stream = ? AND at_known = 1)",
        [stream.number()],
        |r| r.get(0),
    )?;
    known.row_bytes = c.query_row(
        &format!("SELECT coalesce(avg(length(CAST(payload AS BLOB))), 0) FROM (SELECT payload FROM body_{stream} ORDER BY seq DESC LIMIT 1000)"),
        [],
        |r| r.get(0),
    )?;
    Ok(known)
}

/// Which of these records the mirror does not hold as they are.
pub fn changed<'r>(c: &Connection, stream: Stream, records: &'r [Record]) -> rusqlite::Result<Vec<&'r str>> {
    let mut find = c.prepare_cached("SELECT hash FROM record WHERE stream = ? AND id = ? AND deleted = 0")?;
    let mut changed = Vec::new();
    for record in records {
        let known: Option<[u8; 16]> = find.query_row(params![stream.number(), &*record.id], |r| r.get(0)).optional()?;
        if known.is_none_or(|hash| hash != record.hash.to_be_bytes()) {
            changed.push(&*record.id);
        }
    }
    Ok(changed)
}
