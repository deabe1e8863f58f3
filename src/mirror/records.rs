//! Landing a page: its records and the checkpoint that covers it, in one transaction. This is the only place that
//! advances a checkpoint.
//!
//! A record that is there with the same hash costs a look-up in the narrow ledger and, the first time in a run, the
//! mark that it was seen; it is not parsed, not written again, and gets no new `seq`. A tombstone that is seen again is a new
//! record, whatever its hash; whoever is seen is under no suspicion.
//!
//! Two kinds of record are written in place, under the `seq` that they have: one whose volatile values are others now (a
//! signed address expires, so the newest is kept; once a run, for those alone that hold such values), and one that only
//! looks changed because what stays out of the hash was declared anew. One that is *filled in* (it was asked for with other
//! fields, and what both answers have is equal: [`filled`]) gets a new `seq`, because destinations that are fed changes
//! want the new fields, but it does not count as changed: nothing is asked again on its account.
//!
//! A list that comes out empty although the mirror holds records of it is not believed: an outage looks like that.

use std::borrow::Cow;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::checkpoint::{self, Advance, Place};
use super::entries::{self, Partitions};
use super::sequence::Seqs;
use super::store::Writer;
use super::{filled, readings, selection};
use crate::error::{Error, Kind, Result};
use crate::record::{Record, Records};
use crate::streams::{PerStream, Stream};
use crate::verdict::Verdict;
use crate::volatile::Volatile;

/// Why a walk that came out empty is incomplete.
pub const EMPTY: &str = "the list came out empty, but the mirror holds records of it";

/// A page to land.
pub struct Landing {
    /// Which walk.
    pub place: Place,
    /// The run that lands it.
    pub run: i64,
    /// The server's time, in milliseconds since 1970.
    pub now: i64,
    /// The run in which the walk's pass began.
    pub since_run: i64,
    /// A fingerprint of how the list is asked for; none is not remembered.
    pub query: Option<i64>,
    /// The records.
    pub records: Records,
    /// What stayed out of their hashes.
    pub volatile: Arc<PerStream<Volatile>>,
    /// The fields of which members are asked for.
    pub nested: Vec<String>,
    /// The hashes tell of values that are masked in the records: another hash is another record, look alike as they may.
    pub masked: bool,
    /// The checkpoint's move; its counts of rows are filled in here.
    pub advance: Advance,
    /// A stream of which each of these records is a partition.
    pub partitions: Option<Partitions>,
    /// What the rows' moments say.
    pub moments: Moments,
    /// An empty list is believed, whatever the mirror holds.
    pub believe_empty: bool,
}

/// What is told by when the rows of a page were made, where the stream has partitions.
#[derive(Debug, Clone, Default)]
pub struct Moments {
    /// When each row was made, in milliseconds since 1970.
    pub rows: Vec<Option<i64>>,
    /// The walk may end here if every row is known as it is, and some from an earlier pass.
    pub may_end: bool,
    /// When the round began: what was made later is no audit's find.
    pub round_began: i64,
}

/// What landing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Landed {
    /// Records that were not there.
    pub new: u64,
    /// Records that were there with other values.
    pub changed: u64,
    /// Records that were there as they are, without fields that are asked for now or with such as are not.
    pub filled: u64,
    /// Rows of records already seen in this pass.
    pub repeated: u64,
    /// Lone surrogates replaced in records that were stored.
    pub repaired: u64,
    /// Partitions found unchanged: they are not asked for.
    pub skipped: u64,
    /// The walk has ended, at rows that are known.
    pub ended: bool,
}

/// Lands a page.
pub fn land(writer: &mut Writer, mut landing: Landing) -> Result<Landed> {
    let not_text = landing.records.rows.iter().any(|r| std::str::from_utf8(landing.records.payload(r)).is_err());
    if not_text {
        return Err(Error::new(Kind::Internal, "a record is not UTF-8"));
    }
    writer.transaction(|t| {
        let (mut landed, seqs, found) = store(t, &landing)?;
        landed.ended = ends_here(&landing, &landed);
        if landed.ended {
            landing.advance.verdict = Some(Verdict::Continuous);
            landing.advance.at_known = true;
        }
        landing.advance.found = found;
        landing.advance.newest = landing.moments.rows.iter().copied().flatten().max();
        landing.advance.seen = landing.records.rows.len() as u64;
        landing.advance.distinct = landing.advance.seen - landed.repeated;
        if !landing.believe_empty && comes_out_empty(t, &landing)? {
            landing.advance.verdict = Some(Verdict::Incomplete(EMPTY.into()));
        }
        checkpoint::advance(t, &landing.place, &landing.advance)?;
        if let Some(verdict) = &landing.advance.verdict {
            if !landing.place.partition.is_empty() {
                entries::closed(t, &landing.place, landing.since_run, verdict.is_complete())?;
            } else if let Some(query) = landing.query.filter(|_| verdict.is_complete()) {
                let at_known = landing.advance.at_known;
                readings::closed(t, landing.place.stream, query, landing.since_run, at_known, landing.now)?;
            }
        }
        if let Some(partitions) = &landing.partitions {
            for (n, (record, seq)) in landing.records.rows.iter().zip(seqs).enumerate() {
                let place =
                    Place { lane: landing.place.lane, stream: partitions.stream, partition: record.id.to_string() };
                landed.skipped += u64::from(entries::meet(t, partitions, n, &place, seq, landing.run)?);
            }
        }
        Ok(landed)
    })
}

