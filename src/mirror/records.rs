//! Landing a page: its records and the checkpoint that covers it, in one transaction. This is the only place that
//! advances a checkpoint.
//!
//! A record that is there with the same hash costs a look-up in the narrow ledger and, the first time in a run, the
//! mark that it was seen; it is not parsed, not written again, and gets no new `seq`. A tombstone that is seen again is a new
//! record, whatever its hash; whoever is seen is under no suspicion.
//!
//! Two kinds of record are written in place, under the `seq` that they have: one whose volatile values are others now (a
//! signed address expires, so the newest is kept; once a run, for those alone that hold such values), and one that only
//! looks changed because what stays out of the hash was declared anew. They are marked, for destinations that are fed changes
//! lack what was written ([`super::in_place`]). One that is *filled in* (it was asked for with other
//! fields, and what both answers have is equal: [`crate::mirror::compare`]) gets a new `seq`, because destinations that are fed changes
//! want the new fields, but it does not count as changed: nothing is asked again on its account.
//!
//! A list that comes out empty although the mirror holds records of it is not believed: an outage looks like that.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Transaction, params};

use super::audits;
use super::checkpoint::{self, Advance, Place};
use super::known::{Known, Met};
use super::ledger;
use super::readings;
use super::reread::{self, Remembered};
use super::sequence::Seqs;
use super::set_aside;
use super::settings;
use super::store::Writer;
use super::tombstones;
use crate::error::{Error, Kind, Result};
use crate::mirror::partitions;
use crate::mirror::partitions::Partitions;
use crate::record::volatile::Volatile;
use crate::record::{Record, Records};
use crate::set_aside::{SetAside, What};
use crate::streams::{PerStream, Stream};
use crate::verdict::Verdict;

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
    /// The records. A row of no bytes was set aside: it was seen, and nothing else is known of it.
    pub records: Records,
    /// What was set aside on this page.
    pub set_aside: Vec<SetAside>,
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
    /// Ids of records that may be taken from the list that the mirror knows them from.
    pub claims: HashSet<Box<str>>,
    /// The walk ends here, whatever its own rules say.
    pub closes: bool,
    /// What the walk remembers for its closing readings, unless it ends here.
    pub remembered: Remembered,
}

/// A record that lives in the list of another parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Its id.
    pub id: Box<str>,
    /// The parent in whose list it lives.
    pub parent: String,
    /// The run that saw it there last.
    pub last_run: i64,
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// The walk has ended, at rows that are known or because the page closes it.
    pub ended: bool,
    /// Records of the page that live in the list of another parent. Nothing was stored because of them.
    pub disputed: Vec<Dispute>,
}

