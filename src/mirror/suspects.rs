//! Stores which records may be gone. A record that a complete walk of a round did not show becomes a *suspect*.
//!
//! A record was *not seen* if the last run that saw it is before the run in which the round began. Only walks of this
//! round that closed complete count, each for its own partition. A list that was not read shows nothing about its
//! records. A list that was read only from its newest end to known rows shows nothing about the records after them.
//!
//! A suspect ends in one of two ways: the server shows the record after all, or the record is deleted
//! ([`super::deletions`]).

use rusqlite::params;

use super::store::Writer;
use super::walk_key::Lane;
use crate::error::Result;
use crate::streams::Stream;

/// The largest number of records that one transaction handles.
pub const BATCH: usize = 1000;

/// A stream and the round whose walks show which of its records may be gone.
#[derive(Debug, Clone, Copy)]
pub struct JudgedStream {
    /// The lane of the round.
    pub lane: Lane,
    /// The stream whose records are judged.
    pub stream: Stream,
    /// Whether the stream has a list for each record of its parent.
    pub partitioned: bool,
    /// The run in which the round began. If the round began the stream's lists anew in a later run, that run.
    pub since: i64,
    /// The current run.
    pub run: i64,
    /// Records that were last seen before this run are not judged, because they are left over ([`super::left_over`]).
    pub shown: i64,
}

impl JudgedStream {
    /// Returns the SQL condition that checkpoint `c` is evidence about record `r`: `c` is a complete walk of this
    /// round, read to the end, over the list to which `r` would belong. A walk that set records aside counts if it
    /// saw their ids.
    fn walk(&self) -> String {
        let partition = if self.partitioned { "r.parent" } else { "''" };
        format!(
            "c.lane = :lane AND c.stream = :stream AND c.partition = {partition} AND c.open = 0 AND c.since_run >= :since
             AND (c.verdict IN ('proven', 'continuous') OR c.set_aside = 1) AND c.at_known = 0"
        )
    }
}

/// A record that a complete walk did not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The record's id.
    pub id: String,
    /// The run in which the record became a suspect.
    pub suspect_run: i64,
    /// Whether the walk that did not show the record was `proven`.
    pub proven: bool,
    /// Whether the walk that did not show the record showed no row at all.
    pub empty: bool,
    /// The state of the suspect's parent record.
    pub parent: Parent,
}

/// The state of the parent record of a suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// The suspect has no parent, or its parent is live. A walk over the list to which the suspect would belong did
    /// not show it.
    There,
    /// The parent is gone. The suspect is an orphan ([`crate::sync::deletions::orphans`]).
    Gone {
        /// Whether every other list was read completely since the parent was found gone, and none shows the suspect.
        is_searched: bool,
    },
}

/// Makes suspects of the live records that complete walks did not show. Returns the number of new suspects.
pub fn mark(writer: &mut Writer, of: JudgedStream) -> Result<u64> {
    let (mut after, mut all, now) = (String::new(), 0, crate::clock::now());
    loop {
        let ids = writer.transaction(|t| {
            let walk = of.walk();
            let ids: Vec<String> = t
                .prepare_cached(&format!(
                    "SELECT r.id FROM record AS r
                     WHERE r.stream = :stream AND r.id > :after AND r.deleted = 0 AND r.last_run < :since
                         AND r.last_run >= :shown AND r.suspect_run IS NULL AND EXISTS (SELECT 1 FROM checkpoint AS c WHERE {walk})
                     ORDER BY r.id LIMIT {BATCH}"
                ))?
                .query_map(
                    rusqlite::named_params! {
                        ":stream": of.stream.number(), ":after": after, ":since": of.since, ":lane": of.lane.name(),
                        ":shown": of.shown,
                    },
                    |r| r.get(0),
                )?
                .collect::<rusqlite::Result<_>>()?;
            let mut mark =
                t.prepare_cached("UPDATE record SET suspect_run = ?, suspect_since = ? WHERE stream = ? AND id = ?")?;
            for id in &ids {
                mark.execute(params![of.run, now, of.stream.number(), id])?;
            }
            Ok(ids)
        })?;
        all += ids.len() as u64;
        match ids.into_iter().next_back() {
            Some(last) => after = last,
            None => return Ok(all),
        }
    }
}

/// Returns at most `most` suspects that this round's complete walks did not show, the oldest suspicion first.
/// `behind` is the last suspect of the previous call, or `None` for the first call.
pub fn list(writer: &mut Writer, of: JudgedStream, behind: Option<&Suspect>, most: usize) -> Result<Vec<Suspect>> {
    let (run, id) = behind.map_or((-1, ""), |s| (s.suspect_run, s.id.as_str()));
    writer.transaction(|t| {
        t.prepare_cached(&format!(
            "SELECT r.id, r.suspect_run, c.verdict = 'proven', c.seen = 0
             FROM record AS r INDEXED BY record_suspects CROSS JOIN checkpoint AS c ON {}
             WHERE r.stream = :stream AND r.suspect_run IS NOT NULL AND (r.suspect_run, r.id) > (:run, :id)
                 AND r.deleted = 0 AND r.last_run < :since AND r.last_run >= :shown
             ORDER BY r.suspect_run, r.id LIMIT :most",
            of.walk()
        ))?
        .query_map(
            rusqlite::named_params! {
                ":stream": of.stream.number(), ":since": of.since, ":lane": of.lane.name(), ":run": run, ":id": id,
                ":most": most, ":shown": of.shown,
            },
            |r| {
                Ok(Suspect {
                    id: r.get(0)?,
                    suspect_run: r.get(1)?,
                    proven: r.get(2)?,
                    empty: r.get(3)?,
                    parent: Parent::There,
                })
            },
        )?
        .collect()
    })
}

/// Ends the suspicion of these records, because they were found to exist.
pub fn clear(writer: &mut Writer, stream: Stream, ids: &[String]) -> Result<()> {
    writer.transaction(|t| {
        let mut clear =
            t.prepare_cached("UPDATE record SET suspect_run = NULL, suspect_since = NULL WHERE stream = ? AND id = ?")?;
        for id in ids {
            clear.execute(params![stream.number(), id])?;
        }
        Ok(())
    })
}
