//! Reads records from the mirror, for destinations. Changes come in the order of their seqs, which is the order of
//! storage. A snapshot comes in the order of ids: SQLite reads the bodies in storage order and sorts them in bounded
//! memory, which is far faster than following an index.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Rows};

use super::errors::{failed, failed_sorting};
use super::reading_check::ReadingCheck;
use super::schema::{has_table, version};
use super::tombstones::HeldByPlace;
use super::{open, tombstones};
use crate::error::{Error, Kind, Result, quote};
use crate::mirror::{pending_deliveries, retention};
use crate::record::{Change, Extent, ForgottenUpTo, Op, Reader, SeqRange};
use crate::streams::Stream;

/// The largest payload, in bytes, that SQLite sorts together with the rows of a snapshot. Larger ones are read one by
/// one.
const LARGE: usize = 256 * 1024;

/// Settings for sorting a snapshot. SQLite sorts in runs of 4 MiB, which its own threads sort and merge ahead of the
/// reader. Larger runs take more memory and are no faster, because the time depends on whether the rows of the last
/// merge are ready when they are needed.
const SORTING: &str = "PRAGMA threads = 2; PRAGMA cache_size = -4096;";

/// The first schema version in which a round belongs to one job.
const KNOWS_JOBS: usize = 13;

/// A view of the mirror at one moment. Later writes do not change it.
pub struct MirrorView {
    connection: Connection,
    path: std::path::PathBuf,
}

impl MirrorView {
    /// Opens the mirror at `path` for reading and begins the view.
    pub fn begin(path: &Path) -> Result<MirrorView> {
        let connection = open::for_reading(path)?;
        connection.execute_batch(&format!("{SORTING} BEGIN")).map_err(|e| failed(path, &e))?;
        Ok(MirrorView { connection, path: path.to_owned() })
    }

    /// Returns the connection, for reading checkpoints and runs.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the path of the mirror.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether the mirror has a table with this name. A mirror of an older version may lack it.
    pub(super) fn has_table(&self, name: &str) -> Result<bool> {
        has_table(&self.connection, name).map_err(|e| failed(&self.path, &e))
    }

    /// Returns the SQL expression for the `seq` under which a body's record was first inserted, or `NULL` if the
    /// mirror is too old to store that seq.
    fn first_seq(&self) -> Result<&'static str> {
        Ok(if self.has_table("stamp")? { "b.first_seq" } else { "NULL" })
    }

    /// Returns the mirror's id, or `None` if the mirror is of a version that gave no ids to mirrors.
    pub fn identity(&self) -> Result<Option<String>> {
        pending_deliveries::identity_of(&self.connection).map_err(|e| failed(&self.path, &e))
    }

    /// Returns the mirror's latest run, or `None` if there was none.
    pub fn latest_run(&self) -> Result<Option<LatestRun>> {
        let found = self.connection.query_row(
            "SELECT id, job, lane, started_at, finished_at, exit_code FROM run ORDER BY id DESC LIMIT 1",
            [],
            |r| {
                Ok(LatestRun {
                    id: r.get(0)?,
                    job: r.get(1)?,
                    lane: r.get(2)?,
                    started_at: r.get(3)?,
                    finished_at: r.get(4)?,
                    exit_code: r.get(5)?,
                })
            },
        );
        match found {
            Ok(run) => Ok(Some(run)),
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
            Err(e) => Err(failed(&self.path, &e)),
        }
    }

    /// Returns the run in which the job's latest round in this lane began, and whether that round is still open. If
    /// `job` is `None` or has no round, uses the latest round of any job. Returns a usage error if the lane has no
    /// round.
    pub fn round(&self, lane: super::walk_key::Lane, job: Option<&str>) -> Result<(i64, bool)> {
        // An older mirror has one round a lane, without a job.
        let knows_jobs = version(&self.connection, &self.path)? >= KNOWS_JOBS;
        let own = if knows_jobs { "job IS ?2" } else { "?2 IS NULL" };
        self.connection
            .query_row(
                &format!(
                    "SELECT since_run, open FROM round WHERE lane = ?1 ORDER BY {own} DESC, since_run DESC LIMIT 1"
                ),
                rusqlite::params![lane.name(), job],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )
            .map_err(|e| match e {
                rusqlite::Error::QueryReturnedNoRows => {
                    Error::usage(format!("the mirror {} holds no {} run yet", self.path.display(), lane.name()))
                }
                e => failed(&self.path, &e),
            })
    }
}

