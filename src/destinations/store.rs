//! Where files lie: a local folder, or an object store. Files are written aside, or appear only when they are whole.

use std::io::{self, Read, Write};

use crate::error::{Error, Result};

/// A file under way; nobody sees it before it is finished and published.
pub trait Sink: Write + Send {
    /// Makes it whole and durable.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A place of files. Names are relative, with `/` between folders.
pub trait Store: Send {
    /// Where it is: its one name, however a job writes it.
    fn place(&self) -> String;

    /// The name that versions before this rule remember it by.
    fn formerly(&self) -> String {
        self.place()
    }

    /// Whether it can be written; keeps other runs of ours out for `holder` as far as it can.
    fn check(&mut self, holder: &str) -> Result<()>;

    /// Begins a file.
    fn stage(&self, name: &str) -> Result<Box<dyn Sink>>;

    /// Makes finished files appear, each whole.
    fn publish(&self, names: &[String]) -> Result<()>;

    /// Removes what an earlier, killed delivery left unpublished.
    fn clear_staging(&self) -> Result<()>;

    /// A published file, if it is there.
    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>>;

    /// The manifest's bytes, if it is there; what [`Store::replace`] is held to.
    fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>>;

    /// Writes a small file whole, in one step. Where the place can tell, it is refused when somebody else wrote it since
    /// it was read.
    fn replace(&mut self, name: &str, bytes: &[u8]) -> Result<()>;

    /// Removes a published file, if it is there.
    fn remove(&self, name: &str) -> Result<()>;

    /// The names of all published files under `folder`, as they are given to [`Store::open`].
    fn list(&self, folder: &str) -> Result<Vec<String>>;

    /// The error of a file here.
    fn failed(&self, name: &str, error: &io::Error) -> Error;

    /// A file's full name, for people.
    fn name_of(&self, name: &str) -> String;
}