/// A whole window of rows that are known as they are, some of them from an earlier pass: what is older is known, too,
/// where the order allows to say so.
fn ends_here(landing: &Landing, landed: &Landed) -> bool {
    let rows = landing.records.rows.len() as u64;
    let all_known = landed.new + landed.changed + landed.filled == 0 && landed.repeated < rows;
    landing.moments.may_end && all_known && landing.advance.verdict.is_none()
}

/// Whether this page ends a stream's one list as complete, without a row in all of it, and the mirror holds records.
fn comes_out_empty(t: &Transaction<'_>, landing: &Landing) -> rusqlite::Result<bool> {
    let (place, advance) = (&landing.place, &landing.advance);
    let complete = advance.verdict.as_ref().is_some_and(Verdict::is_complete);
    // That nothing has changed is believed.
    if !complete || advance.seen > 0 || advance.at_known || !place.partition.is_empty() {
        return Ok(false);
    }
    if checkpoint::find(t, place)?.is_some_and(|before| before.seen > 0) {
        return Ok(false);
    }
    t.query_row("SELECT EXISTS (SELECT 1 FROM record WHERE stream = ? AND deleted = 0)", [place.stream.number()], |r| {
        r.get(0)
    })
}

/// Stores the records; says what that did, the seq of each, and what of it is an audit's find.
fn store(t: &Transaction<'_>, landing: &Landing) -> rusqlite::Result<(Landed, Vec<i64>, u64)> {
    let stream = landing.place.stream;
    let parent = Some(&landing.place.partition).filter(|p| !p.is_empty());
    let mut landed = Landed::default();
    let mut sequence = Seqs::take(t, landing.run)?;
    let (mut seqs, mut found) = (Vec::with_capacity(landing.records.rows.len()), 0);
    let mut find = t.prepare_cached(
        "SELECT hash, seq, last_run, deleted, suspect_run IS NOT NULL OR (parent IS NULL AND ?3) FROM record
         WHERE stream = ?1 AND id = ?2",
    )?;
    let selected_in = selection::changed_in(t, stream)?;
    for (n, record) in landing.records.rows.iter().enumerate() {
        let known: Option<Known> =
            find.query_row(params![stream.number(), &*record.id, parent.is_some()], Known::read).optional()?;
        if known.as_ref().is_some_and(|known| known.last_run >= landing.since_run) {
            landed.repeated += 1;
        }
        let (mut first, mut filled_in) = (None, None);
        // A tombstone has no body.
        if let Some(known) = known.filter(|known| !known.deleted) {
            let met = known.meets(t, landing, record, selected_in)?;
            if !matches!(met, Met::Changed | Met::Filled) {
                known.keep(t, landing, record, met)?;
                if known.unsettled {
                    clear(t, stream, &record.id, parent)?;
                }
                seqs.push(known.seq);
                continue;
            }
            if met == Met::Filled {
                landed.filled += 1;
                filled_in = Some(known.seq);
            } else {
                landed.changed += 1;
                found += 1;
            }
            first = Some(known.give_up_body(t, stream)?);
        } else {
            landed.new += 1;
            let made = landing.moments.rows.get(n).copied().flatten();
            found += u64::from(made.is_none_or(|made| made < landing.moments.round_began));
        }
        let seq = sequence.give();
        seqs.push(seq);
        landed.repaired += u64::from(record.repaired);
        let sql = format!("INSERT INTO body_{stream} (seq, id, payload, first_seq) VALUES (?, ?, ?, ?)");
        t.prepare_cached(&sql)?.execute(params![seq, &*record.id, payload(landing, record)?, first])?;
        put(t, landing, record, parent, seq)?;
        if let Some(before) = filled_in {
            entries::renumber(t, stream, &record.id, before, seq)?;
        }
    }
    sequence.give_back(t)?;
    Ok((landed, seqs, found))
}