impl Reader for MirrorView {
    fn extent(&self, stream: Stream) -> Result<Extent> {
        self.connection
            .query_row(&format!("SELECT count(*), min(seq), max(seq) FROM body_{stream}"), [], |r| {
                let seqs = r.get::<_, Option<i64>>(1)?.zip(r.get::<_, Option<i64>>(2)?);
                Ok(Extent { records: r.get(0)?, seqs })
            })
            .map_err(|e| failed(&self.path, &e))
    }

    fn snapshot(&self, stream: Stream, each: &mut dyn FnMut(&str, &str) -> Result<()>) -> Result<()> {
        let say = |e: rusqlite::Error| failed_sorting(&self.path, &e);
        let mut checked = ReadingCheck::new(stream, self.has_table("payload_sum")?);
        let (sum, beside) = checked.sql();
        // The sort copies its rows several times. A large payload is left out of it and read when its turn comes.
        let mut statement = self
            .connection
            .prepare(&format!(
                "SELECT b.seq, b.id, {}, {sum}, CASE WHEN octet_length(b.payload) <= {LARGE} THEN b.payload END
                 FROM body_{stream} AS b {beside} ORDER BY b.id",
                self.first_seq()?
            ))
            .map_err(say)?;
        let mut alone =
            self.connection.prepare(&format!("SELECT payload FROM body_{stream} WHERE seq = ?")).map_err(say)?;
        let mut rows = statement.query([]).map_err(say)?;
        while let Some(row) = rows.next().map_err(say)? {
            let sorted = row.get_ref(4).map_err(say)?;
            let mut one = if sorted == ValueRef::Null {
                Some(alone.query([row.get::<_, i64>(0).map_err(say)?]).map_err(say)?)
            } else {
                None
            };
            let large = one.as_mut().map(Rows::next).transpose().map_err(say)?.flatten();
            let payload = large.map_or(Ok(sorted), |row| row.get_ref(0)).map_err(say)?;
            checked.body(row, payload).map_err(say)??;
            let id = row.get_ref(1).and_then(|v| v.as_str().map_err(Into::into)).map_err(say)?;
            let payload = payload.as_str().map_err(|e| say(e.into()))?;
            each(id, payload)
                .map_err(|e| if e.kind == Kind::Internal { e.at(format!("{stream} {}", quote(id))) } else { e })?;
        }
        checked.end(&self.connection, SeqRange { first: 0, last: i64::MAX }).map_err(say)?
    }

