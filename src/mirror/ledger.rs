//! The statements that write a ledger row for every row of every page. They set the row's sum themselves, so that no
//! trigger has to write the row a second time. Any other statement may leave the sum to the triggers of
//! [`super::sums`].

use std::sync::LazyLock;

use rusqlite::{Transaction, params};

use crate::record::Record;
use crate::streams::Stream;

/// The ledger columns that a row's sum covers, in the order in which they are hashed.
pub(super) const COLUMNS: [&str; 11] = [
    "stream",
    "id",
    "parent",
    "hash",
    "seq",
    "first_run",
    "last_run",
    "deleted",
    "suspect_run",
    "suspect_since",
    "in_place",
];

/// Returns the SQL expression for the sum of a ledger row in which some columns change. `changed` lists these columns
/// with the SQL of their new values.
fn sum_with(changed: &[(&str, &str)]) -> String {
    let value = |column: &str| {
        let new = changed.iter().find(|(name, _)| *name == column);
        new.map_or(column, |(_, value)| *value).to_owned()
    };
    format!("row_sum('record', {})", COLUMNS.map(value).join(", "))
}

static PUT: LazyLock<String> = LazyLock::new(|| {
    let of = |first_run| {
        sum_with(&[
            ("stream", "?1"),
            ("id", "?2"),
            ("parent", "?3"),
            ("hash", "?4"),
            ("seq", "?5"),
            ("first_run", first_run),
            ("last_run", "?6"),
            ("deleted", "0"),
            ("suspect_run", "NULL"),
            ("suspect_since", "NULL"),
            ("in_place", "NULL"),
        ])
    };
    format!(
        "INSERT INTO record (stream, id, parent, hash, seq, first_run, last_run, sum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, {})
         ON CONFLICT (stream, id) DO UPDATE SET parent = ?3, hash = ?4, seq = ?5, last_run = ?6, deleted = 0,
             suspect_run = NULL, suspect_since = NULL, in_place = NULL, sum = {}",
        of("?6"),
        of("record.first_run")
    )
});

/// Writes the ledger row of a record that was stored under `seq` in run `run`. The record is no suspect and no
/// tombstone.
pub(super) fn put(
    t: &Transaction<'_>,
    (stream, record, parent): (Stream, &Record, Option<&String>),
    seq: i64,
    run: i64,
) -> rusqlite::Result<()> {
    let hash = record.hash.to_be_bytes();
    t.prepare_cached(&PUT)?.execute(params![stream.number(), &*record.id, parent, hash.as_slice(), seq, run]).map(drop)
}

static SEEN: LazyLock<String> = LazyLock::new(|| {
    let sum = sum_with(&[("last_run", "?1")]);
    format!("UPDATE record SET last_run = ?1, sum = {sum} WHERE stream = ?2 AND id = ?3")
});

/// Records that run `run` saw a record unchanged.
pub(super) fn seen(t: &Transaction<'_>, (stream, record): (Stream, &Record), run: i64) -> rusqlite::Result<()> {
    t.prepare_cached(&SEEN)?.execute(params![run, stream.number(), &*record.id]).map(drop)
}

static SEEN_WITH_HASH: LazyLock<String> = LazyLock::new(|| {
    let sum = sum_with(&[("hash", "?1"), ("last_run", "?2")]);
    format!("UPDATE record SET hash = ?1, last_run = ?2, sum = {sum} WHERE stream = ?3 AND id = ?4")
});

/// Records that run `run` saw a record, and stores the record's new hash.
pub(super) fn seen_with_hash(
    t: &Transaction<'_>,
    (stream, record): (Stream, &Record),
    run: i64,
) -> rusqlite::Result<()> {
    let hash = record.hash.to_be_bytes();
    t.prepare_cached(&SEEN_WITH_HASH)?.execute(params![hash.as_slice(), run, stream.number(), &*record.id]).map(drop)
}
