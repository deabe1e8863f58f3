//! A local folder that readers never see half written: files are made aside, made durable, and appear by rename.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::store::{Sink, Store};
use crate::error::{Error, Kind, Result};
use crate::lock::{self, Lock};

const STAGING: &str = ".qpien-sync-staging";

/// An output folder, locked for a run once it is checked.
pub struct Folder {
    path: PathBuf,
    lock: Option<Lock>,
}

impl Folder {
    /// The folder at `path`.
    pub fn new(path: &Path) -> Folder {
        Folder { path: path.to_owned(), lock: None }
    }

    fn staging(&self) -> PathBuf {
        self.path.join(STAGING)
    }

    fn staged(&self, name: &str) -> PathBuf {
        self.staging().join(name.replace('/', "%"))
    }

    fn sync(&self, folder: &Path) -> Result<()> {
        File::open(folder).and_then(|d| d.sync_all()).map_err(|e| self.failed(".", &e))
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
            let lock = lock::take(&path.join(".qpien-sync.lock"), &what, holder)
                .map_err(|e| if e.kind == Kind::Locked { e } else { Error::usage(e.detail) })?;
            self.lock = Some(lock);
        }
        self.clear().and_then(|()| fs::create_dir_all(self.staging())).map_err(unwritable)?;
        let probe = self.staging().join("probe");
        fs::write(&probe, b"x").and_then(|()| fs::remove_file(&probe)).map_err(unwritable)?;
        self.clear().map_err(unwritable)
    }

    fn stage(&self, name: &str) -> Result<Box<dyn Sink>> {
        crate::crash::point();
        let made = fs::create_dir_all(self.staging()).and_then(|()| File::create(self.staged(name)));
        Ok(Box::new(made.map_err(|e| self.failed(name, &e))?))
    }

    fn publish(&self, names: &[String]) -> Result<()> {
        let mut folders = vec![self.path.clone()];
        for name in names {
            let path = self.path.join(name);
            if let Some(folder) = path.parent().filter(|f| !folders.iter().any(|known| known == f)) {
                fs::create_dir_all(folder).map_err(|e| self.failed(name, &e))?;
                folders.push(folder.to_owned());
            }
            fs::rename(self.staged(name), &path).map_err(|e| self.failed(name, &e))?;
            crate::crash::point();
        }
        folders.iter().try_for_each(|folder| self.sync(folder))
    }

    fn clear_staging(&self) -> Result<()> {
        self.clear().map_err(|e| self.failed("", &e))
    }

    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>> {
        match File::open(self.path.join(name)) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.failed(name, &e)),
        }
    }

    fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        match fs::read(self.path.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.failed(name, &e)),
        }
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut file = self.stage(name)?;
        file.write_all(bytes).map_err(|e| self.failed(name, &e))?;
        file.finish().map_err(|e| self.failed(name, &e))?;
        self.publish(&[name.to_owned()])
    }

    fn remove(&self, name: &str) -> Result<()> {
        crate::crash::point();
        match fs::remove_file(self.path.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(self.failed(name, &e)),
            _ => Ok(()),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let entries = match fs::read_dir(self.path.join(folder)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|e| self.failed(folder, &e))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| self.failed(folder, &e))?;
            if entry.file_type().is_ok_and(|t| t.is_file())
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(format!("{folder}/{name}"));
            }
        }
        names.sort();
        Ok(names)
    }

    fn failed(&self, name: &str, error: &io::Error) -> Error {
        Error::new(Kind::DestinationUnwritable, format!("{}: {error}", self.path.join(name).display()))
    }

    fn name_of(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}
