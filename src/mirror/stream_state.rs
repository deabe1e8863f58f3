//! Sums up all walks of a stream in a round, and derives the stream's verdict.

use rusqlite::{Connection, params};

use super::audits;
use super::parents::{parent_gone_sql, parent_number};
use super::refusals::{self, Unsettled};
use super::walk_key::Lane;
use crate::mirror::partitions;
use crate::number::MOST;
use crate::quantity::counted;
use crate::streams::Stream;
use crate::verdict::Verdict;

/// The state of a stream in a round: the sum of all its walks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// The number of walks, open and closed.
    pub walks: u64,
    /// The number of walks that are still open.
    pub open: u64,
    /// The number of walks that closed as incomplete because something other than set-aside records is missing.
    pub incomplete: u64,
    /// The reason of one of the walks counted in `incomplete`, alphabetically the first.
    pub why: Option<String>,
    /// The number of walks that closed with nothing missing except what was set aside.
    pub set_aside: u64,
    /// The reason of one of the walks counted in `set_aside`, alphabetically the first.
    pub set_aside_why: Option<String>,
    /// Whether one of the walks counted in `set_aside` lacks a complete list, or a row whose id is unknown.
    pub set_aside_unknown: bool,
    /// The number of walks that closed as proven.
    pub proven: u64,
    /// The number of windows that these walks have committed.
    pub windows: u64,
    /// The number of rows in all windows.
    pub seen: u64,
    /// The number of different records in all windows.
    pub distinct: u64,
    /// The number of windows that began before the end of what was read.
    pub steps_back: u64,
    /// The sum of the totals that the server gave. A walk without a total adds the number of its records instead.
    /// `None` if the server gave no walk a total.
    pub total: Option<u64>,
    /// When the first of the closed walks was closed, RFC 3339. The stream's records are at least as fresh as this.
    /// `None` if no walk was closed.
    pub as_of: Option<String>,
    /// The run in which the oldest pass began, or `None` if there are no walks.
    pub since_run: Option<i64>,
    /// The number of lists that were skipped because their parent records are unchanged.
    pub skipped: u64,
    /// The number of skipped lists that had not been read completely before. Any number but 0 makes the stream
    /// incomplete.
    pub skipped_incomplete: u64,
    /// The earliest moment at which one of the skipped lists was read, RFC 3339. `None` if no list was skipped.
    pub skipped_read_at: Option<String>,
    /// The number of records that the walks had missed and that closing readings found.
    pub found_again: u64,
    /// About how many records may still be missing although they existed all the time, because they kept moving in
    /// their list.
    pub may_miss: f64,
    /// The number of skipped lists that must be read again, because an audit of a similar list found records that the
    /// mirror lacked.
    pub owed: u64,
    /// The unsettled refusal to delete records of the stream, if there is one.
    pub refused: Option<Unsettled>,
}

impl Standing {
    /// Returns the number of lists that were read or skipped.
    pub fn lists(&self) -> u64 {
        self.walks + self.skipped
    }

    /// Returns whether something was set aside, and nothing else is missing.
    pub fn lacks_only_what_is_set_aside(&self) -> bool {
        self.set_aside > 0 && self.open == 0 && self.incomplete == 0 && self.skipped_incomplete == 0 && self.owed == 0
    }

    /// Removes the refusal if `on` is `false`, which means that the job keeps records that are gone (`deletes =
    /// "off"`). Such a job asks for no deletion.
    #[must_use]
    pub fn where_deletes_are(mut self, on: bool) -> Standing {
        self.refused = self.refused.filter(|_| on);
        self
    }

    /// Returns the verdict of the stream, which is that of its weakest walk.
    pub fn verdict(&self) -> Verdict {
        if self.open > 0 || self.lists() == 0 {
            Verdict::Incomplete(format!(
                "{} of {} not read to the end",
                self.open.max(1),
                counted(self.lists().max(1), "list")
            ))
        } else if self.incomplete > 0 {
            let why = self.why.clone().unwrap_or_default();
            Verdict::Incomplete(if self.lists() == 1 {
                why
            } else {
                format!("{} of {} lists: {why}", self.incomplete, self.lists())
            })
        } else if self.skipped_incomplete > 0 {
            let lists = counted(self.skipped_incomplete, "list");
            Verdict::Incomplete(format!("{lists} neither read whole before nor asked for now"))
        } else if self.owed > 0 {
            let lists = counted(self.owed, "list");
            Verdict::Incomplete(format!(
                "an audit found records that were missed; {lists} skipped on the same sign must be read again"
            ))
        } else if self.set_aside > 0 {
            let why = self.set_aside_why.clone().unwrap_or_default();
            Verdict::Incomplete(if self.set_aside == 1 {
                why
            } else {
                format!("in {} of {} lists something is set aside: {why}", self.set_aside, self.lists())
            })
        } else if self.proven == self.lists() {
            Verdict::Proven
        } else {
            Verdict::Continuous
        }
    }
}

/// Sums up the walks of a stream that belong to the round that began with run `since`. If the round has read the
/// stream as one list, only that list's walk counts.
pub fn standing(c: &Connection, lane: Lane, stream: Stream, since: i64) -> rusqlite::Result<Standing> {
    let gone = parent_gone_sql(c, stream);
    let mut read = c.prepare_cached(&format!(
        "SELECT count(*), coalesce(sum(open), 0), coalesce(sum(verdict = 'incomplete' AND set_aside = 0), 0),
                min(why) FILTER (WHERE verdict = 'incomplete' AND set_aside = 0),
                coalesce(sum(verdict = 'proven'), 0), coalesce(sum(windows), 0), coalesce(sum(seen), 0),
                coalesce(sum(distinct_records), 0), coalesce(sum(steps_back), 0),
                CASE WHEN count(total) > 0 THEN CAST(min(total(coalesce(total, distinct_records)), {MOST}.0) AS INTEGER) END,
                min(closed_at), min(since_run),
                coalesce(sum(set_aside > 0), 0), min(why) FILTER (WHERE set_aside > 0), coalesce(max(set_aside), 0) = 2,
                coalesce(sum(found_again), 0), coalesce(sum(may_miss), 0.0)
         FROM checkpoint WHERE lane = ?1 AND stream = ?2 AND since_run >= ?3 AND NOT {gone}
             AND (partition = '' OR NOT EXISTS (
                 SELECT 1 FROM checkpoint WHERE lane = ?1 AND stream = ?2 AND partition = '' AND since_run >= ?3))"
    ))?;
    let mut standing = read.query_row(params![lane.name(), stream.number(), since, parent_number(stream)], |r| {
        Ok(Standing {
            walks: r.get(0)?,
            open: r.get(1)?,
            incomplete: r.get(2)?,
            why: r.get(3)?,
            proven: r.get(4)?,
            windows: r.get(5)?,
            seen: r.get(6)?,
            distinct: r.get(7)?,
            steps_back: r.get(8)?,
            total: r.get(9)?,
            as_of: r.get(10)?,
            since_run: r.get(11)?,
            set_aside: r.get(12)?,
            set_aside_why: r.get(13)?,
            set_aside_unknown: r.get(14)?,
            found_again: r.get(15)?,
            may_miss: r.get(16)?,
            ..Standing::default()
        })
    })?;
    standing.refused = refusals::unsettled(c, stream)?;
    if lane == Lane::Incremental {
        let skipped = partitions::skipped(c, stream, since)?;
        standing.skipped = skipped.lists;
        standing.skipped_incomplete = skipped.incomplete;
        standing.skipped_read_at = skipped.read_at;
        standing.owed = audits::owed(c, stream, since)?;
    }
    Ok(standing)
}
