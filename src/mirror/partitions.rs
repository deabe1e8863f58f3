//! Decides which lists of a partitioned stream need not be read. A list is skipped if its *entry* (the parent record,
//! as the parent's own list shows it) is the same as when the list was read completely. A conversation's entry shows
//! its last message, so new messages change the entry. If an entry shows no last message, it is no evidence, and the
//! list is read.
//!
//! A message that changes later (delivered, read, failed) does not change the entry. So a list with messages newer
//! than `lookback` is read again even if its entry is unchanged. Audits measure what this still misses
//! ([`super::audits`]).
//!
//! A row of table `entry` describes the last pass over a list that was *begun*, in either lane. It is overwritten
//! when the next pass begins. It is marked as complete only when that same pass closes complete. So rows that an
//! unfinished pass has stored are never taken for the edge of the known part.

use rusqlite::{Connection, OptionalExtension, Transaction, named_params, params};

use super::checkpoint::{self, Pass};
use super::list_state::{ListState, UNTOLD};
use super::parents::{parent_gone_sql, parent_number};
use super::walk_key::{Lane, WalkKey};
use super::{audits, orphans, settings};
use crate::streams::{self, Stream};

/// The partitioned stream whose lists belong to the records of a page, and what these records show of their lists.
#[derive(Debug, Clone)]
pub struct Partitions {
    /// The partitioned stream.
    pub stream: Stream,
    /// The run in which the round began.
    pub round: i64,
    /// A fingerprint of the fields that are selected for the stream.
    pub selection: i64,
    /// The server's time, in milliseconds since 1970.
    pub now: i64,
    /// For how long records may change after their creation, in milliseconds. 0 if they never do.
    pub lookback: i64,
    /// For each record of the page: the newest moment that the record shows of its list, in milliseconds since 1970.
    /// `None` if the record shows no moment.
    pub newest: Vec<Option<i64>>,
    /// For each record of the page: whether it shows something, such as the last message, that new records in its
    /// list would change.
    pub signs: Vec<bool>,
    /// Whether a record that shows nothing of its list has an empty list, according to what the server has shown so
    /// far ([`super::silence`]).
    pub silence_is_empty: bool,
}

impl Partitions {
    /// Returns whether the n-th record of the page, if unchanged, is evidence that its list is unchanged. It is if it
    /// shows something of its list. It also is if it shows nothing, the mirror holds no records of its list, and on
    /// this server showing nothing means an empty list.
    fn is_sign(&self, t: &Transaction<'_>, n: usize, place: &WalkKey) -> rusqlite::Result<bool> {
        if self.signs.get(n).copied().unwrap_or(false) {
            return Ok(true);
        }
        Ok(self.silence_is_empty && !holds_records(t, place)?)
    }
}

/// By how many milliseconds the last record may be newer than its entry shows. An entry may round to whole seconds.
const ROUNDED: i64 = 1000;

/// Begins the pass over the list of the page's n-th record, unless this round has begun it already or the list may be
/// skipped. `place` identifies the list, and `seq` is the seq of the n-th record. Returns `true` if the list is
/// skipped and was not counted as skipped in this round before.
pub fn begin_or_skip(
    t: &Transaction<'_>,
    partitions: &Partitions,
    n: usize,
    place: &WalkKey,
    seq: i64,
    run: i64,
) -> rusqlite::Result<bool> {
    let Partitions { round, selection, lookback, now, .. } = *partitions;
    let (mut known_since, mut to_come) = (None, None);
    if place.lane == Lane::Incremental
        && let Some(known) = find(t, place)?
    {
        if known.incremental && known.run >= round {
            return Ok(false);
        }
        // Only a reading of the list to its end settles its suspects.
        let settled = !holds_suspects(t, place)?;
        // If another lane began the latest pass, this round may have begun its own before. That one belongs to the
        // round, open or not.
        let begun = || checkpoint::find(t, place).map(|own| own.is_some_and(|own| own.since_run >= round));
        let is_unchanged =
            settled && known.is_unchanged(seq, selection, lookback, now) && partitions.is_sign(t, n, place)?;
        if is_unchanged && (known.incremental || !begun()?) {
            let is_counted = known.skipped.is_some_and(|skipped| skipped >= round);
            return if is_counted { Ok(false) } else { skip(t, place, round).map(|()| true) };
        }
        // Records that an audit shows to be missing may stand behind known rows.
        let is_owed = audits::is_owed(t, place)?;
        known_since = known.known_since(selection, now).filter(|_| settled && !is_owed);
        // A pass that ends at known rows may not show the record with the future moment again.
        to_come = known.newest_to_come(now);
    }
    if checkpoint::start_pass(t, place, run, round, &Pass { known_since, audited: None })? {
        let newest = partitions.newest.get(n).copied().flatten().max(to_come);
        t.prepare_cached(
            "INSERT INTO entry (stream, partition, entry_seq, selection, lane, run, began, newest, sign, told)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (stream, partition) DO UPDATE SET entry_seq = excluded.entry_seq,
                 selection = excluded.selection, lane = excluded.lane, run = excluded.run, began = excluded.began,
                 newest = excluded.newest, sign = excluded.sign, told = excluded.told, whole = 0, read_at = NULL,
                 skipped = NULL, repair = NULL, lags = 0, search = NULL",
        )?
        .execute(params![
            place.stream.number(),
            place.partition,
            seq,
            selection,
            place.lane.name(),
            run,
            partitions.now,
            newest,
            partitions.signs.get(n).copied().unwrap_or(false),
            partitions.newest.get(n).copied().flatten()
        ])?;
    }
    Ok(false)
}

