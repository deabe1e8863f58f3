//! Opens regular files only, and creates private files and folders. If the path's last component is a symbolic link,
//! it is not followed. A pipe is not waited for, and nothing but a regular file is returned. The user chooses the
//! folders in the path, so links there are followed.
//!
//! A plain open is not safe. A file to write may be a symbolic link, made by somebody else, to a file that is not
//! ours; a file to read may be a pipe without a writer, or a device without an end.
//!
//! Only the user who runs the program may read what a run keeps for itself (its mirror, its locks, the budget's
//! window), because these contain people's data, or show whose data it is.

use std::fmt;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

/// The error that there is something other than a regular file at a path. It states what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAFile(&'static str);

impl fmt::Display for NotAFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is {}, and no file of ours", self.0)
    }
}

impl std::error::Error for NotAFile {}

impl From<NotAFile> for io::Error {
    fn from(what: NotAFile) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, what)
    }
}

/// Returns whether an error means that there is something other than a regular file at the path.
pub fn is_not_a_file(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<NotAFile>)
}

/// Returns whether an error means that the disk, or the user's quota on it, is full.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

const READ: OFlags = OFlags::RDONLY;
const ALWAYS: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

/// The permissions of a file that only its user may read and write.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
/// The permissions of a folder that only its user may enter.
const PRIVATE_FOLDER: u32 = 0o700;

/// Opens a file that this program owns for reading and writing, and creates it if it is missing. Makes it private.
/// Fails for a file with a second name (a hard link).
pub fn own(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | ALWAYS;
    let file = regular(rustix::fs::open(path, flags, PRIVATE), CWD, path)?;
    if rustix::fs::fstat(&file)?.st_nlink > 1 {
        return Err(NotAFile("a file with a second name").into());
    }
    narrow(&file);
    Ok(file)
}

/// Creates a file if it is missing, and makes sure that only its user may read it.
pub fn private(path: &Path) -> io::Result<()> {
    let flags = OFlags::RDWR | OFlags::CREATE | ALWAYS;
    regular(rustix::fs::open(path, flags, PRIVATE), CWD, path).map(|file| narrow(&file))
}

/// Makes sure that only its user may read a file, if the file exists. Errors are ignored.
pub fn keep_private(path: &Path) {
    if let Ok(file) = regular(rustix::fs::open(path, READ | ALWAYS, Mode::empty()), CWD, path) {
        narrow(&file);
    }
}

/// Creates a folder that only its user may enter, and its missing parent folders. An existing folder is not changed.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(path)
}

/// Removes all permissions of the group and of others from a file. A file of another user is not changed.
fn narrow(file: &File) {
    let is_wider = |stat: rustix::fs::Stat| Mode::from_raw_mode(stat.st_mode).intersects(Mode::RWXG | Mode::RWXO);
    if rustix::fs::fstat(file).is_ok_and(is_wider) {
        let _ = rustix::fs::fchmod(file, PRIVATE);
    }
}

/// Opens the regular file `name` in an open folder for reading.
pub fn read_at(folder: impl AsFd, name: &str) -> io::Result<File> {
    let opened = rustix::fs::openat(&folder, name, READ | ALWAYS, Mode::empty());
    regular(opened, folder.as_fd(), Path::new(name))
}

/// Opens the folder `name` in an open folder.
pub fn folder_at(folder: impl AsFd, name: &str) -> io::Result<OwnedFd> {
    let opened = rustix::fs::openat(&folder, name, READ | ALWAYS | OFlags::DIRECTORY, Mode::empty());
    opened.map_err(|errno| open_error(errno, folder, Path::new(name)))
}

/// Returns whether there is a regular file with this name in an open folder. Fails only if that cannot be found out.
pub fn is_at(folder: impl AsFd, name: &str) -> io::Result<bool> {
    match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

fn regular(opened: Result<OwnedFd, Errno>, folder: impl AsFd, path: &Path) -> io::Result<File> {
    let file = opened.map_err(|errno| open_error(errno, folder, path))?;
    match FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) {
        FileType::RegularFile => Ok(File::from(file)),
        other => Err(NotAFile(named(other)).into()),
    }
}

/// Returns the error for a failed open. If the open failed because of what is at the path, such as a pipe, the error
/// states that.
fn open_error(errno: Errno, folder: impl AsFd, path: &Path) -> io::Error {
    let found = rustix::fs::statat(folder, path, AtFlags::SYMLINK_NOFOLLOW);
    match (errno, found.map(|stat| FileType::from_raw_mode(stat.st_mode))) {
        (Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::NXIO | Errno::OPNOTSUPP, Ok(other))
            if other != FileType::Directory || errno == Errno::ISDIR =>
        {
            NotAFile(named(other)).into()
        }
        _ => errno.into(),
    }
}

fn named(what: FileType) -> &'static str {
    match what {
        FileType::RegularFile => "a file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        _ => "a device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_are_opened() {
        let dir = tempfile::tempdir().expect("dir");
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "theirs").expect("written");
        std::os::unix::fs::symlink("file", at("link")).expect("a link");
        std::os::unix::fs::symlink("/dev/zero", at("zero")).expect("a link");
        std::os::unix::fs::symlink("nowhere", at("dangling")).expect("a link");
        std::fs::hard_link(at("file"), at("second")).expect("a name");
        std::fs::create_dir(at("folder")).expect("a folder");
        rustix::fs::mknodat(CWD, at("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
        let folder = rustix::fs::open(dir.path(), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).expect("open");
        for name in ["link", "zero", "dangling", "folder", "pipe"] {
            assert!(is_not_a_file(&own(&at(name)).expect_err(name)), "{name}");
            assert!(is_not_a_file(&read_at(&folder, name).expect_err(name)), "{name}");
            assert!(!is_at(&folder, name).expect("looked at"), "{name}");
        }
        for name in ["link", "file", "pipe"] {
            assert!(is_not_a_file(&folder_at(&folder, name).expect_err(name)), "{name}");
        }
        assert!(is_not_a_file(&own(&at("second")).expect_err("two names")));
        assert!(!at("nowhere").exists() && read_at(&folder, "file").is_ok() && own(&at("new")).is_ok());
        assert_eq!(read_at(&folder, "none").expect_err("nothing").kind(), io::ErrorKind::NotFound);
        assert_eq!(std::fs::read(at("file")).expect("read"), b"theirs");
    }
}
