//! Stores how far each walk has come. A checkpoint counts committed windows and moves from `n` to `n + 1`, and only
//! if `n` is stored. A trigger checks this a second time. The checkpoint also stores the walk's own data: the
//! position of the next window, the page size that the server uses, and the anchors. A step back in the list is a new
//! window that starts earlier, so the count never decreases.
//!
//! A walk over the list of a parent record does not count in two cases. It is then treated as neither open nor
//! incomplete, and it is not repeated.
//!
//! - The parent record is a tombstone. If it comes back, the walk counts again.
//! - The parent's own list has not shown the parent record since a setting changed that decides which records the
//!   list shows ([`super::settings`]).

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::parents::{parent_gone_sql, parent_number};
use super::reread;
use super::set_aside::Missing;
use super::walk_key::{Lane, WalkKey};
use crate::streams::Stream;
use crate::verdict::{Moved, Verdict};

/// The stored state of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The number of the partition. Partitions are numbered in the order in which they became known.
    pub number: i64,
    /// The id of the parent record whose list the walk reads. Empty if the stream is read as one list.
    pub partition: String,
    /// The number of the current pass over the list, from 1.
    pub pass: i64,
    /// The number of windows committed in this pass.
    pub windows: i64,
    /// The run in which the pass began.
    pub since_run: i64,
    /// The walk's own data, which only the walk interprets. `None` before the first window and after the last.
    pub position: Option<String>,
    /// The verdict, or `None` while the walk is open.
    pub verdict: Option<Verdict>,
    /// The number of rows in all windows of the pass.
    pub seen: u64,
    /// How much of the list the pass needs to read:
    ///
    /// - `None`: the complete list.
    /// - `Some` in a partition: the pass may end at rows that the mirror knows, because a pass that began at this
    ///   moment read the list completely.
    /// - `Some` in a stream's one list: the pass asks only for records that changed since this moment.
    ///
    /// The moment is in milliseconds since 1970.
    pub known_since: Option<i64>,
    /// Whether the walk was closed by a version of this program that has closing readings.
    pub is_made_sure: bool,
}

/// One step of a checkpoint: the window that is committed.
#[derive(Debug, Clone, Default)]
pub struct Advance {
    /// The number of the pass that the window belongs to.
    pub pass: i64,
    /// How many windows must be committed before this one.
    pub from: i64,
    /// The walk's own data after the window, or `None` if the window closes the walk.
    pub position: Option<String>,
    /// The verdict if this window closes the walk, otherwise `None`.
    pub verdict: Option<Verdict>,
    /// The number of rows in the window.
    pub seen: u64,
    /// The number of rows in the window that this pass had not shown before.
    pub distinct: u64,
    /// Whether the window began before the end of what was read, because an earlier window did not overlap with the
    /// rows before it.
    pub stepped_back: bool,
    /// The list's total according to the server, or `None` if the server gave none.
    pub total: Option<u64>,
    /// The newest moment among the window's rows, in milliseconds since 1970, or `None` if they show no moment.
    pub newest: Option<i64>,
    /// If the pass is an audit: the number of records in the window that an earlier reading should have found. These
    /// are records that the mirror lacked, and records that had changed.
    pub found: u64,
    /// The number of records counted in `found` that the mirror lacked.
    pub lacked: u64,
    /// How many records the closing readings found, and about how many may still be missing.
    pub moved: Moved,
    /// What is missing, if the window closes the walk and the list lacks only what was set aside.
    pub set_aside: Option<Missing>,
    /// Whether the window closes the walk at known rows before the end of the list, or the pass asked for changes
    /// only. Such a pass shows nothing about the other records of the list, and the server's total does not apply to
    /// it.
    pub at_known: bool,
}

const COLUMNS: &str =
    "number, partition, pass, windows, since_run, position, verdict, why, seen, known_since, made_sure";

fn read(row: &Row<'_>) -> rusqlite::Result<Checkpoint> {
    let verdict: Option<String> = row.get(6)?;
    let why = row.get(7)?;
    Ok(Checkpoint {
        number: row.get(0)?,
        partition: row.get(1)?,
        pass: row.get(2)?,
        windows: row.get(3)?,
        since_run: row.get(4)?,
        position: row.get(5)?,
        verdict: verdict.map(|v| Verdict::from_words(&v, why)),
        seen: row.get(8)?,
        known_since: row.get(9)?,
        is_made_sure: row.get(10)?,
    })
}

/// Returns the checkpoint of a walk, or `None` if the walk was never begun.
pub fn find(t: &Transaction<'_>, place: &WalkKey) -> rusqlite::Result<Option<Checkpoint>> {
    t.prepare_cached(&format!("SELECT {COLUMNS} FROM checkpoint WHERE lane = ? AND stream = ? AND partition = ?"))?
        .query_row(params![place.lane.name(), place.stream.number(), place.partition], read)
        .optional()
}

/// Returns how many different records the walk has shown in its current pass.
pub fn distinct(t: &Transaction<'_>, place: &WalkKey) -> rusqlite::Result<u64> {
    t.prepare_cached("SELECT distinct_records FROM checkpoint WHERE lane = ? AND stream = ? AND partition = ?")?
        .query_row(params![place.lane.name(), place.stream.number(), place.partition], |r| r.get(0))
}

