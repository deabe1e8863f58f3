//! Looks for damage in a mirror: errors that SQLite finds, and bytes that something other than this program has
//! changed.
//!
//! | what is checked | when |
//! |---|---|
//! | header, schema, every table but the bodies | each opening for writing (`run`, `export`), `check`, `verify` |
//! | structure of the file, its indexes, bodies | the same, for a file up to 128 MiB; a larger one in `verify` only |
//! | a body | whenever it is delivered ([`super::changes`]) |
//!
//! With ten million records, opening the mirror thus reads the ledger once from front to back, as a run does anyway
//! when it looks for records that are gone. It does not read the payloads.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::errors::{beyond_repair, failed};
use super::schema::{has_table, version};
use super::sums::{self, Total};
use super::{header, migrations, schema};
use crate::error::{Result, quote};
use crate::streams::{self, Stream};

/// The largest file, in bytes, whose bodies and structure are checked when it is opened. In a larger one, a damaged
/// body is found when it is read.
const CHECKED: u64 = 128 * 1024 * 1024;

/// How much of a mirror to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Everything if the file is small. If it is large, everything except the bodies and the structure of the file.
    Opening,
    /// Everything, however large the file is.
    Everything,
}

/// The result of a check that found no damage beyond repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Soundness {
    /// Every checked row is as it was written.
    Sound,
    /// Some bodies or rows of the ledger are damaged. [`super::damaged`] finds out which.
    Records,
}

/// Checks a mirror. Returns an error if it is damaged beyond repair. A mirror of an older version has no sums yet, so
/// none are compared.
pub fn look(c: &Connection, path: &Path, depth: Depth) -> Result<Soundness> {
    let say = |e: rusqlite::Error| failed(path, &e);
    header::check(path)?;
    let is_all = depth == Depth::Everything || std::fs::metadata(path).map_or(0, |m| m.len()) <= CHECKED;
    if is_all {
        structure(c, path)?;
    }
    if version(c, path)? == migrations::VERSION
        && let Some(name) = schema::difference(c).map_err(say)?
    {
        return Err(beyond_repair(path, &format!("its schema has another {}", quote(&name))));
    }
    if !has_table(c, "table_sum").map_err(say)? {
        return Ok(Soundness::Sound);
    }
    tables(c, path)?;
    let is_sound = ledger(c).map_err(say)? && (!is_all || bodies(c).map_err(say)?);
    Ok(if is_sound { Soundness::Sound } else { Soundness::Records })
}

/// Checks the sums of the small tables only: every table except the ledger, the bodies and the sums. Returns an error
/// if one of them differs.
pub fn tables(c: &Connection, path: &Path) -> Result<()> {
    let say = |e: rusqlite::Error| failed(path, &e);
    if !has_table(c, "table_sum").map_err(say)? {
        return Ok(());
    }
    let mut known = c.prepare("SELECT rows, sum FROM table_sum WHERE name = ?").map_err(say)?;
    for table in sums::small(c).map_err(say)? {
        let is = sums::of_table(c, &table).map_err(say)?;
        let was = known.query_row([&table], Total::read).map_err(say)?;
        if is != was {
            return Err(beyond_repair(path, &format!("the table {table} is not what was written there")));
        }
    }
    Ok(())
}

/// Runs SQLite's own check of the file's structure and indexes. Returns an error with the first fault that it finds.
pub fn structure(c: &Connection, path: &Path) -> Result<()> {
    let found: String = c.query_row("PRAGMA integrity_check(1)", [], |r| r.get(0)).map_err(|e| failed(path, &e))?;
    if found == "ok" { Ok(()) } else { Err(beyond_repair(path, &found)) }
}

/// Returns whether every row of the ledger is as it was written, no row is missing, and the partial indexes list the
/// same tombstones and suspects as the table.
fn ledger(c: &Connection) -> rusqlite::Result<bool> {
    let mut is_sound = true;
    for stream in streams::ALL {
        let counted = rows_of_ledger(c, stream, |_| ())?;
        is_sound &= counted.damaged == 0 && counted.total == ledger_total(c, stream)? && counted.indexed;
    }
    Ok(is_sound)
}

/// What reading a stream's ledger has shown.
pub(super) struct LedgerReading {
    /// The number of rows, and the sum of the sums that are stored in them.
    pub total: Total,
    /// The number of rows that differ from their stored sum.
    pub damaged: u64,
    /// Whether the indexes of tombstones and suspects agree with the table.
    pub indexed: bool,
}

