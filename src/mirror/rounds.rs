//! When a reading of everything begins and ends. A *round* is one reading of all streams of a job, over as many runs
//! as it takes: a killed or stopped run leaves its round open and the next run goes on in it. What a run finds:
//!
//! - no open round: a new one begins, every walk starts its next pass;
//! - an open round: walks that are not at their end go on, walks that ended incomplete start their next pass, complete
//!   ones are kept (nothing is fetched twice). One of the incremental lane that is older than twelve hours is not gone on
//!   with, but begun anew: yesterday's lists are not tonight's. A run in a box (so many requests, or so long) goes on with it
//!   all the same: where one box does not hold a reading, beginning anew each night would never read the last list. Lists
//!   that were read under other settings than today's are no part of it any more ([`super::anew`]).
//!
//! A round belongs to its job by name: another job on the same mirror has rounds of its own, in the same lane, too. They
//! share checkpoints, so that what the one has read since a round of the other began is not read again.
//!
//! A round of the incremental lane is closed by any run that was not interrupted, complete or not: tomorrow reads
//! afresh (lists excepted that need not be asked for: [`crate::mirror::partitions`]), and a list that can never be proven does not
//! keep the others from being read. A round of the backfill lane stays open until everything is complete: asking again asks for what is missing.

use rusqlite::types::Type;
use rusqlite::{Error, OptionalExtension, Row, params};

use super::anew::{self, Round};
use super::checkpoint::{self, Lane, Pass, Place};
use super::forgotten;
use super::readings::Tails;
use super::settings::AskedWith;
use super::store::Writer;
use crate::error::Result;

/// A run that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The run's number.
    pub run: i64,
    /// The round's number in its lane.
    pub round: i64,
    /// The run in which the round began.
    pub since_run: i64,
    /// When it began, in milliseconds since 1970.
    pub began: i64,
    /// Whether the round was begun by an earlier run.
    pub resumed: bool,
}

/// Milliseconds after which a round is old: twelve hours.
const OLD: i64 = 12 * 3_600_000;

impl Begun {
    /// What a run is to tell that goes on with an old round; it is `now`, in milliseconds since 1970.
    pub fn told_of_age(&self, now: i64) -> Option<String> {
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

    /// Whether the round was begun so long ago that another is due.
    pub fn is_old(&self, now: i64) -> bool {
        now.saturating_sub(self.began) >= OLD
    }
}

/// A run that is to begin.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// The job.
    pub job: String,
    /// Its lane.
    pub lane: Lane,
    /// With what each stream is asked, and whether it is read as one list (others have a list for each record of their
    /// parent, begun when that is known).
    pub streams: Vec<(AskedWith, bool)>,
    /// The lists of which changes alone may be asked for.
    pub tails: Tails,
    /// The server's time, in milliseconds since 1970.
    pub now: i64,
    /// It may end before its reading does.
    pub boxed: bool,
}

/// Records the start of a run and opens or resumes its round.
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
        // Yesterday's lists are not tonight's, and those of tomorrow are of nobody knows when. What was read of messages
        // counts all the same.
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
        let round = Round { lane, since_run: begun.since_run, run, now };
        for (asked, one_list) in streams {
            let stream = asked.stream;
            anew::remember(t, round, asked)?;
            if *one_list {
                let place = Place { lane, stream, partition: String::new() };
                let since = if lane == Lane::Incremental { tails.since(t, stream)? } else { None };
                let pass = Pass { known_since: since, audited: None };
                checkpoint::start_pass(t, &place, run, begun.since_run, &pass)?;
            }
            if !one_list {
                checkpoint::retire_one_list(t, lane, stream)?;
            }
            checkpoint::reopen_incomplete(t, lane, stream, run, now)?;
        }
        Ok(begun)
    })
}

/// A moment that this program wrote, in milliseconds since 1970.
fn moment_of(row: &Row<'_>, column: usize) -> rusqlite::Result<i64> {
    let text: String = row.get(column)?;
    let unreadable = || Error::InvalidColumnType(column, text.clone(), Type::Text);
    crate::clock::parsed(&text).ok_or_else(unreadable)
}

/// The reports of the job's latest runs before this one that came to an end, the latest first.
pub fn earlier_reports(writer: &mut Writer, job: &str, lane: Lane, before: i64, most: usize) -> Result<Vec<String>> {
    writer.transaction(|t| {
        t.prepare_cached(
            "SELECT coalesce(report, '') FROM run WHERE job = ? AND lane = ? AND id < ? ORDER BY id DESC LIMIT ?",
        )?
        .query_map(params![job, lane.name(), before, most], |r| r.get(0))?
        .collect()
    })
}

/// How a run ended, for its round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Everything is complete.
    Complete,
    /// It came to its end, but not everything could be proven or read.
    Incomplete,
    /// It was stopped, or could not go on.
    Interrupted,
}

/// Records the end of a run and closes its round where that is due.
pub fn end(writer: &mut Writer, begun: Begun, lane: Lane, ending: Ending, exit_code: u8, report: &str) -> Result<()> {
    let report = report.to_owned();
    writer.transaction(|t| {
        t.execute(
            "UPDATE run SET finished_at = ?, exit_code = ?, report = ? WHERE id = ?",
            params![crate::clock::now(), exit_code, report, begun.run],
        )?;
        let close = match ending {
            Ending::Complete => true,
            Ending::Incomplete => lane == Lane::Incremental,
            Ending::Interrupted => false,
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
