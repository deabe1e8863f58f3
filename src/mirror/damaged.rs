//! Handles damaged records: the mirror holds other bytes than were written ([`super::integrity_check`] finds them).
//! Deletes what is left of them, *marks* them, and makes the next run read the lists that contain them, which writes
//! them again.
//!
//! | what is damaged | what happens |
//! |---|---|
//! | a body | deleted and marked; its stream is delivered to no destination until the body is written again |
//! | a row of the ledger with a sound body | rebuilt from the body; the next reading adds its parent |
//! | any other row of the ledger, or anything else | nothing: the mirror is beyond repair |
//!
//! A row of the ledger without a body may be a tombstone that some destination has not received yet. So such a row is
//! never guessed.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::checkpoint::{self, Pass};
use super::errors::{beyond_repair, failed};
use super::integrity_check::{self, Depth, Soundness};
use super::schema::has_table;
use super::store::Writer;
use super::walk_key::{Lane, WalkKey};
use super::{readings, sums};
use crate::error::{Error, Kind, Result, quote};
use crate::mirror::{partitions, pending_deliveries};
use crate::quantity::counted;
use crate::streams::{self, Stream};

/// A hash that no record has, so that the next reading always writes the record again.
const NO_HASH: [u8; 16] = [0; 16];

/// The largest number of ids in an error message.
const NAMED: usize = 5;

/// The marked records of a stream that are not written again yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwaitingReread {
    /// The number of marked records that are not written again yet.
    pub count: u64,
    /// The id of one of the records counted in `count`, as an example.
    pub first: String,
}

/// Returns the marked records of a stream that are not written again yet, or `None` if there are none.
pub fn waiting(c: &Connection, stream: Stream) -> rusqlite::Result<Option<AwaitingReread>> {
    if !has_table(c, "damaged")? {
        return Ok(None);
    }
    c.prepare_cached("SELECT count(*), min(id) FROM damaged WHERE stream = ?")?.query_row([stream.number()], |r| {
        let count: u64 = r.get(0)?;
        if count == 0 { Ok(None) } else { Ok(Some(AwaitingReread { count, first: r.get(1)? })) }
    })
}

impl AwaitingReread {
    /// Returns the error for a stream that is not delivered because of these records.
    pub fn error(&self, stream: Stream) -> Error {
        let (count, first) = (counted(self.count, "record"), quote(&self.first));
        let what = format!("{stream}: {count} damaged in the mirror and not read again yet, {first} for one");
        Error::new(Kind::RecordDamaged, what)
    }
}

/// Marks every damaged record, and returns the error that names them. If the mirror is beyond repair, changes nothing
/// and returns the error that gives the reason.
pub fn mark(writer: &mut Writer) -> Error {
    let (connection, path) = writer.parts();
    let place = path.display();
    match marked(connection, path) {
        Ok(named) if named.is_empty() => {
            let what = format!(
                "the mirror {place}: sums in it were damaged, and are taken anew; every record is as it was written"
            );
            Error::new(Kind::RecordDamaged, what)
        }
        Ok(named) => {
            let count = counted(named.len() as u64, "record");
            let some: Vec<String> =
                named.iter().take(NAMED).map(|(stream, id)| format!("{stream} {}", quote(id))).collect();
            let (some, more) = (some.join(", "), if named.len() > NAMED { ", ..." } else { "" });
            let what =
                format!("the mirror {place}: {count} damaged, which the next reading writes again: {some}{more}");
            Error::new(Kind::RecordDamaged, what)
        }
        Err(error) => error,
    }
}

/// Marks every damaged record in one transaction, and returns their streams and ids. The list is empty if only sums
/// were damaged, which are computed anew.
fn marked(connection: &mut Connection, path: &Path) -> Result<Vec<(Stream, String)>> {
    let say = |e: rusqlite::Error| failed(path, &e);
    let t = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(say)?;
    let mut named = Vec::new();
    // A pinned range may hold a damaged record. The next delivery of changes begins where the destination really
    // ends.
    pending_deliveries::let_go_of_all(&t).map_err(say)?;
    for stream in streams::ALL {
        if !ledger(&t, stream, &mut named).map_err(say)? {
            return Err(beyond_repair(
                path,
                &format!("the ledger of {stream} lacks a row, or has one that nothing explains"),
            ));
        }
        bodies(&t, stream, &mut named).map_err(say)?;
    }
    t.execute(&format!("DELETE FROM payload_sum WHERE NOT EXISTS ({})", any_body("payload_sum.seq")), [])
        .map_err(say)?;
    sums::take_totals(&t).map_err(say)?;
    for (stream, id) in &named {
        read_again(&t, *stream, id).map_err(say)?;
    }
    if integrity_check::look(&t, path, Depth::Opening)? != Soundness::Sound {
        return Err(beyond_repair(path, "its sums are not those of what it holds"));
    }
    t.commit().map_err(say)?;
    Ok(named)
}

/// Returns the SQL query for the bodies of any stream whose seq is `seq`, an SQL expression.
fn any_body(seq: &str) -> String {
    let of = |stream: Stream| format!("SELECT 1 FROM body_{stream} WHERE seq = {seq}");
    streams::ALL.map(of).join(" UNION ALL ")
}

/// Deletes a stream's damaged bodies. `ledger` calls this first, so that it rebuilds rows only from sound bodies.
fn delete_damaged(t: &Transaction<'_>, stream: Stream) -> rusqlite::Result<()> {
    let mut seqs = Vec::new();
    integrity_check::rows_of_bodies(t, stream, |seq| seqs.push(seq))?;
    for seq in seqs {
        t.execute(&format!("DELETE FROM body_{stream} WHERE seq = ?"), [seq])?;
    }
    Ok(())
}

