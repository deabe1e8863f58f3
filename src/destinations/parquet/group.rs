//! Buffers the rows of one row group until they take a given number of bytes.

use std::io;

use parquet::errors::Result;
use parquet::file::writer::SerializedFileWriter;

use super::column::{self, Cells};
use crate::destinations::cells::Cell;
use crate::destinations::format::HashingSink;
use crate::streams::Column;

/// The rows of a group that is not written yet.
pub struct Group {
    columns: Vec<Cells>,
    bytes: usize,
}

impl Group {
    /// Begins a group without rows.
    pub fn of(columns: &[Column]) -> Group {
        Group { columns: columns.iter().map(Cells::of).collect(), bytes: 0 }
    }

    /// Returns the bytes that its cells take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a row.
    pub fn push(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell)?;
        }
        self.bytes += size(cells);
        Ok(())
    }

    /// Writes the rows, one column after the other, and empties the group.
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

/// Returns the bytes that a row takes until it is written.
pub fn size(cells: &[Cell<'_>]) -> usize {
    cells.iter().map(column::size).sum()
}