/// Starts the walk's first or next pass, in run `run`. Does nothing if the current pass began in run `not_before` or
/// later.
pub fn start(t: &Transaction<'_>, place: &WalkKey, run: i64, not_before: i64) -> rusqlite::Result<()> {
    start_pass(t, place, run, not_before, &Pass::default()).map(|_| ())
}

/// The kind of pass to start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pass {
    /// See [`Checkpoint::known_since`].
    pub known_since: Option<i64>,
    /// `Some` if the pass is an audit: the number of records that it found in the list so far, and the number of
    /// these that the mirror lacked.
    pub audited: Option<(i64, i64)>,
}

/// Does the same as [`start`], for a pass of the given kind. Returns whether a pass was started.
pub fn start_pass(
    t: &Transaction<'_>,
    place: &WalkKey,
    run: i64,
    not_before: i64,
    pass: &Pass,
) -> rusqlite::Result<bool> {
    let begun = t
        .prepare_cached(
            "INSERT INTO checkpoint (lane, stream, partition, pass, since_run, known_since, audited, lacked)
             VALUES (?1, ?2, ?3, 1, ?4, ?6, ?7, ?8)
             ON CONFLICT (lane, stream, partition) DO UPDATE SET pass = pass + 1, windows = 0, open = 1, since_run = ?4,
                 position = NULL, verdict = NULL, why = NULL, seen = 0, distinct_records = 0, steps_back = 0,
                 total = NULL, closed_at = NULL, known_since = ?6, newest = NULL, audited = ?7, lacked = ?8, at_known = 0, set_aside = 0,
                 found_again = 0, may_miss = 0
             WHERE since_run < ?5",
        )?
        .execute(params![
            place.lane.name(),
            place.stream.number(),
            place.partition,
            run,
            not_before,
            pass.known_since,
            pass.audited.map(|(found, _)| found),
            pass.audited.map_or(0, |(_, lacked)| lacked)
        ])?;
    if begun == 1 {
        reread::forget(t, place)?;
    }
    Ok(begun == 1)
}