/// What a record that is there is seen to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    /// As it was.
    Same,
    /// As it was, by what stays out of the hash now.
    Alike,
    /// As it was in all that it was asked for before and is asked for now.
    Filled,
    /// Another one.
    Changed,
}

/// What the ledger knows of a record.
struct Known {
    hash: [u8; 16],
    seq: i64,
    last_run: i64,
    deleted: bool,
    /// A suspect, or a record whose partition was not known.
    unsettled: bool,
}

impl Known {
    fn read(row: &Row<'_>) -> rusqlite::Result<Known> {
        Ok(Known {
            hash: row.get(0)?,
            seq: row.get(1)?,
            last_run: row.get(2)?,
            deleted: row.get(3)?,
            unsettled: row.get(4)?,
        })
    }

    /// What it is now. `selected_in` is the run in which other fields were asked for the last time.
    fn meets(
        &self,
        t: &Transaction<'_>,
        landing: &Landing,
        record: &Record,
        selected_in: Option<i64>,
    ) -> rusqlite::Result<Met> {
        if self.hash == record.hash.to_be_bytes() {
            return Ok(Met::Same);
        }
        if landing.masked {
            return Ok(Met::Changed);
        }
        let stream = landing.place.stream;
        let stored: Option<String> = t
            .prepare_cached(&format!("SELECT payload FROM body_{stream} WHERE seq = ?"))?
            .query_row([self.seq], |r| r.get(0))
            .optional()?;
        let Some(stored) = stored else {
            return Ok(Met::Changed);
        };
        let settled = |text| landing.volatile[stream].settled(text).map_or(Cow::Borrowed(text), Cow::Owned);
        let (before, after) = (settled(&stored), settled(payload(landing, record)?));
        // A run in which the fields change may have begun with the ones and gone on with the others.
        let other_fields = selected_in.is_some_and(|run| self.last_run <= run);
        Ok(if before == after {
            Met::Alike
        } else if other_fields && filled::fills(&before, &after, &landing.nested) {
            Met::Filled
        } else {
            Met::Changed
        })
    }

    /// Removes its body; with which seq it was inserted.
    fn give_up_body(&self, t: &Transaction<'_>, stream: Stream) -> rusqlite::Result<i64> {
        t.prepare_cached(&format!("DELETE FROM body_{stream} WHERE seq = ? RETURNING coalesce(first_seq, seq)"))?
            .query_row([self.seq], |r| r.get(0))
            .optional()
            .map(|first| first.unwrap_or(self.seq))
    }

    /// Notes that it was seen, and writes in place what is other than before.
    fn keep(&self, t: &Transaction<'_>, landing: &Landing, record: &Record, met: Met) -> rusqlite::Result<()> {
        let stream = landing.place.stream;
        let first = self.last_run != landing.run;
        if met != Met::Same {
            t.prepare_cached("UPDATE record SET hash = ?, last_run = ? WHERE stream = ? AND id = ?")?
                .execute(params![record.hash.to_be_bytes().as_slice(), landing.run, stream.number(), &*record.id])?;
        } else if first {
            t.prepare_cached("UPDATE record SET last_run = ? WHERE stream = ? AND id = ?")?.execute(params![
                landing.run,
                stream.number(),
                &*record.id
            ])?;
        }
        if met != Met::Same || (first && record.volatile) {
            t.prepare_cached(&format!("UPDATE body_{stream} SET payload = ?1 WHERE seq = ?2 AND payload <> ?1"))?
                .execute(params![payload(landing, record)?, self.seq])?;
        }
        Ok(())
    }
}

/// A record's JSON text: bytes bound as text, for they were checked before, and a copy of every payload is saved.
fn payload<'l>(landing: &'l Landing, record: &Record) -> rusqlite::Result<&'l str> {
    std::str::from_utf8(landing.records.payload(record)).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
}

fn clear(t: &Transaction<'_>, stream: Stream, id: &str, parent: Option<&String>) -> rusqlite::Result<()> {
    t.prepare_cached(
        "UPDATE record SET suspect_run = NULL, suspect_since = NULL, parent = coalesce(parent, ?3)
         WHERE stream = ?1 AND id = ?2",
    )?
    .execute(params![stream.number(), id, parent])?;
    Ok(())
}

fn put(
    t: &Transaction<'_>,
    landing: &Landing,
    record: &Record,
    parent: Option<&String>,
    seq: i64,
) -> rusqlite::Result<()> {
    t.prepare_cached(
        "INSERT INTO record (stream, id, parent, hash, seq, first_run, last_run) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
         ON CONFLICT (stream, id) DO UPDATE SET parent = ?3, hash = ?4, seq = ?5, last_run = ?6, deleted = 0,
             suspect_run = NULL, suspect_since = NULL",
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
