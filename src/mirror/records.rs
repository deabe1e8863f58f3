//! Landing a page: its records and the checkpoint that covers it, in one transaction. This is the only place that
//! advances a checkpoint.
//!
//! A record that is there with the same hash costs a look-up in the narrow ledger and, the first time in a run, the
//! mark that it was seen; it is not parsed, not written again, and gets no new `seq`.

use rusqlite::{OptionalExtension, Statement, Transaction, params};

use super::checkpoint::{self, Advance, Place};
use super::store::Writer;
use crate::error::{Error, Kind, Result};
use crate::record::{Record, Records};
use crate::streams::Stream;

/// A page to land.
pub struct Landing {
    /// Which walk.
    pub place: Place,
    /// The run that lands it.
    pub run: i64,
    /// The run in which the walk's pass began.
    pub since_run: i64,
    /// The records.
    pub records: Records,
    /// The checkpoint's move; its counts of rows are filled in here.
    pub advance: Advance,
    /// A stream of which each of these records is a partition, and the run in which the round began.
    pub partitions: Option<(Stream, i64)>,
}

/// What landing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Landed {
    /// Records that were not there.
    pub new: u64,
    /// Records that were there with other bytes.
    pub changed: u64,
    /// Rows of records already seen in this pass.
    pub repeated: u64,
    /// Lone surrogates replaced in new and changed records.
    pub repaired: u64,
}

/// Lands a page.
pub fn land(writer: &mut Writer, mut landing: Landing) -> Result<Landed> {
    let not_text = landing.records.rows.iter().any(|r| std::str::from_utf8(landing.records.payload(r)).is_err());
    if not_text {
        return Err(Error::new(Kind::Internal, "a record is not UTF-8"));
    }
    writer.transaction(|t| {
        let landed = store(t, &landing)?;
        landing.advance.seen = landing.records.rows.len() as u64;
        landing.advance.distinct = landing.advance.seen - landed.repeated;
        checkpoint::advance(t, &landing.place, &landing.advance)?;
        if let Some((stream, round)) = landing.partitions {
            for record in &landing.records.rows {
                let place = Place { lane: landing.place.lane, stream, partition: record.id.to_string() };
                checkpoint::start(t, &place, landing.run, round)?;
            }
        }
        Ok(landed)
    })
}

fn store(t: &Transaction<'_>, landing: &Landing) -> rusqlite::Result<Landed> {
    let stream = landing.place.stream;
    let parent = Some(&landing.place.partition).filter(|p| !p.is_empty());
    let mut landed = Landed::default();
    let mut seq: i64 = t.prepare_cached("SELECT last FROM sequence")?.query_row([], |r| r.get(0))?;
    let before = seq;
    let mut find = t.prepare_cached("SELECT hash, seq, last_run FROM record WHERE stream = ? AND id = ?")?;
    let mut mark = t.prepare_cached("UPDATE record SET last_run = ? WHERE stream = ? AND id = ?")?;
    for record in &landing.records.rows {
        let known: Option<([u8; 16], i64, i64)> = find
            .query_row(params![stream.number(), &*record.id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .optional()?;
        if known.is_some_and(|(_, _, last_run)| last_run >= landing.since_run) {
            landed.repeated += 1;
        }
        match known {
            Some((hash, _, last_run)) if hash == record.hash.to_be_bytes() => {
                if last_run != landing.run {
                    mark.execute(params![landing.run, stream.number(), &*record.id])?;
                }
                continue;
            }
            Some((_, old, _)) => {
                landed.changed += 1;
                t.prepare_cached(&format!("DELETE FROM body_{stream} WHERE seq = ?"))?.execute([old])?;
            }
            None => landed.new += 1,
        }
        seq += 1;
        landed.repaired += u64::from(record.repaired);
        let mut insert = t.prepare_cached(&format!("INSERT INTO body_{stream} (seq, id, payload) VALUES (?, ?, ?)"))?;
        put(t, &mut insert, landing, record, parent, seq)?;
    }
    if seq != before {
        t.prepare_cached("UPDATE sequence SET last = ?")?.execute([seq])?;
    }
    Ok(landed)
}

fn put(
    t: &Transaction<'_>,
    insert: &mut Statement<'_>,
    landing: &Landing,
    record: &Record,
    parent: Option<&String>,
    seq: i64,
) -> rusqlite::Result<()> {
    // Bytes bound as text: they were checked above, and a copy of every payload is saved.
    let payload = std::str::from_utf8(landing.records.payload(record)).unwrap_or_default();
    insert.execute(params![seq, &*record.id, payload])?;
    t.prepare_cached(
        "INSERT INTO record (stream, id, parent, hash, seq, first_run, last_run) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
         ON CONFLICT (stream, id) DO UPDATE SET parent = ?3, hash = ?4, seq = ?5, last_run = ?6, deleted = 0",
    )?
    .execute(params![
        landing.place.stream.number(),
        &*record.id,
        parent,
        record.hash.to_be_bytes().as_slice(),
        seq,
        landing.run
    ])?;
    Ok(())
}
