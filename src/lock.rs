//! Prevents two runs from using the same files, by an advisory lock on a small file. A run holds the lock until its
//! end, and the operating system releases it however the process ends. The file contains who holds the lock, so that
//! a second run can report that.
//!
//! Only a new file or an earlier lock file is used. A symbolic link in its place is not followed, and a file with
//! other content is not changed.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;

use crate::error::{Error, Kind, Result, quote};
use crate::regular_file;

/// A held lock. Dropping it releases the lock.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Returns the path of the lock file for a file: `state/qpien.db.lock` for `state/qpien.db`.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// The words at the beginning of every lock file.
const OURS: &str = "process ";

/// Returns the first 4096 bytes of the file as text.
fn written(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let _ = file.rewind().and_then(|()| file.take(4096).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Takes the lock at `path`. `what` names the locked files in the error, and `holder` is written into the lock file.
/// Fails with [`Kind::Locked`], quoting the holder, if the lock is already held. Other errors mean that the file
/// cannot be locked or written.
pub fn take(path: &Path, what: &str, holder: &str) -> Result<Lock> {
    let unwritable = |e: std::io::Error| {
        let kind = if regular_file::is_full(&e) { Kind::MirrorFull } else { Kind::MirrorUnwritable };
        Error::new(kind, format!("{}: {e}", path.display()))
    };
    let mut file = regular_file::own(path).map_err(unwritable)?;
    match try_lock_briefly(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let who = quote(written(&mut file).trim());
            let who = if who.is_empty() { "another run" } else { &who };
            return Err(Error::new(Kind::Locked, format!("{what} is held by {who}")));
        }
        Err(TryLockError::Error(e)) => return Err(unlockable(path, &e)),
    }
    let before = written(&mut file);
    if !before.starts_with(OURS) && !OURS.starts_with(&before) {
        return Err(unwritable(std::io::Error::other("the file at the place of the lock is not ours")));
    }
    let text = format!("process {}, {holder}, since {}\n", std::process::id(), crate::clock::now());
    file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(text.as_bytes())).map_err(unwritable)?;
    Ok(Lock { _file: file })
}

/// Returns the error for a lock that cannot be taken. Some network file systems have no locks, or are mounted without
/// them.
fn unlockable(path: &Path, error: &std::io::Error) -> Error {
    const NONE: [Errno; 4] = [Errno::NOLCK, Errno::NOTSUP, Errno::NOSYS, Errno::INVAL];
    let has_none = error.raw_os_error().is_some_and(|code| NONE.iter().any(|errno| errno.raw_os_error() == code));
    let why = if has_none {
        "its file system has no locks (flock), by which one run is kept off another's files: mount it with them, or \
         choose a folder on a disk of this machine"
    } else {
        "the lock cannot be taken"
    };
    Error::new(Kind::MirrorUnwritable, format!("{}: {why}: {error}", path.display()))
}

/// Tries to lock for a tenth of a second. A program that the last holder started may have a copy of the open file;
/// the lock is then free only a moment after the holder has ended.
fn try_lock_briefly(file: &File) -> std::result::Result<(), TryLockError> {
    for _ in 0..10 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            outcome => return outcome,
        }
    }
    file.try_lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_left_as_it_is() {
        let dir = tempfile::tempdir().expect("dir");
        let (theirs, lock) = (dir.path().join("theirs"), dir.path().join("m.db.lock"));
        std::fs::write(&theirs, "theirs").expect("written");
        std::os::unix::fs::symlink(&theirs, &lock).expect("a link");
        let refused = take(&lock, "the mirror", "job").expect_err("a link");
        assert!(refused.kind == Kind::MirrorUnwritable && refused.detail.contains("it is a link"), "{refused}");
        std::fs::remove_file(&lock).expect("removed");
        std::fs::hard_link(&theirs, &lock).expect("a second name");
        take(&lock, "the mirror", "job").expect_err("a file with two names");
        std::fs::remove_file(&theirs).expect("removed");
        let refused = take(&lock, "the mirror", "job").expect_err("other words");
        assert!(refused.detail.contains("is not ours"), "{refused}");
        assert_eq!(std::fs::read(&lock).expect("read"), b"theirs");
        for begun in ["", "proc", "process 7, job x"] {
            std::fs::write(&lock, begun).expect("written");
            take(&lock, "the mirror", "job").expect("a lock of ours, cut or left behind");
        }
    }

    #[test]
    fn a_second_holder_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().expect("dir");
        let path = beside(&dir.path().join("m.db"));
        let first = take(&path, "the mirror", "job nightly").expect("first");
        let refused = take(&path, "the mirror", "job other").expect_err("second");
        assert_eq!(refused.kind, Kind::Locked);
        assert!(
            refused.detail.contains("job nightly") && refused.detail.contains(&std::process::id().to_string()),
            "{refused}"
        );
        drop(first);
        take(&path, "the mirror", "job other").expect("free again");
    }
}