fn find(t: &Transaction<'_>, place: &WalkKey) -> rusqlite::Result<Option<ListState>> {
    let counts_since = settings::counts_since(t, place.stream);
    let columns = ListState::COLUMNS;
    t.prepare_cached(&format!("SELECT {columns} FROM entry WHERE stream = :stream AND partition = :partition"))?
        .query_row(
            named_params! {
                ":counts_since": counts_since, ":stream": place.stream.number(), ":partition": place.partition,
            },
            ListState::read,
        )
        .optional()
}

fn holds_records(t: &Transaction<'_>, place: &WalkKey) -> rusqlite::Result<bool> {
    t.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM record INDEXED BY record_parents WHERE stream = ? AND parent = ? AND deleted = 0)",
    )?
        .query_row(params![place.stream.number(), place.partition], |r| r.get(0))
}

fn holds_suspects(t: &Transaction<'_>, place: &WalkKey) -> rusqlite::Result<bool> {
    t.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM record INDEXED BY record_suspected_lists
             WHERE stream = ? AND parent = ? AND suspect_run IS NOT NULL)",
    )?
    .query_row(params![place.stream.number(), place.partition], |r| r.get(0))
}

/// Forgets the state of a list whose parent record is gone. If that record comes back, the list is read completely,
/// because some of its records were deleted with the parent.
pub fn forget(t: &Transaction<'_>, stream: Stream, partition: &str) -> rusqlite::Result<()> {
    t.prepare_cached("DELETE FROM entry WHERE stream = ? AND partition = ?")?
        .execute(params![stream.number(), partition])
        .map(drop)
}

/// Replaces the seq `before` of a record by `now` in the state of the record's lists. Called after an update that
/// leaves these lists known: the record only gained newly selected fields, or was overwritten in place.
pub fn renumber(t: &Transaction<'_>, parent: Stream, id: &str, before: i64, now: i64) -> rusqlite::Result<()> {
    for child in streams::ALL.into_iter().filter(|s| s.definition().parent == Some(parent)) {
        t.prepare_cached("UPDATE entry SET entry_seq = ?4 WHERE stream = ?1 AND partition = ?2 AND entry_seq = ?3")?
            .execute(params![child.number(), id, before, now])?;
    }
    Ok(())
}

fn skip(t: &Transaction<'_>, place: &WalkKey, round: i64) -> rusqlite::Result<()> {
    t.prepare_cached("UPDATE entry SET skipped = ? WHERE stream = ? AND partition = ?")?.execute(params![
        round,
        place.stream.number(),
        place.partition
    ])?;
    Ok(())
}

/// Records that the pass over a list that began in `since_run` has closed; `complete` is `true` if its verdict is
/// complete. Has no effect if another pass over the list was begun since.
pub fn closed(t: &Transaction<'_>, place: &WalkKey, since_run: i64, complete: bool) -> rusqlite::Result<()> {
    let (newest, seen): (Option<i64>, u64) = t
        .prepare_cached("SELECT newest, seen FROM checkpoint WHERE lane = ? AND stream = ? AND partition = ?")?
        .query_row(params![place.lane.name(), place.stream.number(), place.partition], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })?;
    let newest = newest.or((seen > 0).then_some(UNTOLD));
    t.prepare_cached(
        "UPDATE entry SET whole = ?5, read_at = ?6, newest = max(coalesce(newest, ?7), coalesce(?7, newest)),
             lags = coalesce(?7 < ?9 AND ?7 > told + ?8, 0)
         WHERE stream = ?1 AND partition = ?2 AND lane = ?3 AND run = ?4",
    )?
    .execute(params![
        place.stream.number(),
        place.partition,
        place.lane.name(),
        since_run,
        complete,
        crate::clock::now(),
        newest,
        ROUNDED,
        UNTOLD
    ])?;
    orphans::closed(t, place, since_run)
}

/// Starts the next pass, in run `run`, of every walk of a stream that was closed as incomplete. Records that their
/// lists are read again. `now` is the server's time, in milliseconds since 1970.
pub fn reopen_incomplete(t: &Transaction<'_>, lane: Lane, stream: Stream, run: i64, now: i64) -> rusqlite::Result<()> {
    let gone = parent_gone_sql(t, stream);
    t.execute(
        &format!(
            "UPDATE entry SET lane = ?1, run = ?3, began = ?5, whole = 0, skipped = NULL, search = NULL
             WHERE stream = ?2 AND partition IN (
                 SELECT partition FROM checkpoint
                 WHERE lane = ?1 AND stream = ?2 AND open = 0 AND verdict = 'incomplete' AND NOT {gone})"
        ),
        params![lane.name(), stream.number(), run, parent_number(stream), now],
    )?;
    // This comes last, because it changes the verdicts by which the statement above finds the lists.
    checkpoint::reopen_incomplete(t, lane, stream, run)
}