/// Lands a page. Where records live in the list of another parent, and are not claimed, nothing is stored: [`Landed::disputed`]
/// says which.
pub fn land(writer: &mut Writer, landing: &mut Landing) -> Result<Landed> {
    let not_text = landing.records.rows.iter().any(|r| std::str::from_utf8(landing.records.payload(r)).is_err());
    if not_text {
        return Err(Error::new(Kind::Internal, "a record is not UTF-8"));
    }
    let mut disputed = Vec::new();
    let stored = writer.transaction(|t| {
        let (mut landed, seqs, [found, lacked]) = store(t, landing, &mut disputed)?;
        if !disputed.is_empty() {
            // Takes back what was stored of the page.
            return Err(rusqlite::Error::StatementChangedRows(disputed.len()));
        }
        landed.ended = landing.closes;
        if ends_here(landing, &landed) && !is_more_told(t, landing)? {
            landed.ended = true;
            landing.advance.verdict = Some(Verdict::Continuous);
            landing.advance.at_known = true;
        }
        landing.advance.found = found;
        landing.advance.lacked = lacked;
        landing.advance.newest = landing.moments.rows.iter().copied().flatten().max();
        landing.advance.seen = landing.records.rows.len() as u64;
        landing.advance.distinct = landing.advance.seen - landed.repeated;
        if !landing.believe_empty && comes_out_empty(t, landing)? {
            landing.advance.verdict = Some(Verdict::Incomplete(EMPTY.into()));
        }
        settle_aside(t, landing)?;
        if landing.advance.verdict.is_none() {
            reread::remember(t, &landing.place, &landing.remembered)?;
        }
        checkpoint::advance(t, &landing.place, &landing.advance)?;
        audits::owe(t, &landing.place, landing.advance.lacked)?;
        if let Some(verdict) = &landing.advance.verdict {
            if !landing.place.partition.is_empty() {
                partitions::closed(t, &landing.place, landing.since_run, verdict.is_complete())?;
            } else if let Some(query) = landing.query.filter(|_| verdict.is_complete()) {
                let at_known = landing.advance.at_known;
                readings::closed(t, landing.place.stream, query, landing.since_run, at_known, landing.now)?;
            }
        }
        if let Some(partitions) = &landing.partitions {
            for (n, (record, seq)) in landing.records.rows.iter().zip(seqs).enumerate() {
                // Nobody can ask for the list of a record without an id.
                if crate::set_aside::is_no_id(&record.id) {
                    continue;
                }
                let place =
                    Place { lane: landing.place.lane, stream: partitions.stream, partition: record.id.to_string() };
                landed.skipped += u64::from(partitions::meet(t, partitions, n, &place, seq, landing.run)?);
            }
        }
        Ok(landed)
    });
    if disputed.is_empty() { stored } else { Ok(Landed { disputed, ..Landed::default() }) }
}

/// Notes what was set aside. A walk that lacks nothing else closes as incomplete, and says what it lacks.
fn settle_aside(t: &Transaction<'_>, landing: &mut Landing) -> rusqlite::Result<()> {
    if landing.advance.from == 0 {
        set_aside::clear(t, &landing.place)?;
    }
    set_aside::put(t, &landing.place, &landing.set_aside)?;
    let gives_up = landing.set_aside.iter().any(|one| matches!(one.what, What::List(_)));
    if !gives_up && !landing.advance.verdict.as_ref().is_some_and(Verdict::is_complete) {
        return Ok(());
    }
    if let Some((told, missing)) = set_aside::of_list(t, &landing.place)? {
        landing.advance.verdict = Some(Verdict::Incomplete(told));
        landing.advance.set_aside = Some(missing);
    }
    Ok(())
}

/// A whole window of rows that are known as they are, some of them from an earlier pass: what is older is known, too,
/// where the order allows to say so.
fn ends_here(landing: &Landing, landed: &Landed) -> bool {
    let rows = landing.records.rows.len() as u64;
    let all_known = landed.new + landed.changed + landed.filled == 0 && landed.repeated < rows;
    landing.moments.may_end && all_known && landing.advance.verdict.is_none()
}

