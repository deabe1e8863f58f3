//! Parquet files: typed columns, Zstandard compression, and row groups of limited size in memory.
//!
//! - id, text and json are UTF-8 strings (json is JSON text), boolean is BOOLEAN, a timestamp is a TIMESTAMP in
//!   microseconds, UTC, and a whole number is INT64. `_id`, and in changes `_seq` and `_op`, are never null; every
//!   other column may be.
//! - Every column has statistics and a page index, and columns that hold ids have a bloom filter. The file declares
//!   the order of its rows: a snapshot by `_id`, changes by `_seq`.
//! - The same rows give the same bytes, because nothing but the rows decides where a row group ends.
//!
//! The code uses the column writers of the `parquet` crate, not its Arrow interface: rows come one at a time, and
//! only their own bytes are buffered until a row group is full.

mod column;
mod group;
pub mod read;
mod rows;
mod schema;

use std::io;

use ::parquet::errors::ParquetError;

use super::format::{Format, HashingSink, Rows};
use super::manifest;
use crate::streams::Column;

/// The size, in bytes of cells in memory, at which a row group is full.
const GROUP: usize = 16 << 20;

/// How Parquet files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParquetOptions {
    /// Whether the file is compressed with Zstandard.
    pub is_compressed: bool,
}

impl Format for ParquetOptions {
    fn extension(&self) -> String {
        "parquet".into()
    }

    fn is_typed(&self) -> bool {
        true
    }

    fn described(&self) -> manifest::FormatEntry {
        manifest::FormatEntry {
            kind: "parquet".into(),
            delimiter: None,
            line_end: None,
            compression: if self.is_compressed { "zstd" } else { "none" }.into(),
            formula_safe: None,
            split: None,
            null: "null".into(),
        }
    }

    fn begin(&self, sink: HashingSink, columns: &[Column]) -> io::Result<Box<dyn Rows>> {
        Ok(Box::new(rows::ParquetRows::begin(self, sink, columns, GROUP)?))
    }
}

/// Turns an error of the `parquet` crate into an I/O error. An error of the sink below it is passed on unchanged.
fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => inner.downcast::<io::Error>().map_or_else(io::Error::other, |e| *e),
        error => io::Error::other(error),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
