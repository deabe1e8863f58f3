//! Places that files lie in: a local folder or an object store. A file is written aside first, or appears only once
//! it is whole.

use std::io::{self, Read, Write};

use crate::error::{Error, Result};

/// A file that is being written. Readers do not see it before it is finished and published.
pub trait Sink: Write + Send {
    /// Makes the file whole and durable.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A place that holds files. Names are relative, with `/` between folders.
pub trait Store: Send {
    /// Returns the place's one name, however a job spells it.
    fn place(&self) -> String;

    /// Returns the name under which versions before this rule remember it.
    fn formerly(&self) -> String {
        self.place()
    }

    /// Checks that the place can be written, and keeps other runs of this program out for `holder` as far as it can.
    fn check(&mut self, holder: &str) -> Result<()>;

    /// Begins a file.
    fn stage(&self, name: &str) -> Result<Box<dyn Sink>>;

    /// Makes finished files appear, each of them whole.
    fn publish(&self, names: &[String]) -> Result<()>;

    /// Removes the unpublished files of an earlier delivery that was killed.
    fn clear_staging(&self) -> Result<()>;

    /// Opens a published file, or returns `None` if there is no such file.
    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>>;

    /// Reads the manifest, or returns `None` if there is none. [`Store::replace`] compares with what was read here.
    fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>>;

    /// Writes a small file in one step. Returns an error if another writer has changed the file since it was read, as
    /// far as the place can tell.
    fn replace(&mut self, name: &str, bytes: &[u8]) -> Result<()>;

    /// Removes a published file, if it exists.
    fn remove(&self, name: &str) -> Result<()>;

    /// Returns the names of all published files under `folder`, spelled as [`Store::open`] takes them.
    fn list(&self, folder: &str) -> Result<Vec<String>>;

    /// Makes an error of `error`, which happened to a file of this place.
    fn failed(&self, name: &str, error: &io::Error) -> Error;

    /// Returns a file's full name, for display.
    fn name_of(&self, name: &str) -> String;
}
