//! A Parquet file under way: a row group in memory, those before it written.

use std::io;
use std::sync::Arc;

use parquet::file::writer::SerializedFileWriter;

use super::group::{self, Group};
use super::{Options, failed, schema};
use crate::destinations::cells::Cell;
use crate::destinations::format::{Rows, Summed};
use crate::streams::Column;

/// A row group and the file it goes to.
pub struct ParquetRows {
    file: SerializedFileWriter<Summed>,
    group: Group,
    /// Bytes of cells in a row group.
    most: usize,
}

impl ParquetRows {
    /// Begins a file with row groups of `most` bytes of cells.
    pub fn begin(options: &Options, sink: Summed, columns: &[Column], most: usize) -> io::Result<ParquetRows> {
        // No row takes less than a level a column.
        let rows = most / (columns.len().max(1) * size_of::<i16>()) + 1;
        let schema = schema::of(columns).map_err(failed)?;
        let properties = schema::properties(options, columns, rows).map_err(failed)?;
        let file = SerializedFileWriter::new(sink, schema, Arc::new(properties)).map_err(failed)?;
        Ok(ParquetRows { file, group: Group::of(columns), most })
    }

    fn is_empty(&self) -> bool {
        self.group.bytes() == 0 && self.file.flushed_row_groups().is_empty()
    }
}

impl Rows for ParquetRows {
    /// A file's size is what is written of it and the cells that are not written yet, before their compression.
    fn write(&mut self, cells: &[Cell<'_>], most: Option<u64>) -> io::Result<bool> {
        let size = self.file.bytes_written() + self.group.bytes() + group::size(cells);
        if most.is_some_and(|most| !self.is_empty() && size as u64 > most) {
            return Ok(false);
        }
        self.group.push(cells)?;
        if self.group.bytes() >= self.most {
            self.group.write(&mut self.file).map_err(failed)?;
        }
        Ok(true)
    }

    fn end(mut self: Box<Self>) -> io::Result<Summed> {
        if self.group.bytes() > 0 {
            self.group.write(&mut self.file).map_err(failed)?;
        }
        self.file.into_inner().map_err(failed)
    }
}
