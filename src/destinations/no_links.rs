//! Opens, creates and removes files below an output folder without following symbolic links. The output folder itself
//! may be a link, because the user has chosen it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::regular_file;

/// An open output folder, through which the files below it are accessed. Names are relative to it, with `/` between
/// folders.
pub struct Below(OwnedFd);

/// Who may read and write a file: its permissions and its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileAccess {
    /// The read and write bits (`0o666`) of the file's mode.
    pub mode: u32,
    /// The id of the file's group.
    pub group: u32,
}

/// Returns the error for a name that leads out of the folder, such as `../x`.
fn outside() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the name leads out of the folder")
}

impl Below {
    /// Opens the output folder at `path`.
    pub fn open(path: &Path) -> io::Result<Below> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Below(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Returns the folder that contains `name`, and the last part of the name. Creates missing folders if `make` is
    /// set.
    fn parent<'n>(&self, name: &'n str, make: bool) -> io::Result<(OwnedFd, &'n str)> {
        let mut parts: Vec<&str> = name.split('/').collect();
        if parts.iter().any(|part| part.is_empty() || matches!(*part, "." | "..") || part.contains('\0')) {
            return Err(outside());
        }
        let last = parts.pop().ok_or_else(outside)?;
        let mut folder = self.0.try_clone()?;
        for part in parts {
            if make {
                make_folder(&folder, part)?;
            }
            folder = regular_file::folder_at(&folder, part)?;
        }
        Ok((folder, last))
    }

    /// Opens a file for reading, or returns `None` if it does not exist.
    pub fn read(&self, name: &str) -> io::Result<Option<File>> {
        missing_is_none(self.parent(name, false).and_then(|(folder, last)| regular_file::read_at(folder, last)))
    }

    /// Returns who may read and write a file, or `None` if there is no regular file of this name.
    pub fn access(&self, name: &str) -> io::Result<Option<FileAccess>> {
        let Some((folder, last)) = missing_is_none(self.parent(name, false))? else { return Ok(None) };
        let found = rustix::fs::statat(&folder, last, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from);
        let file = missing_is_none(found)?.filter(|s| FileType::from_raw_mode(s.st_mode) == FileType::RegularFile);
        Ok(file.map(|s| FileAccess { mode: s.st_mode & 0o666, group: s.st_gid }))
    }

    /// Creates a new file for writing, and replaces an existing one. `mode` gives its permissions, from which the
    /// umask may take some.
    pub fn make(&self, name: &str, mode: u32) -> io::Result<File> {
        let (folder, last) = self.parent(name, true)?;
        match rustix::fs::unlinkat(&folder, last, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(folder, last, flags, Mode::from_raw_mode(mode))?))
    }

    /// Renames a file, and replaces an existing file of the new name. Creates missing folders.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let ((before, old), (after, new)) = (self.parent(from, false)?, self.parent(to, true)?);
        Ok(rustix::fs::renameat(before, old, after, new)?)
    }

    /// Removes a regular file, if it exists. Does not touch anything that is not a regular file.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        let Some((folder, last)) = missing_is_none(self.parent(name, false))? else { return Ok(()) };
        if !regular_file::is_at(&folder, last)? {
            return Ok(());
        }
        missing_is_none(rustix::fs::unlinkat(folder, last, AtFlags::empty()).map_err(io::Error::from)).map(drop)
    }

    /// Returns the names of the entries of a folder, sorted, with the type of each. Returns an empty list if the
    /// folder does not exist.
    pub fn list(&self, folder: &str) -> io::Result<Vec<(String, FileType)>> {
        let opened = if folder.is_empty() { self.0.try_clone().map(Some) } else { self.folder(folder) };
        let Some(folder) = opened? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | "..") {
                continue;
            }
            let found = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from);
            if let Some(stat) = missing_is_none(found)? {
                names.push((name.to_owned(), FileType::from_raw_mode(stat.st_mode)));
            }
        }
        names.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(names)
    }

    fn folder(&self, name: &str) -> io::Result<Option<OwnedFd>> {
        missing_is_none(self.parent(name, false).and_then(|(folder, last)| regular_file::folder_at(folder, last)))
    }

    /// Syncs the folder that contains `name` to disk, so that its created, renamed and removed entries survive a
    /// crash.
    pub fn sync(&self, name: &str) -> io::Result<()> {
        as_far_as_offered(rustix::fs::fsync(self.parent(name, false)?.0))
    }
}

/// Turns the outcome of syncing a folder into this module's result. It is no error if the file system cannot sync a
/// folder: with such network file systems, the server already has the data.
fn as_far_as_offered(outcome: Result<(), Errno>) -> io::Result<()> {
    match outcome {
        Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Creates a folder in `above`, with the permissions and the group of `above`, as far as the umask and this user's
/// rights allow.
fn make_folder(above: &OwnedFd, name: &str) -> io::Result<()> {
    let above_all = rustix::fs::fstat(above)?;
    match rustix::fs::mkdirat(above, name, Mode::from_raw_mode(above_all.st_mode & 0o777)) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    }
    let group = rustix::fs::Gid::from_raw(above_all.st_gid);
    // Not every user may give a folder to every group.
    let _ = rustix::fs::chownat(above, name, None, Some(group), AtFlags::SYMLINK_NOFOLLOW);
    Ok(())
}

fn missing_is_none<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_cannot_make_a_folder_durable_stops_nothing() {
        for offered in [Ok(()), Err(Errno::INVAL), Err(Errno::NOTSUP), Err(Errno::NOSYS)] {
            assert!(as_far_as_offered(offered).is_ok(), "{offered:?}");
        }
        for failed in [Errno::IO, Errno::NOSPC, Errno::DQUOT, Errno::STALE] {
            assert!(as_far_as_offered(Err(failed)).is_err(), "{failed}");
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().expect("dir");
        let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
        std::fs::create_dir_all(inside.join("a")).expect("folders");
        std::fs::create_dir_all(&outside).expect("folders");
        std::fs::write(outside.join("theirs"), "theirs").expect("written");
        std::os::unix::fs::symlink(&outside, inside.join("way")).expect("a link");
        std::os::unix::fs::symlink(outside.join("theirs"), inside.join("link")).expect("a link");
        let below = Below::open(&inside).expect("open");
        let absolute = outside.join("theirs").display().to_string();
        for name in ["../out/theirs", "a/../../out/theirs", "way/theirs", &absolute, "", "a//b", "./a", "a/", "link/x"]
        {
            assert!(below.read(name).is_err(), "{name}");
            assert!(below.make(name, 0o600).is_err(), "{name}");
            let _ = below.remove(name);
            assert!(below.list(name).is_err() || name.is_empty() || name == "a/", "{name}");
        }
        below.remove("link").expect("left alone");
        below.make("a/x", 0o600).expect("made");
        assert!(below.rename("a/x", "way/x").is_err() && below.rename("a/x", "../x").is_err());
        below.rename("a/x", "link").expect("in the place of the link");
        assert_eq!(std::fs::read(outside.join("theirs")).expect("read"), b"theirs");
        assert_eq!(std::fs::read_dir(&outside).expect("read").count(), 1);
    }
}