/// Rebuilds the damaged rows of a stream's ledger from their bodies, and adds these records to `named`. Returns
/// whether the ledger is complete afterwards.
fn ledger(t: &Transaction<'_>, stream: Stream, named: &mut Vec<(Stream, String)>) -> rusqlite::Result<bool> {
    delete_damaged(t, stream)?;
    let was = integrity_check::ledger_total(t, stream)?;
    let mut damaged: Vec<Value> = Vec::new();
    let is = integrity_check::rows_of_ledger(t, stream, |id| damaged.push(Value::try_from(id).unwrap_or(Value::Null)))?;
    // The ledger does not know these bodies: their row is missing, or its id is damaged.
    let unknown: Vec<(i64, String)> = t
        .prepare(&format!(
            "SELECT seq, id FROM body_{stream} AS b
             WHERE NOT EXISTS (SELECT 1 FROM record WHERE stream = ? AND id = b.id)"
        ))?
        .query_map([stream.number()], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut rows = is.total.rows;
    let mut made = Vec::new();
    for id in damaged {
        let by_id = format!("SELECT seq, id FROM body_{stream} WHERE id = ?");
        let mut body: Option<(i64, String)> = t.query_row(&by_id, [&id], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
        if body.is_none() {
            let seq: Value =
                t.query_row("SELECT seq FROM record WHERE stream = ? AND id = ?", params![stream.number(), id], |r| {
                    r.get(0)
                })?;
            body = unknown.iter().find(|(at, _)| Value::Integer(*at) == seq).cloned();
        }
        let Some(body) = body else { return Ok(false) };
        t.execute("DELETE FROM record WHERE stream = ? AND id = ?", params![stream.number(), id])?;
        rows -= 1;
        made.push(body);
    }
    made.extend(unknown);
    made.sort();
    made.dedup();
    for (seq, id) in made {
        t.execute(
            "INSERT INTO record (stream, id, hash, seq, first_run, last_run)
             SELECT ?1, ?2, ?3, ?4, id, id FROM (SELECT coalesce(max(id), 0) AS id FROM run)",
            params![stream.number(), id, NO_HASH, seq],
        )?;
        rows += 1;
        named.push((stream, id));
    }
    let is_explained = is.damaged > 0 || rows > is.total.rows || is.total == was;
    Ok(rows == was.rows && is_explained)
}

/// Marks the live records whose bodies are missing, and adds them to `named`.
fn bodies(t: &Transaction<'_>, stream: Stream, named: &mut Vec<(Stream, String)>) -> rusqlite::Result<()> {
    // A body that the ledger does not point to is an outdated one.
    t.execute(
        &format!(
            "DELETE FROM body_{stream} WHERE NOT EXISTS (
                 SELECT 1 FROM record WHERE stream = ? AND id = body_{stream}.id AND seq = body_{stream}.seq AND deleted = 0)"
        ),
        [stream.number()],
    )?;
    let missing: Vec<String> = t
        .prepare(&format!(
            "SELECT id FROM record AS r WHERE stream = ?1 AND deleted = 0
                 AND seq > coalesce((SELECT up_to FROM dropped WHERE stream = ?1), 0)
                 AND NOT EXISTS (SELECT 1 FROM body_{stream} WHERE seq = r.seq)
                 AND NOT EXISTS (SELECT 1 FROM damaged WHERE stream = ?1 AND id = r.id)"
        ))?
        .query_map([stream.number()], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in missing {
        t.execute("UPDATE record SET hash = ? WHERE stream = ? AND id = ?", params![NO_HASH, stream.number(), id])?;
        t.execute("INSERT INTO damaged VALUES (?, ?)", params![stream.number(), id])?;
        named.push((stream, id));
    }
    Ok(())
}

/// Makes the next run, in either lane, read the list that contains a record completely.
fn read_again(t: &Transaction<'_>, stream: Stream, id: &str) -> rusqlite::Result<()> {
    let Some(parent) = stream.definition().parent else { return list_again(t, stream, "") };
    let list: Option<String> =
        t.query_row("SELECT parent FROM record WHERE stream = ? AND id = ?", params![stream.number(), id], |r| {
            r.get(0)
        })?;
    match list {
        Some(list) => {
            partitions::forget(t, stream, &list)?;
            list_again(t, stream, &list)?;
        }
        // The record's parent is unknown, so all lists are read again.
        None => drop(t.execute("DELETE FROM entry WHERE stream = ?", [stream.number()])?),
    }
    // A partition's list is begun when a page shows its parent record, so the parent's list is read again, too.
    list_again(t, stream, "")?;
    list_again(t, parent, "")
}

/// Removes a list from its round in both lanes, so that it is read again. If the stream is read as one list, also
/// forgets that this list was read completely.
fn list_again(t: &Transaction<'_>, stream: Stream, partition: &str) -> rusqlite::Result<()> {
    if partition.is_empty() {
        readings::forget(t, stream)?;
    }
    for lane in [Lane::Backfill, Lane::Incremental] {
        let place = WalkKey { lane, stream, partition: partition.to_owned() };
        if checkpoint::find(t, &place)?.is_some() {
            checkpoint::start_pass(t, &place, 0, i64::MAX, &Pass::default())?;
        }
    }
    Ok(())
}
