//! Watches the write-ahead log beside the mirror (`-wal`). SQLite moves the log's contents into the file by itself, a
//! few megabytes at a time (a *checkpoint* of SQLite's). While a program reads the mirror in one transaction,
//! everything written since that transaction began stays in the log. If such a transaction lasts for hours, the log
//! becomes large.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::quantity::size as told;

/// The size of the log, in bytes, from which a run reports it. Normally the log has about 4 MiB.
const LARGE: u64 = 16 * 1024 * 1024;

/// The size, in bytes, to which the log is truncated after a checkpoint of SQLite's.
const KEPT: u64 = LARGE / 2;

/// Returns the path of a file beside the mirror: the mirror's path followed by `ending`, such as `-wal`.
pub fn beside(mirror: &Path, ending: &str) -> PathBuf {
    let mut name = mirror.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Returns the size of the mirror's log in bytes, or 0 if there is no log.
pub fn size(mirror: &Path) -> u64 {
    std::fs::metadata(beside(mirror, "-wal")).map_or(0, |log| log.len())
}

/// Makes SQLite truncate a large log to [`KEPT`] bytes after a checkpoint.
pub(super) fn limit(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_size_limit", KEPT)
}

/// Moves the contents of the log into the mirror's file. Returns a note if the log is large and cannot be moved
/// completely, because another program still reads an older state of the mirror.
pub(super) fn fold_in(connection: &Connection, mirror: &Path) -> rusqlite::Result<Option<String>> {
    // `frames` is the number of frames in the log; `folded` of them are now in the file, too.
    let (frames, folded): (i64, i64) =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |r| Ok((r.get(1)?, r.get(2)?)))?;
    let log = size(mirror);
    if folded >= frames || log < LARGE {
        return Ok(None);
    }
    let file = std::fs::metadata(mirror).map_or(0, |file| file.len());
    Ok(Some(format!(
        "the mirror's log has grown to {} beside {}, because a program keeps reading the mirror as it was before: close it, and \
         the next run folds the log in",
        told(log),
        told(file)
    )))
}
