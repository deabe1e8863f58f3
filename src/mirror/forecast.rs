//! Forecasts the next reading from earlier ones, for a plan: how long each list was, and which lists will be read
//! again although nothing shows that they changed. Only reads the mirror. Returns an error for a mirror that is too
//! old to have the needed tables.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::settings;
use crate::mirror::list_state::ListState;
use crate::record::Record;
use crate::streams::Stream;

/// What earlier readings have shown about the lists of a partitioned stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListsForecast {
    /// For each list that was read completely, its number of records.
    pub rows: HashMap<Box<str>, u64>,
    /// The number of records of each list that the next incremental run reads even if its entry is unchanged. Such a
    /// list was not read completely, or it held records so new that they may have changed since.
    pub due: HashMap<Box<str>, u64>,
    /// Whether some reading of a list ended early, at known records. This shows that the server lists the newest
    /// records first.
    pub end_early: bool,
    /// The average size of a record's JSON, in bytes, over the latest 1000 records.
    pub row_bytes: f64,
}

/// Returns what earlier readings have shown about a stream's lists. `selection` is the fingerprint of the selected
/// fields. `lookback` is the time, in milliseconds, for which records may still change. `now` is the server's time,
/// in milliseconds since 1970.
pub fn lists(
    c: &Connection,
    stream: Stream,
    selection: i64,
    lookback: i64,
    now: i64,
) -> rusqlite::Result<ListsForecast> {
    let mut known = ListsForecast::default();
    let columns = ListState::COLUMNS;
    let mut ask = c.prepare(&format!(
        "WITH list AS (SELECT parent, count(*) AS rows FROM record WHERE stream = :stream AND deleted = 0 GROUP BY parent)
         SELECT {columns}, partition, coalesce(list.rows, 0), whole
         FROM entry LEFT JOIN list ON list.parent = entry.partition WHERE entry.stream = :stream",
    ))?;
    let counts_since = settings::counts_since(c, stream);
    let mut rows = ask.query(named_params! { ":stream": stream.number(), ":counts_since": counts_since })?;
    while let Some(row) = rows.next()? {
        let (state, list) = (ListState::read(row)?, row.get::<_, Box<str>>(9)?);
        // A list that was read whole with other settings must be read again, but its length is known.
        let (records, is_length_known): (u64, bool) = (row.get(10)?, row.get(11)?);
        if !state.is_settled(selection, lookback, now) {
            // The length of a list that was not read to its end is unknown, but it costs at least one row.
            known.due.insert(list.clone(), if is_length_known { records } else { records.max(1) });
        }
        if is_length_known {
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

/// Returns the ids of those of the given records that the mirror lacks or holds with another hash.
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
