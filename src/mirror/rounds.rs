//! Decides when a round begins and ends. A *round* is one reading of all streams of a job. It takes as many runs as
//! it needs: a killed or stopped run leaves its round open, and the next run continues it. When a run begins, there
//! is one of these:
//!
//! - No open round. A new one begins, and every walk starts its next pass.
//! - An open round. Open walks go on. Walks that ended incomplete start their next pass. Complete ones are kept, so
//!   that nothing is fetched twice.
//! - An open round of the incremental lane that is older than twelve hours. A new one begins, because yesterday's
//!   lists are out of date. A run in a box (limited in requests or in time) continues the old round all the same: if
//!   a round never fits into one box, and each night began anew, the last list would never be read. A round that a
//!   wrong clock dated in the future is replaced in any case.
//!
//! Lists that were read under other settings than today's are removed from the round ([`super::restart`]).
//!
//! A round belongs to its job, by name. Another job on the same mirror has rounds of its own, even in the same lane.
//! The jobs share checkpoints, so a list that one job has read since the other's round began is not read again.
//!
//! The lanes end their rounds differently:
//!
//! | lane | the round ends with |
//! |---|---|
//! | incremental | any run that was not interrupted, complete or not |
//! | backfill | the run after which everything is complete |
//!
//! In the incremental lane, the next night reads everything anew, except for lists that need not be read
//! ([`crate::mirror::partitions`]). A list that can never be proven must not keep the others from being read. In the
//! backfill lane, the next run asks for what is missing.

use rusqlite::types::Type;
use rusqlite::{Error, OptionalExtension, Row, params};

use super::checkpoint::{self, Pass};
use super::forgotten;
use super::partitions;
use super::readings::ChangedSince;
use super::restart::{self, ContinuedRound};
use super::settings::AskedWith;
use super::store::Writer;
use super::walk_key::{Lane, WalkKey};
use crate::error::Result;

/// A run that has begun, and its round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The number of the run that has begun.
    pub run: i64,
    /// The number of the round, counted per job and lane.
    pub round: i64,
    /// The run in which the round began.
    pub since_run: i64,
    /// When the round began, in milliseconds since 1970.
    pub began: i64,
    /// Whether the run continues a round that an earlier run began.
    pub resumed: bool,
}

/// The age in milliseconds from which a round is old: twelve hours.
const OLD: i64 = 12 * 3_600_000;

impl Begun {
    /// Returns a note for the report of a run that continues a round which is old, or which a wrong clock dated in
    /// the future. Returns `None` for any other round. `now` is in milliseconds since 1970.
    pub fn age_note(&self, now: i64) -> Option<String> {
        let run = self.since_run;
        if crate::clock::is_ahead(self.began, now) {
            let began = crate::clock::text(self.began);
            return Some(format!(
                "this reading was begun in run {run}, at {began} by a clock that was ahead: how old it is nobody knows"
            ));
        }
        let hours = now.saturating_sub(self.began) / 3_600_000;
        self.is_old(now).then(|| {
            format!("this reading was begun {hours} hours ago, in run {run}: what has changed since is an incremental run's, or the next reading's")
        })
    }

    /// Returns whether the round began so long ago that the next one is due. `now` is in milliseconds since 1970.
    pub fn is_old(&self, now: i64) -> bool {
        now.saturating_sub(self.began) >= OLD
    }
}

/// The parameters of a run that is about to begin.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// The name of the job.
    pub job: String,
    /// The lane of the run.
    pub lane: Lane,
    /// The settings of each stream, and whether the stream is read as one list. A stream that is not has a list for
    /// each parent record, which is begun when a page shows that record.
    pub streams: Vec<(AskedWith, bool)>,
    /// Which streams' lists may be asked for changes only, and from which moment on.
    pub tails: ChangedSince,
    /// The server's time, in milliseconds since 1970.
    pub now: i64,
    /// Whether the run is limited in requests or in time, so that it may end before its round does.
    pub boxed: bool,
}