/// Starts the next pass of every walk of a stream that was closed as incomplete.
pub(super) fn reopen_incomplete(t: &Transaction<'_>, lane: Lane, stream: Stream, run: i64) -> rusqlite::Result<()> {
    let gone = parent_gone_sql(t, stream);
    t.execute(
        &format!("UPDATE checkpoint SET pass = pass + 1, windows = 0, open = 1, since_run = ?3, position = NULL, verdict = NULL,
             why = NULL, seen = 0, distinct_records = 0, steps_back = 0, total = NULL, closed_at = NULL,
             known_since = NULL, newest = NULL, audited = NULL, lacked = 0, at_known = 0, set_aside = 0,
             found_again = 0, may_miss = 0
         WHERE lane = ?1 AND stream = ?2 AND open = 0 AND verdict = 'incomplete' AND NOT {gone}"),
        params![lane.name(), stream.number(), run, parent_number(stream)],
    )?;
    Ok(())
}

/// Opens a closed walk again at `position`, in the same round. The rows that it has shown still count.
pub fn reopen_at(t: &Transaction<'_>, place: &WalkKey, position: &str) -> rusqlite::Result<()> {
    t.execute(
        "UPDATE checkpoint SET pass = pass + 1, windows = 0, open = 1, position = ?4, verdict = NULL, why = NULL,
             closed_at = NULL
         WHERE lane = ?1 AND stream = ?2 AND partition = ?3 AND open = 0",
        params![place.lane.name(), place.stream.number(), place.partition, position],
    )
    .map(drop)
}

/// Removes a stream's one list from the round if it was closed as incomplete. Used for a stream that has a list for
/// each parent record. The next reading reads those lists again, unless the server turns out to ignore which parent
/// is asked for.
pub fn drop_incomplete_one_list(t: &Transaction<'_>, lane: Lane, stream: Stream) -> rusqlite::Result<()> {
    t.execute(
        "UPDATE checkpoint SET pass = pass + 1, windows = 0, open = 1, since_run = 0, position = NULL, verdict = NULL,
             why = NULL, seen = 0, distinct_records = 0, steps_back = 0, total = NULL, closed_at = NULL, set_aside = 0,
             found_again = 0, may_miss = 0
         WHERE lane = ? AND stream = ? AND partition = '' AND open = 0 AND verdict = 'incomplete'",
        params![lane.name(), stream.number()],
    )
    .map(drop)
}

/// Moves a checkpoint one window forward. Returns the error `StatementChangedRows` unless the walk is open and
/// exactly `advance.from` windows of the pass `advance.pass` are stored.
pub fn advance(t: &Transaction<'_>, place: &WalkKey, advance: &Advance) -> rusqlite::Result<()> {
    let closed = advance.verdict.is_some();
    let moved = t
        .prepare_cached(
            "UPDATE checkpoint SET windows = windows + 1, position = ?6, open = ?7, verdict = ?8, why = ?9,
                 seen = seen + ?10, distinct_records = distinct_records + ?11, steps_back = steps_back + ?12,
                 total = CASE WHEN ?17 THEN NULL ELSE coalesce(?13, total) END, closed_at = ?14,
                 newest = max(coalesce(newest, ?15), coalesce(?15, newest)), audited = audited + ?16, lacked = lacked + ?19, at_known = ?17, set_aside = ?18,
                 found_again = ?20, may_miss = ?21, made_sure = NOT ?7
             WHERE lane = ?1 AND stream = ?2 AND partition = ?3 AND pass = ?4 AND windows = ?5 AND open = 1",
        )?
        .execute(params![
            place.lane.name(),
            place.stream.number(),
            place.partition,
            advance.pass,
            advance.from,
            advance.position.as_ref().filter(|_| !closed),
            !closed,
            advance.verdict.as_ref().map(Verdict::word),
            advance.verdict.as_ref().and_then(Verdict::why),
            advance.seen,
            advance.distinct,
            advance.stepped_back,
            advance.total,
            closed.then(crate::clock::now),
            advance.newest,
            advance.found,
            advance.at_known,
            advance.set_aside.map_or(0, |missing| missing as i64),
            advance.lacked,
            advance.moved.found,
            advance.moved.may_miss,
        ])?;
    if moved != 1 {
        return Err(rusqlite::Error::StatementChangedRows(moved));
    }
    if closed { reread::forget(t, place) } else { Ok(()) }
}

/// Returns at most `most` open walks of a stream that belong to the round that began with run `since`, in the order
/// in which their partitions became known.
pub fn open_walks(
    t: &Transaction<'_>,
    lane: Lane,
    stream: Stream,
    since: i64,
    most: u32,
) -> rusqlite::Result<Vec<Checkpoint>> {
    let gone = parent_gone_sql(t, stream);
    t.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM checkpoint WHERE lane = ?1 AND stream = ?2 AND open = 1 AND since_run >= ?3 AND NOT {gone}
         ORDER BY number LIMIT ?5"
    ))?
    .query_map(params![lane.name(), stream.number(), since, parent_number(stream), most], read)?
    .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mirror::stream_state::standing;
    use crate::mirror::upgrade;
    use crate::number::MOST;

    fn advance_by(pass: i64, from: i64, verdict: Option<Verdict>) -> Advance {
        Advance {
            pass,
            from,
            position: Some("{}".into()),
            verdict,
            seen: 3,
            distinct: 2,
            total: Some(9),
            ..Advance::default()
        }
    }

    #[test]
    fn a_checkpoint_is_refused_anywhere_but_one_window_ahead() {
        let mut c = rusqlite::Connection::open_in_memory().expect("memory");
        upgrade::apply(&mut c, Path::new("m")).expect("schema");
        let t = c.transaction().expect("transaction");
        let place = WalkKey { lane: Lane::Backfill, stream: Stream::Contacts, partition: String::new() };
        start(&t, &place, 1, 1).expect("start");
        start(&t, &place, 2, 1).expect("already started in this round");
        assert!(advance(&t, &place, &advance_by(1, 1, None)).is_err(), "a gap");
        advance(&t, &place, &advance_by(1, 0, None)).expect("first");
        assert!(advance(&t, &place, &advance_by(1, 0, None)).is_err(), "a second time");
        assert!(advance(&t, &place, &advance_by(2, 1, None)).is_err(), "another pass");
        advance(&t, &place, &advance_by(1, 1, Some(Verdict::Incomplete("x".into())))).expect("last");
        assert!(advance(&t, &place, &advance_by(1, 2, None)).is_err(), "closed");
        let s = standing(&t, Lane::Backfill, Stream::Contacts, 1).expect("standing");
        assert_eq!(
            (s.walks, s.windows, s.seen, s.distinct, s.verdict()),
            (1, 2, 6, 4, Verdict::Incomplete("x".into()))
        );
        reopen_incomplete(&t, Lane::Backfill, Stream::Contacts, 2).expect("reopen");
        let again = find(&t, &place).expect("find").expect("there");
        assert_eq!((again.pass, again.windows, again.since_run, again.position), (2, 0, 2, None));
    }

    #[test]
    fn totals_of_many_lists_add_up_to_no_more_than_a_total_may_be() {
        let mut c = rusqlite::Connection::open_in_memory().expect("memory");
        upgrade::apply(&mut c, Path::new("m")).expect("schema");
        let t = c.transaction().expect("transaction");
        let beyond = u64::try_from(i64::MAX).expect("a u64");
        for (stream, total, sum) in
            [(Stream::Contacts, 9, 9 * 1100), (Stream::Messages, MOST, MOST), (Stream::Channels, beyond, MOST)]
        {
            for list in 0..1100 {
                let place = WalkKey { lane: Lane::Backfill, stream, partition: list.to_string() };
                start(&t, &place, 1, 1).expect("start");
                advance(&t, &place, &Advance { total: Some(total), ..advance_by(1, 0, None) }).expect("a window");
            }
            let s = standing(&t, Lane::Backfill, stream, 1).expect("standing");
            assert_eq!((s.walks, s.total), (1100, Some(sum)));
        }
    }
}
