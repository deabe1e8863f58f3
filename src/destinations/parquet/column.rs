//! Buffers the cells of one column until their row group is full.

use std::io;

use bytes::Bytes;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::Result;
use parquet::file::writer::SerializedColumnWriter;

use super::schema;
use crate::destinations::cells::Cell;
use crate::streams::{Column, ColumnKind};

/// The number of strings passed to the `parquet` crate at a time. The crate wants an object for each string.
const AT_A_TIME: usize = 4096;

/// The definition level (Parquet's mark for null or not) of a value. The level of null is 0.
const THERE: i16 = 1;

/// The cells of one column that are not written yet.
pub struct Cells {
    name: &'static str,
    values: Values,
    /// The definition level of each cell. `None` if the column is never null.
    levels: Option<Vec<i16>>,
}

enum Values {
    Texts(Texts),
    Booleans(Vec<bool>),
    Integers(Vec<i64>),
}

impl Cells {
    /// Makes an empty buffer for the column.
    pub fn of(column: &Column) -> Cells {
        let values = match column.kind {
            ColumnKind::Id | ColumnKind::Text | ColumnKind::Json => Values::Texts(Texts::default()),
            ColumnKind::Boolean => Values::Booleans(Vec::new()),
            ColumnKind::Timestamp | ColumnKind::Integer => Values::Integers(Vec::new()),
        };
        Cells { name: column.name, values, levels: (!schema::is_required(column)).then(Vec::new) }
    }

    /// Adds a cell. Returns an error if its type is not the column's.
    pub fn push(&mut self, cell: &Cell<'_>) -> io::Result<()> {
        match (&mut self.values, cell) {
            (_, Cell::Null) => {
                let levels = self.levels.as_mut().ok_or_else(|| misfit(self.name, "is never null"))?;
                levels.push(0);
                return Ok(());
            }
            (Values::Texts(texts), Cell::Text(text)) => texts.push(text),
            (Values::Texts(texts), Cell::Json(text)) => texts.push(text),
            (Values::Booleans(all), Cell::Plain(word @ ("true" | "false"))) => all.push(*word == "true"),
            (Values::Integers(all), Cell::Integer(number) | Cell::Moment(number)) => all.push(*number),
            _ => return Err(misfit(self.name, "has another type")),
        }
        if let Some(levels) = &mut self.levels {
            levels.push(THERE);
        }
        Ok(())
    }

    /// Writes the cells as one column chunk, and empties the buffer.
    pub fn write(&mut self, mut writer: SerializedColumnWriter<'_>) -> Result<()> {
        let levels = self.levels.as_deref();
        match &mut self.values {
            Values::Texts(texts) => texts.write(levels, writer)?,
            Values::Booleans(all) => {
                writer.typed::<BoolType>().write_batch(all, levels, None)?;
                writer.close()?;
                all.clear();
            }
            Values::Integers(all) => {
                writer.typed::<Int64Type>().write_batch(all, levels, None)?;
                writer.close()?;
                all.clear();
            }
        }
        if let Some(levels) = &mut self.levels {
            levels.clear();
        }
        Ok(())
    }
}

/// Returns the number of bytes that a cell occupies in the buffer.
pub fn size(cell: &Cell<'_>) -> usize {
    let level = size_of::<i16>();
    level
        + match cell {
            Cell::Null => 0,
            Cell::Plain(_) => size_of::<bool>(),
            Cell::Text(text) => text.len() + size_of::<usize>(),
            Cell::Json(text) => text.len() + size_of::<usize>(),
            Cell::Integer(_) | Cell::Moment(_) => size_of::<i64>(),
        }
}

/// Strings in one buffer, with the end of each.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len());
    }

    /// Passes the strings to the `parquet` crate as slices of the one buffer. Reuses the buffer afterwards if the
    /// crate holds no slice of it any more. `levels` are the definition levels, `None` for a column that is never
    /// null.
    fn write(&mut self, levels: Option<&[i16]>, mut writer: SerializedColumnWriter<'_>) -> Result<()> {
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        let typed = writer.typed::<ByteArrayType>();
        let mut from = 0;
        let mut texts = self.ends.iter().map(|to| ByteArray::from(bytes.slice(std::mem::replace(&mut from, *to)..*to)));
        match levels {
            Some(levels) => {
                for levels in levels.chunks(AT_A_TIME) {
                    let there = levels.iter().filter(|level| **level == THERE).count();
                    let values: Vec<ByteArray> = texts.by_ref().take(there).collect();
                    typed.write_batch(&values, Some(levels), None)?;
                }
            }
            None => loop {
                let values: Vec<ByteArray> = texts.by_ref().take(AT_A_TIME).collect();
                if values.is_empty() {
                    break;
                }
                typed.write_batch(&values, None, None)?;
            },
        }
        writer.close()?;
        self.ends.clear();
        self.bytes = Vec::from(bytes);
        self.bytes.clear();
        Ok(())
    }
}

/// Makes an error about a cell of the column `name`. The message does not quote the cell's value, which may be
/// personal.
fn misfit(name: &str, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a cell of the column {name} {why}"))
}
