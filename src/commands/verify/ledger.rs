//! Stores what a destination holds in a scratch database. The verification looks ids up there, so it needs little
//! memory however much the destination holds.

use std::path::Path;

#[cfg(feature = "postgres")]
use rusqlite::OptionalExtension as _;
use rusqlite::{Connection, params};

use crate::error::{Error, Kind, Result};
use crate::streams::Stream;

const SCHEMA: &str = include_str!("../../../sql/verify/ledger.sql");
const DANGLING: &str = include_str!("../../../sql/verify/dangling.sql");
const MISSING: &str = include_str!("../../../sql/verify/missing.sql");
const SURPLUS: &str = include_str!("../../../sql/verify/surplus.sql");

/// One row of a destination, reduced to what a verification compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationRow {
    /// The record's id.
    pub id: String,
    /// The seq of the record's last change. `None` if the destination does not store seqs, as in a snapshot.
    pub seq: Option<i64>,
    /// Whether the record exists. `false` if the row is a deletion in a file of changes.
    pub is_live: bool,
    /// The id of the record that this one refers to: a message's conversation, or a conversation's contact. `None` if
    /// it refers to none.
    pub parent: Option<String>,
    /// The hash of the row's cells. `None` for files, whose cells are not compared one by one.
    pub print: Option<i64>,
}

/// The scratch database. It is deleted when it is dropped.
pub struct ScratchDatabase {
    connection: Connection,
    _folder: tempfile::TempDir,
}

/// How many records a query has found, and the id of one of them as an example.
pub type CountAndExample = (u64, Option<String>);

impl ScratchDatabase {
    /// Creates an empty scratch database in a temporary folder.
    pub fn new() -> Result<ScratchDatabase> {
        let folder = tempfile::tempdir()
            .map_err(|e| Error::new(Kind::Internal, format!("a scratch folder: {e}")).caused_by(&e))?;
        let connection = Connection::open(folder.path().join("held.db")).map_err(|e| failed(&e))?;
        connection
            .execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -32768;")
            .and_then(|()| connection.execute_batch(SCHEMA))
            .and_then(|()| connection.execute_batch("BEGIN"))
            .map_err(|e| failed(&e))?;
        Ok(ScratchDatabase { connection, _folder: folder })
    }

    /// Adds a row. Returns whether the stream already had a row with this id; the later row then replaces it.
    pub fn put(&mut self, stream: Stream, row: &DestinationRow) -> Result<bool> {
        let number = stream.number();
        let put = |sql: &str| {
            let row = params![number, row.id, row.seq, row.is_live, row.parent, row.print];
            self.connection.prepare_cached(sql)?.execute(row)
        };
        let new = put("INSERT OR IGNORE INTO held (stream, id, seq, live, parent, print) VALUES (?, ?, ?, ?, ?, ?)")
            .map_err(|e| failed(&e))?;
        if new == 0 {
            put("INSERT OR REPLACE INTO held (stream, id, seq, live, parent, print) VALUES (?, ?, ?, ?, ?, ?)")
                .map_err(|e| failed(&e))?;
        }
        Ok(new == 0)
    }

    /// Returns how many records of a stream exist at the destination.
    pub fn live(&self, stream: Stream) -> Result<u64> {
        let sql = "SELECT count(*) FROM held WHERE stream = ? AND live = 1";
        self.connection.query_row(sql, [stream.number()], |r| r.get(0)).map_err(|e| failed(&e))
    }

    /// Returns the hash of a record's cells, or `None` if the destination does not hold the record with this seq.
    #[cfg(feature = "postgres")]
    pub fn print(&self, stream: Stream, id: &str, seq: i64) -> Result<Option<i64>> {
        let found = || {
            self.connection
                .prepare_cached("SELECT print FROM held WHERE stream = ? AND id = ? AND seq = ?")?
                .query_row(params![stream.number(), id, seq], |r| r.get(0))
                .optional()
        };
        found().map(Option::flatten).map_err(|e| failed(&e))
    }

    /// Returns the records of a stream that refer to a record of `parent` that the destination does not hold.
    pub fn dangling(&self, stream: Stream, parent: Stream) -> Result<CountAndExample> {
        self.ask(DANGLING, stream, parent.number().into())
    }

    /// Attaches the mirror's file, after all rows were added. Needed before [`ScratchDatabase::missing`] and
    /// [`ScratchDatabase::surplus`], which compare with the mirror.
    pub fn attach(&mut self, mirror: &Path) -> Result<()> {
        self.connection
            .execute_batch("COMMIT")
            .and_then(|()| self.connection.execute("ATTACH DATABASE ? AS mirror", [mirror.display().to_string()]))
            .map(drop)
            .map_err(|e| failed(&e))
    }

    /// Returns the records that the mirror holds with a seq of at most `up_to`, but that the destination does not
    /// hold or holds as they were before.
    pub fn missing(&self, stream: Stream, up_to: i64) -> Result<CountAndExample> {
        self.ask(MISSING, stream, up_to)
    }

    /// Returns the records that the destination holds although the mirror does not hold them or has deleted them, as
    /// of the seq `up_to`.
    ///
    /// The mirror drops old tombstones; `forgotten` is the highest seq of those it has dropped. If that is above
    /// `up_to`, ids unknown to the mirror are not counted, because their tombstones may be among the dropped ones.
    pub fn surplus(&self, stream: Stream, up_to: i64, forgotten: i64) -> Result<CountAndExample> {
        self.connection
            .query_row(SURPLUS, params![stream.number(), up_to, up_to < forgotten], |r| Ok((r.get(0)?, r.get(1)?)))
            .map_err(|e| failed(&e))
    }

    fn ask(&self, sql: &str, stream: Stream, other: i64) -> Result<CountAndExample> {
        self.connection
            .query_row(sql, params![stream.number(), other], |r| Ok((r.get(0)?, r.get(1)?)))
            .map_err(|e| failed(&e))
    }
}

fn failed(error: &rusqlite::Error) -> Error {
    let is_full = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
    let kind = if is_full { Kind::NoTemporaryFiles } else { Kind::Internal };
    Error::new(kind, format!("the scratch database of a verification: {error}")).caused_by(error)
}
