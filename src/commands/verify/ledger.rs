//! Reads what a destination holds into a scratch database. Ids are looked up there, so memory stays small however
//! much the destination holds.

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

/// One row of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationRow {
    /// The record's id.
    pub id: String,
    /// The seq of a change.
    pub seq: Option<i64>,
    /// Whether it is not a deletion.
    pub is_live: bool,
    /// The id of the record that it refers to.
    pub parent: Option<String>,
    /// The hash of its cells.
    pub print: Option<i64>,
}

/// The scratch database.
pub struct ScratchDatabase {
    connection: Connection,
    _folder: tempfile::TempDir,
}

/// The number of records found, and the id of one of them.
pub type CountAndExample = (u64, Option<String>);

impl ScratchDatabase {
    /// Begins an empty ledger.
    pub fn new() -> Result<ScratchDatabase> {
        let folder = tempfile::tempdir().map_err(|e| Error::new(Kind::Internal, format!("a scratch folder: {e}")))?;
        let connection = Connection::open(folder.path().join("held.db")).map_err(|e| failed(&e))?;
        connection
            .execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -32768;")
            .and_then(|()| connection.execute_batch(SCHEMA))
            .and_then(|()| connection.execute_batch("BEGIN"))
            .map_err(|e| failed(&e))?;
        Ok(ScratchDatabase { connection, _folder: folder })
    }

    /// Adds a row. Returns whether its id was there already; the later row replaces the earlier one.
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

    /// Returns how many records a stream has.
    pub fn live(&self, stream: Stream) -> Result<u64> {
        let sql = "SELECT count(*) FROM held WHERE stream = ? AND live = 1";
        self.connection.query_row(sql, [stream.number()], |r| r.get(0)).map_err(|e| failed(&e))
    }

    /// Returns the print of a record's cells, or `None` if the record is not there with this seq.
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

    /// Returns the records of a stream that refer to records of `parent` that are not there.
    pub fn dangling(&self, stream: Stream, parent: Stream) -> Result<CountAndExample> {
        self.ask(DANGLING, stream, parent.number().into())
    }

    /// Attaches the mirror that later look-ups compare with.
    pub fn attach(&mut self, mirror: &Path) -> Result<()> {
        self.connection
            .execute_batch("COMMIT")
            .and_then(|()| self.connection.execute("ATTACH DATABASE ? AS mirror", [mirror.display().to_string()]))
            .map(drop)
            .map_err(|e| failed(&e))
    }

    /// Returns the records that the mirror holds as of a seq and the destination does not.
    pub fn missing(&self, stream: Stream, up_to: i64) -> Result<CountAndExample> {
        self.ask(MISSING, stream, up_to)
    }

    /// Returns the records that the destination holds and the mirror does not. If the mirror has forgotten tombstones
    /// after `up_to` (up to the seq `forgotten`), ids that it does not know are not counted.
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
    Error::new(kind, format!("the scratch database of a verification: {error}"))
}
