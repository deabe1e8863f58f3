//! Lists of a round that were read, or begun, under other settings than today's ([`super::settings`]): they are begun anew,
//! and everything else of the round stays.

use rusqlite::{Transaction, params};

use super::checkpoint::{self, Lane, Pass, Place};
use super::readings;
use super::settings::{self, AskedWith, Bearing, Setting};
use crate::streams::Stream;

/// A round that goes on in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Its lane.
    pub lane: Lane,
    /// The run in which it began.
    pub since_run: i64,
    /// The run that goes on with it.
    pub run: i64,
    /// The server's time, in milliseconds since 1970.
    pub now: i64,
}

/// Remembers what the round's run asks a stream with, and begins the lists anew that were read otherwise; whether a setting
/// changed that all of them rest on. The stream's one list leaves the round then, until a pass over it is begun.
pub fn remember(t: &Transaction<'_>, round: Round, asked: &AskedWith) -> rusqlite::Result<bool> {
    let stream = asked.stream;
    let changed = settings::remember(t, asked, round.run)?;
    let is = |bearing: Bearing| changed.iter().any(|setting| setting.bearing() == bearing);
    let is_other = [Bearing::Form, Bearing::Which, Bearing::Whose].into_iter().any(is);
    if is_other {
        // What changed since then is asked for otherwise, too.
        readings::forget(t, stream)?;
    } else if is(Bearing::Changes) && round.lane == Lane::Incremental {
        of_changes(t, stream, round, changed.contains(&Setting::Lookback).then(|| asked.value(Setting::Lookback)))?;
    }
    if is(Bearing::Hashes) && !is_other {
        half_read(t, stream, round)?;
    }
    outdated(t, stream, round, settings::counts_since(t, stream))?;
    Ok(is_other)
}

/// The same in mid-run, when the API is asked otherwise than when the run began: what this run has read is begun anew, too.
/// `one_list`: the stream is read as one list.
pub fn in_mid_run(t: &Transaction<'_>, round: Round, asked: &AskedWith, one_list: bool) -> rusqlite::Result<()> {
    if remember(t, round, asked)? {
        outdated(t, asked.stream, round, round.run + 1)?;
    }
    if one_list {
        let place = Place { lane: round.lane, stream: asked.stream, partition: String::new() };
        checkpoint::start(t, &place, round.run, round.since_run)?;
    }
    Ok(())
}

/// Begins every list of the round anew whose reading began before run `before`.
fn outdated(t: &Transaction<'_>, stream: Stream, round: Round, before: i64) -> rusqlite::Result<()> {
    leave(t, stream, round, &format!("since_run < {before}"))?;
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

/// Begins the lists of the round anew that earlier runs have not read to their end.
fn half_read(t: &Transaction<'_>, stream: Stream, round: Round) -> rusqlite::Result<()> {
    leave(t, stream, round, &format!("open = 1 AND since_run < {}", round.run))?;
    let lists = t
        .prepare(
            "SELECT partition FROM checkpoint
             WHERE stream = ? AND lane = ? AND open = 1 AND since_run >= ? AND since_run < ? AND partition <> ''",
        )?
        .query_map(params![stream.number(), round.lane.name(), round.since_run, round.run], |r| r.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    begin(t, stream, round, lists)
}

/// Begins the lists anew of which the round has read only what changed, and, where `lookback` (in milliseconds) is a longer
/// one now, those that it has not read to their end although something in them may have changed since.
fn of_changes(t: &Transaction<'_>, stream: Stream, round: Round, lookback: Option<i64>) -> rusqlite::Result<()> {
    if leave(t, stream, round, "known_since IS NOT NULL")? {
        readings::forget(t, stream)?;
    }
    let Some(lookback) = lookback else { return Ok(()) };
    // What was so young when it was read that it may have changed: see `entries::Known::is_unchanged`.
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

/// Takes a stream's one list out of the round where this is true of it; whether it was.
fn leave(t: &Transaction<'_>, stream: Stream, round: Round, is: &str) -> rusqlite::Result<bool> {
    let one: bool = t.query_row(
        &format!(
            "SELECT EXISTS (SELECT 1 FROM checkpoint
                 WHERE lane = ? AND stream = ? AND partition = '' AND since_run >= ? AND {is})"
        ),
        params![round.lane.name(), stream.number(), round.since_run],
        |r| r.get(0),
    )?;
    if one {
        // A pass of no run is no round's.
        let place = Place { lane: round.lane, stream, partition: String::new() };
        checkpoint::start_pass(t, &place, 0, i64::MAX, &Pass::default())?;
    }
    Ok(one)
}

/// Begins these lists anew, to be read whole.
fn begin(t: &Transaction<'_>, stream: Stream, round: Round, lists: Vec<String>) -> rusqlite::Result<()> {
    let mut unread = t.prepare_cached(
        "UPDATE entry SET lane = ?, run = ?, began = ?, whole = 0, skipped = NULL, repair = NULL, search = NULL
         WHERE stream = ? AND partition = ?",
    )?;
    for partition in lists {
        unread.execute(params![round.lane.name(), round.run, round.now, stream.number(), partition])?;
        let place = Place { lane: round.lane, stream, partition };
        checkpoint::start_pass(t, &place, round.run, i64::MAX, &Pass::default())?;
    }
    Ok(())
}
