//! Stores which records are gone. A record that is known to be gone becomes a *tombstone*: its body is deleted, and its
//! row in the ledger stays with a new `seq`, so that destinations of changes receive the deletion.
//! [`crate::sync::deletions`] decides which suspects ([`super::suspects`]) become tombstones.
//!
//! Everything is done in batches, each in its own transaction, and each step may be repeated. If a run is killed
//! between two steps, the next run does the rest.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::landing::EMPTY;
use super::sequence::Seqs;
use super::store::Writer;
use super::suspects::{BATCH, JudgedStream};
use super::walk_key::Lane;
use super::{orphans, partitions};
use crate::error::Result;
use crate::streams::Stream;

/// Turns the given records into tombstones, except those that were seen in run `since` or later. Marks their child
/// records in stream `child` as orphans, in the same transaction. `run` is the current run. Returns the number of new
/// tombstones.
pub fn make_tombstones(
    writer: &mut Writer,
    run: i64,
    stream: Stream,
    child: Option<Stream>,
    ids: &[String],
    since: i64,
) -> Result<u64> {
    let mut buried = 0;
    for some in ids.chunks(BATCH) {
        buried += writer.transaction(|t| {
            let mut seqs = Seqs::take(t, run)?;
            let mut buried = 0;
            for id in some {
                let live: Option<i64> = t
                    .prepare_cached(
                        "SELECT seq FROM record WHERE stream = ? AND id = ? AND deleted = 0 AND last_run < ?",
                    )?
                    .query_row(params![stream.number(), id, since], |r| r.get(0))
                    .optional()?;
                let Some(seq) = live else { continue };
                tombstone(t, &mut seqs, stream, id, seq)?;
                buried += 1;
                if let Some(child) = child {
                    partitions::forget(t, child, id)?;
                    orphans::mark_orphans(t, child, id, run)?;
                }
            }
            seqs.give_back(t)?;
            Ok(buried)
        })?;
    }
    Ok(buried)
}

/// Deletes the body of the record that has the seq `seq`, and gives the record's ledger row a new seq as a tombstone.
fn tombstone(t: &Transaction<'_>, seqs: &mut Seqs, stream: Stream, id: &str, seq: i64) -> rusqlite::Result<()> {
    t.prepare_cached(&format!("DELETE FROM body_{stream} WHERE seq = ?"))?.execute([seq])?;
    let now = seqs.give();
    t.prepare_cached(
        "UPDATE record SET deleted = 1, seq = ?, suspect_run = NULL, suspect_since = NULL, in_place = NULL WHERE stream = ? AND id = ?",
    )?
    .execute(params![now, stream.number(), id])?;
    Ok(())
}

/// Returns the number of live records of a stream.
pub fn live(writer: &mut Writer, stream: Stream) -> Result<u64> {
    writer.transaction(|t| live_records(t, stream))
}

/// Does the same as [`live`], on a connection or within a transaction.
pub(super) fn live_records(c: &Connection, stream: Stream) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM record WHERE stream = ? AND deleted = 0";
    c.query_row(sql, [stream.number()], |r| r.get(0))
}

/// Returns the ids of at most `most` live records of a stream: the first in the order of ids.
pub fn first_ids(writer: &mut Writer, stream: Stream, most: usize) -> Result<Vec<String>> {
    writer.transaction(|t| {
        t.prepare("SELECT id FROM record WHERE stream = ? AND deleted = 0 ORDER BY id LIMIT ?")?
            .query_map(params![stream.number(), most], |r| r.get(0))?
            .collect()
    })
}

/// Returns the ids of at most `most` live records that the round which began with run `since` has seen, in no
/// particular order.
pub fn seen(writer: &mut Writer, stream: Stream, since: i64, most: usize) -> Result<Vec<String>> {
    writer.transaction(|t| {
        t.prepare("SELECT id FROM record WHERE stream = ? AND deleted = 0 AND last_run >= ? LIMIT ?")?
            .query_map(params![stream.number(), since, most], |r| r.get(0))?
            .collect()
    })
}

