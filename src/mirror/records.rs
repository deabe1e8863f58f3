//! Lands a page: stores its records and the checkpoint that covers it, in one transaction. Only this module advances
//! a checkpoint.
//!
//! What happens to a record depends on what the mirror holds of it. The mark notes the run that saw it last.
//!
//! | in the mirror | what happens |
//! |---|---|
//! | the same hash | a look-up in the narrow ledger and, once a run, a mark; no parsing, no new `seq` |
//! | the same but for volatile values | it is written in place, under the `seq` that it has |
//! | the same, under other fields | it is *filled in* ([`crate::mirror::compare`]): it gets a new `seq` |
//! | other values | it is changed: it gets a new `seq` |
//! | a tombstone | it is a new record, whatever its hash |
//!
//! Two causes lead to writing in place: a volatile value differs now (a signed address expires, so the newest is
//! kept, once a run and only for records with such values), or the declaration of volatile values changed and the
//! record only looks changed. Such records are marked, because a destination of changes lacks what was written
//! ([`super::volatile_in_place`]).
//!
//! A filled-in record gets a new `seq` because destinations of changes want the new fields. It does not count as
//! changed, so nothing is read again because of it. A record that is seen is no longer a suspect.
//!
//! If a list comes out empty although the mirror holds records of it, the walk is incomplete, because an outage looks
//! the same.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Transaction, params};

use super::audits;
use super::checkpoint::{self, Advance, WalkKey};
use super::known_record::{LedgerMatch, LedgerRow};
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

/// The reason why a walk that came out empty is incomplete.
pub const EMPTY: &str = "the list came out empty, but the mirror holds records of it";

/// A page to land, with everything that landing it depends on.
pub struct Landing {
    /// The walk that the page belongs to.
    pub place: WalkKey,
    /// The run that lands it.
    pub run: i64,
    /// The server's time, in milliseconds since 1970.
    pub now: i64,
    /// The run in which the walk's pass began.
    pub since_run: i64,
    /// A fingerprint of how the list is asked for; `None` if the reading is not remembered, as for a partition.
    pub query: Option<i64>,
    /// The records. A row of no bytes stands for one that was set aside: the list showed it, and nothing else is
    /// known of it.
    pub records: Records,
    /// What was set aside on this page, with the reasons.
    pub set_aside: Vec<SetAside>,
    /// For each stream, the values that stayed out of the records' hashes.
    pub volatile: Arc<PerStream<Volatile>>,
    /// The fields of which the query selects members.
    pub nested: Vec<String>,
    /// Whether the hashes cover values that are masked in the records. Another hash then means a changed record, even
    /// if the masked texts are equal.
    pub masked: bool,
    /// The checkpoint's step. [`land`] fills in its counts of rows.
    pub advance: Advance,
    /// The stream whose partitions these records are, if there is one.
    pub partitions: Option<Partitions>,
    /// The moments of the rows.
    pub moments: Moments,
    /// Whether an empty list is believed, whatever the mirror holds.
    pub believe_empty: bool,
    /// Ids of records that may move to this list from the list in which the mirror holds them.
    pub claims: HashSet<Box<str>>,
    /// Whether the walk ends here, whatever its own rules say.
    pub closes: bool,
    /// What the walk remembers for its closing readings. Ignored if the walk ends here.
    pub remembered: Remembered,
}

/// A record of the page that the mirror holds in the list of another parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// The record's id.
    pub id: Box<str>,
    /// The parent in whose list the mirror holds it.
    pub parent: String,
    /// The last run that saw it.
    pub last_run: i64,
}

/// The moments at which the rows of a page were made.
#[derive(Debug, Clone, Default)]
pub struct Moments {
    /// When each row was made, in milliseconds since 1970.
    pub rows: Vec<Option<i64>>,
    /// Whether the walk may end here, provided that every row is known and unchanged and some of them are from an
    /// earlier pass.
    pub may_end: bool,
    /// When the round began, in milliseconds since 1970. An audit does not count records that were made later.
    pub round_began: i64,
}

/// The outcome of landing a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Landed {
    /// Records that the mirror did not hold.
    pub new: u64,
    /// Records that the mirror held with other values.
    pub changed: u64,
    /// Records whose common fields are equal but whose selected fields differ.
    pub filled: u64,
    /// Rows of records that this pass had already seen.
    pub repeated: u64,
    /// Lone surrogates that were replaced in the stored records.
    pub repaired: u64,
    /// Partitions that were found unchanged, so that nothing asks for them.
    pub skipped: u64,
    /// Whether the walk has ended: at known rows, or because the landing closes it.
    pub ended: bool,
    /// Records of the page that the mirror holds in the list of another parent. If there are any, nothing was stored.
    pub disputed: Vec<Dispute>,
}

