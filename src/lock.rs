//! Who is working here. An advisory lock on a small file, taken for the whole run, given back by the system however the
//! process ends; the file says who holds it, so that a second run can say so.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result, quote};

/// A held lock; dropping it gives it back.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// `state/qpien.db` -> `state/qpien.db.lock`
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Takes the lock at `path` for `what` (in the words of the message), or says who holds it.
pub fn take(path: &Path, what: &str, holder: &str) -> Result<Lock> {
    let unwritable = |e: std::io::Error| Error::new(Kind::MirrorUnwritable, format!("{}: {e}", path.display()));
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(unwritable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut who = String::new();
            let _ = file.read_to_string(&mut who);
            let who = quote(who.trim());
            let who = if who.is_empty() { "another run" } else { &who };
            return Err(Error::new(Kind::Locked, format!("{what} is held by {who}")));
        }
        Err(TryLockError::Error(e)) => return Err(unwritable(e)),
    }
    let text = format!("process {}, {holder}, since {}\n", std::process::id(), crate::clock::now());
    file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(text.as_bytes())).map_err(unwritable)?;
    Ok(Lock { _file: file })
}

#[cfg(test)]
mod tests {
    use super::*;

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