/// The lists that a round skipped because their entries are unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    /// The number of skipped lists.
    pub lists: u64,
    /// The number of skipped lists that had not been read completely before. It should be 0.
    pub incomplete: u64,
    /// The earliest moment at which one of the skipped lists was read, RFC 3339. `None` if no list was skipped.
    pub read_at: Option<String>,
}

/// Returns the lists of a stream that were skipped by the round that began with run `round`, or by a later round of
/// another job. Returns the default if the mirror is too old to know.
pub fn skipped(c: &Connection, stream: Stream, round: i64) -> rusqlite::Result<Skipped> {
    let Ok(mut ask) = c.prepare_cached(
        "SELECT count(*), coalesce(sum(whole = 0 OR run < ?3), 0), min(read_at) FROM entry
         WHERE stream = ?1 AND skipped >= ?2",
    ) else {
        return Ok(Skipped::default());
    };
    ask.query_row(params![stream.number(), round, settings::counts_since(c, stream)], |r| {
        Ok(Skipped { lists: r.get(0)?, incomplete: r.get(1)?, read_at: r.get(2)? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn mirror() -> Connection {
        let mut c = Connection::open_in_memory().expect("memory");
        crate::mirror::upgrade::apply(&mut c, std::path::Path::new("m")).expect("schema");
        c
    }

    fn partitions(round: i64, now: i64) -> Partitions {
        Partitions {
            stream: Stream::Messages,
            round,
            selection: 1,
            now,
            lookback: DAY,
            newest: vec![Some(now - 9 * DAY)],
            signs: vec![true],
            silence_is_empty: false,
        }
    }

    fn place(lane: Lane) -> WalkKey {
        WalkKey { lane, stream: Stream::Messages, partition: "c".into() }
    }

    /// Closes a pass of one window that began in this run.
    fn close(t: &Transaction<'_>, lane: Lane, run: i64) {
        let pass = checkpoint::find(t, &place(lane)).expect("find").expect("a pass").pass;
        let verdict = Some(crate::verdict::Verdict::Continuous);
        let advance = checkpoint::Advance { pass, verdict, ..checkpoint::Advance::default() };
        checkpoint::advance(t, &place(lane), &advance).expect("closed");
        closed(t, &place(lane), run, true).expect("known");
    }

    #[test]
    fn only_the_pass_that_was_begun_last_says_that_a_list_is_known() {
        let mut c = mirror();
        let t = c.transaction().expect("transaction");
        let (both, now) = ([Lane::Backfill, Lane::Incremental], 100 * DAY);
        for (lane, run) in both.into_iter().zip(1..) {
            assert!(!begin_or_skip(&t, &partitions(run, now), 0, &place(lane), 5, run).expect("begun"));
        }
        close(&t, Lane::Backfill, 1);
        let known = find(&t, &place(Lane::Backfill)).expect("find").expect("known");
        assert!(known.incremental && !known.whole, "the incremental lane's pass may have left rows behind");
        close(&t, Lane::Incremental, 2);
        assert!(!begin_or_skip(&t, &partitions(2, now), 0, &place(Lane::Incremental), 5, 2).expect("the same round"));
        assert_eq!(skipped(&t, Stream::Messages, 2).expect("skipped").lists, 0, "it is read or skipped, never both");
        assert!(begin_or_skip(&t, &partitions(3, now), 0, &place(Lane::Incremental), 5, 3).expect("unchanged"));
        assert!(!begin_or_skip(&t, &partitions(3, now), 0, &place(Lane::Incremental), 5, 3).expect("is counted once"));
        assert_eq!(skipped(&t, Stream::Messages, 3).expect("skipped").lists, 1);
        assert!(
            !begin_or_skip(&t, &partitions(3, now), 0, &place(Lane::Incremental), 6, 3).expect("it changed after all")
        );
        assert_eq!(skipped(&t, Stream::Messages, 3).expect("skipped").lists, 0);
        let own = checkpoint::find(&t, &place(Lane::Incremental)).expect("find").expect("a pass");
        assert_eq!((own.since_run, own.known_since), (3, Some(now)));
    }

    #[test]
    fn a_backfill_skips_nothing_and_reads_to_the_end() {
        let mut c = mirror();
        let t = c.transaction().expect("transaction");
        for run in [1, 2] {
            assert!(!begin_or_skip(&t, &partitions(run, 9 * DAY), 0, &place(Lane::Backfill), 5, run).expect("begun"));
            let own = checkpoint::find(&t, &place(Lane::Backfill)).expect("find").expect("a pass");
            assert_eq!((own.pass, own.known_since, own.verdict.is_none()), (run, None, true));
            close(&t, Lane::Backfill, run);
        }
    }
}
