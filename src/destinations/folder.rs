//! A local folder that readers never see half written: files are made aside, made durable, and appear by rename.
//!
//! Nothing below the folder is reached through a link ([`super::below`]), and nothing but a regular file is read or removed.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::below::Below;
use super::location::canonical;
use super::manifest;
use super::store::{Sink, Store};
use crate::error::{Error, Kind, Result, quote};
use crate::lock::{self, Lock};
use crate::regular;
use crate::streams;

/// Where files are made aside.
pub const STAGING: &str = ".qpien-sync-staging";

/// The file that keeps other runs out.
pub const LOCK: &str = ".qpien-sync.lock";

/// The longest manifest that is read.
const LONGEST: u64 = 1 << 30;

/// An output folder, locked for a run once it is checked.
pub struct Folder {
    /// As the job writes it.
    path: PathBuf,
    /// The one name of it.
    place: PathBuf,
    lock: Option<Lock>,
}

impl Folder {
    /// The folder at `path`.
    pub fn new(path: &Path) -> Folder {
        Folder { path: path.to_owned(), place: canonical(path), lock: None }
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

    /// Refuses a folder in which something else lies where a file of ours belongs.
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

    /// Removes what an earlier, killed delivery left aside.
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

    /// Made when missing; says whether it can be written, and takes its lock.
    fn check(&mut self, holder: &str) -> Result<()> {
        let path = &self.path;
        let unwritable =
            |e: io::Error| Error::usage(format!("the output folder {} cannot be written: {e}", path.display()));
        fs::create_dir_all(path).map_err(unwritable)?;
        if self.lock.is_none() {
            let what = format!("the output folder {}", path.display());
            let lock = lock::take(&path.join(LOCK), &what, holder)
                .map_err(|e| if e.kind == Kind::Locked { e } else { Error::usage(e.detail) })?;
            self.lock = Some(lock);
        }
        self.clear().and_then(|()| fs::create_dir_all(self.staging())).map_err(unwritable)?;
        let probe = self.staging().join("probe");
        fs::write(&probe, b"x").and_then(|()| fs::remove_file(&probe)).map_err(unwritable)?;
        self.clear().map_err(unwritable)?;
        self.look()
    }

    fn stage(&self, name: &str) -> Result<Box<dyn Sink>> {
        crate::crash::point();
        let made = self.below().and_then(|below| below.make(&Folder::staged(name)));
        Ok(Box::new(made.map_err(|e| self.failed(name, &e))?))
    }

    fn publish(&self, names: &[String]) -> Result<()> {
        let below = self.below().map_err(|e| self.failed("", &e))?;
        // One file of each folder; the folder itself, in which the others were made, comes last.
        let mut folders: Vec<(&str, &str)> = Vec::new();
        for name in names {
            below.rename(&Folder::staged(name), name).map_err(|e| self.failed(name, &e))?;
            crate::crash::point();
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
        crate::crash::point();
        self.below().and_then(|below| below.remove(name)).map_err(|e| self.failed(name, &e))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let found = self.below().and_then(|below| below.list(folder)).map_err(|e| self.failed(folder, &e))?;
        let files = found.into_iter().filter(|(_, what)| *what == FileType::RegularFile);
        Ok(files.map(|(name, _)| format!("{folder}/{name}")).collect())
    }

    fn failed(&self, name: &str, error: &io::Error) -> Error {
        let is_refused = regular::is_not_a_file(error);
        let kind = if is_refused { Kind::DestinationRefused } else { Kind::DestinationUnwritable };
        Error::new(kind, format!("{}: {error}", self.path.join(name).display()))
    }

    fn name_of(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}
