//! The interface of stores, which hold a destination's files: a local folder or an object store. A file becomes
//! visible to readers only when it is complete.

use std::io::{self, Read, Write};

use crate::error::{Error, Result};

/// A file that is being written. Readers do not see it before it is finished and published.
pub trait Sink: Write + Send {
    /// Completes the file and makes it durable. The file is still not visible.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A store of files. Names are relative, with `/` between folders.
pub trait Store: Send {
    /// Returns the store's canonical name, which is the same however a job spells it.
    fn place(&self) -> String;

    /// Returns the name under which earlier versions remember the store: as the job spells it.
    fn formerly(&self) -> String {
        self.place()
    }

    /// Checks that the store can be written, and keeps other runs of this program out as far as possible. `holder`
    /// names this run in their messages.
    fn check(&mut self, holder: &str) -> Result<()>;

    /// Begins to write the file `name`, which is not visible until it is published.
    fn stage(&self, name: &str) -> Result<Box<dyn Sink>>;

    /// Makes the finished files of these names visible, each in one step.
    fn publish(&self, names: &[String]) -> Result<()>;

    /// Removes files that were written but not published, also those of an earlier delivery that was killed.
    fn clear_staging(&self) -> Result<()>;

    /// Opens a published file for reading. Returns `None` if there is no such file.
    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>>;

    /// Reads the manifest, whose name is `name`. Returns `None` if there is none. [`Store::replace`] compares with
    /// what this function read.
    fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>>;

    /// Writes a small file in one step. Returns an error if another writer has changed the file since
    /// [`Store::read`], as far as the store can find out.
    fn replace(&mut self, name: &str, bytes: &[u8]) -> Result<()>;

    /// Removes a published file, if it exists.
    fn remove(&self, name: &str) -> Result<()>;

    /// Returns the names of all published files under `folder`, spelled as [`Store::open`] takes them.
    fn list(&self, folder: &str) -> Result<Vec<String>>;

    /// Turns an I/O error about the file `name` into an error of this program.
    fn failed(&self, name: &str, error: &io::Error) -> Error;

    /// Returns the full path or URL of a file, for display.
    fn name_of(&self, name: &str) -> String;
}