/// Reads a stream's ledger and compares each row with its stored sum. Calls `each` with the id of every row that
/// differs.
pub(super) fn rows_of_ledger(
    c: &Connection,
    stream: Stream,
    mut each: impl FnMut(ValueRef<'_>),
) -> rusqlite::Result<LedgerReading> {
    let (columns, _) = sums::columns(c, "record")?;
    let at = |name: &str| columns.iter().position(|column| column == name).unwrap_or_default();
    let (id, seq, deleted, suspect) = (at("id"), at("seq"), at("deleted"), at("suspect_run"));
    let mut all = c.prepare(&format!("SELECT {}, sum FROM record WHERE stream = ?", columns.join(", ")))?;
    let mut rows = all.query([stream.number()])?;
    let (mut total, mut damaged) = (Total::default(), 0);
    let (mut graves, mut suspects) = (Total::default(), Total::default());
    let print = |seq: ValueRef<'_>, id: ValueRef<'_>| {
        sums::hash(|hash| {
            hash.add(seq);
            hash.add(id);
            Ok::<_, rusqlite::Error>(())
        })
    };
    while let Some(row) = rows.next()? {
        let sum = row.get_ref(columns.len())?;
        if sum != ValueRef::Integer(sums::of_row("record", row, columns.len())?) {
            damaged += 1;
            each(row.get_ref(id)?);
        }
        total.add(sum.as_i64().unwrap_or_default());
        if row.get_ref(deleted)? == ValueRef::Integer(1) {
            graves.add(print(row.get_ref(seq)?, row.get_ref(id)?)?);
        }
        if row.get_ref(suspect)? != ValueRef::Null {
            suspects.add(print(row.get_ref(suspect)?, row.get_ref(id)?)?);
        }
    }
    let indexed = |sql: &str| -> rusqlite::Result<Total> {
        let (mut all, mut total) = (c.prepare_cached(sql)?, Total::default());
        let mut rows = all.query([stream.number()])?;
        while let Some(row) = rows.next()? {
            total.add(print(row.get_ref(0)?, row.get_ref(1)?)?);
        }
        Ok(total)
    };
    let graves_there =
        indexed("SELECT seq, id FROM record INDEXED BY record_tombstones WHERE stream = ? AND deleted = 1")?;
    let suspects_there = indexed(
        "SELECT suspect_run, id FROM record INDEXED BY record_suspects WHERE stream = ? AND suspect_run IS NOT NULL",
    )?;
    Ok(LedgerReading { total, damaged, indexed: graves == graves_there && suspects == suspects_there })
}

/// Returns the stored number of rows of a stream's ledger, and the stored sum of their sums.
pub(super) fn ledger_total(c: &Connection, stream: Stream) -> rusqlite::Result<Total> {
    let mut known = c.prepare_cached("SELECT records, sum FROM ledger_sum WHERE stream = ?")?;
    let mut rows = known.query([stream.number()])?;
    rows.next()?.map_or(Ok(Total::default()), Total::read)
}

/// Returns whether every body is as it was written, and none is missing.
fn bodies(c: &Connection) -> rusqlite::Result<bool> {
    let mut all = Total::default();
    for stream in streams::ALL {
        let mut is_sound = true;
        let total = rows_of_bodies(c, stream, |_| is_sound = false)?;
        if !is_sound || total != total_of_blocks(c, stream)? {
            return Ok(false);
        }
        all.rows += total.rows;
    }
    // No sum may be left without its body.
    Ok(all.rows == c.query_row("SELECT count(*) FROM payload_sum", [], |r| r.get::<_, i64>(0))?)
}

/// Reads a stream's bodies and compares each with its stored sum. Calls `each` with the seq of every body that
/// differs. Returns the number of bodies and the sum of their stored sums.
pub(super) fn rows_of_bodies(c: &Connection, stream: Stream, mut each: impl FnMut(i64)) -> rusqlite::Result<Total> {
    let mut all = c.prepare(&format!(
        "SELECT b.seq, b.id, b.payload, b.first_seq, s.sum
         FROM body_{stream} AS b LEFT JOIN payload_sum AS s ON s.seq = b.seq ORDER BY b.seq"
    ))?;
    let mut rows = all.query([])?;
    let mut total = Total::default();
    while let Some(row) = rows.next()? {
        let seq = row.get(0)?;
        let sum = row.get_ref(4)?;
        let is = sums::of_body(stream, seq, row.get_ref(1)?, row.get_ref(2)?, row.get_ref(3)?);
        if sum != ValueRef::Integer(is) {
            each(seq);
        }
        total.add(sum.as_i64().unwrap_or_default());
    }
    Ok(total)
}

/// Returns the stored number of a stream's bodies, and the stored sum of their sums.
pub(super) fn total_of_blocks(c: &Connection, stream: Stream) -> rusqlite::Result<Total> {
    blocks(c, stream, 0, i64::MAX)
}

/// Returns the stored number of a stream's bodies in the blocks `first` to `last`, and the stored sum of their sums.
/// A block is a range of [`sums::BLOCK`] seqs.
pub(super) fn blocks(c: &Connection, stream: Stream, first: i64, last: i64) -> rusqlite::Result<Total> {
    let mut all =
        c.prepare_cached("SELECT records, sum FROM payload_block WHERE stream = ? AND block BETWEEN ? AND ?")?;
    let mut rows = all.query(params![stream.number(), first, last])?;
    let mut total = Total::default();
    while let Some(row) = rows.next()? {
        let block = Total::read(row)?;
        total.rows = total.rows.wrapping_add(block.rows);
        total.sum = total.sum.wrapping_add(block.sum);
    }
    Ok(total)
}
