//! How rows become a file: what every file format does, and the sink that counts and sums what it writes.

use std::io::{self, BufWriter, Write};

use sha2::{Digest, Sha256};

use super::cells::Cell;
use super::manifest;
use super::store::Sink;
use crate::streams::Column;

/// A file format with its options.
pub trait Format: Send {
    /// What a file's name ends with, without the dot: `csv.gz`.
    fn extension(&self) -> String;

    /// Its columns have types: a value that does not fit its own goes into `_extra` ([`crate::destinations::coerce`]).
    fn is_typed(&self) -> bool;

    /// For the manifest.
    fn described(&self) -> manifest::Format;

    /// Begins a file of these columns.
    fn begin(&self, sink: Summed, columns: &[Column]) -> io::Result<Box<dyn Rows>>;
}

/// A file that rows are written to.
pub trait Rows {
    /// Writes a row, one cell a column, unless the file would be larger than `most` bytes by it (before compression, of
    /// what is not written yet at least) and holds rows already: false, and nothing is written.
    fn write(&mut self, cells: &[Cell<'_>], most: Option<u64>) -> io::Result<bool>;

    /// Writes what is left; the sink is not finished.
    fn end(self: Box<Self>) -> io::Result<Summed>;
}

/// A sink whose bytes are counted and summed as they are written.
pub struct Summed {
    sink: BufWriter<Box<dyn Sink>>,
    sum: Sha256,
    bytes: u64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Sum {
    pub bytes: u64,
    /// In hex.
    pub sha256: String,
}

impl Summed {
    /// Counts what goes to `sink`.
    pub fn new(sink: Box<dyn Sink>) -> Summed {
        Summed { sink: BufWriter::with_capacity(256 * 1024, sink), sum: Sha256::new(), bytes: 0 }
    }

    /// Makes the file whole and durable.
    pub fn finish(self) -> io::Result<Sum> {
        let sink = self.sink.into_inner().map_err(io::IntoInnerError::into_error)?;
        sink.finish()?;
        Ok(Sum { bytes: self.bytes, sha256: crate::hex::text(&self.sum.finalize()) })
    }
}

impl Write for Summed {
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
