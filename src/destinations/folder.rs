//! A folder that readers never see half written: files are made aside, made durable, and appear by rename.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};
use crate::lock::{self, Lock};

const STAGING: &str = ".qpien-sync-staging";

/// An output folder, locked for this run.
pub struct Folder {
    path: PathBuf,
    _lock: Lock,
}

impl Folder {
    /// Opens the folder, made when missing; says whether it can be written, and takes its lock.
    pub fn open(path: &Path, holder: &str) -> Result<Folder> {
        let unwritable =
            |e: std::io::Error| Error::usage(format!("the output folder {} cannot be written: {e}", path.display()));
        fs::create_dir_all(path).map_err(unwritable)?;
        let lock = lock::take(&path.join(".qpien-sync.lock"), &format!("the output folder {}", path.display()), holder)
            .map_err(|e| if e.kind == Kind::Locked { e } else { Error::usage(e.detail) })?;
        let folder = Folder { path: path.to_owned(), _lock: lock };
        folder.clear_staging().and_then(|()| fs::create_dir_all(folder.staging())).map_err(unwritable)?;
        let probe = folder.staging().join("probe");
        fs::write(&probe, b"x").and_then(|()| fs::remove_file(&probe)).map_err(unwritable)?;
        folder.clear_staging().map_err(unwritable)?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A new file aside, to be published under `name`.
    pub fn stage(&self, name: &str) -> Result<File> {
        fs::create_dir_all(self.staging()).map_err(|e| self.failed(name, &e))?;
        File::create(self.staging().join(name)).map_err(|e| self.failed(name, &e))
    }

    /// Makes staged files appear, each whole.
    pub fn publish<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<()> {
        for name in names {
            fs::rename(self.staging().join(name), self.path.join(name)).map_err(|e| self.failed(name, &e))?;
        }
        self.sync()
    }

    /// Writes a small file whole: aside, durable, renamed.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut file = self.stage(name)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| self.failed(name, &e))?;
        self.publish([name])
    }

    /// A published file's bytes, if it is there.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path.join(name)).ok()
    }

    /// Removes a published file, if it is there.
    pub fn remove(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(self.failed(name, &e)),
            _ => Ok(()),
        }
    }

    /// Removes what an earlier, killed delivery left aside.
    pub fn clear_staging(&self) -> std::io::Result<()> {
        match fs::remove_dir_all(self.staging()) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// The error of a file here.
    pub fn failed(&self, name: &str, error: &std::io::Error) -> Error {
        Error::new(Kind::DestinationUnwritable, format!("{}: {error}", self.path.join(name).display()))
    }

    fn staging(&self) -> PathBuf {
        self.path.join(STAGING)
    }

    fn sync(&self) -> Result<()> {
        File::open(&self.path).and_then(|d| d.sync_all()).map_err(|e| self.failed(".", &e))
    }
}
