//! The write-ahead log beside the mirror (`-wal`). SQLite folds it into the file by itself, a few megabytes at a time, unless a
//! program reads the mirror in one transaction for hours: what was written since stays in the log until that ends.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::store::Writer;
use crate::error::Result;
use crate::quantity::size as told;

/// Bytes of a log that is worth a word. One that is folded in regularly has about 4 MiB.
const LARGE: u64 = 16 * 1024 * 1024;

/// Bytes that the log keeps on disk once it is folded in.
const KEPT: u64 = LARGE / 2;

/// Returns the file of this ending that lies beside the mirror.
pub fn beside(mirror: &Path, ending: &str) -> PathBuf {
    let mut name = mirror.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Returns the bytes of the mirror's log; 0 where there is none.
pub fn size(mirror: &Path) -> u64 {
    std::fs::metadata(beside(mirror, "-wal")).map_or(0, |log| log.len())
}

/// Has a log that grew large cut again when it is folded in.
pub(super) fn limit(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_size_limit", KEPT)
}

/// Folds the log in, and returns what to say where that cannot be done because a program reads the mirror as it was before.
pub fn kept_by_a_reader(writer: &mut Writer) -> Result<Option<String>> {
    let path = writer.path().to_owned();
    // Frames in the log, and those of them that are in the file now.
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
