//! A local folder in which readers never see half a file: files are written in a staging folder, made durable, and
//! then renamed.
//!
//! Symbolic links below the folder are never followed ([`super::no_links`]), and only regular files are read or
//! removed.
//!
//! A new file can be read by its owner and group (mode 0640), or by fewer if the umask says so. If the folder holds
//! files of an earlier delivery, a new file takes the mode and group of the file that it replaces, or else of the
//! last one published, because somebody may have set them on purpose. The job's `mode` overrides the mode.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode};

use super::location::canonical;
use super::manifest;
use super::no_links::{Below, FileAccess};
use super::store::{Sink, Store};
use crate::error::{Error, Kind, Result, quote};
use crate::lock::{self, Lock};
use crate::regular_file;
use crate::streams;

/// The staging folder, below the output folder, in which files are written before they are published.
pub const STAGING: &str = ".qpien-sync-staging";

/// The name of the lock file that keeps other runs out of the folder.
pub const LOCK: &str = ".qpien-sync.lock";

/// The most bytes of a file that [`Store::read`] reads into memory.
const LONGEST: u64 = 1 << 30;

/// An output folder. It stays locked for the run after [`Store::check`].
pub struct Folder {
    /// The path as the job file spells it.
    path: PathBuf,
    /// The canonical path, which is the same however the job file spells it.
    place: PathBuf,
    mode: Option<u32>,
    lock: Option<Lock>,
}

/// The permissions of a new file that replaces no earlier one.
const USUAL: u32 = 0o640;

impl Folder {
    /// Describes the folder at `path`, without accessing it.
    pub fn new(path: &Path) -> Folder {
        Folder { path: path.to_owned(), place: canonical(path), mode: None, lock: None }
    }

    /// Sets the permissions of the files. `None` leaves them to the rules in the module documentation.
    #[must_use]
    pub fn with_mode(self, mode: Option<u32>) -> Folder {
        Folder { mode, ..self }
    }

    /// Creates the folder and its missing parents. Users who may read the files may also enter the folder.
    fn make(&self) -> io::Result<()> {
        let mode = self.mode.unwrap_or(USUAL);
        DirBuilder::new().recursive(true).mode(mode | (mode & 0o444) >> 2).create(&self.path)
    }

    /// Returns the permissions of the file `name` that is to be replaced, or else of the last file in its subfolder,
    /// or else of the manifest. Returns `None` if there is none of them.
    fn before(below: &Below, name: &str) -> io::Result<Option<FileAccess>> {
        if let Some(access) = below.access(name)? {
            return Ok(Some(access));
        }
        let last = match name.rsplit_once('/') {
            Some((folder, _)) => below.list(folder)?.into_iter().rfind(|(_, what)| *what == FileType::RegularFile),
            None => None,
        };
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        match last {
            Some((last, _)) => below.access(&format!("{folder}/{last}")),
            None => below.access(manifest::NAME),
        }
    }

    /// Creates a file in the staging folder, with the permissions and group that it will have under `name`.
    fn make_aside(&self, name: &str) -> io::Result<File> {
        let below = self.below()?;
        let before = Folder::before(&below, name)?;
        regular_file::private_folder(&self.staging())?;
        let file = below.make(&Folder::staged(name), self.mode.or(before.map(|b| b.mode)).unwrap_or(USUAL))?;
        if let Some(before) = before.filter(|b| rustix::fs::fstat(&file).is_ok_and(|s| s.st_gid != b.group)) {
            // Not every user may give a file to every group.
            let _ = rustix::fs::fchown(&file, None, Some(rustix::fs::Gid::from_raw(before.group)));
        }
        if let Some(mode) = self.mode {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
        }
        Ok(file)
    }

    fn staging(&self) -> PathBuf {
        self.path.join(STAGING)
    }

    fn staged(name: &str) -> String {
        format!("{STAGING}/{}", name.replace('/', "%"))
    }

    fn below(&self) -> io::Result<Below> {
        Below::open(&self.path)
    }

