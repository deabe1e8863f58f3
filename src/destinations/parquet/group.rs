//! Buffers the rows of one row group until they take a given number of bytes.

use std::io;

use parquet::errors::Result;
use parquet::file::writer::SerializedFileWriter;

use super::column::{self, Cells};
use crate::destinations::cells::Cell;
use crate::destinations::format::HashingSink;
use crate::streams::Column;

/// The rows of a row group that is not written yet.
pub struct Group {
    columns: Vec<Cells>,
    bytes: usize,
}

impl Group {
    /// Makes an empty row group.
    pub fn of(columns: &[Column]) -> Group {
        Group { columns: columns.iter().map(Cells::of).collect(), bytes: 0 }
    }

    /// Returns the number of bytes that the buffered cells occupy.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a row, one cell for each column.
    pub fn push(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell)?;
        }
        self.bytes += size(cells);
        Ok(())
    }

    /// Writes the rows to `file` as one row group, one column after the other, and empties the buffer.
    pub fn write(&mut self, file: &mut SerializedFileWriter<HashingSink>) -> Result<()> {
        let mut group = file.next_row_group()?;
        for column in &mut self.columns {
            if let Some(writer) = group.next_column()? {
                column.write(writer)?;
            }
        }
        group.close()?;
        self.bytes = 0;
        Ok(())
    }
}

/// Returns the number of bytes that a row occupies in the buffer.
pub fn size(cells: &[Cell<'_>]) -> usize {
    cells.iter().map(column::size).sum()
}
