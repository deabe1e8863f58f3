//! The write-ahead log beside the mirror (`-wal`). SQLite folds it into the file by itself, a few megabytes at a
//! time. If a program reads the mirror in one transaction for hours, everything written since stays in the log until
//! that transaction ends.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::store::Writer;
use crate::error::Result;
use crate::quantity::size as told;

/// The size of the log, in bytes, from which a run reports it. A log that is folded in regularly has about 4 MiB.
const LARGE: u64 = 16 * 1024 * 1024;

/// Bytes that the log keeps on disk after it was folded in.
const KEPT: u64 = LARGE / 2;

/// Returns the path of the file beside the mirror whose name has this ending.
pub fn beside(mirror: &Path, ending: &str) -> PathBuf {
    let mut name = mirror.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Returns the size of the mirror's log in bytes; 0 if there is no log.
pub fn size(mirror: &Path) -> u64 {
    std::fs::metadata(beside(mirror, "-wal")).map_or(0, |log| log.len())
}

/// Makes SQLite truncate a large log to `KEPT` bytes when it was folded in.
pub(super) fn limit(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_size_limit", KEPT)
}

/// Folds the log in. Returns a note if the log is large and cannot be folded in whole, because a program still reads
/// the mirror as it was before.
pub fn fold_in(writer: &mut Writer) -> Result<Option<String>> {
    let path = writer.path().to_owned();
    // `frames` are in the log; `folded` of them are in the file now.
    let (frames, folded): (i64, i64) =
        writer.with(|c| c.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |r| Ok((r.get(1)?, r.get(2)?))))?;
    let log = size(&path);
    if folded >= frames || log < LARGE {
        return Ok(None);
    }
    let mirror = std::fs::metadata(&path).map_or(0, |file| file.len());
    Ok(Some(format!(
        "the mirror's log has grown to {} beside {}, because a program keeps reading the mirror as it was before: close it, and \
         the next run folds the log in",
        told(log),
        told(mirror)
    )))
}
