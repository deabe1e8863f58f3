//! Checks the first hundred bytes of the mirror's file. SQLite trusts some of these bytes without a check, so that a
//! flipped bit makes the file look read-only, or like another program's. This module compares the bytes that never
//! change in a mirror.
//!
//! A run that was killed while it created the mirror leaves a file without tables. Its schema format and text
//! encoding are still 0, which is accepted.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::error::{Error, Kind, Result};

/// The number of bytes to read: the file header of 100, and 8 of the first page's header, which show whether there
/// are any tables.
const LENGTH: usize = 108;

/// Returns an error if the header has a value that no mirror has. Accepts a file that is missing, or too short for a
/// header.
pub(super) fn check(path: &Path) -> Result<()> {
    let mut header = [0; LENGTH];
    let is_read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    // SQLite reports a file that is too short for a header.
    if is_read.is_err() {
        return Ok(());
    }
    match fault(&header) {
        None => Ok(()),
        Some(what) => Err(Error::new(
            Kind::MirrorCorrupt,
            format!("the mirror {} is damaged: its header has another {what}", path.display()),
        )),
    }
}

/// Returns the name of the first header value that no mirror has, or `None` if all are right.
fn fault(header: &[u8; LENGTH]) -> Option<&'static str> {
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if !header.starts_with(b"SQLite format 3\0") {
        // SQLite reports better what this file is.
        return None;
    }
    let page = u16::from_be_bytes([header[16], header[17]]);
    // The first page is a leaf without cells: `sqlite_master` has no rows.
    let is_empty = header[100] == 13 && header[103..105] == [0, 0];
    let is = |at: usize, value: u32| number(at) == value || (is_empty && number(at) == 0);
    let checks = [
        // SQLite writes 65,536 as 1.
        (page == 1 || (page >= 512 && page.is_power_of_two()), "page size"),
        (header[18] == header[19] && matches!(header[18], 1 | 2), "format version"),
        (header[21..24] == [64, 32, 32], "payload fraction"),
        (is(44, 4), "schema format"),
        (is(56, 1), "text encoding"),
        (header[72..92].iter().all(|byte| *byte == 0), "reserved byte"),
    ];
    checks.into_iter().find(|(is_so, _)| !is_so).map(|(_, what)| what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::store::Mirror;
    use crate::streams::DateForm;

    #[test]
    fn what_never_changes_is_compared_and_a_mirror_is_what_it_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("m.db");
        check(&path).expect("not there yet");
        drop(Mirror::open(&path, "a test", DateForm::Iso8601).expect("a mirror"));
        check(&path).expect("a mirror");
        let bytes = std::fs::read(&path).expect("its bytes");
        let whole: [u8; LENGTH] = bytes[..LENGTH].try_into().expect("a header");
        for (at, bit) in [(18, 0), (19, 1), (18, 7), (22, 3), (47, 2), (59, 1), (80, 4), (17, 5)] {
            let mut header = whole;
            header[at] ^= 1 << bit;
            assert!(fault(&header).is_some(), "byte {at}");
        }
    }

    #[test]
    fn a_file_without_a_table_is_a_mirror_that_is_still_to_be_made() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("m.db");
        let c = rusqlite::Connection::open(&path).expect("a file");
        c.execute_batch("PRAGMA journal_mode = wal; PRAGMA user_version = 0; VACUUM;").expect("its first page");
        drop(c);
        assert!(std::fs::metadata(&path).expect("it is there").len() > 0);
        check(&path).expect("nothing is wrong with it");
        drop(Mirror::open(&path, "a test", DateForm::Iso8601).expect("a mirror"));
    }
}
