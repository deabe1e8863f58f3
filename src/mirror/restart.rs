//! Begins those lists of a round anew that were begun or read under other settings than today's
//! ([`super::settings`]). All other lists of the round stay as they are.

use rusqlite::{Transaction, params};

use super::checkpoint::{self, Pass};
use super::readings;
use super::settings::{self, AskedWith, Bearing, Setting};
use super::walk_key::{Lane, WalkKey};
use crate::streams::Stream;

/// A round, and the run that continues it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContinuedRound {
    /// The lane of the round.
    pub lane: Lane,
    /// The run in which the round began.
    pub since_run: i64,
    /// The run that continues the round.
    pub run: i64,
    /// The server's time, in milliseconds since 1970.
    pub now: i64,
}

/// Stores the settings with which the run reads a stream. Begins the lists anew that were read under other settings.
/// Returns whether a setting changed that every list of the stream depends on. In that case, the stream's one list is
/// no longer part of the round until a pass over it is begun.
pub fn remember(t: &Transaction<'_>, round: ContinuedRound, asked: &AskedWith) -> rusqlite::Result<bool> {
    let stream = asked.stream;
    let changed = settings::remember(t, asked, round.run)?;
    let is = |bearing: Bearing| changed.iter().any(|setting| setting.bearing() == bearing);
    let is_other = [Bearing::Form, Bearing::Which, Bearing::Whose].into_iter().any(is);
    if is_other {
        // The changed settings apply to a reading of changes, too.
        readings::forget(t, stream)?;
    } else if is(Bearing::Changes) && round.lane == Lane::Incremental {
        of_changes(t, stream, round, changed.contains(&Setting::Lookback).then(|| asked.value(Setting::Lookback)))?;
    }
    if is(Bearing::Hashes) && !is_other {
        restart_unfinished(t, stream, round)?;
    }
    restart_before(t, stream, round, settings::counts_since(t, stream))?;
    Ok(is_other)
}

/// Does the same as [`remember`] in the middle of a run that has found out that it must ask the API differently. The
/// lists of the stream that this run has already read are begun anew, too. `one_list` is `true` if the stream is read
/// as one list.
pub fn remember_mid_run(
    t: &Transaction<'_>,
    round: ContinuedRound,
    asked: &AskedWith,
    one_list: bool,
) -> rusqlite::Result<()> {
    if remember(t, round, asked)? {
        restart_before(t, asked.stream, round, round.run + 1)?;
    }
    if one_list {
        let place = WalkKey { lane: round.lane, stream: asked.stream, partition: String::new() };
        checkpoint::start(t, &place, round.run, round.since_run)?;
    }
    Ok(())
}

/// Begins those lists of the round anew whose pass began before run `before`, and those that were skipped because of
/// such a pass.
fn restart_before(t: &Transaction<'_>, stream: Stream, round: ContinuedRound, before: i64) -> rusqlite::Result<()> {
    leave_round(t, stream, round, &format!("since_run < {before}"))?;
    let lists = "SELECT partition FROM checkpoint
                     WHERE stream = ?1 AND lane = ?2 AND since_run >= ?3 AND since_run < ?4 AND partition <> ''
                 UNION SELECT partition FROM entry
                     WHERE stream = ?1 AND ?2 = 'incremental' AND skipped >= ?3 AND run < ?4";
    let lists = t
        .prepare(lists)?
        .query_map(params![stream.number(), round.lane.name(), round.since_run, before], |r| r.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    begin(t, stream, round, lists)
}

/// Begins those lists of the round anew that earlier runs have begun and not read to their end.
fn restart_unfinished(t: &Transaction<'_>, stream: Stream, round: ContinuedRound) -> rusqlite::Result<()> {
    leave_round(t, stream, round, &format!("open = 1 AND since_run < {}", round.run))?;
    let lists = t
        .prepare(
            "SELECT partition FROM checkpoint
             WHERE stream = ? AND lane = ? AND open = 1 AND since_run >= ? AND since_run < ? AND partition <> ''",
        )?
        .query_map(params![stream.number(), round.lane.name(), round.since_run, round.run], |r| r.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    begin(t, stream, round, lists)
}

/// Begins the stream's one list anew if the round asks only for its changes. If `lookback` is `Some` (the new value
/// in milliseconds, longer than before), also begins two kinds of lists anew: those that the round read only up to
/// known rows, and those that it skipped although a record in them may have changed since.
fn of_changes(
    t: &Transaction<'_>,
    stream: Stream,
    round: ContinuedRound,
    lookback: Option<i64>,
) -> rusqlite::Result<()> {
    if leave_round(t, stream, round, "known_since IS NOT NULL")? {
        readings::forget(t, stream)?;
    }
    let Some(lookback) = lookback else { return Ok(()) };
    // The age test for skipped lists is that of `list_state::ListState::is_unchanged`.
    let lists = "SELECT partition FROM checkpoint
                     WHERE stream = ?1 AND lane = 'incremental' AND since_run >= ?2 AND at_known = 1 AND partition <> ''
                 UNION SELECT partition FROM entry
                     WHERE stream = ?1 AND skipped >= ?2 AND ?3 > 0 AND newest >= began - ?3";
    let lists = t
        .prepare(lists)?
        .query_map(params![stream.number(), round.since_run, lookback], |r| r.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    begin(t, stream, round, lists)
}

/// Removes a stream's one list from the round if the SQL condition `is` holds for its checkpoint. Returns whether the
/// list was removed.
fn leave_round(t: &Transaction<'_>, stream: Stream, round: ContinuedRound, is: &str) -> rusqlite::Result<bool> {
    let one: bool = t.query_row(
        &format!(
            "SELECT EXISTS (SELECT 1 FROM checkpoint
                 WHERE lane = ? AND stream = ? AND partition = '' AND since_run >= ? AND {is})"
        ),
        params![round.lane.name(), stream.number(), round.since_run],
        |r| r.get(0),
    )?;
    if one {
        // A pass that began in run 0 belongs to no round.
        let place = WalkKey { lane: round.lane, stream, partition: String::new() };
        checkpoint::start_pass(t, &place, 0, i64::MAX, &Pass::default())?;
    }
    Ok(one)
}

/// Begins these lists anew, so that they are read completely.
fn begin(t: &Transaction<'_>, stream: Stream, round: ContinuedRound, lists: Vec<String>) -> rusqlite::Result<()> {
    let mut unread = t.prepare_cached(
        "UPDATE entry SET lane = ?, run = ?, began = ?, whole = 0, skipped = NULL, repair = NULL, search = NULL
         WHERE stream = ? AND partition = ?",
    )?;
    for partition in lists {
        unread.execute(params![round.lane.name(), round.run, round.now, stream.number(), partition])?;
        let place = WalkKey { lane: round.lane, stream, partition };
        checkpoint::start_pass(t, &place, round.run, i64::MAX, &Pass::default())?;
    }
    Ok(())
}