    fn changes(
        &self,
        stream: Stream,
        range: SeqRange,
        fed: i64,
        each: &mut dyn FnMut(&Change<'_>) -> Result<()>,
    ) -> Result<()> {
        // Merges the stream's bodies and its tombstones by seq.
        let say = |e: rusqlite::Error| failed(&self.path, &e);
        let held = HeldByPlace::of(&self.connection, stream, fed).map_err(say)?;
        let mut stamps = Stamps::of(&self.connection).map_err(say)?;
        let mut checked = ReadingCheck::new(stream, self.has_table("payload_sum")?);
        let (whole, (sum, beside)) = (checked.whole_blocks(range), checked.sql());
        let mut bodies = self
            .connection
            .prepare(&format!(
                "SELECT b.seq, b.id, {}, {sum}, b.payload FROM body_{stream} AS b {beside}
                 WHERE b.seq BETWEEN ? AND ? ORDER BY b.seq",
                self.first_seq()?
            ))
            .map_err(say)?;
        let mut graves = self
            .connection
            .prepare(
                "SELECT seq, id FROM record INDEXED BY record_tombstones
                 WHERE stream = ? AND deleted = 1 AND seq BETWEEN ? AND ? ORDER BY seq",
            )
            .map_err(say)?;
        let mut bodies = bodies.query([whole.first, whole.last]).map_err(say)?;
        let mut graves = graves.query(rusqlite::params![stream.number(), range.first, range.last]).map_err(say)?;
        let mut grave = tombstone(&mut graves).map_err(say)?;
        while let Some(row) = bodies.next().map_err(say)? {
            let seq: i64 = row.get(0).map_err(say)?;
            checked.body(row, row.get_ref(4).map_err(say)?).map_err(say)??;
            if !(range.first..=range.last).contains(&seq) {
                continue;
            }
            while let Some((dead, id)) = grave.take_if(|(dead, _)| *dead < seq) {
                each(&stamps.change(dead, &id, None, Op::Delete))?;
                grave = tombstone(&mut graves).map_err(say)?;
            }
            let text = |i: usize| row.get_ref(i).and_then(|v| v.as_str().map_err(Into::into));
            let (id, payload) = (text(1).map_err(say)?, text(4).map_err(say)?);
            let born: i64 = row.get::<_, Option<i64>>(2).map_err(say)?.unwrap_or(seq);
            let op = if held.has(id, born) { Op::Update } else { Op::Insert };
            each(&stamps.change(seq, id, Some(payload), op))
                .map_err(|e| if e.kind == Kind::Internal { e.at(format!("{stream} {}", quote(id))) } else { e })?;
        }
        while let Some((dead, id)) = grave {
            each(&stamps.change(dead, &id, None, Op::Delete))?;
            grave = tombstone(&mut graves).map_err(say)?;
        }
        checked.end(&self.connection, range).map_err(say)?
    }

    fn last_seq(&self) -> Result<i64> {
        self.connection.query_row("SELECT last FROM sequence", [], |r| r.get(0)).map_err(|e| failed(&self.path, &e))
    }

    fn first_change(&self, stream: Stream, range: SeqRange) -> Result<Option<i64>> {
        let sql = format!(
            "SELECT min(seq) FROM (
                 SELECT min(seq) AS seq FROM body_{stream} WHERE seq BETWEEN ?1 AND ?2
                 UNION ALL
                 SELECT min(seq) FROM record INDEXED BY record_tombstones
                 WHERE stream = ?3 AND deleted = 1 AND seq BETWEEN ?1 AND ?2)"
        );
        self.connection
            .query_row(&sql, rusqlite::params![range.first, range.last, stream.number()], |r| r.get(0))
            .map_err(|e| failed(&self.path, &e))
    }

    fn nth(&self, stream: Stream, range: SeqRange, n: i64) -> Result<Option<i64>> {
        let sql = format!("SELECT seq FROM body_{stream} WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT 1 OFFSET ?");
        self.connection
            .query_row(&sql, [range.first, range.last, n - 1], |r| r.get(0))
            .optional()
            .map_err(|e| failed(&self.path, &e))
    }

    fn past(&self, stream: Stream) -> Result<ForgottenUpTo> {
        let past = || {
            Ok(ForgottenUpTo {
                dropped: retention::dropped_up_to(&self.connection, stream)?,
                forgotten: tombstones::forgotten(&self.connection, stream)?,
            })
        };
        past().map_err(|e| failed(&self.path, &e))
    }
}

/// Returns the seq and the id of the next row, or `None` after the last.
fn tombstone(rows: &mut Rows<'_>) -> rusqlite::Result<Option<(i64, String)>> {
    rows.next()?.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

/// Finds the run and the minute in which a seq was assigned. Each call must ask for a higher seq than the one before.
/// The table is small: one row for each run and minute.
struct Stamps {
    /// For each stamp, in ascending order: its first seq, its run, and its time in milliseconds since 1970.
    rows: Vec<(i64, i64, i64)>,
    /// The number of stamps that begin at or before the last seq that was asked for.
    at: usize,
}

impl Stamps {
    fn of(connection: &Connection) -> rusqlite::Result<Stamps> {
        let rows = connection
            .prepare("SELECT seq, run, at FROM stamp ORDER BY seq")?
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Stamps { rows, at: 0 })
    }

    /// Returns the change at `seq`, with the run and the time that it was stored.
    fn change<'r>(&mut self, seq: i64, id: &'r str, payload: Option<&'r str>, op: Op) -> Change<'r> {
        while self.rows.get(self.at).is_some_and(|(from, ..)| *from <= seq) {
            self.at += 1;
        }
        let stamp = self.at.checked_sub(1).and_then(|at| self.rows.get(at));
        Change { seq, id, payload, op, synced_at: stamp.map(|s| s.2), run: stamp.map(|s| s.1) }
    }
}

/// A row of the mirror's `run` table.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct LatestRun {
    pub id: i64,
    pub job: String,
    pub lane: String,
    pub started_at: String,
    pub finished_at: Option<String>,
    pub exit_code: Option<i64>,
}