/// Returns the ids of at most `most` live records of a stream, the most recently seen first.
pub fn seen_last(writer: &mut Writer, stream: Stream, most: usize) -> Result<Vec<String>> {
    writer.transaction(|t| {
        t.prepare("SELECT id FROM record WHERE stream = ? AND deleted = 0 ORDER BY last_run DESC, seq DESC LIMIT ?")?
            .query_map(params![stream.number(), most], |r| r.get(0))?
            .collect()
    })
}

/// Returns whether any closed walk of this round over the stream showed a row.
pub fn shows_rows(writer: &mut Writer, of: JudgedStream) -> Result<bool> {
    writer.transaction(|t| {
        t.query_row(
            "SELECT EXISTS (SELECT 1 FROM checkpoint WHERE lane = ? AND stream = ? AND open = 0 AND since_run >= ?
                 AND seen > 0)",
            params![of.lane.name(), of.stream.number(), of.since],
            |r| r.get(0),
        )
    })
}

/// Returns whether the stream's one list came out empty in this round, and the program did not accept this as true.
pub fn came_out_empty(writer: &mut Writer, of: JudgedStream) -> Result<bool> {
    writer.transaction(|t| {
        t.query_row(
            "SELECT EXISTS (SELECT 1 FROM checkpoint WHERE lane = ? AND stream = ? AND partition = '' AND open = 0
                 AND since_run >= ? AND why = ?)",
            params![of.lane.name(), of.stream.number(), of.since, EMPTY],
            |r| r.get(0),
        )
    })
}

/// Records that the current run has decided which records of the stream are gone.
pub fn judged(writer: &mut Writer, of: JudgedStream) -> Result<()> {
    writer.transaction(|t| {
        t.execute(
            "INSERT OR REPLACE INTO judgement (lane, stream, run) VALUES (?, ?, ?)",
            params![of.lane.name(), of.stream.number(), of.run],
        )
        .map(drop)
    })
}

/// Returns whether some records may be gone, but no run has decided about them. This is so if the job's latest run in
/// the lane was cut off before that step, and complete walks of the round that began with run `since` did not show
/// some live records.
pub fn are_unjudged(c: &Connection, lane: Lane, job: &str, stream: Stream, since: i64) -> rusqlite::Result<bool> {
    c.query_row(
        "SELECT NOT EXISTS (
             SELECT 1 FROM judgement WHERE lane = :lane AND stream = :stream
                 AND run >= (SELECT max(id) FROM run WHERE lane = :lane AND job = :job))
         AND EXISTS (
             SELECT 1 FROM record AS r
             WHERE r.stream = :stream AND r.deleted = 0 AND r.last_run < :since AND EXISTS (
                 SELECT 1 FROM checkpoint AS c
                 WHERE c.lane = :lane AND c.stream = :stream AND c.partition IN ('', r.parent) AND c.open = 0
                     AND c.since_run >= :since AND (c.verdict IN ('proven', 'continuous') OR c.set_aside = 1)
                     AND c.at_known = 0))",
        rusqlite::named_params! { ":stream": stream.number(), ":since": since, ":lane": lane.name(), ":job": job },
        |r| r.get(0),
    )
}

/// Returns the number of tombstones and the number of suspects of a stream. A mirror whose schema is too old for them
/// gives `(0, 0)`.
pub fn counts(c: &Connection, stream: Stream) -> rusqlite::Result<(u64, u64)> {
    let indexed: bool =
        c.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'record_suspects')", [], |r| r.get(0))?;
    if !indexed {
        return Ok((0, 0));
    }
    let of = |sql: &str| c.prepare_cached(sql)?.query_row([stream.number()], |r| r.get(0));
    Ok((
        of("SELECT count(*) FROM record INDEXED BY record_tombstones WHERE stream = ? AND deleted = 1")?,
        of("SELECT count(*) FROM record INDEXED BY record_suspects WHERE stream = ? AND suspect_run IS NOT NULL")?,
    ))
}

#[cfg(test)]
#[path = "deletions_tests.rs"]
mod tests;
