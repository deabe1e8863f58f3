//! Answers questions about the parents of records, from what the mirror holds. The sync uses the answers to find out
//! whether a server shows the list of the parent that was asked for, or another one.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::settings;
use super::walk_key::WalkKey;
use crate::streams::Stream;

/// The SQL of the parent's id in body `b`. The record names its parent in the member at path `?1`, either by an id or
/// by an object that contains one.
pub(super) const PARENT_ID_SQL: &str = "CASE json_type(b.payload, ?1)
    WHEN 'object' THEN coalesce(json_extract(b.payload, ?1 || '._id'), json_extract(b.payload, ?1 || '.id'))
    ELSE json_extract(b.payload, ?1) END";

/// Returns an SQL condition that is true for a checkpoint whose parent record no longer counts: it is a tombstone, or
/// its own list no longer shows it. The parameter `?4` must be [`parent_number`].
pub(super) fn parent_gone_sql(c: &Connection, stream: Stream) -> String {
    let shown = stream.definition().parent.map_or(0, |parent| settings::shown_since(c, parent));
    format!(
        "EXISTS (SELECT 1 FROM record WHERE record.stream = ?4 AND record.id = checkpoint.partition
             AND (record.deleted = 1 OR record.last_run < {shown}))"
    )
}

/// Returns the number of the stream whose records are the parents of `stream`, or 0, the number of no stream.
pub(super) fn parent_number(stream: Stream) -> u8 {
    stream.definition().parent.map_or(0, Stream::number)
}

/// Returns whether the mirror holds a record with this id that is not a tombstone.
pub fn is_live(t: &Transaction<'_>, stream: Stream, id: &str) -> rusqlite::Result<bool> {
    t.query_row(
        "SELECT EXISTS (SELECT 1 FROM record WHERE stream = ? AND id = ? AND deleted = 0)",
        params![stream.number(), id],
        |r| r.get(0),
    )
}

/// The SQL condition for a member that proves that a "last record" object really stands for a record. If a list is
/// empty, some servers send an object without these members.
const PROVES_RECORD_SQL: &str = "key IN ('createdAt', '_id', 'id', 'content') AND atom IS NOT NULL AND atom <> ''";

/// Returns whether the record `id` shows that its list is not empty. It shows this by an object in its member `last`,
/// such as a conversation's last message.
pub fn shows_last_record(t: &Transaction<'_>, (stream, last): (Stream, &str), id: &str) -> rusqlite::Result<bool> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM record AS r JOIN body_{stream} AS b ON b.seq = r.seq
             WHERE r.stream = ?1 AND r.id = ?2 AND r.deleted = 0
               AND EXISTS (SELECT 1 FROM json_each(b.payload, ?3) WHERE {PROVES_RECORD_SQL}))"
    );
    t.query_row(&sql, params![stream.number(), id, format!("$.{last}")], |r| r.get(0))
}

/// Returns the ids of at most `most` live records of a stream, without those in `but`.
pub fn others(t: &Transaction<'_>, stream: Stream, but: &[String], most: usize) -> rusqlite::Result<Vec<String>> {
    let ids: Vec<String> = t
        .prepare("SELECT id FROM record WHERE stream = ? AND deleted = 0 LIMIT ?")?
        .query_map(params![stream.number(), most + but.len()], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(ids.into_iter().filter(|id| !but.contains(id)).take(most).collect())
}

/// Returns whether a list was read to its end in the round that began with run `since`. A record that such a reading
/// did not show is not in the list.
pub fn is_read_whole(t: &Transaction<'_>, place: &WalkKey, since: i64) -> rusqlite::Result<bool> {
    let whole: Option<bool> = t
        .query_row(
            "SELECT open = 0 AND verdict IN ('proven', 'continuous') AND at_known = 0 FROM checkpoint
             WHERE lane = ? AND stream = ? AND partition = ? AND since_run >= ?",
            params![place.lane.name(), place.stream.number(), place.partition, since],
            |r| r.get(0),
        )
        .optional()?;
    Ok(whole.unwrap_or(false))
}

/// The result of comparing a stream that was read as one list with its parent records: which parents show records
/// that the list lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LackedByOneList {
    /// The number of parents that show a last record although no record of the stream names them.
    pub parents: u64,
    /// The id of one of the parents counted in `parents`, as an example.
    pub first: Option<String>,
    /// The number of parents that records of the stream name.
    pub named: u64,
    /// The number of parents that the mirror holds.
    pub all: u64,
}

/// Compares a stream that was read as one list with its parent records. `column` is the member in which a record of
/// the stream names its parent. `last` is the member in which a parent shows its last record.
pub fn unshown(
    t: &Transaction<'_>,
    (stream, column): (Stream, &str),
    (parent, last): (Stream, &str),
) -> rusqlite::Result<LackedByOneList> {
    t.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS named_parent (id TEXT PRIMARY KEY) WITHOUT ROWID; DELETE FROM named_parent",
    )?;
    t.execute(
        &format!(
            "INSERT OR IGNORE INTO named_parent
             SELECT CAST({PARENT_ID_SQL} AS TEXT) FROM body_{stream} AS b WHERE {PARENT_ID_SQL} IS NOT NULL"
        ),
        [format!("$.{column}")],
    )?;
    let told = t.query_row(
        &format!(
            "SELECT count(*) FILTER (WHERE lacks), min(id) FILTER (WHERE lacks), count(*),
                    (SELECT count(*) FROM named_parent)
             FROM (SELECT b.id, b.id NOT IN (SELECT id FROM named_parent)
                          AND EXISTS (SELECT 1 FROM json_each(b.payload, ?1) WHERE {PROVES_RECORD_SQL}) AS lacks
                   FROM body_{parent} AS b)"
        ),
        [format!("$.{last}")],
        |r| Ok(LackedByOneList { parents: r.get(0)?, first: r.get(1)?, all: r.get(2)?, named: r.get(3)? }),
    )?;
    t.execute_batch("DELETE FROM named_parent")?;
    Ok(told)
}

/// Returns the number of records of a stream whose parent the mirror lacks, or whose parent has changed after the seq
/// `as_of`. `column` is the member in which a record of the stream names its parent.
pub fn unlisted(c: &Connection, (stream, column): (Stream, &str), parent: Stream, as_of: i64) -> rusqlite::Result<u64> {
    c.query_row(
        &format!(
            "SELECT count(*) FROM body_{stream} AS b WHERE {PARENT_ID_SQL} IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM record AS r WHERE r.stream = ?2 AND r.deleted = 0 AND r.seq <= ?3
                     AND r.id = CAST({PARENT_ID_SQL} AS TEXT))"
        ),
        params![format!("$.{column}"), parent.number(), as_of],
        |r| r.get(0),
    )
}