/// Records the start of a run, and begins or continues its round.
pub fn begin(writer: &mut Writer, beginning: &Beginning) -> Result<Begun> {
    let Beginning { job, streams, tails, boxed, .. } = beginning;
    let (lane, now) = (beginning.lane, beginning.now);
    writer.transaction(|t| {
        t.execute(
            "INSERT INTO run (job, lane, started_at) VALUES (?, ?, ?)",
            params![job, lane.name(), crate::clock::text(now)],
        )?;
        let run = t.last_insert_rowid();
        let open: Option<Begun> = t
            .query_row(
                "SELECT number, since_run, started_at FROM round JOIN run ON run.id = since_run
                 WHERE round.lane = ? AND round.job = ? AND open = 1",
                [lane.name(), job.as_str()],
                |r| Ok(Begun { run, round: r.get(0)?, since_run: r.get(1)?, began: moment_of(r, 2)?, resumed: true }),
            )
            .optional()?;
        // Yesterday's lists are not tonight's, and the age of a round from the future is unknown. Lists of messages
        // that were read still count, because their entries say so.
        let goes_on = |begun: &Begun| {
            let is_ahead = crate::clock::is_ahead(begun.began, now);
            lane == Lane::Backfill || (!is_ahead && (*boxed || !begun.is_old(now)))
        };
        let open = open.filter(goes_on);
        let begun = if let Some(begun) = open {
            begun
        } else {
            let round = t.query_row(
                "INSERT INTO round (lane, job, number, since_run, open) VALUES (?1, ?3, 1, ?2, 1)
                 ON CONFLICT (lane, job) DO UPDATE SET number = number + 1, since_run = ?2, open = 1 RETURNING number",
                params![lane.name(), run, job],
                |r| r.get(0),
            )?;
            Begun { run, round, since_run: run, began: now, resumed: false }
        };
        let round = ContinuedRound { lane, since_run: begun.since_run, run, now };
        for (asked, one_list) in streams {
            let stream = asked.stream;
            restart::remember(t, round, asked)?;
            if *one_list {
                let place = WalkKey { lane, stream, partition: String::new() };
                let since = if lane == Lane::Incremental { tails.since(t, stream)? } else { None };
                let pass = Pass { known_since: since, audited: None };
                checkpoint::start_pass(t, &place, run, begun.since_run, &pass)?;
            }
            if !one_list {
                checkpoint::drop_incomplete_one_list(t, lane, stream)?;
            }
            partitions::reopen_incomplete(t, lane, stream, run, now)?;
        }
        Ok(begun)
    })
}

/// Returns a moment from a column that holds it as text, in milliseconds since 1970.
fn moment_of(row: &Row<'_>, column: usize) -> rusqlite::Result<i64> {
    let text: String = row.get(column)?;
    let unreadable = || Error::InvalidColumnType(column, text.clone(), Type::Text);
    crate::clock::parsed(&text).ok_or_else(unreadable)
}

/// Returns the reports of at most `most` runs of the job in this lane before run `before`, the latest first. A run
/// without a report is returned as an empty string: it was killed, or its report was deleted because of its age.
pub fn earlier_reports(writer: &mut Writer, job: &str, lane: Lane, before: i64, most: usize) -> Result<Vec<String>> {
    writer.transaction(|t| {
        t.prepare_cached(
            "SELECT coalesce(report, '') FROM run WHERE job = ? AND lane = ? AND id < ? ORDER BY id DESC LIMIT ?",
        )?
        .query_map(params![job, lane.name(), before, most], |r| r.get(0))?
        .collect()
    })
}

/// How a run ended, which decides whether its round is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundEnding {
    /// The run read everything, completely.
    Complete,
    /// The run came to its end, but some streams are incomplete.
    Incomplete,
    /// The run was stopped, or could not go on.
    Interrupted,
}

/// Stores the exit code and the report of a run that ends, closes its round if that is due, and deletes old rows.
pub fn end(
    writer: &mut Writer,
    begun: Begun,
    lane: Lane,
    ending: RoundEnding,
    exit_code: u8,
    report: &str,
) -> Result<()> {
    let report = report.to_owned();
    writer.transaction(|t| {
        t.execute(
            "UPDATE run SET finished_at = ?, exit_code = ?, report = ? WHERE id = ?",
            params![crate::clock::now(), exit_code, report, begun.run],
        )?;
        let close = match ending {
            RoundEnding::Complete => true,
            RoundEnding::Incomplete => lane == Lane::Incremental,
            RoundEnding::Interrupted => false,
        };
        if close {
            t.execute(
                "UPDATE round SET open = 0 WHERE lane = ? AND number = ? AND job = (SELECT job FROM run WHERE id = ?)",
                params![lane.name(), begun.round, begun.run],
            )?;
        }
        forgotten::forget(t, crate::clock::milliseconds())?;
        Ok(())
    })
}
