//! Parquet files: a type for every column, Zstandard, row groups cut by the memory they take.
//!
//! - id, text and json are UTF-8 strings (json is JSON text), boolean is BOOLEAN, a timestamp is a TIMESTAMP of
//!   microseconds in UTC, a whole number is INT64. `_id`, and of a change `_seq` and `_op`, are never null; all else may be.
//! - Statistics and the page index are written for every column, a bloom filter for those that hold ids. The rows'
//!   order is told: a snapshot's by `_id`, that of changes by `_seq`.
//! - The same rows give the same bytes: row groups are cut by what lies in them and by nothing else.
//!
//! The crate's column writers are used, not its Arrow interface: rows come one by one, and only their own bytes are
//! buffered until a row group is full.

mod column;
mod group;
pub mod read;
mod rows;
mod schema;

use std::io;

use ::parquet::errors::ParquetError;

use super::format::{Format, Rows, Summed};
use super::manifest;
use crate::streams::Column;

/// Bytes of cells in a row group.
const GROUP: usize = 16 << 20;

/// How the files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Compressed by Zstandard, or not at all.
    pub is_compressed: bool,
}

impl Format for Options {
    fn extension(&self) -> String {
        "parquet".into()
    }

    fn is_typed(&self) -> bool {
        true
    }

    fn described(&self) -> manifest::Format {
        manifest::Format {
            kind: "parquet".into(),
            delimiter: None,
            line_end: None,
            compression: if self.is_compressed { "zstd" } else { "none" }.into(),
            formula_safe: None,
            split: None,
            null: "null".into(),
        }
    }

    fn begin(&self, sink: Summed, columns: &[Column]) -> io::Result<Box<dyn Rows>> {
        Ok(Box::new(rows::ParquetRows::begin(self, sink, columns, GROUP)?))
    }
}

/// What the crate says, as the error of a file. What the sink said is passed on as it was.
fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => inner.downcast::<io::Error>().map_or_else(io::Error::other, |e| *e),
        error => io::Error::other(error),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
