//! The interface of file formats, which turn rows into a file, and the sink that counts and hashes the file's bytes.

use std::io::{self, BufWriter, Write};

use sha2::{Digest, Sha256};

use super::cells::Cell;
use super::manifest;
use super::store::Sink;
use crate::streams::Column;

/// A file format with its options.
pub trait Format: Send {
    /// Returns the ending of the files' names without its first dot, for example `csv.gz`.
    fn extension(&self) -> String;

    /// Returns whether the format has typed columns. If so, a value that does not fit its column goes into `_extra`
    /// ([`crate::destinations::coerce`]).
    fn is_typed(&self) -> bool;

    /// Describes the format for the manifest.
    fn described(&self) -> manifest::FormatEntry;

    /// Begins a file with these columns in `sink`.
    fn begin(&self, sink: HashingSink, columns: &[Column]) -> io::Result<Box<dyn Rows>>;
}

/// A file that is being written, row by row.
pub trait Rows {
    /// Writes a row, one cell for each column. Returns `false` and writes nothing if the file already has rows and
    /// this row would make it larger than `most` bytes. Text formats count bytes before compression. Parquet counts
    /// the compressed bytes written so far and the cells that are still buffered.
    fn write(&mut self, cells: &[Cell<'_>], most: Option<u64>) -> io::Result<bool>;

    /// Writes what is still buffered, and returns the sink, which the caller must finish.
    fn end(self: Box<Self>) -> io::Result<HashingSink>;
}

/// A sink that counts and hashes the bytes written to it.
pub struct HashingSink {
    sink: BufWriter<Box<dyn Sink>>,
    sum: Sha256,
    bytes: u64,
}

/// The size and the checksum of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct FileSum {
    pub bytes: u64,
    /// The SHA-256 of the file's bytes as stored, in hex.
    pub sha256: String,
}

impl HashingSink {
    /// Makes a sink that counts and hashes the bytes that it passes on to `sink`.
    pub fn new(sink: Box<dyn Sink>) -> HashingSink {
        HashingSink { sink: BufWriter::with_capacity(256 * 1024, sink), sum: Sha256::new(), bytes: 0 }
    }

    /// Completes the file and makes it durable. Returns its size and checksum.
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
