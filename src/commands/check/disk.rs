//! Finds out whether a file system can be written and how much space is free. Leaves no file behind.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::quantity::size;

/// The number of free bytes below which the checklist warns.
const LITTLE: u64 = 1 << 30;

/// Returns the number of bytes that can still be written to the file system of `path`, which need not exist yet.
/// Returns `None` if the system does not report it.
pub fn free(path: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(nearest(path)).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

/// Returns whether the free space is little: less than 1 GiB, or less than `there`, the number of bytes that the file
/// has already. Returns `false` if the free space is unknown.
pub fn is_little(free: Option<u64>, there: u64) -> bool {
    free.is_some_and(|free| free < LITTLE.max(there))
}

/// Returns the free space in words, for example `80.1 GB free`.
pub fn told(free: Option<u64>) -> String {
    free.map_or_else(|| "free space unknown".into(), |free| format!("{} free", size(free)))
}

/// Returns an error unless the nearest existing folder of `path` can be written.
pub fn writable(path: &Path) -> Result<()> {
    let folder = nearest(path);
    let refused = |why: &str| Error::usage(format!("{} cannot be written: {} {why}", path.display(), folder.display()));
    let metadata = std::fs::metadata(folder).map_err(|e| refused(&e.to_string()))?;
    if !metadata.is_dir() {
        return Err(refused("is not a folder"));
    }
    // An unnamed temporary file disappears with its handle.
    tempfile::tempfile_in(folder).map(drop).map_err(|e| refused(&format!("({e})")))
}

/// Returns the folder in which SQLite writes its temporary files when it sorts: the first of SQLite's candidates that
/// exists and can be written.
pub fn temporary() -> Option<PathBuf> {
    let named = ["SQLITE_TMPDIR", "TMPDIR"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    first_writable(named.chain(["/var/tmp", "/usr/tmp", "/tmp", "."].map(PathBuf::from)))
}

fn first_writable(mut folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    folders.find(|folder| folder.is_dir() && tempfile::tempfile_in(folder).is_ok())
}

/// Returns `path` if it exists, or else the nearest folder above it that exists.
fn nearest(path: &Path) -> &Path {
    let mut folder = path;
    while !folder.exists() {
        folder = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_less_than_a_gibibyte_or_than_what_is_there() {
        let cases = [(None, 0), (Some(LITTLE), 0), (Some(LITTLE - 1), 0), (Some(2 * LITTLE), 3 * LITTLE)];
        assert_eq!(cases.map(|(free, there)| is_little(free, there)), [false, false, true, true]);
    }

    #[test]
    fn the_first_folder_that_can_be_written_takes_the_temporary_files() {
        let dir = tempfile::tempdir().expect("a folder");
        let nowhere = dir.path().join("nowhere");
        let first = |folders: &[&Path]| first_writable(folders.iter().map(|f| f.to_path_buf()));
        assert_eq!(first(&[&nowhere, Path::new("/proc"), dir.path()]).as_deref(), Some(dir.path()));
        assert_eq!(first(&[&nowhere, Path::new("/proc")]), None);
    }

    #[test]
    fn what_does_not_exist_yet_has_the_space_of_its_nearest_folder() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(free(&dir.path().join("a/b/c")).is_some_and(|free| free > 0));
        assert!(writable(&dir.path().join("a/b/c")).is_ok() && !dir.path().join("a").exists());
        std::fs::write(dir.path().join("file"), "x").expect("written");
        assert!(writable(&dir.path().join("file/out")).expect_err("no folder").detail.contains("not a folder"));
    }
}