/// Lands a page. If the mirror holds records of it in the list of another parent, and `claims` does not name them,
/// stores nothing and returns them in [`Landed::disputed`]. Fails if a record is not UTF-8, or if the checkpoint
/// refuses the step.
pub fn land(writer: &mut Writer, landing: &mut Landing) -> Result<Landed> {
    let not_text = landing.records.rows.iter().any(|r| std::str::from_utf8(landing.records.payload(r)).is_err());
    if not_text {
        return Err(Error::new(Kind::Internal, "a record is not UTF-8"));
    }
    let mut disputed = Vec::new();
    let stored = writer.transaction(|t| {
        let (mut landed, seqs, [found, lacked]) = store(t, landing, &mut disputed)?;
        if !disputed.is_empty() {
            // Any error rolls back what was stored of the page.
            return Err(rusqlite::Error::StatementChangedRows(disputed.len()));
        }
        landed.ended = landing.closes;
        if ends_here(landing, &landed) && !server_total_exceeds(t, landing)? {
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
        apply_set_aside(t, landing)?;
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
                // A record without an id has no list that could be asked for.
                if crate::set_aside::is_no_id(&record.id) {
                    continue;
                }
                let place =
                    WalkKey { lane: landing.place.lane, stream: partitions.stream, partition: record.id.to_string() };
                landed.skipped += u64::from(partitions::begin_or_skip(t, partitions, n, &place, seq, landing.run)?);
            }
        }
        Ok(landed)
    });
    if disputed.is_empty() { stored } else { Ok(Landed { disputed, ..Landed::default() }) }
}

/// Stores what the page has set aside. If the walk closes as complete, or gives up its whole list, and the pass has
/// set something aside, changes the verdict to incomplete, with that as the reason.
fn apply_set_aside(t: &Transaction<'_>, landing: &mut Landing) -> rusqlite::Result<()> {
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

/// Returns whether the walk may end at this page: every row is known and unchanged, some are from an earlier pass,
/// and the order of the list implies that all older rows are known, too.
fn ends_here(landing: &Landing, landed: &Landed) -> bool {
    let rows = landing.records.rows.len() as u64;
    let all_known = landed.new + landed.changed + landed.filled == 0 && landed.repeated < rows;
    landing.moments.may_end && all_known && landing.advance.verdict.is_none()
}

/// Returns whether the server states more records for a list than the mirror holds. The walk then reads on behind the
/// known rows, because messages of a conversation that was merged into this one may stand there.
fn server_total_exceeds(t: &Transaction<'_>, landing: &Landing) -> rusqlite::Result<bool> {
    let (place, Some(total)) = (&landing.place, landing.advance.total) else { return Ok(false) };
    let held: u64 = t
        .prepare_cached(
            "SELECT count(*) FROM record INDEXED BY record_parents WHERE stream = ? AND parent = ? AND deleted = 0",
        )?
        .query_row(params![place.stream.number(), place.partition], |r| r.get(0))?;
    Ok(total > held)
}

/// Returns whether this page ends a stream's one list as complete, the list showed no row at all, and the mirror
/// holds records.
fn comes_out_empty(t: &Transaction<'_>, landing: &Landing) -> rusqlite::Result<bool> {
    let (place, advance) = (&landing.place, &landing.advance);
    let complete = advance.verdict.as_ref().is_some_and(Verdict::is_complete);
    // A pass that asks only for changes may show no row: nothing has changed.
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

/// Stores the records. Returns the outcome, the `seq` of each row, and `[found, lacked]`: what an audit counts of
/// them (see [`Advance`]).
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
        let known: Option<LedgerRow> = find
            .query_row(params![stream.number(), &*record.id, parent.is_some(), parent], LedgerRow::read)
            .optional()?;
        if known.as_ref().is_some_and(|known| known.last_run >= landing.since_run) {
            landed.repeated += 1;
        }
        if record.range.is_empty() {
            // The row was set aside, so the record stays as it was. A negative `seq` matches no stored entry, so that
            // its list is read.
            if known.is_some_and(|known| !known.deleted) {
                mark_seen(t, stream, &record.id, landing.run)?;
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
        // A tombstone has no body to compare or delete.
        if let Some(known) = known.as_ref().filter(|known| known.deleted) {
            died = Some(known.seq);
        }
        if let Some(known) = known.filter(|known| !known.deleted) {
            let met = known.compare_with(t, landing, record, selected_in)?;
            if !matches!(met, LedgerMatch::Changed | LedgerMatch::Filled) {
                known.keep(t, landing, record, met)?;
                if known.unsettled {
                    clear(t, stream, &record.id, parent)?;
                }
                seqs.push(known.seq);
                continue;
            }
            if met == LedgerMatch::Filled {
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

/// Returns a record's JSON text without copying it. [`land`] has already refused bytes that are not UTF-8.
pub(super) fn payload<'l>(landing: &'l Landing, record: &Record) -> rusqlite::Result<&'l str> {
    std::str::from_utf8(landing.records.payload(record)).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
}

/// Notes that a list showed the record, although its present values are unknown.
fn mark_seen(t: &Transaction<'_>, stream: Stream, id: &str, run: i64) -> rusqlite::Result<()> {
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
