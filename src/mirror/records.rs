//! Stores (*lands*) a page: its records, and the checkpoint that covers it, in one transaction. Only this module
//! advances a checkpoint.
//!
//! What happens to a record of the page depends on what the mirror holds under its id. "Marked" means that the run is
//! stored as the last that saw the record.
//!
//! | in the mirror | what happens |
//! |---|---|
//! | the same hash | a look-up in the narrow ledger; the record is marked once a run; no parsing, no new `seq` |
//! | equal apart from volatile values | overwritten in place, under the `seq` that it has |
//! | equal, but other fields were selected | *filled in* ([`crate::mirror::compare`]): overwritten, with a new `seq` |
//! | other values | changed: overwritten, with a new `seq` |
//! | a tombstone | stored as a new record, whatever its hash |
//!
//! A record is overwritten in place for one of two reasons:
//!
//! - A volatile value differs now. For example, a signed URL expires, so the newest one is kept. This is done once a
//!   run, and only for records with such values.
//! - The declaration of volatile values changed, and the record only looks changed.
//!
//! The ledger notes these records, because a destination of changes does not get the overwritten values
//! ([`super::volatile_in_place`]).
//!
//! A filled-in record gets a new `seq` because destinations of changes want the new fields. It does not count as
//! changed, so nothing is read again because of it. A record that a page shows is no longer a suspect.
//!
//! If a list comes out empty although the mirror holds records of it, the walk is incomplete, because an outage looks
//! the same.

use rusqlite::{OptionalExtension, Transaction, params};

use super::known_record::{LedgerMatch, LedgerRow};
use super::landing::{Dispute, EMPTY, Landed, Landing};
use super::sequence::Seqs;
use super::store::Writer;
use super::walk_key::WalkKey;
use super::{audits, checkpoint, ledger, partitions, readings, reread, set_aside, settings, tombstones};
use crate::error::{Error, Kind, Result};
use crate::set_aside::What;
use crate::streams::Stream;
use crate::verdict::Verdict;

/// Stores a page and advances its walk's checkpoint. If the mirror holds records of the page in the list of another
/// parent, and `claims` does not name them, stores nothing and returns these records in [`Landed::disputed`]. Returns
/// an error if a record is not UTF-8, or if the checkpoint refuses the step.
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
        let mut closes = landing.closes;
        if ends_here(landing, &landed) && !server_total_exceeds(t, landing)? {
            closes = true;
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
        landed.closed = landing.advance.verdict.clone().filter(|_| closes);
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

/// Stores what the page has set aside. Changes the verdict to `incomplete`, with the set-aside records as the reason,
/// if the pass has set something aside and the walk either closes as complete or gives up its complete list.
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

/// Returns whether the walk may end at this page. Every row must be known and unchanged, some rows must be new to
/// this pass, and the order of the list must imply that all older rows are known, too.
fn ends_here(landing: &Landing, landed: &Landed) -> bool {
    let rows = landing.records.rows.len() as u64;
    let all_known = landed.new + landed.changed + landed.filled == 0 && landed.repeated < rows;
    landing.moments.may_end && all_known && landing.advance.verdict.is_none()
}

/// Returns whether the server's total for a list is higher than the number of its records in the mirror. The walk
/// then reads on after the known rows, because the list may contain messages of a conversation that was merged into
/// this one.
fn server_total_exceeds(t: &Transaction<'_>, landing: &Landing) -> rusqlite::Result<bool> {
    let (place, Some(total)) = (&landing.place, landing.advance.total) else { return Ok(false) };
    let held: u64 = t
        .prepare_cached(
            "SELECT count(*) FROM record INDEXED BY record_parents WHERE stream = ? AND parent = ? AND deleted = 0",
        )?
        .query_row(params![place.stream.number(), place.partition], |r| r.get(0))?;
    Ok(total > held)
}

/// Returns whether this page closes a stream's one list as complete, the walk showed no row at all, and the mirror
/// holds live records of the stream.
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

/// Stores the records of the page. Returns the counts for the result, the `seq` of each row, and `[found, lacked]`:
/// the two counts of an audit (see [`checkpoint::Advance`]). Adds records that the mirror holds in another list to
/// `disputed`.
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
        let (mut first, mut renumbered, mut died) = (None, None, None);
        // A tombstone has no body to compare or delete.
        if let Some(known) = known.as_ref().filter(|known| known.deleted) {
            died = Some(known.seq);
        }
        if let Some(known) = known.filter(|known| !known.deleted) {
            let met = known.compare_with(t, landing, record, selected_in)?;
            if !matches!(met, LedgerMatch::Changed | LedgerMatch::ChangedBeside | LedgerMatch::Filled) {
                known.keep(t, landing, record, met)?;
                if known.unsettled {
                    clear(t, stream, &record.id, parent)?;
                }
                seqs.push(known.seq);
                continue;
            }
            // The record's lists are as they were when it was read under its last seq.
            renumbered = Some(known.seq).filter(|_| met != LedgerMatch::Changed);
            if met == LedgerMatch::Filled {
                landed.filled += 1;
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
        t.prepare_cached(&sql)?.execute(params![seq, &*record.id, landing.payload(record)?, first])?;
        ledger::put(t, (stream, record, parent), seq, landing.run)?;
        if let Some(died) = died {
            tombstones::came_back(t, stream, &record.id, died, seq)?;
        }
        if let Some(before) = renumbered {
            partitions::renumber(t, stream, &record.id, before, seq)?;
        }
    }
    sequence.give_back(t)?;
    Ok((landed, seqs, [found + lacked, lacked]))
}

/// Records that a list showed a record whose current values are unknown, because it was set aside.
fn mark_seen(t: &Transaction<'_>, stream: Stream, id: &str, run: i64) -> rusqlite::Result<()> {
    t.prepare_cached(
        "UPDATE record SET last_run = ?, suspect_run = NULL, suspect_since = NULL WHERE stream = ? AND id = ?",
    )?
    .execute(params![run, stream.number(), id])
    .map(drop)
}

/// Ends the suspicion of a record, and stores its parent if none was known.
fn clear(t: &Transaction<'_>, stream: Stream, id: &str, parent: Option<&String>) -> rusqlite::Result<()> {
    t.prepare_cached(
        "UPDATE record SET suspect_run = NULL, suspect_since = NULL, parent = coalesce(parent, ?3)
         WHERE stream = ?1 AND id = ?2",
    )?
    .execute(params![stream.number(), id, parent])?;
    Ok(())
}