    /// Returns an error if something else than a regular file has a name under which a delivery writes a file.
    /// Symbolic links count as something else.
    pub fn look(&self) -> Result<()> {
        let below = match self.below() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            below => below.map_err(|e| self.failed("", &e))?,
        };
        for (name, what) in below.list("").map_err(|e| self.failed("", &e))? {
            let is_folder = streams::ALL.iter().any(|s| s.name() == name);
            let is_file = name == manifest::NAME || manifest::is_ours_of_any(&name);
            let is_wrong = (is_folder && what == FileType::Symlink) || (is_file && what != FileType::RegularFile);
            if is_wrong {
                return Err(Error::new(
                    Kind::DestinationRefused,
                    format!(
                        "{} is no file, or a link: a delivery writes files of its own there, and goes through no link",
                        self.path.join(quote(&name)).display()
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Removes the staging folder with what an earlier, killed delivery left in it.
    fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(self.staging()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }
}

impl Sink for File {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.sync_all()
    }
}

impl Store for Folder {
    fn place(&self) -> String {
        self.place.display().to_string()
    }

    fn formerly(&self) -> String {
        self.path.display().to_string()
    }

    /// Creates the folder if it is missing, locks it for `holder`, and checks that it can be written.
    fn check(&mut self, holder: &str) -> Result<()> {
        let path = &self.path;
        let unwritable = |e: io::Error| {
            let kind = if regular_file::is_full(&e) { Kind::DestinationFull } else { Kind::Usage };
            Error::new(kind, format!("the output folder {} cannot be written: {e}", path.display()))
        };
        self.make().map_err(unwritable)?;
        if self.lock.is_none() {
            let what = format!("the output folder {}", path.display());
            let lock = lock::take(&path.join(LOCK), &what, holder).map_err(|e| match e.kind {
                Kind::Locked => e,
                Kind::MirrorFull => Error { kind: Kind::DestinationFull, ..e },
                _ => Error { kind: Kind::Usage, ..e },
            })?;
            self.lock = Some(lock);
        }
        self.clear().and_then(|()| regular_file::private_folder(&self.staging())).map_err(unwritable)?;
        let probe = self.staging().join("probe");
        fs::write(&probe, b"x").and_then(|()| fs::remove_file(&probe)).map_err(unwritable)?;
        self.clear().map_err(unwritable)?;
        self.look()
    }

    fn stage(&self, name: &str) -> Result<Box<dyn Sink>> {
        crate::failpoints::point();
        Ok(Box::new(self.make_aside(name).map_err(|e| self.failed(name, &e))?))
    }

    fn publish(&self, names: &[String]) -> Result<()> {
        let below = self.below().map_err(|e| self.failed("", &e))?;
        // One file of each subfolder. The folder itself comes last, because the subfolders were made in it.
        let mut folders: Vec<(&str, &str)> = Vec::new();
        for name in names {
            below.rename(&Folder::staged(name), name).map_err(|e| self.failed(name, &e))?;
            crate::failpoints::point();
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            if !folder.is_empty() && folders.iter().all(|(known, _)| *known != folder) {
                folders.push((folder, name));
            }
        }
        folders.push(("", manifest::NAME));
        folders.iter().try_for_each(|(folder, name)| below.sync(name).map_err(|e| self.failed(folder, &e)))
    }

    fn clear_staging(&self) -> Result<()> {
        self.clear().map_err(|e| self.failed("", &e))
    }

    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>> {
        match self.below().and_then(|below| below.read(name)) {
            Ok(file) => Ok(file.map(|file| Box::new(file) as Box<dyn Read + Send>)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.failed(name, &e)),
        }
    }

    fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.open(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes).map_err(|e| self.failed(name, &e))?;
        Ok(Some(bytes))
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut file = self.stage(name)?;
        file.write_all(bytes).map_err(|e| self.failed(name, &e))?;
        file.finish().map_err(|e| self.failed(name, &e))?;
        self.publish(&[name.to_owned()])
    }

    fn remove(&self, name: &str) -> Result<()> {
        crate::failpoints::point();
        self.below().and_then(|below| below.remove(name)).map_err(|e| self.failed(name, &e))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let found = self.below().and_then(|below| below.list(folder)).map_err(|e| self.failed(folder, &e))?;
        let files = found.into_iter().filter(|(_, what)| *what == FileType::RegularFile);
        Ok(files.map(|(name, _)| format!("{folder}/{name}")).collect())
    }

    fn failed(&self, name: &str, error: &io::Error) -> Error {
        let kind = match error {
            error if regular_file::is_not_a_file(error) => Kind::DestinationRefused,
            error if regular_file::is_full(error) => Kind::DestinationFull,
            _ => Kind::DestinationUnwritable,
        };
        Error::new(kind, format!("{}: {error}", self.path.join(name).display())).caused_by(error)
    }

    fn name_of(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}
