//! The interface of file formats (how rows become a file), and the sink that counts and hashes the bytes they write.

use std::io::{self, BufWriter, Write};

use sha2::{Digest, Sha256};

use super::cells::Cell;
use super::manifest;
use super::store::Sink;
use crate::streams::Column;

/// A file format with its options.
pub trait Format: Send {
    /// Returns what a file's name ends with, without the dot: `csv.gz`.
    fn extension(&self) -> String;

    /// Returns whether its columns have types. If they do, a value that does not fit its column goes into `_extra`
    /// ([`crate::destinations::coerce`]).
    fn is_typed(&self) -> bool;

    /// Describes the format for the manifest.
    fn described(&self) -> manifest::FormatEntry;

    /// Begins a file with these columns.
    fn begin(&self, sink: HashingSink, columns: &[Column]) -> io::Result<Box<dyn Rows>>;
}

/// A file that rows are written to.
pub trait Rows {
    /// Writes a row, one cell for each column. Returns `false` and writes nothing if the file has rows already and
    /// would grow beyond `most` bytes. Text formats count bytes before compression. Parquet counts the compressed
    /// bytes that it has written and the cells that still wait.
    fn write(&mut self, cells: &[Cell<'_>], most: Option<u64>) -> io::Result<bool>;

    /// Writes what is left, and returns the sink without finishing it.
    fn end(self: Box<Self>) -> io::Result<HashingSink>;
}

/// A sink that counts and hashes the bytes written to it.
pub struct HashingSink {
    sink: BufWriter<Box<dyn Sink>>,
    sum: Sha256,
    bytes: u64,
}

/// The size and the hash of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct FileSum {
    pub bytes: u64,
    /// SHA-256, in hex.
    pub sha256: String,
}

impl HashingSink {
    /// Begins to count and hash what goes to `sink`.
    pub fn new(sink: Box<dyn Sink>) -> HashingSink {
        HashingSink { sink: BufWriter::with_capacity(256 * 1024, sink), sum: Sha256::new(), bytes: 0 }
    }

    /// Makes the file whole and durable.
    pub fn finish(self) -> io::Result<FileSum> {
        let sink = self.sink.into_inner().map_err(io::IntoInnerError::into_error)?;
        sink.finish()?;
        Ok(FileSum { bytes: self.bytes, sha256: crate::hex::text(&self.sum.finalize()) })
    }
}

impl Write for HashingSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.sink.write(bytes)?;
        self.sum.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