/// Whether the server tells more records of a list than the mirror holds. The walk then reads on behind the known records:
/// messages of a merged conversation may stand there.
fn is_more_told(t: &Transaction<'_>, landing: &Landing) -> rusqlite::Result<bool> {
    let (place, Some(total)) = (&landing.place, landing.advance.total) else { return Ok(false) };
    let held: u64 = t
        .prepare_cached(
            "SELECT count(*) FROM record INDEXED BY record_parents WHERE stream = ? AND parent = ? AND deleted = 0",
        )?
        .query_row(params![place.stream.number(), place.partition], |r| r.get(0))?;
    Ok(total > held)
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

/// Stores the records; says what that did, the seq of each, what of it is an audit's find, and which of that was lacking.
fn store(
    t: &Transaction<'_>,
    landing: &Landing,
    disputed: &mut Vec<Dispute>,
) -> rusqlite::Result<(Landed, Vec<i64>, [u64; 2])> {
    let stream = landing.place.stream;
    let parent = Some(&landing.place.partition).filter(|p| !p.is_empty());
    let mut landed = Landed::default();
    let mut sequence = Seqs::take(t, landing.run)?;
    let mut seqs = Vec::with_capacity(landing.records.rows.len());
    let (mut found, mut lacked) = (0, 0);
    let mut find = t.prepare_cached(
        "SELECT hash, seq, last_run, deleted, suspect_run IS NOT NULL OR (parent IS NULL AND ?3),
             CASE WHEN parent <> ?4 THEN parent END, coalesce(in_place, 0) FROM record
         WHERE stream = ?1 AND id = ?2",
    )?;
    let selected_in = settings::fields_changed_in(t, stream)?;
    for (n, record) in landing.records.rows.iter().enumerate() {
        let known: Option<Known> =
            find.query_row(params![stream.number(), &*record.id, parent.is_some(), parent], Known::read).optional()?;
        if known.as_ref().is_some_and(|known| known.last_run >= landing.since_run) {
            landed.repeated += 1;
        }
        if record.range.is_empty() {
            // Set aside: it stays as it was, and what belongs to it is read whatever its entry was.
            if known.is_some_and(|known| !known.deleted) {
                see(t, stream, &record.id, landing.run)?;
            }
            seqs.push(-landing.run);
            continue;
        }
        let elsewhere = known.as_ref().filter(|known| !known.deleted).and_then(|known| known.elsewhere.as_ref());
        if let (Some(other), Some(known)) = (elsewhere, &known) {
            if !landing.claims.contains(&record.id) {
                disputed.push(Dispute { id: record.id.clone(), parent: other.clone(), last_run: known.last_run });
                seqs.push(known.seq);
                continue;
            }
            t.prepare_cached("UPDATE record SET parent = ? WHERE stream = ? AND id = ?")?.execute(params![
                parent,
                stream.number(),
                &*record.id
            ])?;
        }
        let (mut first, mut filled_in, mut died) = (None, None, None);
        // A tombstone has no body.
        if let Some(known) = known.as_ref().filter(|known| known.deleted) {
            died = Some(known.seq);
        }
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
            lacked += u64::from(made.is_none_or(|made| made < landing.moments.round_began));
        }
        let seq = sequence.give();
        seqs.push(seq);
        landed.repaired += u64::from(record.repaired);
        let sql = format!("INSERT INTO body_{stream} (seq, id, payload, first_seq) VALUES (?, ?, ?, ?)");
        t.prepare_cached(&sql)?.execute(params![seq, &*record.id, payload(landing, record)?, first])?;
        ledger::put(t, (stream, record, parent), seq, landing.run)?;
        if let Some(died) = died {
            tombstones::came_back(t, stream, &record.id, died, seq)?;
        }
        if let Some(before) = filled_in {
            partitions::renumber(t, stream, &record.id, before, seq)?;
        }
    }
    sequence.give_back(t)?;
    Ok((landed, seqs, [found + lacked, lacked]))
}

/// A record's JSON text: bytes bound as text, for they were checked before, and a copy of every payload is saved.
pub(super) fn payload<'l>(landing: &'l Landing, record: &Record) -> rusqlite::Result<&'l str> {
    std::str::from_utf8(landing.records.payload(record)).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
}

/// Notes that a record was seen, whatever it is now.
fn see(t: &Transaction<'_>, stream: Stream, id: &str, run: i64) -> rusqlite::Result<()> {
    t.prepare_cached(
        "UPDATE record SET last_run = ?, suspect_run = NULL, suspect_since = NULL WHERE stream = ? AND id = ?",
    )?
    .execute(params![run, stream.number(), id])
    .map(drop)
}

fn clear(t: &Transaction<'_>, stream: Stream, id: &str, parent: Option<&String>) -> rusqlite::Result<()> {
    t.prepare_cached(
        "UPDATE record SET suspect_run = NULL, suspect_since = NULL, parent = coalesce(parent, ?3)
         WHERE stream = ?1 AND id = ?2",
    )?
    .execute(params![stream.number(), id, parent])?;
    Ok(())
}
