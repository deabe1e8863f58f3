//! Stores which records and lists were set aside, for the current pass over each list. [`crate::set_aside`] explains
//! what setting aside means.

use rusqlite::{Connection, Transaction, params};

use super::parents::{parent_gone_sql, parent_number};
use super::walk_key::{Lane, WalkKey};
use crate::quantity::counted;
use crate::set_aside::{SetAside, What};
use crate::streams::Stream;

/// The largest number of names in one line of a reason.
const TOLD: usize = 3;

/// What a pass lacks that has seen everything except what was set aside. Stored in `checkpoint.set_aside`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Only records whose ids are known.
    Records = 1,
    /// A row whose id is unknown, or the complete list.
    Unknown = 2,
}

/// Deletes what earlier passes over a list have set aside.
pub fn clear(t: &Transaction<'_>, place: &WalkKey) -> rusqlite::Result<()> {
    t.prepare_cached("DELETE FROM set_aside WHERE lane = ? AND stream = ? AND partition = ?")?
        .execute(params![place.lane.name(), place.stream.number(), place.partition])
        .map(drop)
}

/// Stores what a page of a list has set aside.
pub fn put(t: &Transaction<'_>, place: &WalkKey, all: &[SetAside]) -> rusqlite::Result<()> {
    for one in all {
        t.prepare_cached(
            "INSERT OR REPLACE INTO set_aside (lane, stream, partition, id, kind, why) VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            place.lane.name(),
            place.stream.number(),
            place.partition,
            one.what.name(),
            one.what.kind(),
            one.why
        ])?;
    }
    Ok(())
}

/// Returns what the current pass over a list has set aside: a line that names it, and what the pass lacks because of
/// it. Returns `None` if nothing was set aside.
pub fn of_list(t: &Transaction<'_>, place: &WalkKey) -> rusqlite::Result<Option<(String, Missing)>> {
    let rows: Vec<(String, String, String)> = t
        .prepare_cached(
            "SELECT id, kind, why FROM set_aside WHERE lane = ? AND stream = ? AND partition = ? ORDER BY kind, id",
        )?
        .query_map(params![place.lane.name(), place.stream.number(), place.partition], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let Some((_, _, why)) = rows.first() else { return Ok(None) };
    let all_known = rows.iter().all(|(_, kind, _)| kind == What::Record(Box::default()).kind());
    if let [(id, kind, why)] = &rows[..]
        && kind == What::List(Box::default()).kind()
    {
        return Ok(Some((format!("the list of {id} is set aside: {why}"), Missing::Unknown)));
    }
    let names: Vec<&str> = rows.iter().take(TOLD).map(|(id, ..)| id.as_str()).collect();
    let more = if rows.len() > TOLD { ", ..." } else { "" };
    let told = format!("{} set aside ({}{more}): {why}", counted(rows.len() as u64, "record"), names.join(", "));
    Ok(Some((told, if all_known { Missing::Records } else { Missing::Unknown })))
}

/// Returns the names of everything that was set aside in a stream in the round that began with run `since`. A row
/// without an id is named by its position, and by the id of the parent record if it is in a partition.
pub fn names(c: &Connection, lane: Lane, stream: Stream, since: i64) -> rusqlite::Result<Vec<String>> {
    let gone = parent_gone_sql(c, stream);
    c.prepare_cached(&format!(
        "SELECT DISTINCT CASE WHEN s.kind = 'row' AND s.partition <> '' THEN s.id || ' of ' || s.partition ELSE s.id END
             AS name FROM checkpoint JOIN set_aside AS s USING (lane, stream, partition)
         WHERE lane = ?1 AND stream = ?2 AND since_run >= ?3 AND NOT {gone} ORDER BY name"
    ))?
    .query_map(params![lane.name(), stream.number(), since, parent_number(stream)], |r| r.get(0))?
    .collect()
}
